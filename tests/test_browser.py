"""The site in a real browser: what no look at its files can show."""

import re
from urllib.parse import urlencode

import pytest

import agree
import glossary
import notebooks
from test_editions import CHINESE, words

LATIN = ["attach_grad", "BatchNorm", "retain_graph"]


@pytest.fixture
def page(browser):
    """A fresh page that fails the test on any message of an error in the console."""
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    context.close()
    assert not errors, errors


def search(page, address, query):
    """Search the Chinese site and return the names of the pages found, best first."""
    page.goto(f"{address}/zh/search.html?{urlencode({'q': query})}")
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText")
    links = page.locator("#search-results li > a").evaluate_all("links => links.map(link => link.pathname)")
    return [re.sub(r".*/|\.html$", "", link) for link in links]


def test_search_finds_the_pages_that_hold_a_word(page, address):
    texts = {path.stem: words(CHINESE / path.name) for path in agree.pages()}
    missing = []
    for query in [entry["zh"] for entry in glossary.read()] + LATIN:
        found = search(page, address, query)
        wanted = {name for name, text in texts.items() if query in text} 
        missing += [f"{query}: not {name}" for name in sorted(wanted - set(found))]
    assert not missing, "\n".join(missing)


def test_search_finds_nothing_where_nothing_is(page, address):
    assert search(page, address, "量子色动力学") == []


def test_the_search_box_leads_to_the_results_in_chinese(page, address):
    page.goto(f"{address}/zh/gradients.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("头梯度")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li")
    assert page.url.split("?")[0] == f"{address}/zh/search.html"
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText")
    assert page.locator("#search-results h2").inner_text() == "搜索结果"
    assert "搜索完成" in page.locator(".search-summary").inner_text()


@pytest.mark.parametrize("start, end, label", [("book", "zh", "中文"), ("zh", "book", "English")])
def test_the_language_switch_works_from_the_keyboard(page, address, start, end, label):
    page.goto(f"{address}/{start}/control-flow.html")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('language-switch')"):
            break
    assert page.evaluate("document.activeElement.innerText") == label
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/{end}/control-flow.html")
