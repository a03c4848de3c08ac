"""The quizzes that close the chapters: book/data/quizzes/, one file a chapter, with both languages side by side."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bookkit.contents import TEXT, line_of, of_page, of_pages
from bookkit.project import DATA, EDITIONS, Edition, name

QUIZZES = DATA / "quizzes"
KINDS = ("prediction", "fault", "choice", "number", "why")  # one question of each
CODE = "`"

SAID = {
    "type": "object",
    "required": [edition.name for edition in EDITIONS],
    "additionalProperties": False,
    "properties": {"en": TEXT, "zh": {"type": "string", "minLength": 1}},
}
SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["kind", "question", "answers"],
        "additionalProperties": False,
        "properties": {
            "kind": {"enum": list(KINDS)},
            "question": SAID,
            "code": TEXT,
            "unseen": TEXT,  # runs after the code, and would give the answer away
            "shows": TEXT,
            "proof": TEXT,
            "answers": {
                "type": "array",
                "minItems": 3,
                "items": {
                    "type": "object",
                    "required": ["answer", "why"],
                    "additionalProperties": False,
                    "properties": {"answer": SAID, "why": SAID, "right": {"const": True}},
                },
            },
        },
    },
}


def quiz_of(page: str) -> Path:
    """Return where the quiz of a page is, if it has one."""
    return QUIZZES / f"{page}.yml"


def bare(answer: dict[str, Any], edition: Edition) -> str:
    """Return what an answer says, without marks of code and a full stop."""
    return answer["answer"][edition.name].replace(CODE, "").rstrip(".。")


def says(answer: dict[str, Any], shown: str, edition: Edition) -> bool:
    """Tell whether an answer says what is shown, and not as a part of another word or number."""
    return bool(re.search(rf"(?<![\w.]){re.escape(shown)}(?!\w|\.\d)", answer["answer"][edition.name], re.ASCII))


def wrong_question(question: dict[str, Any]) -> Iterator[str]:
    if not ({"shows", "code"} <= question.keys() or "proof" in question):
        yield "is verified by nothing; say what its code `shows`, or give a `proof`"
    right = [answer for answer in question["answers"] if answer.get("right")]
    if len(right) != 1:
        yield f"has {len(right)} right answers; let one be right"
    elif shows := question.get("shows"):
        for edition in EDITIONS:
            if not says(right[0], shows, edition):
                yield f"the right answer ({edition.name}) does not say what the code shows, {shows}; mend one"
            if any(not answer.get("right") and bare(answer, edition) == shows for answer in question["answers"]):
                yield f"a wrong answer ({edition.name}) is what the code shows, {shows}; mend one"
    for edition in EDITIONS:
        texts = [answer["answer"][edition.name] for answer in question["answers"]]
        if len(set(texts)) < len(texts):
            yield f"two answers ({edition.name}) are the same; change one"
        said = [question["question"], *(answer[part] for answer in question["answers"] for part in ("answer", "why"))]
        if any(text[edition.name].count(CODE) % 2 for text in said):
            yield f"a mark of code is open at the end of a text ({edition.name}); close it"


def malformed() -> list[str]:
    """Return a line for each mistake in the form of the quizzes."""
    contents, lines = of_pages(QUIZZES, SCHEMA, "is the quiz")
    for path, questions in contents.items():
        if sorted(question["kind"] for question in questions) != sorted(KINDS):
            lines.append(f"{name(path)}: has not one question of each kind ({', '.join(KINDS)}); mend it")
        for number, question in enumerate(questions):
            place = f"{name(path)}: line {line_of(path, number)}"
            lines += [f"{place}: {line}" for line in wrong_question(question)]
    return lines


def read_quiz(page: str) -> list[dict[str, Any]]:
    """Return the questions of a page, none where it has no quiz; raise BookError if they are malformed."""
    return of_page(quiz_of(page), SCHEMA)
