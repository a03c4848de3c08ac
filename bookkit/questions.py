"""All questions of a chapter as a notebook for a class: predictions, exercises and the quiz, with its answers last."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit.contents import pages
from bookkit.conventions import PREDICT
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.files import read, write
from bookkit.notebooks.normal import normalise
from bookkit.project import CHINESE, EDITIONS, ENGLISH, ROOT, BookError, Edition, name
from bookkit.quizzes import read_quiz

FOLDER = ROOT / "_build" / "questions"
SAID = {
    ENGLISH: ("Questions", "Predictions", "Exercises", "Quiz", "Answers", "Right: "),
    CHINESE: ("题目", "先猜一猜", "练习", "小测验", "答案", "正确答案："),
}
EXERCISE = re.compile(r"^:::\{exercise\} ?(?P<title>.*)\n(?:^:\w+:.*\n)*\n?(?P<text>[\s\S]*?)^:::$", re.MULTILINE)
LETTERS = "ABCDEFGH"


def predictions(notebook: NotebookNode, edition: Edition) -> Iterator[tuple[str, str]]:
    """Yield each question that a cell answers, and the code of that cell."""
    mark = f"**{PREDICT[edition]}**"
    for cell, following in pairwise(notebook.cells):
        last = cell.source.rpartition("\n\n")[2]
        if cell.cell_type == "markdown" and following.cell_type == "code" and last.startswith(mark):
            yield last.removeprefix(mark).strip(), following.source


def exercises(notebook: NotebookNode) -> Iterator[str]:
    for cell in notebook.cells:
        for found in EXERCISE.finditer(cell.source) if cell.cell_type == "markdown" else []:
            yield f"**{found['title']}** {found['text'].strip()}"


def quiz(questions: list[dict[str, Any]], edition: Edition) -> Iterator[tuple[str, str, str]]:
    """Yield each question with its answers, its code, and which answer is right and why."""
    for question in questions:
        answers = list(zip(LETTERS, question["answers"], strict=False))
        choices = "\n".join(f"- {letter}. {answer['answer'][edition.name]}" for letter, answer in answers)
        why = "\n".join(f"- {letter}. {answer['why'][edition.name]}" for letter, answer in answers)
        [right] = [letter for letter, answer in answers if answer.get("right")]
        text = f"{question['question'][edition.name]}\n\n{choices}"
        yield text, question.get("code", ""), f"{SAID[edition][-1]}{right}\n\n{why}"


def questions_of(page: str, edition: Edition) -> NotebookNode:
    """Return the notebook of the questions of a chapter."""
    source = read(edition.folder / f"{page}.ipynb")
    title, predicted, exercised, quizzed, answered, _ = SAID[edition]
    heading = source.cells[0].source.splitlines()
    first = next(line for line in heading if line.startswith("# ")).removeprefix("# ")
    cells = [new_markdown_cell(f"# {first}: {title}"), *(new_code_cell(cell.source) for cell in code_cells(source)[:1])]
    cells.append(new_markdown_cell(f"## {predicted}"))
    for text, code in predictions(source, edition):
        cells += [new_markdown_cell(text), new_markdown_cell(f"```python\n{code}\n```")]
    cells.append(new_markdown_cell(f"## {exercised}"))
    for text in exercises(source):
        cells += [new_markdown_cell(text), new_code_cell("")]
    answers = []
    cells.append(new_markdown_cell(f"## {quizzed}"))
    for number, (text, code, answer) in enumerate(quiz(read_quiz(page), edition), start=1):
        cells.append(new_markdown_cell(f"**{number}.** {text}"))
        if code:
            cells.append(new_code_cell(code.rstrip()))
        answers.append(f"**{number}.** {answer}")
    cells.append(new_markdown_cell("\n\n".join([f"## {answered}", *answers])))
    return normalise(new_notebook(cells=cells))


def main(page: str) -> int:
    """Write the questions of a chapter, in both languages."""
    if page not in pages() or not (ENGLISH.folder / f"{page}.ipynb").exists():
        raise BookError(f"{page or 'nothing'} is no chapter; say make questions NAME=head-gradients")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for edition in EDITIONS:
        path = FOLDER / f"{page}-{edition.name}.ipynb"
        write(questions_of(page, edition), path)
        print(f"The questions are in {name(path)}")
    return 0
