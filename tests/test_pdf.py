"""The printed book: nothing is lost on the way to paper, every link leads somewhere, and no line is cut off."""

import re

import pytest
from bs4 import BeautifulSoup

from bookkit.project import CHINESE, EDITIONS, BookError
from bookkit.site import pdf

TEXT_WIDTH = 605  # pixels: the 160 mm between the margins of bookkit/site/print.css
LONG_HEADINGS = "troubleshooting"


@pytest.fixture(scope="module")
def chapters(site):
    return {edition: pdf.read_chapters(site, edition) for edition in EDITIONS}


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_every_page_stands_in_it_whole_and_open(site, chapters, edition):
    for chapter, article in chapters[edition].items():
        page = site / edition.place / f"{chapter}.html"
        built = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find("article")
        for part in ("pre", "img", "math", "table", ".exercise", ".solution"):
            assert len(article.select(part)) == len(built.select(part)), (chapter, part)
        assert not article.select("details, summary, script, button, [loading]")


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_every_link_leads_somewhere(chapters, edition):
    book = BeautifulSoup(pdf.typeset(edition, chapters[edition], {}), "html.parser")
    names = [element["id"] for element in book.find_all(id=True)]
    assert len(names) == len(set(names))
    links = [link["href"] for link in book.find_all("a", href=True)]
    assert {link[1:] for link in links if link.startswith("#")} <= set(names)
    assert all(link.startswith(("#", "https://")) for link in links)


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_no_line_is_cut_off(chapters, edition, browser):
    page = browser.new_page(viewport={"width": TEXT_WIDTH, "height": 900})
    page.emulate_media(media="print")
    page.set_content(pdf.typeset(edition, chapters[edition], {}))
    wide = page.evaluate(
        "right => [...document.querySelectorAll('body *')]"
        ".filter(element => element.getBoundingClientRect().right > right + 1)"
        ".map(element => `${element.tagName}: ${element.textContent.trim().slice(0, 60)}`)",
        TEXT_WIDTH,
    )
    page.close()
    assert not wide


def bookmarks(printed):
    """Return the titles in the outline of a PDF that Chromium wrote, in their order."""
    objects = dict(re.findall(rb"^(\d+) 0 obj\n(.*?)\nendobj", printed, re.MULTILINE | re.DOTALL))
    number = next(number for number, content in objects.items() if b"/Type /Outlines" in content)
    waiting, titles = [number], []
    while waiting:
        content = objects[waiting.pop()]
        if title := re.search(rb"/Title (?:\((.*?)\)\n|<([0-9A-Fa-f]+)>)", content, re.DOTALL):
            plain, coded = title.groups()
            titles.append(
                re.sub(r"\\(.)", r"\1", plain.decode("latin-1"))
                if coded is None
                else bytes.fromhex(coded.decode()).decode("utf-16")
            )
        for next_one in (rb"/Next (\d+)", rb"/First (\d+)"):
            if found := re.search(next_one, content):
                waiting.append(found[1])
    return titles


def test_headings_are_bookmarks_and_have_page_numbers(chapters, browser):
    # The Chinese chapter whose headings are long and partly English: each of these has gone wrong in bookmarks.
    some = {LONG_HEADINGS: chapters[CHINESE][LONG_HEADINGS]}
    printed = pdf.print_chapters(browser, CHINESE, some)
    headings = [heading.get_text() for heading in some[LONG_HEADINGS].find_all(["h1", "h2", "h3"])]
    assert bookmarks(printed) == [pdf.WORDS[CHINESE]["contents"], *headings]
    numbers = [pdf.page_numbers(printed)[target] for _, target, _ in pdf.headings(some)]
    assert numbers == sorted(numbers) and numbers[-1] > numbers[0] > 2


@pytest.mark.parametrize("missing, programs", [("Chromium", {}), ("Chinese font", {"chromium": "", "fc-list": ""})])
def test_what_is_missing_is_named(tmp_path, monkeypatch, missing, programs):
    for name, script in programs.items():
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\n{script}")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BookError, match=f"^the book was not printed: there is no {missing} [^\n]*$"):
        pdf.find_browser()


def test_a_failed_print_leaves_the_old_one(tmp_path):
    path = tmp_path / "pdf" / "book.pdf"
    pdf.write(b"old", path)
    with pytest.raises(TypeError):
        pdf.write(None, path)
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]
