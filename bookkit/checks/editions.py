"""What both editions of a page must have alike: all but the words."""

import io
import re
import tokenize

from nbformat.v4 import new_markdown_cell, new_notebook

from bookkit.notebooks import files
from bookkit.project import BookError, name

HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# What both editions must have alike in a Markdown cell, and how to find it.
MARKS = {
    "headings": r"^(#+) ",
    "labels": r"^\(([\w-]+)\)=$",
    "exercises": r"^:label: (\S+)$",
    "directives": r"^(:::\S*)",
    "links": r"\]\(([^)]+)\)",
}


def without_code(text):
    return re.sub(r"`[^`\n]+`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def formulas(text):
    """Return the formulas of a text, words inside \\text{} taken out, sorted."""
    found = re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$", without_code(text), re.DOTALL)
    return sorted(re.sub(r"\s+", "", re.sub(r"\\text\{[^}]*\}", "", formula)) for formula in found)


def tokens_of(code):
    """Return the tokens of a cell's code, comments and line breaks that mean nothing left out."""
    code = "\n".join("pass" + line if line.startswith("%") else line for line in code.split("\n"))
    try:
        found = list(tokenize.generate_tokens(io.StringIO(code + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [token for token in found if token.type not in (tokenize.COMMENT, tokenize.NL)]


def strings(code):
    """Return the string literals of a cell's code, without the spaces that align columns."""
    return {re.sub(r" +(?=[\"'])", "", token.string) for token in tokens_of(code) if token.type == tokenize.STRING}


def skeleton(code):
    """Return the tokens of a cell's code; of strings only the replacement fields stay."""
    tokens = []
    for token in tokens_of(code):
        if token.type == tokenize.STRING:
            is_format = "f" in token.string[: token.string.index(token.string[-1])].lower()
            fields = re.findall(r"\{([^{}:!]+)", token.string) if is_format else []
            if tokens and isinstance(tokens[-1], list):  # strings side by side are one
                tokens[-1] += fields
            else:
                tokens.append(fields)
        else:
            tokens.append(token.string.strip() or token.type)
    return tokens or code


def result(cell):
    """Return what a cell's outputs have besides words: kinds, errors and numbers."""
    return [
        (
            output.output_type,
            sorted(output.get("data", {})),
            output.get("ename"),
            NUMBER.findall(output.get("text") or output.get("data", {}).get("text/plain", "")),
        )
        for output in cell.outputs
    ]


def compare(english, chinese):
    """Yield a line for each difference between two editions of one notebook."""
    ids = [cell.id for cell in english.cells], [cell.id for cell in chinese.cells]
    if ids[0] != ids[1]:
        yield f"cells differ, or their order: {sorted(set(ids[0]) ^ set(ids[1]))}"
        return
    for one, other in zip(english.cells, chinese.cells):
        if one.cell_type != other.cell_type:
            yield f"cell {one.id}: is {one.cell_type} in English, {other.cell_type} in Chinese"
            continue
        if one.metadata.get("tags") != other.metadata.get("tags"):
            yield f"cell {one.id}: other tags"
        if one.cell_type == "code":
            if skeleton(one.source) != skeleton(other.source):
                yield f"cell {one.id}: code differs beyond comments and strings"
            for string in sorted(strings(other.source) - strings(one.source)):
                if not HAN.search(string):
                    yield f"cell {one.id}: the string {string} is neither Chinese nor the English one"
            if result(one) != result(other):
                yield f"cell {one.id}: outputs differ beyond words"
            continue
        for what, pattern in MARKS.items():
            found = [sorted(re.findall(pattern, cell.source, re.MULTILINE)) for cell in (one, other)]
            if found[0] != found[1]:
                yield f"cell {one.id}: other {what}: {found[0]} and {found[1]}"
        if formulas(one.source) != formulas(other.source):
            yield f"cell {one.id}: other formulas"


def read(path):
    """Return a page as a notebook; a Markdown page is one cell of it."""
    if path.suffix == ".ipynb":
        return files.read(path)
    if not path.exists():
        raise BookError(f"{name(path)}: is missing; write the page, in both editions")
    return new_notebook(cells=[new_markdown_cell(path.read_text(encoding="utf-8"), id="page")])


def words(path):
    """Return all text of a page on one line."""
    return " ".join(" ".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown").split())


def misuses(entry, english, chinese):
    """Yield what is wrong with the use of a glossary entry in the texts {page: text} of the editions."""
    [page] = [page for page, text in english.items() if f"({entry['see']})=" in text]
    if entry["en"].lower() not in english[page].lower():
        yield f"book/en/{page} explains {entry['en']!r} and does not use the word"
    if entry["zh"] not in chinese[page]:
        yield f"book/zh/{page} explains {entry['zh']} and does not use the word"
    for other in entry.get("instead of", []):
        for page, text in chinese.items():
            if other in text:
                at = text.index(other)
                yield f"book/zh/{page} says {other} where the glossary has {entry['zh']}: …{text[max(0, at - 12) : at + 20]}…"
