"""The numbers that a text says, and what a slip of the pen makes of them."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from nbformat import NotebookNode

from bookkit.checks.editions import comments, shown

# A number in code or in an output; `<NDArray 3 @cpu(0)>` and `<Figure size 480x300>` are no results.
EVIDENCE = re.compile(r"(?:(?<![\w).\]])-)?(?<![A-Za-z\d_.])\d+(?:\.\d*)?(?:e[-+]?\d+)?")
REPRESENTATION = re.compile(r"<(?:NDArray|Figure|ndarray)\b[^>]*>")
NAME = re.compile(r"[A-Za-z]+\d+")
DIGITS = "0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"
SUPERSCRIPT = str.maketrans(f"{DIGITS[1]}⁻", f"{DIGITS[0]}-")
POWER = re.compile(r"[⁰¹²³⁴-⁹⁻]+$")


def value(number: str) -> Decimal | str:
    """Return the value of a number as a text says it: 6.0, −8, 1,000, 10⁻⁵; a name or a version is its own."""
    text = number.replace(",", "")
    power = POWER.search(text)
    try:
        if power:
            return Decimal(text[: power.start()]) ** int(power[0].translate(SUPERSCRIPT))
        return Decimal(text)
    except (InvalidOperation, ValueError):
        return number


def values(texts: Iterable[str]) -> set[Decimal | str]:
    return {value(text) for text in texts}


def turned(number: str, place: int, by: int) -> str:
    """Return a number with another digit at a place."""
    digits = next(digits for digits in DIGITS if number[place] in digits)
    return number[:place] + digits[(digits.index(number[place]) + by) % 10] + number[place + 1 :]


def slips(number: str) -> set[str]:
    """Return what a slip makes of a number: another last or first digit, a digit more, the other sign."""
    places = [place for place, character in enumerate(number) if character in "".join(DIGITS)]
    made = {turned(number, places[-1], by) for by in (1, -1)}
    if len(places) > 1:
        made.add(turned(number, places[0], -1 if number[places[0]] == "9" else 1))
    made.add(f"{number[: places[-1] + 1]}{number[places[-1]]}{number[places[-1] + 1 :]}")
    if not NAME.fullmatch(number):
        made.add(number.removeprefix("-") if number.startswith("-") else f"-{number}")
    return {slip for slip in made if value(slip) != value(number)}


def numbers_shown(cell: NotebookNode) -> list[str]:
    """Return the numbers in the outputs of a code cell, in their order; of a figure, those in its labels."""
    text = "\n".join(map(shown, cell.outputs))
    return EVIDENCE.findall(REPRESENTATION.sub(" ", text).replace("−", "-"))


def numbers_written(cell: NotebookNode) -> list[str]:
    """Return the numbers in the code of a cell, in their order; comments are no code."""
    code = cell.source
    for comment in comments(code):
        code = code.replace(comment, "")
    return EVIDENCE.findall(code)


def evidence(cell: NotebookNode) -> set[Decimal | str]:
    """Return the values of all numbers that a code cell writes or shows, and its names that end in a number."""
    names = NAME.findall("\n".join([cell.source, *map(shown, cell.outputs)]))
    return values([*numbers_shown(cell), *numbers_written(cell), *names])


def is_unmistakable(number: str, found: set[Decimal | str]) -> bool:
    """Whether a number is found, and nothing that a slip would make of it."""
    return value(number) in found and not values(slips(number)) & found
