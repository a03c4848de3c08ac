"""All questions of a chapter as notebooks for a class, predictions, exercises and the quiz, and the answers to them.

The questions run from top to bottom: the code of the chapter between two predictions is there, folded.
"""

import re
from collections.abc import Iterator
from hashlib import sha256
from itertools import chain, pairwise
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit.contents import pages
from bookkit.conventions import PREDICT
from bookkit.notebooks.chapters import is_chapter
from bookkit.notebooks.files import read, write
from bookkit.project import CHINESE, EDITIONS, ENGLISH, ROOT, BookError, Edition, name
from bookkit.quizzes import read_quiz
from bookkit.reading import read_cells

FOLDER = ROOT / "_build" / "questions"
SAID = {
    ENGLISH: ("Questions", "Answers", "Predictions", "Exercises", "Quiz", "Right: "),
    CHINESE: ("题目", "答案", "先猜一猜", "练习", "小测验", "正确答案："),
}
HOW = {
    ENGLISH: "Write down what you expect, then run the cell below. Run the folded cells too, from the top: they are "
    "the code of the chapter in between.",
    CHINESE: "先写下你的猜测，再运行问题下面的单元格。折叠的单元格是本章中间的其他代码，请从头依次运行。",
}
EXERCISE = re.compile(r"^:::\{exercise\} ?(?P<title>.*)\n(?:^:\w+:.*\n)*\n?(?P<text>[\s\S]*?)^:::$", re.MULTILINE)
SOLUTION = re.compile(r"^:::\{solution-(?:start|end)\}.*\n(?:^:\w+:.*\n)*^:::$", re.MULTILINE)
INSIDE = re.compile(r"\[([^\]\n]+)\]\((?:#[\w-]+|[\w-]+\.(?:ipynb|md)(?:#[\w-]+)?)\)")  # a link to a place in the book
RAISES = "raises-exception"
ERROR = re.compile(r"\w+Error\b")
LETTERS = "ABCDEFGH"
WRITTEN = "written"  # in the metadata of a notebook: the digest of its cells when it was written


def text_cell(text: str) -> NotebookNode:
    """Return a text, in which links into the book, which is not there, are their words."""
    return new_markdown_cell(INSIDE.sub(r"\1", text))


def code_cell(cell: NotebookNode, outputs: bool = False) -> NotebookNode:
    tags = [tag for tag in cell.metadata.get("tags", []) if tag == RAISES]
    return new_code_cell(cell.source, outputs=cell.outputs if outputs else [], metadata={"tags": tags} if tags else {})


def folded(sources: list[str]) -> Iterator[NotebookNode]:
    """Yield one folded cell, which shows nothing, of the code of several."""
    if sources:
        yield new_code_cell("\n\n\n".join(["%%capture", *sources]), metadata={"jupyter": {"source_hidden": True}})


def asked(notebook: NotebookNode, edition: Edition) -> Iterator[tuple[str, NotebookNode]]:
    """Yield each code cell outside solutions, with the prediction that it answers, or nothing."""
    mark = f"**{PREDICT[edition]}**"
    for cell, following in pairwise(read_cells(notebook.cells)):
        last = cell.source.rpartition("\n\n")[2] if cell.cell_type == "markdown" else ""
        if following.cell_type == "code":
            yield last.removeprefix(mark).strip() if last.startswith(mark) else "", following


def predictions(notebook: NotebookNode, edition: Edition) -> Iterator[NotebookNode]:
    """Yield the predictions, each with the cell that answers it, and folded what the chapter runs in between."""
    between: list[str] = []
    for question, cell in asked(notebook, edition):
        if not question and RAISES not in cell.metadata.get("tags", []):
            between.append(cell.source)
            continue
        yield from folded(between)
        between = []
        if question:
            yield text_cell(question)
        yield code_cell(cell)
    yield from folded(between)


def exercises(notebook: NotebookNode) -> Iterator[tuple[str, list[NotebookNode]]]:
    """Yield the text of each exercise, and the cells of its solution."""
    cells = iter(notebook.cells)
    for cell in cells:
        for found in EXERCISE.finditer(cell.source) if cell.cell_type == "markdown" else []:
            solution = [next(cells)]
            while "{solution-end}" not in solution[-1].source:
                solution.append(next(cells))
            yield f"**{found['title']}** {found['text'].strip()}", solution


def solved(solution: list[NotebookNode]) -> Iterator[NotebookNode]:
    """Yield the cells of a solution, without the marks at which it begins and ends."""
    for cell in solution:
        if cell.cell_type == "code":
            yield code_cell(cell, outputs=True)
        elif text := SOLUTION.sub("", cell.source).strip():
            yield text_cell(text)


def code_of(question: dict[str, Any]) -> Iterator[NotebookNode]:
    """Yield the cell of the code of a question; one that ends with an error does not stop those below it."""
    if "code" in question:
        tags = [RAISES] if question["kind"] == "fault" or ERROR.match(question.get("shows", "")) else []
        yield new_code_cell(question["code"].rstrip(), metadata={"tags": tags} if tags else {})


def quiz(questions: list[dict[str, Any]], edition: Edition) -> Iterator[tuple[str, list[NotebookNode], str]]:
    """Yield each question with its answers, the cell of its code if it has any, and which answer is right and why."""
    for number, question in enumerate(questions, start=1):
        answers = list(zip(LETTERS, question["answers"], strict=False))
        choices = "\n".join(f"- {letter}. {answer['answer'][edition.name]}" for letter, answer in answers)
        why = "\n".join(f"- {letter}. {answer['why'][edition.name]}" for letter, answer in answers)
        [right] = [letter for letter, answer in answers if answer.get("right")]
        text = f"**{number}.** {question['question'][edition.name]}\n\n{choices}"
        yield text, [*code_of(question)], f"**{number}.** {SAID[edition][-1]}{right}\n\n{why}"


def title_of(notebook: NotebookNode) -> str:
    lines = notebook.cells[0].source.splitlines()
    return next(line for line in lines if line.startswith("# ")).removeprefix("# ")


def questions_of(page: str, edition: Edition) -> NotebookNode:
    """Return the notebook of the questions of a chapter."""
    source = read(edition.folder / f"{page}.ipynb")
    title, _, predicted, exercised, quizzed, _ = SAID[edition]
    cells = [text_cell(f"# {title_of(source)}: {title}"), text_cell(f"## {predicted}\n\n{HOW[edition]}")]
    cells += [*predictions(source, edition), text_cell(f"## {exercised}")]
    for text, _ in exercises(source):
        cells += [text_cell(text), new_code_cell("")]
    cells.append(text_cell(f"## {quizzed}"))
    for text, code, _ in quiz(read_quiz(page), edition):
        cells += [text_cell(text), *code]
    return new_notebook(cells=cells, metadata=source.metadata)


def answers_of(page: str, edition: Edition) -> NotebookNode:
    """Return the notebook of the answers to these questions, with the outputs that the book shows."""
    source = read(edition.folder / f"{page}.ipynb")
    _, title, predicted, exercised, quizzed, _ = SAID[edition]
    cells = [text_cell(f"# {title_of(source)}: {title}"), text_cell(f"## {predicted}")]
    for question, cell in asked(source, edition):
        cells += [text_cell(question), code_cell(cell, outputs=True)] if question else []
    cells.append(text_cell(f"## {exercised}"))
    for text, solution in exercises(source):
        cells += [text_cell(text), *solved(solution)]
    cells += [text_cell(f"## {quizzed}"), *(text_cell(answer) for *_, answer in quiz(read_quiz(page), edition))]
    return new_notebook(cells=cells, metadata=source.metadata)


def digest(notebook: NotebookNode) -> str:
    """Return what changes with the source of any cell."""
    return sha256("\0".join(cell.source for cell in notebook.cells).encode()).hexdigest()


def require_unchanged(path: Path) -> None:
    """Raise BookError if somebody has worked in a notebook since it was written here: that would be lost."""
    if path.exists():
        found = read(path)
        if found.metadata.get(WRITTEN) != digest(found):
            raise BookError(f"{name(path)} has been changed since it was written; move it elsewhere, or delete it")


def main(page: str) -> int:
    """Write the questions of a chapter, and the answers to them, in both languages."""
    path = ENGLISH.folder / f"{page}.ipynb"
    if page not in pages() or not path.exists() or not is_chapter(read(path)):
        raise BookError(f"{page or 'nothing'} is no chapter; say make questions NAME=head-gradients")
    FOLDER.mkdir(parents=True, exist_ok=True)
    pairs = [[FOLDER / f"{page}{what}-{edition.name}.ipynb" for what in ("", "-answers")] for edition in EDITIONS]
    for path in chain.from_iterable(pairs):
        require_unchanged(path)
    for edition, (questions, answers) in zip(EDITIONS, pairs, strict=True):
        for notebook, path in ((questions_of(page, edition), questions), (answers_of(page, edition), answers)):
            notebook.metadata[WRITTEN] = digest(notebook)
            write(notebook, path)
        print(f"The questions are in {name(questions)}, the answers in {name(answers)}")
    return 0
