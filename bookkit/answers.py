"""What can be looked at in a reader's answer to an exercise: book/data/answers/, one file a chapter, in both languages.

An exercise asks for one or more names. Each look at them is an expression that is true of a right answer, and has words
for one of which it is not true. A page that runs shows the words of the first look that fails.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bookkit.contents import TEXT, line_of, misfits, pages, read_yaml
from bookkit.notebooks.cells import code_cells, solutions
from bookkit.notebooks.files import read
from bookkit.project import DATA, EDITIONS, BookError, name
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
            "setup": TEXT,  # code before the looks, in names of its own
            "solution": TEXT,  # code of a right answer; it may use the names of the page
            "looks": {"type": "array", "minItems": 1, "items": LOOK},
            "right": SAID,
        },
    },
}
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
    code = CODE.format(names=answer["names"], setup=answer.get("setup", ""), looks=looks)
    return PROGRAM.format(code=code)


def wrong_answer(answer: dict[str, Any], page: str) -> Iterator[str]:
    for edition in EDITIONS:
        notebook = read(edition.folder / f"{page}.ipynb")
        if answer["exercise"] not in (solved := solutions(notebook)):
            yield f"{edition.place}{page}.ipynb has no exercise {answer['exercise']}; name one"
            continue
        own = solved[answer["exercise"]]
        others = [cell for cell in code_cells(notebook) if cell.id not in own]
        for asked in answer["names"]:
            used = [cell.id for cell in others if re.search(rf"\b{asked}\b", cell.source)]
            if used:
                yield f"{asked} is a name of the page already ({edition.name}, cell {used[0]}); ask for another one"
            if f"`{asked}`" not in answer["asks"][edition.name]:
                yield f"`{asked}` is not asked for ({edition.name}); say what it is"


def malformed() -> list[str]:
    """Return a line for each mistake in the form of the answers."""
    lines: list[str] = []
    for path in sorted(ANSWERS.glob("*")):
        if path.suffix != ".yml" or path.stem not in pages():
            lines.append(f"{name(path)}: are the answers of no page; rename it after its page, or remove it")
        elif found := misfits(path, SCHEMA):
            lines += found
        else:
            for number, answer in enumerate(read_yaml(path)):
                place = f"{name(path)}: line {line_of(path, number)}"
                lines += [f"{place}: {line}" for line in wrong_answer(answer, path.stem)]
    return lines


def read_answers(page: str) -> list[dict[str, Any]]:
    """Return the answers of a page, none where nothing can be looked at; raise BookError if they are malformed."""
    path = answers_of(page)
    if not path.exists():
        return []
    if lines := misfits(path, SCHEMA):
        raise BookError("\n".join(lines))
    return read_yaml(path)
