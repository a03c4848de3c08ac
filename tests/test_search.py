"""The search in a real browser: what is on a page is found, best first, with an excerpt."""

import re
from urllib.parse import urlencode

import pytest

from bookkit.checks import agreement
from bookkit.checks.vocabulary import words
from bookkit.project import CHINESE
from bookkit.words import read_glossary, read_index

pytestmark = [pytest.mark.browser, pytest.mark.site, pytest.mark.slow]

LATIN = ["attach_grad", "BatchNorm", "retain_graph"]
# As the page does when it is opened, without reading its index again.
SEARCH_AGAIN = """query => {
    history.replaceState(null, "", "?" + new URLSearchParams({ q: query }));
    document.getElementById("search-results").replaceChildren();
    Search.performSearch(query);
}"""


def search(page, address, query, folder="/book/zh"):
    """Search one edition and return the names of the pages found, with their anchors, best first."""
    place = f"{address}{folder}/search.html"
    if page.url.split("?")[0] == place:
        page.evaluate(SEARCH_AGAIN, query)
    else:
        page.goto(f"{place}?{urlencode({'q': query})}")
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText")
    links = page.locator("#search-results li > a").evaluate_all("links => links.map(link => link.pathname + link.hash)")
    return [re.sub(r".*/|\.html", "", link) for link in links]


def test_search_finds_the_pages_that_hold_a_word(page, address):
    texts = {path.stem: words(CHINESE.folder / path.name) for path in agreement.pages()}
    missing = []
    for query in [entry["zh"] for entry in read_glossary()] + LATIN:
        found = [link.split("#")[0] for link in search(page, address, query)]
        wanted = {name for name, text in texts.items() if query in text}
        missing += [f"{query}: not {name}" for name in sorted(wanted - set(found))]
    assert not missing, "\n".join(missing)


def test_search_finds_nothing_where_nothing_is(page, address):
    assert search(page, address, "量子色动力学") == []


@pytest.mark.parametrize("folder, query", [("", "head gradient"), ("/book/zh", "头梯度")])
def test_a_result_shows_where_the_words_stand_when_it_is_seen(page, address, folder, query):
    search(page, address, query, folder)
    first, last = page.locator("#search-results li").first, page.locator("#search-results li").last
    first.locator("p.context .highlighted", has_text=query).first.wait_for()
    assert not last.locator("p.context").count()
    last.scroll_into_view_if_needed()
    last.locator("p.context").wait_for()


def test_the_search_box_leads_to_the_results_in_chinese(page, address):
    page.goto(f"{address}/book/zh/gradients.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("头梯度")
    page.keyboard.press("Enter")
    page.wait_for_selector("#search-results li")
    assert page.url.split("?")[0] == f"{address}/book/zh/search.html"
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText")
    assert page.locator("#search-results h2").inner_text() == "搜索结果"
    assert "搜索完成" in page.locator(".search-summary").inner_text()


@pytest.mark.parametrize("folder", ["", "/book/zh"])
def test_a_message_of_mxnet_leads_to_the_section_that_explains_it(page, address, folder):
    for message, label in read_index()["errors"].items():
        for query in (message, f"MXNetError: Check failed: a > b: {message}, and so on."):
            found = search(page, address, query, folder)
            assert any(link.endswith("#" + label) for link in found[:3]), (query, found)
