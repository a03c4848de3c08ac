"""Every word of the glossary, every entry of the index and every thread leads to its section, in both editions."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nbformat import NotebookNode

from bookkit.checks.agreement import pages
from bookkit.checks.editions import compare_numbers, read, traditional
from bookkit.contents import line_of, read_yaml
from bookkit.notebooks.cells import output_text
from bookkit.notebooks.markdown import pieces
from bookkit.project import CHINESE, EDITIONS, ENGLISH, Edition, name
from bookkit.words import GLOSSARY, INDEX, THREADS, read_glossary, read_index, read_rejected, read_threads


def plain(text: str) -> str:
    """Return a text on one line, as it is searched for words: without emphasis, hyphens and escapes."""
    return " ".join(re.sub(r"[*\\]", "", text.replace("-", " ")).lower().split())


def sections(notebook: NotebookNode) -> dict[str, str]:
    """Return {label: all text of its section, code, outputs and subsections included} of a page."""
    found: dict[str, str] = {}
    open_: dict[str, int] = {}  # the labels whose section goes on, and the level of its heading
    labels: list[str] = []
    for cell in notebook.cells:
        lines = cell.source.split("\n")
        marks: dict[int, list] = {}
        if cell.cell_type == "markdown":
            for piece in pieces(cell.source):
                marks.setdefault(piece.line, []).append(piece)
        else:
            lines += map(output_text, cell.get("outputs", []))
        for number, line in enumerate(lines, start=1):
            for piece in marks.get(number, []):
                if piece.kind == "label":
                    labels.append(piece.text)
                elif piece.kind == "heading":
                    level = int(piece.name[1])
                    open_ = {label: its for label, its in open_.items() if its < level} | dict.fromkeys(labels, level)
                    labels = []
            for label in open_:
                found[label] = f"{found.get(label, '')}\n{line}"
    return found


def sections_of(edition: Edition) -> dict[str, str]:
    """Return {label: plain text of its section} of all pages of an edition."""
    return {
        label: plain(text) for path in pages() for label, text in sections(read(edition.folder / path.name)).items()
    }


def lost(place: str, words: list[str], label: str, texts: dict[str, str], edition: Edition) -> Iterator[str]:
    """Yield what is wrong with an entry that leads its readers to the section of a label."""
    if label not in texts:
        yield f"{place}: no section of book/{edition.name}/ has the label {label}; mend it"
    elif not any(plain(word) in texts[label] for word in words):
        elsewhere = [other for other, text in texts.items() if any(plain(word) in text for word in words)]
        advice = f"it is in {', '.join(elsewhere[:4])}" if elsewhere else "no labelled section has it"
        said = " or ".join(map(repr, words))
        yield f"{place}: the section {label} of book/{edition.name}/ does not say {said} ({advice}); mend either"


def astray(edition: Edition, texts: dict[str, str]) -> Iterator[str]:
    """Yield a line for each entry of the glossary or the index that leads to a section without its word."""
    lines = {entry["en"]: line_of(GLOSSARY, number) for number, entry in enumerate(read_yaml(GLOSSARY))}
    for entry in read_glossary():
        place = f"{name(GLOSSARY)}: line {lines[entry['en']]}: {entry['en']}"
        yield from lost(place, [entry[edition.name]], entry["see"], texts, edition)
    index = read_index()
    for function, labels in index["functions"].items():
        place = f"{name(INDEX)}: line {line_of(INDEX, 'functions', function)}: {function}"
        for label in labels:
            yield from lost(place, function.split(", "), label, texts, edition)
        for word in function.split(", "):
            if not any(plain(word) in texts.get(label, "") for label in labels):
                yield f"{place}: none of the sections of book/{edition.name}/ says {word!r}; mend either"
    for message, label in index["errors"].items():
        place = f"{name(INDEX)}: line {line_of(INDEX, 'errors', message)}: {message[:40]} …"
        yield from lost(place, [message], label, texts, edition)


def unanswered(edition: Edition) -> Iterator[str]:
    """Yield a line for each thread whose answer is not on the page that is said to have it."""
    labels = {path.stem: set(sections(read(edition.folder / path.name))) for path in pages()}
    for number, thread in enumerate(read_threads()):
        page, label = thread["page"], thread["see"]
        if label not in labels.get(page, set()):
            at = next((other for other in labels if label in labels[other]), None)
            advice = f"it is on {at}" if at else "no page has it"
            yield (
                f"{name(THREADS)}: line {line_of(THREADS, number)}: {thread['thread']}: the page {page} of "
                f"book/{edition.name}/ has no section {label} ({advice}); mend it"
            )


def rejected(entry: dict, path: Path, text: str) -> Iterator[str]:
    """Yield a line for each Chinese word on a page that the glossary rejects."""
    for other in entry.get("instead of", []):
        if other in text:
            at = text.index(other)
            where = f"…{text[max(0, at - 12) : at + 20]}…"
            yield f"{name(path)}: says {other} where the glossary has {entry['zh']}: {where}"


def unlike(entry: dict) -> Iterator[str]:
    """Yield a line for each difference between the two explanations of a word that is more than words."""
    explained = entry["in_english"], entry["in_chinese"]
    for line in [*compare_numbers(*explained), *traditional(entry["zh"] + entry["in_chinese"])]:
        yield f"{name(GLOSSARY)}: {entry['en']}: {line}"


def unwanted(path: Path, text: str) -> Iterator[str]:
    """Yield a line for each word on a Chinese page that the book does not use."""
    for pattern, instead in read_rejected().items():
        for found in re.finditer(pattern, text):
            where = f"…{text[max(0, found.start() - 12) : found.end() + 12]}…"
            yield f"{name(path)}: says {found[0]}, which this book does not; say {instead}: {where}"


def title(path: Path) -> str:
    return read(path).cells[0].source.partition("# ")[2].partition("\n")[0]


def unbracketed(path: Path, source: str, titles: dict[str, str]) -> Iterator[str]:
    """Yield a line for each link to a chapter by its title that lacks the brackets of Chinese titles.

    `titles` are by file; what stands in a table needs none.
    """
    for line in source.splitlines():
        for found in re.finditer(r"(?<!《)\[([^\]]+)\]\((\S+?\.ipynb)\)", line):
            if not line.startswith("|") and titles.get(found[2]) == found[1]:
                yield f"{name(path)}: names a chapter without its brackets; write 《{found[0]}》"


def misnamed(path: Path, source: str, titles: dict[str, str]) -> Iterator[str]:
    """Yield a line for each link that looks like a page's title, with brackets or a capital letter, and is not.

    `titles` are by address. A link to a section may well begin with a capital letter.
    """
    for found in re.finditer(r"(《?)\[([^\]]+)\]\(([\w-]+\.(?:ipynb|md)|#[\w-]+)\)", source):
        bracket, said, address = found.groups()
        capital = re.match("[A-Z]", said) and not address.startswith("#")
        if (bracket or capital) and said != titles.get(address, said):
            yield f"{name(path)}: names {address} as {said!r}; its title is {titles[address]!r}"


def misplaced(path: Path, source: str, titles: dict[str, str]) -> Iterator[str]:
    """Yield a line for each link to a section, `titles` by address, in a sentence that names another page before it."""
    for found in re.finditer(r"《([^》\[]+)》[^。；《\n]*?\[[^\]]+\]\((#[\w-]+)\)", source):
        said, address = found.groups()
        if said in titles.values() and said != titles.get(address, said):
            yield f"{name(path)}: says that {address} is in {said!r}; it is in {titles[address]!r}"


def words(path: Path) -> str:
    """Return all text of a page on one line."""
    return " ".join(" ".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown").split())


@cache
def titles_of(edition: Edition) -> dict[str, str]:
    """Return the title of each page of an edition, by the addresses that lead to it: its file and its labels."""
    found: dict[str, str] = {}
    for path in [*edition.folder.glob("*.ipynb"), *edition.folder.glob("*.md")]:
        labels = (f"#{label}" for label in sections(read(path)))
        found |= dict.fromkeys([path.name, *labels], title(path))
    return found


def called(path: Path, titles: dict[str, str]) -> Iterator[str]:
    """Yield a line for each place of a page that does not call another one as it is called, `titles` by address."""
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            yield from misnamed(path, cell.source, titles)
            yield from misplaced(path, cell.source, titles)
            yield from unbracketed(path, cell.source, titles) if path.parent == CHINESE.folder else ()


def complaints() -> list[str]:
    """Return a line for each use of a word that is not as the glossary and the index have it."""
    lines = [line for edition in EDITIONS for line in astray(edition, sections_of(edition))]
    lines += [line for edition in EDITIONS for line in unanswered(edition)]
    lines += [line for entry in read_glossary() for line in unlike(entry)]
    titles = {edition: titles_of(edition) for edition in EDITIONS}
    for path in pages():
        chinese = CHINESE.folder / path.name
        lines += [*called(path, titles[ENGLISH]), *called(chinese, titles[CHINESE])]
        text = words(chinese)
        lines += [line for entry in read_glossary() for line in rejected(entry, chinese, text)]
        lines += unwanted(chinese, text)
    said = " ".join(entry["in_chinese"] for entry in read_glossary())
    return [*lines, *unwanted(GLOSSARY, said)]
