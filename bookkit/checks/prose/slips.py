"""Slips of the pen, planted in what a page says: its numbers, its formulas, its alternative texts.

They stand for slips that both editions have alike, so that no comparison of the two sees them.
"""

import copy
import re
from collections.abc import Iterator
from decimal import Decimal

from nbformat import NotebookNode

from bookkit.checks.editions import alternative_text
from bookkit.checks.prose import claims, numbers

NUMBER = re.compile(r"(?:(?<![\w).])[-−])?(?<![A-Za-z\d_.])\d+(?:[.,]\d+)*|(?<![A-Za-z\d_])[A-Za-z]+\d+|[⁰¹²³⁴-⁹]+")
SIGN = re.compile(r"\\(?:le|ge)\b|[-+−<>]|\bminus ")
OTHER_SIGN = {"-": "+", "+": "-", "−": "", "<": ">", ">": "<", "\\le": "\\ge", "\\ge": "\\le", "minus ": ""}
DIGITS = "0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"


def higher(digit: str) -> str:
    digits = next(digits for digits in DIGITS if digit in digits)
    return digits[(digits.index(digit) + 1) % 10]


def slips_of(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield (place, old, new) for each slip of the pen: a digit higher, a digit twice, a sign more or turned over."""
    for found in NUMBER.finditer(text):
        old = found[0]
        digits = [place for place, character in enumerate(old) if character in "".join(DIGITS)]
        for place in {digits[0], digits[-1]}:
            yield found.start(), old, old[:place] + higher(old[place]) + old[place + 1 :]
        yield found.start(), old, old + old[-1]
        if not old.startswith(("-", "−")):
            yield found.start(), old, f"−{old}"
    for found in SIGN.finditer(text):
        yield found.start(), found[0], OTHER_SIGN[found[0]]


def texts(cell: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Yield (words, changed cell) for each slip in the text or the alternative text of a cell."""
    alt = alternative_text(cell)
    for place, old, new in slips_of(alt):
        result = copy.deepcopy(cell)
        result.metadata.mystnb.image.alt = alt[:place] + new + alt[place + len(old) :]
        yield f"{old} -> {new or 'nothing'} in {alt[max(place - 20, 0) : place + 20]!r}", result
    if cell.cell_type == "markdown":
        text = cell.source
        for place, old, new in slips_of(text):
            words = f"{old} -> {new or 'nothing'} in {text[max(place - 20, 0) : place + 20]!r}"
            result = copy.deepcopy(cell)
            result.source = text[:place] + new + text[place + len(old) :]
            yield words, result


def value(said: str | tuple) -> Decimal | str | tuple:
    return numbers.value(said) if isinstance(said, str) else said


def slips(notebook: NotebookNode) -> Iterator[tuple[str, int, str, NotebookNode]]:
    """Yield (kind, place of the cell, words, changed cell) for each slip that changes what a text says."""
    for number, cell in enumerate(notebook.cells):
        before = claims.said(cell)
        for words, fault in texts(cell):
            after = claims.said(fault)
            for kind in claims.KINDS:
                if list(map(value, after[kind])) != list(map(value, before[kind])):  # −0 and 0 are no two numbers
                    yield kind, number, words, fault
                    break


def is_caught(whole: claims.Page, place: int, fault: NotebookNode) -> bool:
    """Whether anything is said about the cell at this place with a fault in it."""
    page = whole.with_slip(place, fault)
    page.read(place)
    return bool(page.lines) or any(claim.rests_on == claims.NOTHING for claim in page.claims)
