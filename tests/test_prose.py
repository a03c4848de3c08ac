"""The text of the pages is true: each number and each formula has a witness."""

import pytest

from bookkit.checks import agreement
from bookkit.checks.prose import report
from bookkit.project import CHINESE

PAGES = agreement.pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_each_number_and_formula_of_a_page_has_a_witness(path, tell):
    tell(list(report.complaints(path, CHINESE.folder / path.name)))


def test_no_witness_is_about_a_page_that_is_not_there(tell):
    tell(list(report.strays()))


@pytest.mark.slow
def test_no_planted_slip_survives_and_the_page_says_how_many_there_were(tell):
    for kind, (*_, planted, survived) in report.counts().items():
        assert survived == 0, f"{survived} of {planted} slips of the kind {kind} survived: `make faults` names them"
    tell(list(report.outdated()))
