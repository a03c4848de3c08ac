"""Outputs are true: every gradient of the book is derived again without MXNet's derivatives."""

import pytest
from nbformat.v4 import new_notebook

from bookkit.gradients import oracles, recorder
from bookkit.notebooks import files
from bookkit.project import EDITIONS, ENGLISH, name


@pytest.fixture(scope="module")
def comparisons():
    return oracles.run(oracles.pages())


def test_every_gradient_is_right_or_said_to_be_wrong(comparisons):
    print("\n" + oracles.report(comparisons))
    found = oracles.complaints(comparisons)
    if found:
        pytest.fail("\n".join(found), pytrace=False)


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_the_table_in_the_book_is_of_this_run(comparisons, edition):
    path = edition.folder / "verification.md"
    text = path.read_text(encoding="utf-8")
    if text != oracles.with_table(text, comparisons, edition):
        pytest.fail(f"{name(path)}: the table is not the one of this run: run `make gradients`", pytrace=False)


@pytest.fixture
def first_section(monkeypatch):
    """Only the cells up to the first `backward` of the chapter on gradients."""
    needed = {"imports", "column-x", "attach", "record", "backward"}
    cells = [cell for cell in files.read(ENGLISH.folder / "gradients.ipynb").cells if cell.id in needed]
    monkeypatch.setattr(oracles, "read", lambda path: new_notebook(cells=cells))
    assert oracles.complaints(oracles.run(["gradients"])) == []


@pytest.mark.parametrize("oracle, off", [("closed form", 1e-6), ("differences", 1e-4), ("autograd", 1e-6)])
def test_each_oracle_alone_sees_a_wrong_gradient(first_section, monkeypatch, oracle, off):
    compare = oracles.compare

    def compare_altered(computation, *place):
        computation.gradients = [gradient * (1 + off) for gradient in computation.gradients]
        for item in compare(computation, *place):
            item.differences = {oracle: item.differences[oracle]}
            yield item

    monkeypatch.setattr(oracles, "compare", compare_altered)
    [line] = oracles.complaints(oracles.run(["gradients"]))
    assert "book/en/gradients.ipynb: cell backward: gradient of x, backward number 0: differs" in line


def test_an_operator_that_is_evaluated_otherwise_is_seen(first_section, monkeypatch):
    operator = recorder.OPERATORS["_MulScalar"]
    monkeypatch.setitem(recorder.OPERATORS, "_MulScalar", lambda n, attrs, x: operator(n, attrs, x) + 1)
    [line] = oracles.complaints(oracles.run(["gradients"]))
    assert "value 2.7e-02" in line  # 37 for 36


def test_a_gradient_that_is_right_is_not_listed_as_wrong(monkeypatch):
    monkeypatch.setitem(oracles.WRONG, ("index", "slope"), ({0}, "a reason"))
    assert oracles.complaints(oracles.run(["index"])) == [
        "book/en/index.ipynb: cell slope: backward number 0 is right, and listed as wrong: a reason"
    ]
