"""The live pages in a real browser: every cell runs, and what it shows is what the book shows."""

import time

import pytest

from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.files import find_notebooks, read

pytestmark = [pytest.mark.browser, pytest.mark.site, pytest.mark.slow]

PATIENCE = 90  # seconds
GOOD = "document.querySelectorAll('.live-said.live-good').length"
BAD = "[...document.querySelectorAll('.live-said.live-bad')].map((said) => said.closest('.cell').innerText)"


def until(page, expression, patience=PATIENCE):
    """Wait until an expression is true in the page: its policy lets nothing evaluate there but this."""
    end = time.monotonic() + patience
    while not (value := page.evaluate(expression)):
        assert time.monotonic() < end, (
            f"{expression}: {page.evaluate('document.querySelector(`.live-bar`)?.innerText')}"
        )
        page.wait_for_timeout(50)
    return value


def opened(page, live, name):
    page.goto(f"{live.address}/book/{name}.html?token={live.token}")
    until(page, "document.querySelector('.live-bar')")


@pytest.fixture
def live_page(browser, live, watch):
    """A fresh page that fails the test on any error in the console and any request to another host."""
    context = browser.new_context(locale="en-GB", viewport={"width": 1280, "height": 900})
    page, wrong = watch(context, live.address)
    page.set_default_timeout(PATIENCE * 1000)
    yield page
    context.close()
    assert not wrong, wrong


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_cell_of_a_page_shows_what_the_book_shows(live_page, live, path):
    """The whole book is reproducible in the page."""
    opened(live_page, live, f"{path.parent.name}/{path.stem}")
    cells = code_cells(read(path))
    live_page.evaluate(
        "document.querySelectorAll('.cell:not(.live-scratch) .live-run').forEach((button) => button.click())"
    )
    until(live_page, f"{GOOD} + {BAD}.length >= {len(cells)}")
    assert live_page.evaluate(BAD) == []
    assert live_page.evaluate(GOOD) == len(cells)
    assert not live_page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
