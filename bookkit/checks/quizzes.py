"""The right answers of a quiz, held against what its code does in the kernel of its page, after the last cell."""

from typing import Any

from bookkit.notebooks.kernel import Kernel


def shown(kernel: Kernel, code: str) -> str:
    """Run code and return what it shows, as a page has it."""
    parts = []
    for message in kernel.run(code, store_history=False):
        content = message["content"]
        if message["msg_type"] == "stream":
            parts.append(content["text"])
        elif message["msg_type"] == "execute_result":
            parts.append(content["data"]["text/plain"])
        elif message["msg_type"] == "error":
            parts.append(f"{content['ename']}: {content['evalue']}")
    return "".join(parts).strip()


def untrue(questions: list[dict[str, Any]], kernel: Kernel) -> list[str]:
    """Return a line for each question whose code does not show what its right answer says."""
    lines = []
    for number, question in enumerate(questions, start=1):
        place = f"question {number} ({question['kind']})"
        found = shown(kernel, question["code"]) if "code" in question else ""
        if "shows" in question and found != question["shows"].strip():
            lines.append(f"{place}: its code shows {found[:80]!r}, and not {question['shows'].strip()!r}; mend one")
        if "unseen" in question and (said := shown(kernel, question["unseen"])):
            lines.append(f"{place}: what runs unseen shows {said[:80]!r}; mend it")
        if "proof" in question and (said := shown(kernel, f"bool({question['proof']})")) != "True":
            lines.append(f"{place}: {question['proof']} is {said[:80]!r}, and not True; mend one")
    return lines
