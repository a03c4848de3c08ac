"""What the browser must know of a page's code cells, in the order in which they stand on the page."""

from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from bookkit.answers import program, read_answers
from bookkit.notebooks.catalogue import IMPORTS, STAND_ALONE
from bookkit.notebooks.cells import tags
from bookkit.notebooks.files import read
from bookkit.notebooks.markdown import pieces
from bookkit.project import Edition


def has_heading(cell: NotebookNode) -> bool:
    return cell.cell_type == "markdown" and any(piece.kind == "heading" for piece in pieces(cell.source))


def of_cell(cell: NotebookNode, entry: int | None) -> dict[str, Any]:
    """Return what is known of a code cell; `entry` is the number of the entry that it needs nothing but."""
    return {
        "id": cell.id,
        "source": cell.source,
        "outputs": cell.outputs,
        "raises": "raises-exception" in tags(cell),
        "ignored": cell.metadata.get("ignore-reason", ""),
        "entry": entry,
    }


def of_page(path: Path) -> list[dict[str, Any]]:
    """Return what is known of the code cells of the notebook at `path`.

    Where the entries of a page stand alone, each cell has the number of its entry; the imports, which all of them
    need, have none.
    """
    notebook = read(path)
    stand_alone = STAND_ALONE in notebook.cells[0].metadata
    found, entry = [], 0
    for cell in notebook.cells:
        entry += has_heading(cell)
        if cell.cell_type == "code":
            found.append(of_cell(cell, entry if stand_alone and cell.id != IMPORTS else None))
    return found


def of_answers(page: str, edition: Edition) -> list[dict[str, Any]]:
    """Return what is looked at in answers to the exercises of a page, in the language of an edition."""
    return [
        {
            "exercise": answer["exercise"],
            "asks": answer["asks"][edition.name],
            "names": answer["names"],
            "wrong": [look["wrong"][edition.name] for look in answer["looks"]],
            "right": answer["right"][edition.name],
            "program": program(answer),
        }
        for answer in read_answers(page)
    ]
