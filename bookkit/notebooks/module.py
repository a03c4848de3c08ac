"""The module that the chapter "Your own autograd" builds: the code of its cells, to be downloaded and imported."""

from nbformat import NotebookNode

from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.files import read
from bookkit.project import DATA, ENGLISH, name, write_whole

CHAPTER = ENGLISH.folder / "own-autograd.ipynb"
MODULE = DATA / "own_autograd.py"
PART = "module-"  # how the id of a cell begins whose code is a part
DOCSTRING = '"""Automatic differentiation in NumPy, with the names of MXNet: the chapter "Your own autograd"."""'


def text(notebook: NotebookNode) -> str:
    """Return the module: the cells whose code is a part of it, in their order and without a change."""
    first, *parts = [cell.source for cell in code_cells(notebook) if cell.id.startswith(PART)]
    return "\n\n\n".join([f"{DOCSTRING}\n\n{first}", *parts]) + "\n"


def main() -> int:
    """Write the module."""
    write_whole(text(read(CHAPTER)).encode(), MODULE)
    print(f"{name(MODULE)}: written")
    return 0
