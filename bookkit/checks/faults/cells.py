"""Changed copies of cells, and what readers see of a cell's outputs."""

import copy
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, output_from_msg

from bookkit.notebooks.cells import tags
from bookkit.notebooks.normal import normalise


def changed(cell: NotebookNode, **values: Any) -> NotebookNode:
    """Return a copy of a cell with other values."""
    result = copy.deepcopy(cell)
    result.update(copy.deepcopy(values))
    return result


def replaced(cell: NotebookNode, number: int, *outputs: NotebookNode) -> NotebookNode:
    """Return a copy of a cell with other outputs in the place of output `number`."""
    return changed(cell, outputs=[*cell.outputs[:number], *outputs, *cell.outputs[number + 1 :]])


def tagged(cell: NotebookNode, tag: str) -> NotebookNode:
    """Return a copy of a cell with one more tag."""
    result = copy.deepcopy(cell)
    result.metadata["tags"] = sorted({*tags(cell), tag})
    return result


def as_seen(outputs: list[NotebookNode]) -> list[dict]:
    """Return outputs in normal form, without counts: equal if and only if readers see the same."""
    cell = new_code_cell(outputs=copy.deepcopy(outputs))
    normalise(new_notebook(cells=[cell]))
    return [{key: value for key, value in output.items() if key != "execution_count"} for output in cell.outputs]


def as_executed(messages: list[dict]) -> list[dict]:
    """Return the outputs of which messages tell, in the same form."""
    silent = ("status", "execute_input")
    return as_seen([output_from_msg(message) for message in messages if message["msg_type"] not in silent])
