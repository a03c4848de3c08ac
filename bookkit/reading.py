"""How long a page takes to read.

English words are read at 228 a minute and Chinese characters at 255: the same texts, read aloud by 25 adults in
either language (Trauzettel-Klosinski and Dietz, "Standardized assessment of reading performance: the new International
Reading Speed Texts IReST", Investigative Ophthalmology & Visual Science 53, 2012); silently a text is read faster, and
one that is worked through is not. Nobody has measured a rate for code: a line, of some six words, gets twice the time
of six words, and an output or a figure as much as two lines. What is folded is not counted: solutions, asides and
code; how long an exercise takes is the reader's affair.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

Cell = TypeVar("Cell", bound=Mapping[str, Any])

WORDS_A_MINUTE, CHARACTERS_A_MINUTE = 228, 255
MINUTES_A_LINE, MINUTES_AN_OUTPUT = 3 / 60, 6 / 60
MOST_MINUTES = 45
FOLDED = {"hide-input", "hide-cell"}

ASIDE = re.compile(r"^(:{3,})\{[\w-]+\}[^\n]*\n:class: dropdown$.*?^\1$", re.MULTILINE | re.DOTALL)
CHARACTER = re.compile("[\u4e00-\u9fff]")
WORD = re.compile(r"[^\W\u4e00-\u9fff][\w.'’-]*", re.ASCII)
# What is markup and not read: labels, fences and options of directives, addresses of links, commands of formulas.
MARKUP = re.compile(r"^\([\w-]+\)=$|^:::.*$|^:[\w-]+:.*$|\]\([^)]*\)|\\[a-zA-Z]+", re.MULTILINE)


def read_cells(cells: Iterable[Cell]) -> Iterator[Cell]:
    """Yield the cells of a page outside solutions."""
    in_solution = False
    for cell in cells:
        if cell["cell_type"] == "markdown" and "{solution-start}" in cell["source"]:
            in_solution = True
        if not in_solution:
            yield cell
        if cell["cell_type"] == "markdown" and "{solution-end}" in cell["source"]:
            in_solution = False


def minutes_of_cell(cell: Mapping[str, Any]) -> float:
    """Return how many minutes a cell takes to read, with its outputs."""
    if cell["cell_type"] != "markdown":
        folded = FOLDED & set(cell["metadata"].get("tags", []))
        lines = 0 if folded else sum(bool(line.strip()) for line in cell["source"].splitlines())
        return lines * MINUTES_A_LINE + len(cell.get("outputs", [])) * MINUTES_AN_OUTPUT
    text = MARKUP.sub(" ", ASIDE.sub("", cell["source"]))
    return len(WORD.findall(text)) / WORDS_A_MINUTE + len(CHARACTER.findall(text)) / CHARACTERS_A_MINUTE


def minutes(cells: Iterable[Mapping[str, Any]]) -> int:
    """Return how many minutes the cells of a page take to read, solutions left out."""
    return math.ceil(sum(map(minutes_of_cell, read_cells(cells))))
