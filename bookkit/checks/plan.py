"""The plan on the first page: a row for each chapter, with its exercises, and with what it says that it needs."""

import re
from collections.abc import Iterator

from nbformat import NotebookNode

from bookkit import contents
from bookkit.notebooks.chapters import PROMISES, is_chapter
from bookkit.notebooks.files import read
from bookkit.project import Edition

PLAN = "plan"
ROW = re.compile(
    r"^\| \[[^]]+\]\((?P<page>[\w-]+)\.ipynb\) \| (?P<exercises>\d+) \| (?P<builds_on>.*) \|$", re.MULTILINE
)
EXERCISE = re.compile(r"^:::+\{exercise\}", re.MULTILINE)
LABEL = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)
TARGET = re.compile(r"\]\(#?([\w-]+)(?:\.ipynb)?\)")


def chapters(edition: Edition) -> dict[str, NotebookNode]:
    """Return the chapters of an edition, in the order of the book."""
    paths = {page: edition.folder / f"{page}.ipynb" for page in contents.pages()}
    notebooks = {page: read(path) for page, path in paths.items() if path.exists()}
    return {page: notebook for page, notebook in notebooks.items() if is_chapter(notebook)}


def needed(notebook: NotebookNode, homes: dict[str, str]) -> set[str]:
    """Return the other chapters to which what a chapter needs has links; `homes` has the page of each label."""
    words = "|".join(map(re.escape, PROMISES[1]))
    found = re.search(rf"^\*\*(?:{words})\*\*[\s\S]*?(?=\n\n|\Z)", notebook.cells[0].source, re.MULTILINE)
    return {homes.get(target, target) for target in TARGET.findall(found[0] if found else "")}


def listed(edition: Edition) -> Iterator[tuple[str, int, set[str]]]:
    """Yield the page of each row of the plan, its exercises, and the targets of the links in its last column."""
    first = read(edition.folder / f"{contents.pages()[0]}.ipynb")
    text = "\n\n".join(cell.source for cell in first.cells if cell.id == PLAN)
    for row in ROW.finditer(text):
        yield row["page"], int(row["exercises"]), set(TARGET.findall(row["builds_on"]))


def complaints(edition: Edition) -> Iterator[str]:
    """Yield a line for each row of the plan that is not as the chapters are, and for each chapter without a row."""
    due = chapters(edition)
    homes = {label: page for page, book in due.items() for cell in book.cells for label in LABEL.findall(cell.source)}
    rows = list(listed(edition))
    where = f"{edition.place}{contents.pages()[0]}.ipynb: cell {PLAN}"
    if [page for page, *_ in rows] != list(due):
        yield f"{where}: the rows are {[page for page, *_ in rows]}, and the chapters {list(due)}; mend the rows"
        return
    for page, exercises, targets in rows:
        counted = sum(len(EXERCISE.findall(cell.source)) for cell in due[page].cells)
        if counted != exercises:
            yield f"{where}: {page} has {counted} exercises, not {exercises}; mend the row"
        builds_on = {homes.get(target, target) for target in targets}
        said = (needed(due[page], homes) & set(due)) - {page}
        if said != builds_on:
            yield f"{where}: {page} says that it needs {sorted(said)}, and its row {sorted(builds_on)}; mend one"
