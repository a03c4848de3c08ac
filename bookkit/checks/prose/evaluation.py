"""Evaluate the witnesses of a page in its kernel, after its last cell. It runs inside the kernel."""

import pydoc
import string
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

Numbers = dict[str, list[float]]  # by cell
Code = dict[str, str]


def same(*sides: Any) -> bool:
    """Whether these are one and the same function of their symbols."""
    return all(sympy.simplify(sympy.sympify(side) - sympy.sympify(sides[0])) == 0 for side in sides[1:])


def namespace(shown: Numbers, written: Numbers, code: Code) -> dict[str, Any]:
    """Return what an expression sees.

    Small letters are symbols. Other names are those of the page, then SymPy's. `page.x` is the x of the page;
    `shown("id")` and `written("id")` are the numbers in the outputs and in the code of a cell, `code("id")` is
    that code. `constant("gradients.oracles.SMALL")` is a constant of the house.
    """
    names = {name: value for name, value in vars(sys.modules["__main__"]).items() if not name.startswith("_")}
    return {
        **{name: getattr(sympy, name) for name in sympy.__all__ if hasattr(sympy, name)},
        **names,
        **{letter: sympy.Symbol(letter, real=True) for letter in string.ascii_lowercase},
        "code": code.__getitem__,
        "page": SimpleNamespace(**names),
        "constant": lambda path: pydoc.locate(f"bookkit.{path}"),
        "same": same,
        "shown": shown.__getitem__,
        "written": written.__getitem__,
        "sympy": sympy,
    }


def leaves(value: Any) -> list:
    """Return the values in an array, a list or a number."""
    if hasattr(value, "asnumpy"):
        value = value.asnumpy()
    return np.asarray(value, dtype=object).ravel().tolist()


def is_said(value: Any, number: str, as_float: float | None, tolerance: float) -> bool:
    """Whether a text may say this number for a value: to the last digit of a decimal fraction, or exactly."""
    if as_float is None or isinstance(value, (bool, np.bool_, str)):
        return isinstance(value, str) and value == number
    return bool(abs(float(value) - as_float) <= tolerance)


def wrong_numbers(value: Any, numbers: list[tuple[str, float | None, float]]) -> str:
    """Return what an expression gives where that is not what is said, "" where it is."""
    found = leaves(value)
    if len(found) == 1:
        found *= len(numbers)
    if len(found) == len(numbers) and all(
        is_said(value, *number) for value, number in zip(found, numbers, strict=True)
    ):
        return ""
    return f"gives {' '.join(str(value)[:20] for value in found[:10])}"


def wrong_formula(value: Any) -> str:
    """Return what an expression is where it is not true, "" where it is."""
    is_true = isinstance(value, (bool, np.bool_, type(sympy.true))) and bool(value)
    return "" if is_true else f"is {str(value)[:60]!r}, and not True"


def complaints(asked: list[dict], shown: Numbers, written: Numbers, code: Code) -> list[str]:
    """Return a line for each expression that does not give the numbers said, or is not true of its formula."""
    names = namespace(shown, written, code)
    lines = []
    for entry in asked:
        try:
            value = eval(entry["expression"], dict(names))
            numbers = entry["numbers"]
            wrong = wrong_formula(value) if numbers is None else wrong_numbers(value, numbers)
        except Exception as error:
            wrong = f"fails: {type(error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
        if wrong:
            lines.append(f"{entry['place']}: {entry['said']}: {entry['expression']} {wrong}; mend the text or it")
    return lines
