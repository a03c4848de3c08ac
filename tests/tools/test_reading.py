"""How long a page takes to read: what is counted, and what is not."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from bookkit.reading import minutes

LINES = "\n".join(f"x{number} = {number}" for number in range(100))
OUTPUTS = [new_output("stream", text="1\n")] * 10
START, END = (
    new_markdown_cell(f":::{{solution-{part}}}{label}\n:::") for part, label in (("start", " one"), ("end", ""))
)


@pytest.mark.parametrize(
    "cells, due",
    [
        ([new_markdown_cell("word " * 2280)], 10),
        ([new_markdown_cell("字" * 2550)], 10),
        ([new_markdown_cell("字" * 255 + " word" * 228)], 2),
        ([new_code_cell(LINES)], 5),
        ([new_code_cell(LINES + "\n\n\n")], 5),
        ([new_code_cell(LINES, outputs=OUTPUTS)], 6),
        ([new_code_cell(LINES, metadata={"tags": ["hide-input"]}, outputs=OUTPUTS)], 1),
        ([new_markdown_cell("word"), START, new_code_cell(LINES), END], 1),
        ([START, new_code_cell(LINES), END, new_code_cell(LINES)], 5),
        ([new_markdown_cell("word\n\n:::{note}\n:class: dropdown\n" + "word " * 2280 + "\n:::\n\nword")], 1),
        ([new_markdown_cell(":::{note}\n" + "word " * 2280 + "\n:::\n\n:::{note}\n:class: dropdown\nword\n:::")], 10),
        ([new_markdown_cell("(label)=\n[word](https://example.org/a-long-way/to/go)\n" * 228)], 1),
    ],
)
def test_the_minutes_of_a_page(cells, due):
    assert minutes(cells) == due
