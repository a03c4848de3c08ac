"""What both editions of a page must have alike: all but the words.

The two texts are held to each other paragraph by paragraph, entry by entry of a table: the
numbers in digits, the code, the formulas, the links, the labels. Words are not compared,
so a "two" that became 三 is not seen here; that somebody looked at every changed text is
what bookkit/checks/agreement.py records.
"""

import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from bookkit.notebooks import files
from bookkit.notebooks.cells import alternative_text, shown_reasons
from bookkit.notebooks.markdown import Piece, pieces
from bookkit.project import BookError, name

HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
IDEOGRAPH = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# A number in a text, with its power (10⁻⁵), or a name that ends in one (float64).
NUMERAL = re.compile(r"(?:(?<![\w).])-)?(?<![A-Za-z\d_])\d+(?:[.,]\d+)*[⁰¹²³⁴-⁹⁻]*|(?<![A-Za-z\d_])[A-Za-z]+\d+")
WORD = re.compile(r"[A-Za-z]{2,}")
NAMES = {"Dropout", "HIPS", "JAX", "MXNet", "NumPy", "PyTorch", "autograd"}
QUOTED = re.compile(r"[“\"].*[”\"]")  # a message stays as MXNet words it
LABELS = re.compile(r"<(?:text|tspan)\b[^>]*>([^<]+)")  # of an SVG figure

# How each unit is said: the symbol of both editions first, then the words of either.
SAID = (
    "% percent",
    "ns nanosecond nanoseconds 纳秒",
    "µs us μs microsecond microseconds 微秒",
    "ms millisecond milliseconds 毫秒",
    "s second seconds 秒",
    "min minute minutes 分钟 分",
    "h hour hours 小时",
    "day days 天 日",
    "B byte bytes 字节",
    "KB KiB kilobyte kilobytes",
    "MB MiB megabyte megabytes",
    "GB GiB gigabyte gigabytes",
)
UNITS = {word: words.split()[0] for words in SAID for word in words.split()}
QUANTITY = re.compile(rf"(\d+(?:[.,]\d+)*)[ \u00a0-]?({'|'.join(sorted(UNITS, key=len, reverse=True))})(?![A-Za-z])")

# What English says in words and Chinese may say in digits.
NUMBER_WORDS = [
    "zero nothing none zeros",
    "one once first ones single january",
    "two twice second half both double february",
    "three third march",
    "four fourth quarter april",
    "five fifth may",
    "six sixth june",
    "seven seventh july",
    "eight eighth august",
    "nine ninth september",
    "ten tenth october",
    "eleven november",
    "twelve december",
]
IN_WORDS = {word: str(number) for number, words in enumerate(NUMBER_WORDS) for word in words.split()}


def formula(text: str) -> str:
    """Return a formula without blanks, and of what it says in words only the numbers."""
    without_words = re.sub(r"\\(?:text\w*|mbox)\{([^}]*)\}", lambda found: " ".join(numerals(found[1])), text)
    return re.sub(r"\s+", "", without_words)


# What must be alike in a Markdown cell, in the same order: how it is told, and what to compare of a piece.
IN_ORDER = {
    "heading": ("headings", lambda piece: piece.name),
    "label": ("labels", lambda piece: piece.text),
    "directive": ("directives", lambda piece: (piece.name, piece.text)),
    "option": ("exercises or options of directives", lambda piece: (piece.name, piece.text)),
    "html": ("HTML", lambda piece: piece.text.strip()),
    "image": ("images", lambda piece: piece.text),
    "comment": ("comments", lambda piece: piece.text),
}
# The same, where words may come in another order.
SORTED = {
    "link": ("links", lambda piece: piece.text),
    "role": ("roles", lambda piece: (piece.name, piece.text)),
    "formula": ("formulas", lambda piece: formula(piece.text)),
}
STRUCTURE = {"heading", "directive", "table", "row", "item", "paragraph", "listing", "footnote"}


@lru_cache(maxsize=64)
def tokens_of(code: str) -> list[tokenize.TokenInfo]:
    """Return the tokens of a cell's code, line breaks that mean nothing left out."""
    code = "\n".join("pass" + line if line.startswith("%") else line for line in code.split("\n"))
    try:
        found = list(tokenize.generate_tokens(io.StringIO(code + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [token for token in found if token.type != tokenize.NL]


def comments(code: str) -> list[str]:
    """Return the comments of a cell's code."""
    return [token.string for token in tokens_of(code) if token.type == tokenize.COMMENT]


def strings(code: str) -> list[str]:
    """Return the string literals of a cell's code, without the spaces that align columns."""
    return [re.sub(r" +(?=[\"'])", "", token.string) for token in tokens_of(code) if token.type == tokenize.STRING]


def skeleton(code: str) -> list | str:
    """Return the tokens of a cell's code without comments; of strings only the replacement fields stay."""
    tokens: list = []
    for token in tokens_of(code):
        if token.type == tokenize.COMMENT:
            continue
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


def numerals(text: str) -> list[str]:
    """Return the numbers that a text says in digits, in their order."""
    return NUMERAL.findall(re.sub(r"−|\bminus ", "-", text))


def compare_numbers(english: str, chinese: str, whole: str = "") -> Iterator[str]:
    """Yield a line if a number of one text is not in the other; `whole` is the English with its code and formulas."""
    one, other = Counter(numerals(english)), Counter(numerals(chinese))
    if missing := one - other:
        yield f"the Chinese lacks the number {', '.join(sorted(missing))}"
    said = set(numerals(whole or english)) | {IN_WORDS.get(word, "") for word in re.findall(r"[a-z]+", english.lower())}
    if added := sorted(
        number for number in other - one if number.lstrip("-") not in said | {n.lstrip("-") for n in said}
    ):
        yield f"the English does not say the number {', '.join(added)}"


def quantities(text: str) -> Counter[tuple[str, str]]:
    """Return the numbers of a text that have a unit, with the unit's symbol."""
    return Counter((number, UNITS[unit]) for number, unit in QUANTITY.findall(text))


def compare_units(english: str, chinese: str) -> Iterator[str]:
    """Yield a line for each number that has another unit in Chinese; a unit said otherwise is not compared."""
    one, other = quantities(english), quantities(chinese)
    for (number, unit), _ in (other - one).items():
        if its := sorted(its for its_number, its in one - other if its_number == number):
            yield f"the Chinese says {number} in {unit} where the English says it in {', '.join(its)}"


def is_english(text: str) -> bool:
    """Whether a text that should be Chinese is not: it has words that are neither names nor a message of MXNet's."""
    return not HAN.search(text) and bool(set(WORD.findall(text)) - NAMES) and not QUOTED.fullmatch(text.strip())


def traditional(text: str) -> Iterator[str]:
    """Yield a line for Chinese characters of a text that are not among the simplified ones."""
    if found := sorted(
        {character for character in text if IDEOGRAPH.match(character) and not is_simplified(character)}
    ):
        yield f"the characters {''.join(found)} are not simplified Chinese; write the simplified ones"


def is_simplified(character: str) -> bool:
    """Tell whether a character is in the national standard of simplified Chinese."""
    try:
        return bool(character.encode("gb2312"))
    except UnicodeEncodeError:
        return False


def compare_code(english: str, chinese: str) -> Iterator[str]:
    """Yield a line for each difference between two cells of code that is more than words."""
    if skeleton(english) != skeleton(chinese):
        yield "code differs beyond comments and strings"
    for string in sorted(set(strings(chinese)) - set(strings(english))):
        if not HAN.search(string):
            yield f"the string {string} is neither Chinese nor the English one"
    remarks = [comments(code) for code in (english, chinese)]
    if len(remarks[0]) != len(remarks[1]):
        yield f"{len(remarks[0])} comments in English, {len(remarks[1])} in Chinese"
    docstrings = [string for string in strings(chinese) if string.startswith(('"""', "'''"))]
    for remark in remarks[1] + docstrings:
        if is_english(remark.strip("#'\" ")):
            yield f"{remark} is left in English"
    said = ["\n".join(comments(code) + strings(code)) for code in (english, chinese)]
    yield from compare_numbers(said[0], said[1], english)


def shown(output: NotebookNode) -> str:
    """Return what a reader sees of an output: its text, its message, the labels of its figure."""
    data = output.get("data", {})
    labels = LABELS.findall(data.get("image/svg+xml", ""))
    parts = [output.get("text"), output.get("evalue"), data.get("text/plain"), data.get("text/html"), *labels]
    return "\n".join(filter(None, parts))


def result(cell: NotebookNode) -> list:
    """Return what a cell's outputs have besides words: kinds, errors and numbers."""
    found = []
    for output in cell.outputs:
        numbers = NUMBER.findall(shown(output))
        if output.output_type in ("error", "display_data"):  # a sentence, or labels: the words decide on their order
            numbers = sorted(numbers)
        found.append((output.output_type, sorted(output.get("data", {})), output.get("ename"), numbers))
    return found


def paragraphs(found: Iterable[Piece]) -> list[tuple[Piece, list[Piece]]]:
    """Return each paragraph with the pieces that stand in it."""
    result: list[tuple[Piece, list[Piece]]] = []
    for piece in found:
        if piece.kind == "paragraph":
            result.append((piece, []))
        elif result:
            result[-1][1].append(piece)
    return result


def compare_paragraphs(english: list[Piece], chinese: list[Piece], whole: str) -> Iterator[str]:
    """Yield a line for each difference between a paragraph, all of which is `whole`, and its translation."""
    prose = [" ".join(piece.text for piece in found if piece.kind == "prose") for found in (english, chinese)]
    yield from compare_numbers(prose[0], prose[1], whole)
    yield from compare_units(*prose)
    code = [Counter(piece.text for piece in found if piece.kind == "code") for found in (english, chinese)]
    if missing := code[0] - code[1]:
        yield f"the Chinese lacks `{'`, `'.join(missing)}`"
    if added := set(code[1]) - set(code[0]):
        yield f"the English does not say `{'`, `'.join(sorted(added))}`"
    if is_english(prose[1]):
        yield "is left in English"


def compare_texts(english: str, chinese: str) -> Iterator[str]:
    """Yield a line for each difference between a Markdown text and its translation that is more than words."""
    one, other = list(pieces(english)), list(pieces(chinese))
    for kinds, order in ((IN_ORDER, list), (SORTED, sorted)):
        for kind, (plural, part) in kinds.items():
            found = [order(part(piece) for piece in text if piece.kind == kind) for text in (one, other)]
            if found[0] != found[1]:
                yield f"other {plural}: {found[0]} and {found[1]}"
    listings = [[piece for piece in text if piece.kind == "listing"] for text in (one, other)]
    for this, that in zip(*listings, strict=False):  # of their number the structure tells
        if this.name == that.name == "python":
            yield from compare_code(this.text, that.text)
        elif (this.name, this.text) != (that.name, that.text):
            yield f"another listing on line {that.line}"
    built = [[piece.kind for piece in text if piece.kind in STRUCTURE] for text in (one, other)]
    if built[0] != built[1]:
        counts = [Counter(kinds) for kinds in built]
        parts = [f"{n} {kind}s" for kind, n in ((counts[0] - counts[1]) + (counts[1] - counts[0])).items()]
        yield f"other paragraphs, rows or items: {', '.join(parts) or 'another order'}"
        return
    for (its, this), (paragraph, that) in zip(paragraphs(one), paragraphs(other), strict=True):
        for line in compare_paragraphs(this, that, its.text):
            yield f"{line}: {paragraph.text[:60]!r}"


def compare_cells(english: NotebookNode, chinese: NotebookNode) -> Iterator[str]:
    """Yield a line for each difference between two cells of one kind."""
    if english.metadata.get("tags") != chinese.metadata.get("tags"):
        yield "other tags"
    yield from traditional("\n".join([chinese.source, alternative_text(chinese)]))
    yield from compare_numbers(alternative_text(english), alternative_text(chinese))
    yield from compare_units(alternative_text(english), alternative_text(chinese))
    if is_english(alternative_text(chinese)):
        yield "its alternative text is left in English"
    for reason in filter(is_english, shown_reasons(chinese)):
        yield f"the reason {reason!r} in its metadata is left in English"
    if english.cell_type == "code":
        yield from compare_code(english.source, chinese.source)
        # What is not compared from run to run need not be the same in two runs.
        if "nbval-ignore-output" not in english.metadata.get("tags", ()) and result(english) != result(chinese):
            yield "outputs differ beyond words"
        for output in chinese.outputs:
            for label in LABELS.findall(output.get("data", {}).get("image/svg+xml", "")):
                if len(WORD.findall(label)) > 2 and is_english(label):  # names of operators are short
                    yield f"the label {label!r} of its figure is left in English"
    elif english.cell_type == "markdown":
        yield from compare_texts(english.source, chinese.source)


def compare(english: NotebookNode, chinese: NotebookNode) -> Iterator[str]:
    """Yield a line for each difference between two editions of one notebook."""
    ids = [cell.id for cell in english.cells], [cell.id for cell in chinese.cells]
    if ids[0] != ids[1]:
        yield f"cells differ, or their order: {sorted(set(ids[0]) ^ set(ids[1]))}"
        return
    for one, other in zip(english.cells, chinese.cells, strict=True):
        if one.cell_type != other.cell_type:
            yield f"cell {one.id}: is {one.cell_type} in English, {other.cell_type} in Chinese"
        else:
            yield from (f"cell {one.id}: {line}" for line in compare_cells(one, other))


def read(path: Path) -> NotebookNode:
    """Return a page as a notebook; a Markdown page is one cell of it."""
    if path.suffix == ".ipynb":
        return files.read(path)
    if not path.exists():
        raise BookError(f"{name(path)}: is missing; write the page, in both editions")
    try:
        return new_notebook(cells=[new_markdown_cell(files.text_of(path), id="page")])
    except ValueError as error:
        raise BookError(f"{name(path)}: {error}") from None
