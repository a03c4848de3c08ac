"""Faults in the source of a cell: its code, or the numbers of its text."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator

from nbformat import NotebookNode

from bookkit.checks import editions
from bookkit.checks.faults.cells import changed

OPERATORS = {"+": "-", "-": "+", "*": "/", "/": "*", "<": ">", ">": "<", "==": "!=", "!=": "==", "<=": ">="}


def code_changed(cell: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Change one number, name, operator or string without Chinese of the code after the other."""
    lines = cell.source.split("\n")
    python = "\n".join("#" + line[1:] if line.startswith("%") else line for line in lines) + "\n"
    for token in tokenize.generate_tokens(io.StringIO(python).readline):
        new = {tokenize.NUMBER: token.string + "1", tokenize.NAME: token.string + "_"}.get(token.type)
        new = new or OPERATORS.get(token.string)
        if token.type == tokenize.STRING and not editions.HAN.search(token.string):
            new = token.string[:-1] + "_" + token.string[-1]
        if new:
            row, start = token.start
            line = lines[row - 1]
            source = [*lines[: row - 1], line[:start] + new + line[token.end[1] :], *lines[row:]]
            yield f"line {row}, {token.string} -> {new}", changed(cell, source="\n".join(source))


def number_changed(cell: NotebookNode) -> Iterator[tuple[str, NotebookNode]]:
    """Change one number of a text after the other; not those of list items, which Markdown counts itself."""
    for number in re.finditer(r"(?<![\w.-])\d+(?![\w-])(?!(?<=^\d)\. )", cell.source, re.MULTILINE):
        new = f"{number[0]}1"
        words = f"character {number.start()}, {number[0]} -> {new}"
        yield words, changed(cell, source=cell.source[: number.start()] + new + cell.source[number.end() :])


def constants_changed(source: str) -> Iterator[tuple[str, str]]:
    """Yield (words, changed source) for each number and each True or False in Python source."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            old = node.value
            if isinstance(old, bool):
                node.value = not old
            elif isinstance(old, int):
                node.value = old + 1
            else:
                node.value = old * 1.5 or 1.0
            yield f"line {node.lineno}, {old} -> {node.value:.15g}", ast.unparse(tree)
            node.value = old
