"""What can be looked at in a reader's answer to an exercise: book/data/answers/, one file a chapter, in both languages.

An exercise asks for one or more names. Each look at them is an expression that is true of a right answer, and has words
for one of which it is not true. A page that runs shows the words of the first look that fails.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bookkit.contents import TEXT, line_of, of_page, of_pages
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.chapters import solutions
from bookkit.notebooks.files import read
from bookkit.project import DATA, EDITIONS, Edition, name
from bookkit.quizzes import SAID

ANSWERS = DATA / "answers"
LOOK = {
    "type": "object",
    "required": ["true", "wrong", "mistake"],
    "additionalProperties": False,
    "properties": {
        "true": TEXT,  # an expression
        "wrong": SAID,
        "mistake": TEXT,  # code of an answer with which this look is the first to fail
    },
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["exercise", "names", "asks", "solution", "looks", "right"],
        "additionalProperties": False,
        "properties": {
            "exercise": TEXT,  # its label
            "names": {
                "type": "array",
                "minItems": 1,
                "items": {"type": "string", "pattern": "^[a-z_A-Z][a-z_A-Z0-9]*$"},
            },
            "asks": SAID,
            "setup": TEXT,  # code before the looks, in names of its own; it has `plain`
            "solution": TEXT,  # code of a right answer; it may use the names of the page
            "looks": {"type": "array", "minItems": 1, "items": LOOK},
            "right": SAID,
        },
    },
}
# What every look may use: an answer may come as a list, a tuple, a dictionary, a number or an array of any kind.
PLAIN = '''
import numpy as np


def plain(value):
    """All numbers of an answer, in a row; none if it is no number."""
    try:
        value = getattr(value, "asnumpy", lambda: value)()
        value = list(value.values()) if isinstance(value, dict) else value
        if isinstance(value, (list, tuple)):
            return np.concatenate([plain(each) for each in value])
        return np.asarray(value, dtype=float).ravel()
    except (TypeError, ValueError):
        return np.array([])
'''
# An expression: it sees what the reader has defined, and defines nothing there. Its value is shown as JSON.
PROGRAM = """(lambda scope: exec({code!r}, scope) or scope["_found"])({{**globals()}})"""
CODE = """
from IPython.display import JSON as _JSON
_found = {{"number": 0, "missing": [name for name in {names!r} if name not in globals()], "error": ""}}
try:
    if not _found["missing"]:
        exec({setup!r}, globals())
        for _look in {looks!r}:
            if not eval(_look, globals()):
                break
            _found["number"] += 1
except Exception as _error:
    _found["error"] = f"{{type(_error).__name__}}: {{str(_error).splitlines()[0] if str(_error) else ''}}"
_found = _JSON(_found)
"""


def answers_of(page: str) -> Path:
    """Return where the looks at the answers to the exercises of a page are, if it has any."""
    return ANSWERS / f"{page}.yml"


def program(answer: dict[str, Any]) -> str:
    """Return an expression that looks at an answer, in the kernel of a reader.

    Its value holds the number of looks that were true before one was not, the names that are missing, and an error.
    """
    looks = [look["true"] for look in answer["looks"]]
    code = CODE.format(names=answer["names"], setup=PLAIN + answer.get("setup", ""), looks=looks)
    return PROGRAM.format(code=code)


def wrong_answers(answers: list[dict[str, Any]], page: str, edition: Edition) -> Iterator[tuple[int, str]]:
    """Yield the number of each answer that does not fit the page of an edition, and why."""
    notebook = read(edition.folder / f"{page}.ipynb")
    solved = solutions(notebook)
    for number, answer in enumerate(answers):
        if answer["exercise"] not in solved:
            yield number, f"{edition.place}{page}.ipynb has no exercise {answer['exercise']}; name one"
            continue
        others = [cell for cell in code_cells(notebook) if cell.id not in solved[answer["exercise"]]]
        for asked in answer["names"]:
            used = [cell.id for cell in others if re.search(rf"\b{asked}\b", cell.source)]
            if used:
                why = f"is a name of the page already ({edition.name}, cell {used[0]}); ask for another one"
                yield number, f"{asked} {why}"
            if f"`{asked}`" not in answer["asks"][edition.name]:
                yield number, f"`{asked}` is not asked for ({edition.name}); say what it is"


def malformed() -> list[str]:
    """Return a line for each mistake in the form of the answers."""
    contents, lines = of_pages(ANSWERS, SCHEMA, "are the answers")
    for path, answers in contents.items():
        for edition in EDITIONS:
            wrong = wrong_answers(answers, path.stem, edition)
            lines += [f"{name(path)}: line {line_of(path, number)}: {line}" for number, line in wrong]
    return lines


def read_answers(page: str) -> list[dict[str, Any]]:
    """Return the answers of a page, none where nothing can be looked at; raise BookError if they are malformed."""
    return of_page(answers_of(page), SCHEMA)
