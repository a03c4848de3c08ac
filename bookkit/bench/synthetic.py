"""A book of many chapters, made of the true ones: copies whose names and labels are their own."""

import re
import string
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path

import nbformat
import yaml
from nbformat import NotebookNode

from bookkit import contents
from bookkit.notebooks.files import read, write
from bookkit.notebooks.markdown import pieces
from bookkit.project import EDITIONS, ENGLISH

# A label where one is defined or led to, in a text of the book.
LABEL = re.compile(r"(?<=^\()[\w-]+(?=\)=$)|(?<=\]\(#)[\w-]+(?=\))|(?<=^:label: )\S+|(?<=\{solution-start\} )\S+", re.M)
PAGE = re.compile(r"(?<=\]\()([\w-]+)(?=\.ipynb[)#])")
# Copies, and what an author adds to a chapter, have letters: a number in a text would want its witness.
LETTERS = string.ascii_lowercase
ADDED = {"en": "This is said once more, {}.", "zh": "这句话再说一遍，{}。"}


def chapters() -> list[str]:
    """Return the names of the chapters: the pages with a number."""
    parts = contents.read_yaml(contents.TOC)["parts"]
    found = [entry["file"] for part in parts if part.get("numbered") for entry in part["chapters"]]
    return [Path(file).name for file in found]


def labels(notebook: NotebookNode) -> set[str]:
    """Return the labels that a notebook defines."""
    found = [piece for cell in notebook.cells if cell.cell_type == "markdown" for piece in pieces(cell.source)]
    return {
        piece.text for piece in found if piece.kind == "label" or (piece.kind == "option" and piece.name == "label")
    }


def renamed(text: str, letter: str, pages: set[str], own: set[str]) -> str:
    """Return a text of a copy, in which these pages and these labels have its letter at their end."""
    text = LABEL.sub(lambda found: f"{found[0]}-{letter}" if found[0] in own else found[0], text)
    return PAGE.sub(lambda found: f"{found[0]}-{letter}" if found[0] in pages else found[0], text)


def copies(names: list[str], size: int) -> Iterator[tuple[str, str]]:
    """Yield (chapter, letter of its copy) for as many copies as are missing to a book of `size` chapters."""
    for place, name in enumerate(islice(cycle(names), size - len(names))):
        yield name, LETTERS[place // len(names) + 1]


def grow(book: Path, size: int) -> None:
    """Make the book in a folder, a clone of this one, one of `size` chapters."""
    names = chapters()
    made = list(copies(names, size))
    for edition in EDITIONS:
        folder = book / edition.place
        notebooks = {name: read(folder / f"{name}.ipynb") for name in names}
        defined = {name: labels(notebook) for name, notebook in notebooks.items()}
        for name, letter in made:
            pages = {other for other, its in made if its == letter}
            own = set().union(*(defined[page] for page in pages))
            copy = nbformat.from_dict(notebooks[name])
            for cell in copy.cells:
                if cell.cell_type == "markdown":
                    cell.source = renamed(cell.source, letter, pages, own)
            write(copy, folder / f"{name}-{letter}.ipynb")
    toc = contents.read_yaml(book / contents.TOC.name)
    part = next(part for part in toc["parts"] if part.get("numbered"))
    part["chapters"] += [{"file": f"{ENGLISH.place}{name}-{letter}"} for name, letter in made]
    (book / contents.TOC.name).write_text(yaml.safe_dump(toc, sort_keys=False), encoding="utf-8")


def edit(book: Path, page: str, number: int) -> None:
    """Add a sentence to a chapter, in both editions."""
    for edition in EDITIONS:
        path = book / edition.place / f"{page}.ipynb"
        notebook = read(path)
        cell = [cell for cell in notebook.cells if cell.cell_type == "markdown"][-1]
        cell.source += "\n\n" + ADDED[edition.name].format(LETTERS[number])
        write(notebook, path)
