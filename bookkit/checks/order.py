"""A word of the glossary is explained before it is used, in the order of _toc.yml.

Its entry leads to the section that explains it. So does, for what follows in the book, a place where it is emphasised,
as a word is where it is defined, or has something in parentheses behind it; and a link, for the page on which it is.
Of what it has in its title a page may speak at once. Code and formulas do not count.
"""

import re
from collections.abc import Iterator
from functools import cache

from nbformat import NotebookNode

from bookkit import contents
from bookkit.checks.editions import read
from bookkit.notebooks.markdown import pieces
from bookkit.project import CHINESE, EDITIONS, Edition, name
from bookkit.words import read_glossary

BETWEEN, BETWEEN_ANY = re.compile(r"\\?[ -]|–"), r"[\\s–-]"  # the words of a term
UNREAD = re.compile(r"(`+).*?\1|\$[^$]*\$", re.DOTALL)
# What makes a word stand out where it is explained.
LINK, EMPHASIS = re.compile(r"\[[^\]]*\]\([^)]*\)"), re.compile(r"\*+[^*]+\*+")
PARENTHESES = re.compile(r"[*”]*\s?[(（]")
OTHERWISE = re.compile(r"\bin place of\b", re.IGNORECASE)  # words of the glossary that are none here
NEITHER, LINKED, DEFINED = range(3)


@cache
def glossary() -> dict[str, dict]:
    """Return the entries of the glossary by their English words."""
    return {entry["en"]: entry for entry in read_glossary()}


@cache
def patterns(edition: Edition) -> dict[str, re.Pattern]:
    """Return what finds each word of the glossary, by its English name, longer words first."""
    found = {}
    for entry in sorted(glossary().values(), key=lambda entry: -len(entry[edition.name])):
        said = re.escape(entry[edition.name])
        if edition != CHINESE:
            said = rf"\b{BETWEEN.sub(BETWEEN_ANY, said)}(?:e?s|e?d|ing)?\b"
        found[entry["en"]] = re.compile(said, re.IGNORECASE)
    return found


def blank(found: re.Match) -> str:
    return " " * len(found[0])


def inside(place: re.Match, kind: re.Pattern, text: str) -> bool:
    return any(found.start() <= place.start() and place.end() <= found.end() for found in kind.finditer(text))


def manner(place: re.Match, text: str) -> int:
    """Return how a word stands at its place in a text."""
    if inside(place, LINK, text):
        return LINKED
    return DEFINED if inside(place, EMPHASIS, text) or PARENTHESES.match(text, place.end()) else NEITHER


def uses(text: str, edition: Edition) -> dict[str, int]:
    """Return the words of the glossary that a paragraph says, by their English names, and how the first of each stands.

    A longer word is none of the shorter ones in it.
    """
    text = left = OTHERWISE.sub(blank, UNREAD.sub(blank, text))
    found: dict[str, int] = {}
    for word, pattern in patterns(edition).items():
        if place := pattern.search(left):
            found[word] = manner(place, text)
            left = pattern.sub(blank, left)
    return found


def paragraphs(page: NotebookNode) -> Iterator[tuple[str, str, str]]:
    """Yield (cell, kind, text) of what a page says: its title, its labels and its paragraphs, in their order."""
    is_title = False
    for cell in page.cells:
        for piece in pieces(cell.source) if cell.cell_type == "markdown" else []:
            if piece.kind in ("label", "paragraph"):
                yield cell.id, "title" if is_title else piece.kind, piece.text
            is_title = piece.kind == "heading" and piece.name == "h1"


def early(page: NotebookNode, edition: Edition, explained: set[str]) -> Iterator[str]:
    """Yield a line for each word that a page uses too early; add to `explained` the words that it explains."""
    here: set[str] = set()
    for cell, kind, text in paragraphs(page):
        if kind == "label":
            explained |= {word for word, entry in glossary().items() if entry["see"] == text}
            continue
        for word, stands in uses(text, edition).items():
            if kind == "paragraph" and stands == NEITHER and word not in explained | here:
                said, see = glossary()[word][edition.name], glossary()[word]["see"]
                yield f"cell {cell}: says {said!r}, which {see} explains later; explain it there, or make it a link"
            (explained if stands == DEFINED else here).add(word)


def complaints() -> list[str]:
    """Return a line for each first use of a word on a page that nothing before it has explained."""
    lines: list[str] = []
    for edition in EDITIONS:
        explained: set[str] = set()
        for page in contents.pages():
            [path] = [path for path in edition.folder.glob(f"{page}.*") if path.suffix in (".ipynb", ".md")]
            lines += [f"{name(path)}: {line}" for line in early(read(path), edition, explained)]
    return lines
