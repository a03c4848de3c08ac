"""The looks at answers to exercises: a right answer passes all of them, and each is the first to see a mistake."""

import json
from typing import Any

from bookkit.answers import program
from bookkit.checks.quizzes import shown
from bookkit.notebooks.kernel import Kernel


def looked_at(answer: dict[str, Any], code: str, kernel: Kernel) -> dict[str, Any]:
    """Run the code of an answer, and return what the looks at it find, and what the code itself shows."""
    said = shown(kernel, code)
    found = shown(kernel, f"print(__import__('json').dumps({program(answer)}.data))")
    return {**json.loads(found), "said": said}


def untrue(answers: list[dict[str, Any]], kernel: Kernel) -> list[str]:
    """Return a line for each answer that is not looked at as it should be."""
    lines = []
    for answer in answers:
        place = f"exercise {answer['exercise']}"
        found = looked_at(answer, answer["solution"], kernel)
        if found["missing"] or found["number"] < len(answer["looks"]):
            lines.append(f"{place}: its solution is found wrong ({found}); mend the look or the solution")
            continue
        for number, look in enumerate(answer["looks"]):
            found = looked_at(answer, look["mistake"], kernel)
            if found["missing"] or found["number"] != number:
                lines.append(f"{place}: look {number + 1} is not the first to see its mistake ({found}); mend one")
    return lines
