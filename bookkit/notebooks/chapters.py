"""What a chapter is: the parts that each has, in either language.

A page that is no chapter says so, and why, in the metadata of its first cell: `no-chapter`.
"""

import re
from collections.abc import Callable, Iterator

from nbformat import NotebookNode

from bookkit.conventions import PREDICT
from bookkit.notebooks.markdown import Piece, pieces
from bookkit.reading import MOST_MINUTES, minutes

NO_CHAPTER = "no-chapter"
LEAST_EXERCISES = 5
MOST_SUMMARY_LINES = 5
# In English and in Chinese: what the first cell says after its first paragraph, and the sections at the end.
PROMISES = (("You will be able to", "学完本章，你能够"), ("You need", "预备知识"), ("Running time", "运行时间"))
PRACTICE, EXERCISES, SUMMARY, NEXT, READING = SECTIONS = (
    ("In practice", "实践要点"),
    ("Exercises", "练习"),
    ("Summary", "小结"),
    ("What's next", "接下来"),
    ("Further reading", "延伸阅读"),
)
# What asks the reader to predict, in any form, and the form that the book has.
ASKS = re.compile(r"\b(?:Predict(?!\s+mode)|Prediction|Guess)\b|\*\*[Pp]redict(?!\s+mode)\b|先猜|猜一猜|先预测")
BEGINNINGS = tuple(f"**{words}** " for words in PREDICT.values())
FORMS = " or ".join(f"`{words}`" for words in BEGINNINGS)
CODE = re.compile(r"`[^`]*`")


def is_chapter(notebook: NotebookNode) -> bool:
    return bool(notebook.cells) and not notebook.cells[0].metadata.get(NO_CHAPTER)


def text_of(notebook: NotebookNode) -> Iterator[tuple[NotebookNode, Piece]]:
    """Yield each piece of the Markdown cells, with its cell; a code cell is a piece of the kind "code cell"."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            yield from ((cell, piece) for piece in pieces(cell.source))
        elif cell.cell_type == "code":
            yield cell, Piece("code cell", cell.source, 1)


def sections(notebook: NotebookNode) -> list[tuple[str, list[Piece]]]:
    """Return (heading, pieces) of each section of the second level, in their order."""
    found: list[tuple[str, list[Piece]]] = []
    heading = None
    for _, piece in text_of(notebook):
        if heading:  # the paragraph that follows is its text
            found.append((piece.text, []))
            heading = None
        elif piece.kind == "heading" and piece.name in ("h1", "h2"):
            heading = piece.name
        elif found:
            found[-1][1].append(piece)
    return found


# Rules for chapters


def title(notebook: NotebookNode) -> Iterator[str]:
    first = notebook.cells[0]
    found = list(pieces(first.source)) if first.cell_type == "markdown" else []
    if [piece.kind for piece in found[:1]] != ["heading"] or found[0].name != "h1":
        yield f"cell {first.id}: does not begin with the title; write `# Title`, and the question that is answered"
        return
    for names in PROMISES:
        if not any(f"**{said}" in first.source for said in names):
            yield f"cell {first.id}: does not say {names[0]!r} (**{' or **'.join(names)}); add it below the title"


def required_sections(notebook: NotebookNode) -> Iterator[str]:
    places = {said: number for number, names in enumerate(SECTIONS) for said in names}
    headings = [heading for heading, _ in sections(notebook)]
    last = [heading for heading in headings if heading in places]
    found = [places[heading] for heading in last]
    for number, names in enumerate(SECTIONS):
        if number not in found:
            yield f"has no section {names[0]!r} ({' or '.join(f'## {said}' for said in names)}); write it"
        elif found.count(number) > 1:
            yield f"has the section {names[0]!r} {found.count(number)} times; make them one"
    if found != sorted(found):
        due = ", ".join(names[0] for names in SECTIONS)
        yield f"has its last sections in another order ({', '.join(last)}); bring them in this one: {due}"
    elif last and headings[-len(last) :] != last:
        others = [heading for heading in headings[headings.index(last[0]) :] if heading not in places]
        yield f"has other sections between or behind its last ones ({', '.join(others)}); move them before {last[0]!r}"


def short_summary(notebook: NotebookNode) -> Iterator[str]:
    for heading, found in sections(notebook):
        lines = sum(piece.kind == "paragraph" for piece in found)
        if heading in SUMMARY and lines > MOST_SUMMARY_LINES:
            yield f"its summary has {lines} lines (at most {MOST_SUMMARY_LINES}); shorten it"


def enough_exercises(notebook: NotebookNode) -> Iterator[str]:
    count = sum(piece.kind == "directive" and piece.name == "exercise" for _, piece in text_of(notebook))
    if count < LEAST_EXERCISES:
        yield f"has {count} exercises (at least {LEAST_EXERCISES}); add some, from a quick question to a small project"


def a_drawing(notebook: NotebookNode) -> Iterator[str]:
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", []))
    if not any("image/svg+xml" in output.get("data", {}) for output in outputs):
        yield "has no drawing; draw at least one thing that a drawing explains better than words"


def one_sitting(notebook: NotebookNode) -> Iterator[str]:
    time = minutes(notebook.cells)
    if time > MOST_MINUTES:
        yield f"takes {time} minutes to read (at most {MOST_MINUTES}); shorten it, fold asides, or split it"


CHAPTER_RULES = [title, required_sections, short_summary, enough_exercises, a_drawing, one_sitting]


# Rules for every notebook


def chapter(notebook: NotebookNode) -> Iterator[str]:
    """A chapter has all its parts; what is none says why."""
    for cell in notebook.cells[1:]:
        if NO_CHAPTER in cell.metadata:
            yield f"cell {cell.id}: says {NO_CHAPTER}, and only the first cell can; remove it there"
    if is_chapter(notebook):
        for rule in CHAPTER_RULES:
            yield from rule(notebook)


class Exercises:
    """Follows a notebook from its first cell to its last, and gathers what is wrong with its exercises."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.solved: dict[str, bool] = {}  # {label: whether code was seen in its solution}
        self.begun: set[str] = set()  # the labels of the solutions
        self.open: str | None = None  # the label of the solution that has begun
        self.waits: tuple[NotebookNode, Piece] | None = None  # an exercise whose label is still to come

    def read(self, cell: NotebookNode, piece: Piece) -> None:
        if piece.kind == "option" and piece.name == "label" and self.waits:
            if piece.text in self.solved:
                self.complaints.append(f"exercise {piece.text}: its label stands twice; rename one")
            self.solved[piece.text] = False
            self.waits = None
        elif self.waits and piece.kind not in ("paragraph", "prose", "code", "formula", "option", "role"):
            self.unlabelled()
        if piece.kind == "directive":
            self.directive(cell, piece)
        elif piece.kind == "code cell" and self.open:
            self.solved[self.open] = True

    def directive(self, cell: NotebookNode, piece: Piece) -> None:
        if piece.name == "exercise":
            self.unlabelled()
            self.waits = cell, piece
        elif piece.name == "solution":
            self.complaints.append(
                f"cell {cell.id}: a solution in one cell holds no code that runs; use solution-start"
            )
        elif piece.name == "solution-start":
            if piece.text not in self.solved:
                advice = "mend the label, or put it after the exercise"
                self.complaints.append(
                    f"solution {piece.text}: belongs to no exercise of this notebook before it; {advice}"
                )
            elif piece.text != list(self.solved)[-1]:
                advice = "put it behind its own, or mend the label"
                self.complaints.append(f"solution {piece.text}: follows the exercise {list(self.solved)[-1]}; {advice}")
            if piece.text in self.begun:
                self.complaints.append(f"solution {piece.text}: stands twice; remove one")
            self.begun.add(piece.text)
            if self.open:
                self.complaints.append(f"solution {self.open}: does not end before the next begins; add solution-end")
            self.open = piece.text
        elif piece.name == "solution-end":
            if not self.open:
                self.complaints.append(f"cell {cell.id}: ends a solution that has not begun; remove it")
            self.open = None

    def unlabelled(self) -> None:
        if self.waits:
            cell, _ = self.waits
            self.complaints.append(
                f"cell {cell.id}: its exercise has no label, so no solution belongs to it; add :label:"
            )
            self.waits = None

    def end(self) -> None:
        self.unlabelled()
        if self.open:
            self.complaints.append(f"solution {self.open}: does not end; add solution-end")
        for label, ran in self.solved.items():
            if not ran:
                advice = "add solution-start, a code cell and solution-end"
                self.complaints.append(f"exercise {label}: has no solution that runs; {advice}")


def solutions(notebook: NotebookNode) -> dict[str, list[str]]:
    """Return {label of an exercise: ids of the code cells of its solution}."""
    found: dict[str, list[str]] = {}
    label = None
    for cell, piece in text_of(notebook):
        if piece.kind == "directive" and piece.name in ("solution-start", "solution-end"):
            label = piece.text if piece.name == "solution-start" else None
        elif piece.kind == "code cell" and label:
            found.setdefault(label, []).append(cell.id)
    return found


def exercises(notebook: NotebookNode) -> Iterator[str]:
    """Each exercise is followed by one solution that holds code."""
    found = Exercises()
    for cell, piece in text_of(notebook):
        found.read(cell, piece)
    found.end()
    yield from found.complaints


def asks(cell: NotebookNode) -> Iterator[Piece]:
    """Yield the paragraphs of a text in which the reader is asked to predict; what an exercise asks is not of them."""
    found = list(pieces(cell.source)) if cell.cell_type == "markdown" else []
    if not any(piece.kind == "directive" and piece.name == "exercise" for piece in found):
        yield from (piece for piece in found if piece.kind == "paragraph" and ASKS.search(CODE.sub("", piece.text)))


def predictions(notebook: NotebookNode) -> Iterator[str]:
    """A question is asked in one form, by which the site knows the cell that answers it."""
    for cell, after in zip(notebook.cells, [*notebook.cells[1:], None], strict=True):
        for piece in asks(cell):
            if not piece.text.startswith(BEGINNINGS):
                yield f"cell {cell.id}: asks {piece.text[:40]!r} in another form; begin with {FORMS}"
            elif not cell.source.rstrip().endswith(piece.text):
                yield f"cell {cell.id}: asks {piece.text[:40]!r} and says more; make it the last paragraph of the cell"
            elif not (after and after.get("outputs")):
                yield f"cell {cell.id}: asks {piece.text[:40]!r}, and no code cell with an output follows; add one"


RULES: list[Callable[[NotebookNode], Iterator[str]]] = [chapter, exercises, predictions]
