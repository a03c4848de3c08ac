"""What a cell's metadata says about the numbers and formulas of its text.

    "values": {"2048": "2 ** 11", "1.5 2.5": "shown('statistics')[:2]", "1994 119": {"reason": "year and page"}}
    "formulas": {"\\frac{1}{2} + 1 = 1.5": "S(1) / 2 + 1 == 1.5", "n \\to \\infty": {"reason": "names a limit"}}

A key of `values` is a number as the text says it, or several with a space between them, each as
often as the text says it. A key of `formulas` is a formula as it stands. The expression is Python: it must
give the numbers, or be true of the formula. A reason stands where nothing can be computed.
Both editions of a cell have the same ones.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from bookkit.checks.prose.formulas import tokens

VALUES, FORMULAS = KEYS = ("values", "formulas")
FORMS = {
    VALUES: '{"12": "expression that gives it"} or {"12": {"reason": "why none can"}}',
    FORMULAS: '{"the formula": "expression that must be true"} or {"the formula": {"reason": "why none can be"}}',
}


@dataclass(frozen=True)
class Witness:
    """What numbers or a formula of a cell's text rest on: an expression or a reason."""

    key: str
    said: str
    expression: str
    reason: str = ""

    @property
    def numbers(self) -> list[str]:
        return self.said.replace("−", "-").split()


def is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip())


def is_entry(said: object, value: object) -> bool:
    """Tell whether an entry is as it should be."""
    reason = isinstance(value, dict) and set(value) == {"reason"} and is_text(value["reason"])
    return is_text(said) and (reason or is_text(value))


def entries(cell: NotebookNode, key: str) -> dict:
    found = cell.metadata.get(key, {})
    return found if isinstance(found, dict) else {"": None}


def witnesses(cell: NotebookNode, key: str) -> list[Witness]:
    """Return the witnesses of a cell; what is malformed is left out."""
    return [
        Witness(key, said, "", value["reason"]) if isinstance(value, dict) else Witness(key, said, value)
        for said, value in entries(cell, key).items()
        if is_entry(said, value)
    ]


def malformed(cell: NotebookNode) -> Iterator[str]:
    """Yield a line for each entry of a cell that is not in the form that it must have."""
    for key in KEYS:
        for said, value in entries(cell, key).items():
            if not is_entry(said, value):
                yield f"metadata {key}: {said!r} has another form than {FORMS[key]}; mend it"
            elif not isinstance(value, dict) and (wrong := syntax_error(value)):
                yield f"metadata {key}: {value!r} is no Python expression ({wrong}); mend it"
            elif not isinstance(value, dict) and is_literal(value):
                yield f"metadata {key}: {said!r}: {value} says it again and shows nothing; compute it, or give a reason"


def is_literal(expression: str) -> bool:
    """Whether an expression is written out: it is always what it is, whatever the page does."""
    try:
        ast.literal_eval(expression)
    except (ValueError, TypeError):
        return False
    return True


def syntax_error(expression: str) -> str:
    try:
        compile(expression, "<witness>", "eval")
    except (SyntaxError, ValueError) as error:
        return str(error).splitlines()[0]
    return ""


def unlike(english: NotebookNode, chinese: NotebookNode) -> Iterator[str]:
    """Yield a line for each witness that only one of two editions of a cell has."""
    for key in KEYS:
        sides = [
            Counter(
                (tokens(found.said) if key == FORMULAS else found.said, found.expression, found.reason)
                for found in witnesses(cell, key)
            )
            for cell in (english, chinese)
        ]
        for said, *_ in [*(sides[0] - sides[1]), *(sides[1] - sides[0])]:
            what = said if isinstance(said, str) else " ".join(said)
            yield f"metadata {key}: {what!r} is not alike in both editions; mend one"
            break
