"""The live pages in a real browser: every cell runs, and what it shows is what the book shows."""

import json
import re
import time

import pytest

from bookkit.answers import read_answers
from bookkit.live.bundle import CLIENT, packages
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.files import find_notebooks, read
from bookkit.notebooks.interpreters import interpreter_of
from bookkit.project import EDITIONS
from bookkit.site.audit.accessibility import violations
from bookkit.site.audit.programs import CHECKERS

pytestmark = [pytest.mark.browser, pytest.mark.site, pytest.mark.slow]

PATIENCE = 90  # seconds
WHOLE_PAGE = 400  # seconds for all of its cells, which on one page start fifty processes
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
    page.wrong = wrong
    yield page
    context.close()
    assert not wrong, wrong


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_cell_of_a_page_shows_what_the_book_shows(live_page, live, path):
    """The whole book is reproducible in the page."""
    if reason := interpreter_of(read(path)).missing():
        pytest.skip(reason)
    opened(live_page, live, f"{path.parent.name}/{path.stem}")
    cells = [cell for cell in code_cells(read(path)) if "ignore-reason" not in cell.metadata]  # those that are compared
    live_page.evaluate(
        "document.querySelectorAll('.cell:not(.live-scratch) .live-run').forEach((button) => button.click())"
    )
    until(live_page, f"{GOOD} + {BAD}.length >= {len(cells)}", WHOLE_PAGE)
    assert live_page.evaluate(BAD) == []
    assert live_page.evaluate(GOOD) == len(cells)
    assert not live_page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


@pytest.mark.parametrize("name, scheme", [("en/control-flow", "light"), ("zh/head-gradients", "dark")])
def test_a_page_that_runs_is_accessible(live_page, live, name, scheme):
    """With an editor open, an error of the reader's own, an output that is not the book's, and an answer tried."""
    live_page.emulate_media(color_scheme=scheme)
    opened(live_page, live, name)
    for number in (0, 3):
        live_page.locator(".cell_input pre").nth(number).click()
        until(live_page, f"document.querySelectorAll('.cell')[{number}].contains(document.activeElement)")
        until(live_page, "document.activeElement.matches('.cm-content')")
        live_page.keyboard.press("Control+End")
        live_page.keyboard.insert_text("\n1 / 0  # a comment" if number else "\nprint('more')")
    live_page.locator(".live-run").nth(3).click()
    until(live_page, f"{BAD}.length")
    for button in live_page.get_by_role("button", name=re.compile("^(Put the book's code back|恢复书中的代码)$")).all()[
        1:
    ]:
        button.click()
    live_page.locator(".cell:not(.live-scratch) .live-run").nth(6).click()
    until(live_page, f"{GOOD} + {BAD}.length >= 6")
    source = (packages() / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    found = violations(live_page, source)
    assert not found, [(one["id"], [node["target"] for node in one["nodes"]][:5]) for one in found]
    live_page.wrong[:] = [
        line for line in live_page.wrong if "unsafe-eval" not in line
    ]  # axe tries, and goes on without
    live_page.set_viewport_size({"width": 390, "height": 900})
    assert not live_page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert CHECKERS["axe-core"] in json.loads((CLIENT / "package.json").read_text())["devDependencies"].values()


def try_answer(page, label, code):
    """Have an answer checked, and return what is said of it."""
    cell = page.locator(f"[id='{label}'] .live-scratch")
    cell.locator("pre:visible, .cm-content").first.click()
    until(page, "document.activeElement.matches('.cm-content')")
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(code)
    cell.get_by_role("button", name=re.compile("^(Check|检查)$")).click()
    said = f"document.querySelector('[id=\"{label}\"] .live-said')"
    until(page, f"/live-(good|bad)/.test({said}.className)")
    return page.evaluate(f"{said}.innerText")


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_an_answer_is_checked_in_words(live_page, live, edition):
    opened(live_page, live, f"{edition.name}/control-flow")
    [answer] = [each for each in read_answers("control-flow") if each["exercise"] == "flow-ex-norm"]
    for look in answer["looks"]:
        said = try_answer(live_page, "flow-ex-norm", look["mistake"])
        assert said.removeprefix("✗ ") == look["wrong"][edition.name].replace("`", "")
    said = try_answer(live_page, "flow-ex-norm", "unsafe_norm = nd.norm\ndel safe_norm")
    assert "safe_norm" in said and said.startswith(("Your answer does not define", "你的答案没有定义"))
    assert "IndexError" in try_answer(live_page, "flow-ex-norm", "def safe_norm(x):\n    return [][0]")
    said = try_answer(live_page, "flow-ex-norm", answer["solution"])
    assert said == answer["right"][edition.name].replace("`", "")


def test_every_character_can_be_typed(live_page, live):
    """The site has keys of its own, as "/" for its search."""
    opened(live_page, live, "en/index")
    live_page.locator(".cell_input pre").first.click()
    until(live_page, "document.activeElement.matches('.cm-content')")
    live_page.keyboard.press("Control+a")
    typed = "# " + "".join(map(chr, range(33, 127)))
    live_page.keyboard.type(typed)
    assert live_page.locator(".cm-content").inner_text() == typed


CHANGED = "ax.set_title('mine')\nplt.show()"


def test_a_drawing_of_the_readers_own_has_its_steps(live_page, live):
    """With buttons and arrow keys, as those of the book."""
    opened(live_page, live, "zh/index")
    cell = live_page.locator(".cell:has(figure.steps)").first
    cell.locator("summary").first.click()
    cell.locator(".cell_input pre").first.click()
    until(live_page, "document.activeElement.matches('.cm-content')")
    code = next(cell.source for cell in code_cells(read(EDITIONS[1].folder / "index.ipynb")) if cell.id == "tape")
    live_page.keyboard.press("Control+a")
    live_page.keyboard.insert_text(code.replace("plt.show()", CHANGED))
    live_page.keyboard.press("Control+Enter")
    until(live_page, "document.querySelector('.cell figure.steps img[src^=\"blob:\"]')")
    figure = cell.locator("figure.steps")
    image, (previous, following) = figure.locator("img"), figure.locator("button").all()
    assert image.get_attribute("alt") == "你的代码画出的图"  # what the book says of its own is not true of it
    assert figure.locator("output").inner_text() == "第 1 步，共 3 步"
    assert (previous.inner_text(), following.inner_text()) == ("上一步", "下一步")
    first = image.screenshot()
    following.click()
    assert image.get_attribute("src").endswith("#show-2")
    until(live_page, "document.querySelector('.cell figure.steps img').complete")
    assert image.screenshot() != first
    figure.press("ArrowRight")
    assert figure.locator("output").inner_text() == "第 3 步，共 3 步"
    assert following.get_attribute("aria-disabled") == "true"
