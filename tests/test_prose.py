"""The text of the pages is true: each number and each formula has a witness."""

import pytest

from bookkit.checks import agreement, editions
from bookkit.checks.prose import claims, report
from bookkit.project import CHINESE

NOTEBOOKS = [path for path in agreement.pages() if path.suffix == ".ipynb"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_each_number_and_formula_of_a_page_has_a_witness(path, tell):
    tell(list(report.complaints(path, CHINESE.folder / path.name)))


def test_a_page_that_has_its_witnesses_is_not_excused():
    for path in NOTEBOOKS:
        if path.stem in report.NOT_YET:
            assert claims.complaints(editions.read(path)), f"{path.stem} has its witnesses: take it out of NOT_YET"
