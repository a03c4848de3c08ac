"""MXNet's own entry points that differentiate, or give an array a gradient buffer: nothing passes them unseen.

MXNet's Python side reaches its library through one ctypes object. Here the functions that matter
are replaced in it, so that each success is told, whoever called.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mxnet.base import _LIB

MARK = "MXAutogradMarkVariables"
EXECUTOR = ("MXExecutorBackward", "MXExecutorBackwardEx")
DIFFERENTIATE = ("MXAutogradBackward", "MXAutogradBackwardEx", "MXAutogradComputeGradient", *EXECUTOR)


@contextmanager
def replaced(replacements: list[tuple[Any, str, Callable[[Callable], Callable]]]) -> Iterator[None]:
    """Replace attributes (owner, name, what makes the new one of the old one), and put them back."""
    originals = []
    try:
        for owner, name, make in replacements:
            original = getattr(owner, name)
            originals.append((owner, name, original))
            setattr(owner, name, make(original))
        yield
    finally:
        for owner, name, original in reversed(originals):
            setattr(owner, name, original)


def telling(tell: Callable[[str], None]) -> list[tuple[Any, str, Callable[[Callable], Callable]]]:
    """Return the replacements with which `tell(name of the entry)` is called after each call that succeeded."""

    def make(name: str) -> Callable[[Callable], Callable]:
        def wrap(original: Callable) -> Callable:
            def entry(*arguments: Any) -> int:
                code = original(*arguments)
                if code == 0:
                    tell(name)
                return code

            return entry

        return wrap

    return [(_LIB, name, make(name)) for name in (MARK, *DIFFERENTIATE)]
