"""Outputs are true: every gradient of the book is derived again without MXNet's derivatives, and none is left out."""

import pytest

from bookkit.gradients import execution, report
from bookkit.project import EDITIONS, name

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs():
    return execution.run(execution.pages())


def test_every_gradient_is_right_or_said_not_to_be(runs, tell):
    print("\n" + report.as_text(report.all_of(runs)))
    tell(report.all_complaints(runs))


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_the_tables_in_the_book_are_of_this_run(runs, edition, tell):
    path = edition.folder / "verification.md"
    text = path.read_text(encoding="utf-8")
    if text != report.with_tables(text, report.all_of(runs), edition):
        tell([f"{name(path)}: the tables are not those of this run: run `make gradients`"])
