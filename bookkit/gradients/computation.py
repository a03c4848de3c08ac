"""The function that a call of `backward` differentiated, in a form that can be evaluated anew."""

import functools
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import autograd.numpy as anp
import numpy as np
import sympy
from autograd import grad as hips_grad
from mxnet.ndarray import NDArray

from bookkit.gradients.operators import LOSSES, OPAQUE, SYMPY, Meaning


class NotDerivedError(Exception):
    """Why a gradient cannot be derived again, in words for the author of the page."""


class Leaf:
    """An array with a gradient buffer, where a computation starts."""

    def __init__(self, array: NDArray, grad_req: str, variable: str):
        self.array, self.grad_req = array, grad_req
        self.variable = variable  # its name in MXNet's graph


SERIALS = itertools.count()


@dataclass(eq=False)
class Node:
    """An operator that ran: `meaning(n, attrs, *inputs)` computes its results anew."""

    name: str
    meaning: Meaning | None
    attrs: dict[str, Any]
    inputs: list["Item"] = field(default_factory=list)
    results: list[np.ndarray] = field(default_factory=list)
    points: dict[Leaf, np.ndarray] = field(default_factory=dict)  # the values that the leaves had when they went in
    operators: tuple[str, ...] = ()  # of MXNet's graph that it stands for
    behind: frozenset[str] = (
        frozenset()
    )  # MXNet's names of the nodes that it stands for, where they are not single ones
    own: frozenset["Node"] = frozenset()  # nodes that those stand for as well
    refusal: str = ""  # why it cannot be derived
    serial: int = field(default_factory=lambda: next(SERIALS))

    def settle(self) -> None:
        """Turn the values that the node keeps into float64, and tell its meaning what was given and what came out."""
        self.results = [as_float(result) for result in self.results]
        self.points = {leaf: as_float(value) for leaf, value in self.points.items()}
        self.inputs = [as_float(item) if isinstance(item, np.ndarray) else item for item in self.inputs]
        self.attrs["result"] = self.results[0]
        first = self.inputs[0] if self.inputs else None
        if isinstance(first, Leaf):
            self.attrs["given"] = self.points[first]
        else:
            self.attrs["given"] = first.node.results[first.number] if isinstance(first, Output) else first


class Output(NamedTuple):
    """One of the arrays that an operator gave."""

    node: Node
    number: int


Item = Leaf | Output | np.ndarray | None


def as_float(array: np.ndarray) -> np.ndarray:
    return array.astype(float, copy=False)


def behind(heads: Iterable[Item]) -> list[Node | Leaf]:
    """Return all nodes and leaves that the heads depend on, inputs first."""
    found: dict[int, Node | Leaf] = {}
    stack = list(heads)
    while stack:
        item = stack.pop()
        element = item.node if isinstance(item, Output) else item
        if isinstance(element, Node | Leaf) and id(element) not in found:
            found[id(element)] = element
            stack += element.inputs if isinstance(element, Node) else []
    return sorted(found.values(), key=lambda element: getattr(element, "serial", -1))


class Computation:
    """The sum of heads times head gradients, as a function of the leaves.

    `leaves` are the variables to differentiate by, `point` their values when they were used;
    `others` are further leaves with theirs. A head gradient is an item of the tape or an array.
    """

    def __init__(self, heads: Sequence[Item], weights: Sequence, leaves: Sequence[Leaf], points: dict[Leaf, Any]):
        self.heads, self.weights, self.leaves = list(heads), list(weights), list(leaves)
        elements = behind(heads)
        self.nodes = [element for element in elements if isinstance(element, Node)]
        for node in self.nodes:
            if node.refusal:
                raise NotDerivedError(node.refusal)
            node.settle()
        values = {leaf: as_float(value) for leaf, value in points.items()}
        for node in self.nodes:
            values = {**node.points, **values}  # of a leaf's values the one that went in first
        self.point = [values.pop(leaf) for leaf in self.leaves]
        self.others = {element: values[element] for element in elements if element in values}

    @property
    def names(self) -> list[str]:
        """The operators that ran."""
        return [node.name for node in self.nodes]

    def results(self, values: Sequence, n: Any = np, others: dict | None = None) -> dict[Any, Any]:
        """Return the value of everything on the tape, computed anew from the values of the leaves."""
        computed: dict[Any, Any] = {**self.others, **(others or {}), **dict(zip(self.leaves, values, strict=True))}
        for node in self.nodes:
            if node.meaning is None:
                raise NotDerivedError(f"{node.name} has no meaning")
            inputs = [computed[item] if isinstance(item, Leaf | Output) else item for item in node.inputs]
            results = node.meaning(n, node.attrs, *inputs)
            for index, result in enumerate(results if isinstance(results, list | tuple) else [results]):
                computed[Output(node, index)] = result
        return computed

    def __call__(
        self, values: Sequence, n: Any = np, others: dict | None = None, weights: Sequence | None = None
    ) -> Any:
        """Return the sum of heads times head gradients, given the values of the leaves."""
        computed, total = self.results(values, n, others), 0
        for head, weight in zip(self.heads, self.weights if weights is None else weights, strict=True):
            ignores = isinstance(head, Output) and head.node.name in LOSSES
            total = total + (computed[head] if ignores else n.sum(computed[head] * weight))
        return total

    def derivatives(self, values: Sequence, n: Any = anp, **given: Any) -> list:
        """Return the derivatives with respect to all leaves, by HIPS autograd or, of symbols, by SymPy."""
        if n is not SYMPY:
            return hips_grad(lambda of: self(of, anp, **given))(list(values))
        total = self(values, n, **given)
        differentiate = np.vectorize(lambda symbol: sympy.diff(total, symbol), otypes=[object])
        return [differentiate(value) for value in values]

    @functools.cached_property
    def here(self) -> float:
        """The value at the point."""
        return float(np.sum(self(self.point)))

    @property
    def is_opaque(self) -> bool:
        """Whether HIPS autograd cannot see into it."""
        return not OPAQUE.isdisjoint(self.names)

    def value_distances(self) -> Iterable[float]:
        """Yield how far each value of the run is from the one computed anew."""
        computed = self.results(self.point)
        for node in self.nodes:
            if node.name not in LOSSES:
                yield from (difference(computed[Output(node, i)], result) for i, result in enumerate(node.results))


@dataclass(eq=False)
class Backward:
    """One call that differentiated; `reason` says why it cannot be derived, if so."""

    heads: list = field(default_factory=list)  # items of the tape
    weights: list = field(default_factory=list)  # the head gradients
    weight_items: list = field(default_factory=list)  # where those are on the tape themselves
    leaves: list = field(default_factory=list)
    names: list = field(default_factory=list)  # what the code calls the leaves
    points: dict = field(default_factory=dict)  # values of leaves that are heads themselves
    before: list = field(default_factory=list)  # what the buffers held, where gradients are added to it
    gradients: list = field(default_factory=list)  # what MXNet gave
    reason: str = ""
    succeeded: bool = False

    def computation(self) -> Computation:
        """Return what was differentiated; raise NotDerivedError where that is not known."""
        if self.reason:
            raise NotDerivedError(self.reason)
        return Computation(self.heads, list(map(as_float, self.weights)), self.leaves, self.points)


def difference(one: Any, other: Any) -> float:
    """Return the distance of two arrays that may hold the same infinities, or NaN in the same places."""
    same = (one == other) | (np.isnan(one) & np.isnan(other))
    return distance(np.where(same, 0, one), np.where(same, 0, other)) if np.shape(one) == np.shape(other) else np.inf


def distance(one: Any, other: Any) -> float:
    """Return the largest difference of two arrays, relative to the larger of 1 and the values; nan if not finite."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return np.nan
    if one.size == 0:
        return 0.0
    return float(np.max(np.abs(one - other) / np.maximum(1, np.maximum(np.abs(one), np.abs(other)))))
