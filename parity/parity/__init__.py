"""Parity of two frameworks: which layer differs first, by how much, and in which of the known ways.

a = parity.of_gluon(net, x, loss=loss)  # or a Trace filled by hand
b = parity.of_torch(model, x, loss=loss)
report = parity.compare(a, b)
print(report)                           # how many are equal, and the first difference; report.table() has all
print(parity.explain(report))           # the causes that, computed, make the two equal
"""

from parity.adapters import add_step, of_gluon, of_torch, tap_gluon, tap_torch, torch_name
from parity.causes import Explanation, explain
from parity.params import read
from parity.traces import Layer, Report, Trace, compare, load

__all__ = [
    "Explanation",
    "Layer",
    "Report",
    "Trace",
    "add_step",
    "compare",
    "explain",
    "load",
    "of_gluon",
    "of_torch",
    "read",
    "tap_gluon",
    "tap_torch",
    "torch_name",
]
