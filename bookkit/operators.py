"""Which derivatives MXNet's operators have: book/data/operators.yml, written by `make operators`."""

from bookkit.contents import TEXT, misfits, read_yaml
from bookkit.project import DATA, BookError

OPERATORS = DATA / "operators.yml"
ORDERS = ("first", "second", "third")
RIGHT, WRONG, RAISES, ENDS, HANGS = VERDICTS = ("right", "wrong", "raises", "ends the process", "does not return")
HEAD = """\
# Which derivatives MXNet's operators have, and what it says where it raises: {group: {call: what was found}}.
# Written by `make operators`, which runs every call of bookkit/gradients/calls.py.

"""
SCHEMA = {
    "type": "object",
    "additionalProperties": {
        "type": "object",
        "additionalProperties": {
            "type": "object",
            "required": ["first"],
            "additionalProperties": False,
            "properties": {**{order: {"enum": list(VERDICTS)} for order in ORDERS}, "says": TEXT},
        },
    },
}
Found = dict[str, dict[str, dict[str, str]]]


def read() -> Found:
    """Return {group: {call: {order: verdict, "says": message}}}; raise BookError if the file is malformed."""
    if lines := misfits(OPERATORS, SCHEMA):
        raise BookError("\n".join(lines))
    return read_yaml(OPERATORS)


def written(found: Found) -> str:
    """Return the text of the file."""
    lines = []
    for group, calls in found.items():
        lines.append(f"{group}:")
        for call, verdicts in calls.items():
            fields = ", ".join(f"{key}: {quoted(value)}" for key, value in verdicts.items())
            lines.append(f"  {quoted(call)}: {{{fields}}}")
        lines.append("")
    return HEAD + "\n".join(lines)


def quoted(text: str) -> str:
    """Return a text as YAML: as it stands where it is a plain word, in quotation marks otherwise."""
    return text if text.replace("_", "").replace(" ", "").isalnum() else "'" + text.replace("'", "''") + "'"
