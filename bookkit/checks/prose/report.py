"""Hold the text of the pages of the book against its witnesses, and say on what it rests.

A Markdown page has no kernel and no metadata of cells. Its witnesses stand in book/data/witnesses.yml, and
are evaluated where nothing has run: they name constants of the house. Tables that a command writes are not looked at.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

from bookkit import contents
from bookkit.checks import editions
from bookkit.checks.prose import claims
from bookkit.checks.prose.slips import is_caught, slips
from bookkit.checks.prose.witnesses import KEYS, unlike
from bookkit.notebooks.kernel import Kernel
from bookkit.project import CHINESE, DATA, EDITIONS, ENGLISH, BookError, Edition, alone, name, write_whole
from bookkit.words import read_glossary

WITNESSES = DATA / "witnesses.yml"
GENERATED = re.compile(r"^% The tables? .*?^% End of the tables?\.$", re.MULTILINE | re.DOTALL)


def markdown_witnesses() -> dict[str, dict]:
    """Return the witnesses of the Markdown pages: {page: {"values": {...}, "formulas": {...}}}."""
    return contents.read_yaml(WITNESSES) or {}


def strays() -> Iterator[str]:
    """Yield a line for each entry of witnesses.yml that is not about the text of a Markdown page."""
    for page, entries in markdown_witnesses().items():
        if not (ENGLISH.folder / f"{page}.md").exists() or not isinstance(entries, dict) or set(entries) - {*KEYS}:
            line = contents.line_of(WITNESSES, page)
            yield f"{name(WITNESSES)}: line {line}: {page} is no Markdown page with {' or '.join(KEYS)}; mend it"


def read(path: Path) -> NotebookNode:
    """Return an English page as a notebook; a Markdown page is one cell, with its witnesses in its metadata."""
    page = editions.read(path)
    if path.suffix == ".md":
        [cell] = page.cells
        cell.source = GENERATED.sub("", cell.source)
        if path.stem == "glossary":
            cell.source += "\n\n".join(["", *(entry["in_english"] for entry in read_glossary())])
        cell.metadata.update(markdown_witnesses().get(path.stem, {}))
    return page


def complaints(english: Path, chinese: Path) -> Iterator[str]:
    """Yield a line for all that a page says without a witness, and for each witness that one edition alone has."""
    one = read(english)
    yield from (f"{name(english)}: {line}" for line in claims.complaints(one))
    if english.suffix == ".md":
        yield from (f"{name(english)}: {line}" for line in untrue(one, english.parent))
        return
    translated = {cell.id: cell for cell in editions.read(chinese).cells}
    for cell in one.cells:
        if cell.id in translated:  # of another cell the comparison of the editions tells
            yield from (f"{name(chinese)}: cell {cell.id}: {line}" for line in unlike(cell, translated[cell.id]))


def untrue(page: NotebookNode, folder: Path) -> list[str]:
    """Return a line for each expression of a Markdown page that is not as its text says."""
    if not claims.asked(page):
        return []
    kernel = Kernel(folder)
    try:
        return claims.untrue(page, kernel)
    finally:
        kernel.stop()


# The table


COLUMNS = (claims.SHOWN, claims.COMPUTED, claims.REASON)
LABELS = (claims.LINK, claims.VERSION)
HEADINGS = {
    ENGLISH: (
        *("What the text says", "in all", "shown beside it", "computed", "with a reason", "in a link, or a version"),
        *("slips planted", "not caught"),
    ),
    CHINESE: (
        *("文字中的内容", "总数", "旁边的单元格中有", "由表达式算出", "只给出理由", "链接或版本号"),
        *("植入的笔误", "未查出"),
    ),
}
KINDS = {
    ENGLISH: {
        claims.NUMBER: "numbers",
        claims.FORMULA: "formulas",
        claims.FIGURE: "numbers in descriptions of figures",
    },
    CHINESE: {claims.NUMBER: "数", claims.FORMULA: "公式", claims.FIGURE: "图的文字说明中的数"},
}
BEGIN, END = "% The table of the text is written by `make prose`.\n", "% End of the table.\n"


@cache
def counts() -> dict[str, list[int]]:
    """Return for each kind of claim how many there are, what they rest on, and what became of planted slips."""
    rests: Counter[tuple[str, str]] = Counter()
    planted: Counter[tuple[str, bool]] = Counter()
    for stem in contents.pages():
        path = next(
            path for path in (ENGLISH.folder / f"{stem}{suffix}" for suffix in (".ipynb", ".md")) if path.exists()
        )
        notebook = read(path)
        page = claims.read(notebook)
        rests.update((claim.kind, claim.rests_on) for claim in page.claims)
        planted.update((kind, is_caught(page, place, fault)) for kind, place, _, fault in slips(notebook))
    found = {}
    for kind in claims.KINDS:
        columns = [*(rests[kind, column] for column in COLUMNS), sum(rests[kind, label] for label in LABELS)]
        slipped = [planted[kind, True] + planted[kind, False], planted[kind, False]]
        found[kind] = [sum(columns) + rests[kind, claims.NOTHING], *columns, *slipped]
    return found


def table(edition: Edition) -> str:
    """Return the Markdown table for an edition."""
    lines = [f"| {' | '.join(HEADINGS[edition])} |", "|---|" + "---:|" * (len(HEADINGS[edition]) - 1)]
    for kind, numbers in counts().items():
        lines.append(
            f"| {KINDS[edition][kind]} | {' | '.join(f'{number:,}' if number else '–' for number in numbers)} |"
        )
    return "\n".join(lines) + "\n"


def with_table(text: str, edition: Edition) -> str:
    """Return the text of a page with its table as it should be."""
    if text.count(BEGIN) != 1 or END not in text.split(BEGIN)[1]:
        lines = f"`{BEGIN.strip()}` and `{END.strip()}`"
        raise BookError(f"{edition.place}verification.md: the table has no place; put the lines {lines} back")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table(edition) + "\n" + END + rest.split(END, 1)[1]


def outdated() -> Iterator[str]:
    """Yield a line for each edition whose table is not as it should be."""
    for edition in EDITIONS:
        text = (edition.folder / "verification.md").read_text(encoding="utf-8")
        if with_table(text, edition) != text:
            yield f"{edition.place}verification.md: its table of the text is not that of today; run `make prose`"


def main() -> int:
    """Write the tables, and tell what rests on nothing."""
    lines = list(strays())
    for stem in contents.pages():
        for path in sorted(ENGLISH.folder.glob(f"{stem}.*")):
            lines += complaints(path, CHINESE.folder / path.name)
    print(table(ENGLISH), end="")
    if lines:
        raise BookError("\n".join(lines))
    for edition in EDITIONS:
        path = edition.folder / "verification.md"
        with alone():
            before = path.read_text(encoding="utf-8")
            text = with_table(before, edition)
            if text != before:
                write_whole(text.encode(), path)
                print(f"{name(path)}: written; look at it, then run `make agree`")
    return 0
