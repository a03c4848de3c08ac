"""What a page to look things up in promises: each entry runs after the cell of the imports alone.

A page promises it in the metadata of its first cell: `entries-stand-alone`. An entry is what stands
under a heading, up to the next one.
"""

import ast
import builtins
from collections.abc import Callable, Iterator

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from bookkit.notebooks.markdown import pieces

STAND_ALONE = "entries-stand-alone"
IMPORTS = "imports"


def names(source: str) -> tuple[set[str], set[str]]:
    """Return the names that a cell's code reads, and those that it gives a value, in whatever scope."""
    read: set[str] = set()
    given: set[str] = set()
    for node in ast.walk(ast.parse(TransformerManager().transform_cell(source))):
        if isinstance(node, ast.Name):
            (read if isinstance(node.ctx, ast.Load) else given).add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            given.add(node.name)
        elif isinstance(node, ast.arg):
            given.add(node.arg)
        elif isinstance(node, ast.alias):
            given.add((node.asname or node.name).split(".")[0])
        elif isinstance(node, ast.ExceptHandler) and node.name:
            given.add(node.name)
    return read, given


def stand_alone(notebook: NotebookNode) -> Iterator[str]:
    """Each cell reads only names of the imports and of its own entry, where the page promises it."""
    if not notebook.cells or STAND_ALONE not in notebook.cells[0].metadata:
        return
    everywhere = set(dir(builtins))
    for cell in notebook.cells:
        if cell.cell_type == "code" and cell.id == IMPORTS:
            everywhere |= names(cell.source)[1]
    here: set[str] = set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            if any(piece.kind == "heading" for piece in pieces(cell.source)):
                here = set()
            continue
        read, given = names(cell.source)
        here |= given
        for name in sorted(read - here - everywhere):
            yield f"cell {cell.id}: reads {name}, which its entry does not make; make it there, under the same heading"


RULES: list[Callable[[NotebookNode], Iterator[str]]] = [stand_alone]
