"""Outputs are true: every gradient of the book is derived again without MXNet's derivatives."""

import pytest
from nbformat.v4 import new_notebook

import notebooks
import tape
import truth


@pytest.fixture(scope="module")
def comparisons():
    return truth.run(truth.pages())


def test_every_gradient_is_right_or_said_to_be_wrong(comparisons):
    print("\n" + truth.report(comparisons))
    found = truth.complaints(comparisons)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("edition", truth.HEADINGS)
def test_the_table_in_the_book_is_of_this_run(comparisons, edition):
    path = truth.BOOK / edition / "verification.md"
    text = path.read_text(encoding="utf-8")
    if text != truth.with_table(text, comparisons, edition):
        pytest.fail(f"{path.relative_to(truth.BOOK.parent)}: the table is not the one of this run: run `make truth`", pytrace=False)


@pytest.fixture
def first_section(monkeypatch):
    """Only the cells up to the first `backward` of the chapter on gradients."""
    needed = {"imports", "column-x", "attach", "record", "backward"}
    cells = [cell for cell in notebooks.read(truth.BOOK / "gradients.ipynb").cells if cell.id in needed]
    monkeypatch.setattr(notebooks, "read", lambda path: new_notebook(cells=cells))
    assert truth.complaints(truth.run(["gradients"])) == []


@pytest.mark.parametrize("oracle, off", [("closed form", 1e-6), ("differences", 1e-4), ("autograd", 1e-6)])
def test_each_oracle_alone_sees_a_wrong_gradient(first_section, monkeypatch, oracle, off):
    compare = truth.compare

    def compare_altered(computation, *place):
        computation.gradients = [gradient * (1 + off) for gradient in computation.gradients]
        for item in compare(computation, *place):
            item.differences = {oracle: item.differences[oracle]}
            yield item

    monkeypatch.setattr(truth, "compare", compare_altered)
    [line] = truth.complaints(truth.run(["gradients"]))
    assert "book/gradients.ipynb: cell backward: gradient of x, backward number 0: differs" in line


def test_an_operator_that_is_evaluated_otherwise_is_seen(first_section, monkeypatch):
    operator = tape.OPERATORS["_MulScalar"]
    monkeypatch.setitem(tape.OPERATORS, "_MulScalar", lambda n, attrs, x: operator(n, attrs, x) + 1)
    [line] = truth.complaints(truth.run(["gradients"]))
    assert "value 2.7e-02" in line  # 37 for 36


def test_a_gradient_that_is_right_is_not_listed_as_wrong(monkeypatch):
    monkeypatch.setitem(truth.WRONG, ("index", "slope"), ({0}, "a reason"))
    assert truth.complaints(truth.run(["index"])) == [
        "book/index.ipynb: cell slope: backward number 0 is right, and listed as wrong: a reason"
    ]
