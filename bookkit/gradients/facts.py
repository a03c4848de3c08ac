"""What a cell's metadata says about its gradients.

    "wrong-on-purpose": {"calls": [0], "reason": "the input was changed after recording"}
    "not-derived": {"calls": [1], "reason": "the backward of a symbol executor"}

`calls` are the numbers of calls of backward in the cell, from 0. The calls are the same in both
editions, and the reason is in the words of each.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from nbformat import NotebookNode

from bookkit.notebooks.cells import GRADIENTS

WRONG, NOT_DERIVED = GRADIENTS
KEYS = (WRONG, NOT_DERIVED)


@dataclass(frozen=True)
class Fact:
    """That a call of backward gives no gradient that could be confirmed, and why that is meant."""

    key: str
    call: int
    reason: str


def is_entry(entry: object) -> bool:
    """Tell whether an entry is as it should be."""
    return (
        isinstance(entry, dict)
        and set(entry) == {"calls", "reason"}
        and isinstance(entry["calls"], list)
        and bool(entry["calls"])
        and all(type(call) is int and call >= 0 for call in entry["calls"])
        and isinstance(entry["reason"], str)
        and bool(entry["reason"].strip())
    )


def malformed(notebook: NotebookNode) -> Iterator[str]:
    """Yield a line for each cell whose facts are not in the form that they must have."""
    for cell in notebook.cells:
        for key in KEYS:
            if key in cell.metadata and not is_entry(cell.metadata[key]):
                form = '{"calls": [0], "reason": "why"}, calls counted from 0'
                yield f"cell {cell.id}: {key} in its metadata has another form than {form}; mend it"


def facts_of(notebook: NotebookNode) -> dict[str, list[Fact]]:
    """Return the facts by cell id; what is malformed is left out."""
    found = {}
    for cell in notebook.cells:
        entries = [(key, cell.metadata[key]) for key in KEYS if is_entry(cell.metadata.get(key))]
        if entries:
            found[cell.id] = [Fact(key, call, entry["reason"]) for key, entry in entries for call in entry["calls"]]
    return found


def unlike(english: NotebookNode, chinese: NotebookNode) -> Iterator[str]:
    """Yield a line for each cell of which the editions say this otherwise."""
    one, other = facts_of(english), facts_of(chinese)
    for cell in dict.fromkeys([*one, *other]):
        sides = [sorted((fact.key, fact.call) for fact in facts.get(cell, [])) for facts in (one, other)]
        if sides[0] != sides[1]:
            yield f"cell {cell}: {' and '.join(KEYS)} in its metadata are not alike in both editions; mend one"
