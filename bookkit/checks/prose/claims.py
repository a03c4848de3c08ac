"""What the text of a page says that can be wrong, and what each of it rests on.

A number rests on a cell next to its text that writes or shows it, and shows nothing that a slip
would make of it; or on an expression in the metadata of its cell; or on a reason there. Two rules more:
a number in the text of a link stands in the link's address, and a version of MXNet is the one in the lock.
A formula rests on its entry in the metadata, or is one, or a side of one, that another cell has there.
Numbers in words and inline code are not looked at. Of the Chinese text the comparison of the editions sees
that it says the same.
"""

import copy
import functools
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from urllib.parse import unquote

from nbformat import NotebookNode

from bookkit.checks.editions import alternative_text, numerals, paragraphs
from bookkit.checks.prose import formulas, numbers
from bookkit.checks.prose.witnesses import FORMULAS, VALUES, Witness, malformed, witnesses
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.kernel import Kernel
from bookkit.notebooks.markdown import Piece, pieces
from bookkit.project import ROOT

NUMBER, FORMULA, FIGURE = KINDS = ("number", "formula", "alternative text")
SHOWN, COMPUTED, REASON, LINK, VERSION, NOTHING = RESTS = ("shown", "computed", "reason", "link", "version", "")
LOCKED = re.compile(r"^mxnet==([\d.]+)", re.MULTILINE)


@dataclass(frozen=True)
class Claim:
    """A number or a formula that a cell's text says."""

    cell: str
    kind: str
    said: str
    rests_on: str


@functools.cache
def version() -> str:
    """Return the version of MXNet that the book runs on."""
    found = LOCKED.search((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    return found[1] if found else ""


def neighbours(cells: list[NotebookNode], place: int) -> Iterator[NotebookNode]:
    """Yield the code cells next to a text: all up to the next text, before it and behind it."""
    for way in (reversed(cells[:place]), iter(cells[place + 1 :])):
        begun = False
        for cell in way:
            if cell.cell_type == "code":
                begun = True
                yield cell
            elif begun:
                break


def formulas_of(cell: NotebookNode) -> list[str]:
    """Return the formulas of a text that say something which can be wrong, each once."""
    found = pieces(cell.source) if cell.cell_type == "markdown" else iter(())
    said = dict.fromkeys(piece.text.strip() for piece in found if piece.kind == "formula")
    return [formula for formula in said if formulas.claims(formula)]


def prose(found: list[Piece]) -> str:
    """Return what a paragraph says beside its code and its formulas."""
    return " ".join(piece.text for piece in found if piece.kind == "prose")


def said(cell: NotebookNode) -> dict[str, list]:
    """Return all numbers and formulas that a cell says, by their kinds."""
    found = paragraphs(pieces(cell.source)) if cell.cell_type == "markdown" else []
    return {
        NUMBER: [number for _, inside in found for number in numerals(prose(inside))],
        FORMULA: [formulas.tokens(formula) for formula in formulas_of(cell)],
        FIGURE: numerals(alternative_text(cell)),
    }


def in_links(found: list[Piece]) -> Counter:
    """Return the numbers in the addresses of the links of a paragraph."""
    return Counter(number for piece in found if piece.kind == "link" for number in numerals(unquote(piece.text)))


class Page:
    """The claims of a notebook, and the lines about what is wrong with its witnesses."""

    def __init__(self, notebook: NotebookNode):
        self.cells = notebook.cells
        self.claims: list[Claim] = []
        self.lines: list[str] = []
        self.version = version()
        self.named = {  # what rests on something, on the whole page
            part
            for cell in self.cells
            for witness in witnesses(cell, FORMULAS)
            for part in formulas.parts(witness.said)
        }

    def with_slip(self, place: int, cell: NotebookNode) -> "Page":
        """Return a page of which nothing is read yet, with another text in the cell at this place: same metadata."""
        page = copy.copy(self)
        page.cells = [*self.cells[:place], cell, *self.cells[place + 1 :]]
        page.claims, page.lines = [], []
        return page

    def read(self, place: int) -> None:
        """Add what the cell at this place says."""
        cell = self.cells[place]
        self.lines += [f"cell {cell.id}: {line}" for line in malformed(cell)]
        self.read_numbers(place, cell)
        self.read_formulas(cell)

    def claim(self, cell: NotebookNode, kind: str, said: str, rests_on: str) -> None:
        self.claims.append(Claim(cell.id, kind, said, rests_on))

    def read_numbers(self, place: int, cell: NotebookNode) -> None:
        kind = FIGURE if cell.cell_type == "code" else NUMBER
        beside = [cell] if cell.cell_type == "code" else list(neighbours(self.cells, place))
        left = Counter(self.without_labels(cell))
        for witness in witnesses(cell, VALUES):
            if stale := Counter(witness.numbers) - left:
                missing = " ".join(stale.elements())
                self.lines.append(
                    f"cell {cell.id}: metadata values: {witness.said!r}: its text does not say {missing}, "
                    "or not so often as the entries together; mend the text or the entry"
                )
            left -= Counter(witness.numbers)
            for number in witness.numbers:
                self.claim(cell, kind, number, REASON if witness.reason else COMPUTED)
        evidence = {value for other in beside for value in numbers.evidence(other)}
        for number in left.elements():
            self.claim(cell, kind, number, SHOWN if numbers.is_unmistakable(number, evidence) else NOTHING)

    def without_labels(self, cell: NotebookNode) -> Iterator[str]:
        """Yield the numbers of a text that are neither part of a link's address nor a version of MXNet."""
        yield from numerals(alternative_text(cell))
        for _, found in paragraphs(pieces(cell.source)) if cell.cell_type == "markdown" else []:
            linked = in_links(found)
            for number in numerals(prose(found)):
                if number == self.version:
                    self.claim(cell, NUMBER, number, VERSION)
                elif linked[number]:
                    linked[number] -= 1
                    self.claim(cell, NUMBER, number, LINK)
                else:
                    yield number

    def read_formulas(self, cell: NotebookNode) -> None:
        said = {formulas.tokens(formula): formula for formula in formulas_of(cell)}
        own: dict[formulas.Tokens, Witness] = {formulas.tokens(one.said): one for one in witnesses(cell, FORMULAS)}
        for key, witness in own.items():
            if key not in said:
                self.lines.append(
                    f"cell {cell.id}: metadata formulas: its text has no formula {witness.said!r}; mend or remove it"
                )
        for key, formula in said.items():
            if key in own:
                self.claim(cell, FORMULA, formula, REASON if own[key].reason else COMPUTED)
            else:
                self.claim(cell, FORMULA, formula, SHOWN if formulas.is_unmistakable(formula, self.named) else NOTHING)


def unwitnessed(page: Page) -> Iterator[str]:
    """Yield a line for each cell with a number or a formula that rests on nothing."""
    advice = {
        NUMBER: "no cell next to it shows it, or one shows its like as well; say in metadata values what gives it",
        FIGURE: "the cell does not write or show it, or its like as well; say in metadata values what gives it",
        FORMULA: "give metadata formulas an expression that is true if the formula is",
    }
    for kind in KINDS:
        found: dict[str, list[str]] = {}
        for claim in page.claims:
            if claim.kind == kind and claim.rests_on == NOTHING:
                found.setdefault(claim.cell, []).append(claim.said)
        for cell, said in found.items():
            yield f"cell {cell}: its {kind if kind != NUMBER else 'text'} says {', '.join(said)}: {advice[kind]}"


def read(notebook: NotebookNode) -> Page:
    """Return all that a notebook says."""
    page = Page(notebook)
    for place in range(len(notebook.cells)):
        page.read(place)
    return page


def wrong(page: Page) -> list[str]:
    """Return a line for all that the text of a page says without a witness, and for each witness of nothing."""
    return [*page.lines, *unwitnessed(page)]


def complaints(notebook: NotebookNode) -> list[str]:
    """Return what is wrong with the text of a notebook."""
    return wrong(read(notebook))


def tolerance(number: str, value: Decimal) -> float:
    """Return how far a value may be from a number: half a unit of the last digit behind the point."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int)
    is_rounded = "." in number
    return 0.5 * 10.0**exponent * 1.0001 if is_rounded else abs(float(value)) * 1e-9


def asked(notebook: NotebookNode) -> list[dict]:
    """Return the expressions of a notebook, as evaluation.py takes them."""
    found = []
    for cell in notebook.cells:
        for witness in (one for key in (VALUES, FORMULAS) for one in witnesses(cell, key) if one.expression):
            entry = {"place": f"cell {cell.id}", "said": witness.said, "expression": witness.expression}
            pairs = [(number, numbers.value(number)) for number in witness.numbers]
            expected = [
                (number, float(value), tolerance(number, value)) if isinstance(value, Decimal) else (number, None, 0)
                for number, value in pairs
            ]
            found.append({**entry, "numbers": expected if witness.key == VALUES else None})
    return found


def untrue(notebook: NotebookNode, kernel: Kernel) -> list[str]:
    """Return a line for each expression that is not as the text says, in the kernel in which the notebook ran."""
    cells = code_cells(notebook)
    shown = {cell.id: list(map(float, numbers.numbers_shown(cell))) for cell in cells}
    written = {cell.id: list(map(float, numbers.numbers_written(cell))) for cell in cells}
    code = {cell.id: cell.source for cell in cells}
    given = json.dumps([asked(notebook), shown, written, code])
    return kernel.ask(
        f"import json\nfrom bookkit.checks.prose import evaluation\nevaluation.complaints(*json.loads({given!r}))"
    )
