"""What a text of the book may hold besides Markdown: a short list, for all of it is published as it stands.

The lists are of what is allowed. Whatever is missing in them is refused, so that a script, an
image of another host or a directive that reads files is told even where nobody thought of it.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

from nbformat import NotebookNode

from bookkit.notebooks.markdown import Piece, pieces
from bookkit.project import name

HTML = re.compile(r"</?(?:br|kbd|sub|sup) */?>")  # no attributes, and so nothing that runs or is fetched
DIRECTIVES = {
    *("note", "warning", "tip", "important", "seealso", "admonition"),
    *("exercise", "solution-start", "solution-end"),
    *("table", "math", "code-block", "glossary-of-the-book", "threads-of-the-book", "operators-of-the-book"),
}
ROLES = {"math", "ref", "numref", "eq", "term"}
SCHEMES = {"", "http", "https", "mailto"}
FULL_WIDTH = re.compile("[\uff01-\uff5e]")
FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]")  # the parser leaves one in the text that is defined nowhere
REFUSED_LINK = re.compile(r"\]\(\s*[a-z]+:", re.IGNORECASE)  # and a link that browsers would run
TABLE_HEAD = re.compile(r"^\|(.*)\|[ \t]*\n\|[ :|-]+\|[ \t]*$", re.MULTILINE)
SIZED_FRACTION = re.compile(r"\\[td]frac\b")
CONFLICT = re.compile(r"^(?:<{7}|>{7}|\|{7})(?: .*)?$", re.MULTILINE)


def odd_character(text: str) -> str:
    """Return what is wrong with the first character that is not seen, or is seen as another one; "" if none is."""
    for character in text:
        if not character.isprintable() and character not in "\n\r\t":
            return f"holds the character {character!a}, which nobody sees; remove it"
        plain = unicodedata.normalize("NFKC", character)
        if FULL_WIDTH.match(character) and plain.isalnum():
            return f"holds {character}, a digit or letter of full width; write {plain}"
    return ""


def html(piece: Piece) -> str:
    if piece.kind != "html" or not HTML.sub("", piece.text).strip():
        return ""
    return f"holds HTML ({piece.text.strip()[:40]!r}), which no page may; write Markdown"


def front_matter(piece: Piece) -> str:
    return "begins with settings between ---, which no page may; remove them" if piece.kind == "settings" else ""


def directive(piece: Piece) -> str:
    if piece.kind != "directive" or piece.name in DIRECTIVES:
        return ""
    return f"uses the directive {piece.name}, which this book does not; write it otherwise"


def role(piece: Piece) -> str:
    if piece.kind != "role" or piece.name in ROLES:
        return ""
    return f"uses the role {piece.name}, which this book does not; write it otherwise"


def image(piece: Piece) -> str:
    if piece.kind != "image":
        return ""
    return f"shows the image {piece.text[:60]}, and images are drawn by code cells; draw it, or link to it"


def link(piece: Piece) -> str:
    if piece.kind == "link":
        address = urlsplit(piece.text)
        if address.scheme not in SCHEMES or (address.netloc and not address.scheme) or piece.text.startswith("/"):
            return f"links to {piece.text[:60]}, which leads nowhere from a page; mend the address"
    elif piece.kind == "prose" and REFUSED_LINK.search(piece.text):
        return f"holds what is no link ({piece.text.strip()[:60]!r}); mend the address"
    return ""


def footnote(piece: Piece) -> str:
    if piece.kind == "prose" and (found := FOOTNOTE.search(piece.text)):
        return f"has the footnote {found[0]} defined nowhere; define it in the same cell, or remove it"
    return ""


def formula(piece: Piece) -> str:
    if piece.kind == "formula" and (found := SIZED_FRACTION.search(piece.text)):
        return f"writes {found[0]}, which becomes MathML that HTML does not allow; write \\frac"
    return ""


PIECES: list[Callable[[Piece], str]] = [html, front_matter, directive, role, image, link, footnote, formula]


def wrong(text: str) -> Iterator[tuple[int, str]]:
    """Yield (line, what is wrong and what to do) for all in a Markdown text that must not be published."""
    for found in CONFLICT.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        yield line, f"holds the mark of a merge conflict ({found[0][:7]}); resolve it"
    for head in TABLE_HEAD.finditer(text):
        if not all(cell.strip() for cell in head[1].split("|")):
            yield text.count("\n", 0, head.start()) + 1, "has a table with a column that has no name; name it"
    for number, its in enumerate(text.split("\n"), start=1):
        if what := odd_character(its):
            yield number, what
    for piece in pieces(text):
        for check in PIECES:
            if what := check(piece):
                yield piece.line, what


def published(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        if cell.cell_type == "raw":
            yield f"cell {cell.id}: is raw, and would be published as it is; make it code or Markdown"
        elif cell.cell_type == "markdown":
            yield from dict.fromkeys(f"cell {cell.id}: {what}" for _, what in wrong(cell.source))


def of_a_page(path: Path) -> list[str]:
    """Return a line for all that is wrong with a Markdown page, or with any other document in Markdown."""
    return [f"{name(path)}: line {line}: {what}" for line, what in wrong(path.read_text(encoding="utf-8"))]
