"""Hold the text of the pages of the book against its witnesses."""

from collections.abc import Iterator
from pathlib import Path

from bookkit.checks import editions
from bookkit.checks.prose import claims
from bookkit.checks.prose.witnesses import unlike
from bookkit.project import name

# Pages whose text has no witnesses yet: annotate one, and take it out.
NOT_YET = {
    "control-flow",
    "gradients",
    "head-gradients",
    "recording-and-modes",
}


def complaints(english: Path, chinese: Path) -> Iterator[str]:
    """Yield a line for all that a page says without a witness, and for each witness that one edition alone has."""
    if english.suffix != ".ipynb" or english.stem in NOT_YET:
        return
    one, other = editions.read(english), editions.read(chinese)
    yield from (f"{name(english)}: {line}" for line in claims.complaints(one))
    translated = {cell.id: cell for cell in other.cells}
    for cell in one.cells:
        if cell.id in translated:  # of another cell the comparison of the editions tells
            yield from (f"{name(chinese)}: cell {cell.id}: {line}" for line in unlike(cell, translated[cell.id]))
