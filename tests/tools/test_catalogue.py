"""A page to look things up in: what its first cell promises of the entries is true."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit.notebooks import rules
from bookkit.notebooks.catalogue import STAND_ALONE, stand_alone

PROMISE = {"no-chapter": "a list", STAND_ALONE: "a reader jumps to an entry"}


def catalogue(second, **metadata):
    """Return a page of two entries; the code of the second is given."""
    return new_notebook(
        cells=[
            new_markdown_cell("# Title", id="title", metadata=metadata),
            new_code_cell("import math as m\nfrom math import pi", id="imports"),
            new_markdown_cell("## One", id="one"),
            new_code_cell("width = 2 * pi", id="one-code"),
            new_markdown_cell("It goes on.", id="one-more"),
            new_code_cell("width + 1", id="one-again"),
            new_markdown_cell("### Two", id="two"),
            new_code_cell(second, id="two-code"),
        ]
    )


@pytest.mark.parametrize(
    "code",
    [
        "area = pi\narea",
        "def twice(x):\n    return 2 * x\n\n\n[twice(m.pi) for _ in range(3)]",
        "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    print(error)",
        "class A:\n    def run(self, *given):\n        return given\n\n\nimport os.path\nos.sep, A()",
    ],
)
def test_an_entry_may_read_the_imports_and_what_is_its_own(code):
    assert list(stand_alone(catalogue(code, **PROMISE))) == []


def test_an_entry_that_needs_another_is_told():
    advice = "which its entry does not make; make it there, under the same heading"
    assert list(stand_alone(catalogue("print(width)", **PROMISE))) == [f"cell two-code: reads width, {advice}"]
    assert not list(stand_alone(catalogue("print(width)")))  # a page that promises nothing


def test_the_promise_has_its_reason():
    promise = {**PROMISE, STAND_ALONE: " "}
    lines = rules.complaints(catalogue("pi", **promise))
    assert any("metadata entries-stand-alone gives no reason" in line for line in lines)
    assert any("reads width" in line for line in rules.complaints(catalogue("print(width)", **PROMISE)))
