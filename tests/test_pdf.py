"""The printed book: nothing is lost on the way to paper, every link leads somewhere, and no line is cut off."""

import json
import os
import re
import shutil
import subprocess
from base64 import b64decode
from collections import Counter
from pathlib import Path

import pytest
from bs4 import BeautifulSoup, SoupStrainer

from bookkit.project import CHINESE, EDITIONS, BookError
from bookkit.site import pdf
from bookkit.site.browser import browser_flags, find_browser

pytestmark = pytest.mark.slow

TEXT_WIDTH = 605  # pixels: the 160 mm between the margins of bookkit/site/print.css
LONG_HEADINGS = "error-messages"


@pytest.fixture(scope="module")
def chapters(site):
    return {edition: pdf.read_chapters(site, edition) for edition in EDITIONS}


@pytest.fixture(scope="module")
def books(chapters):
    """The text of each edition as it is printed."""
    return {edition: pdf.typeset(edition, chapters[edition], {}) for edition in EDITIONS}


def parts(article):
    """Return how many there are of what must not be lost, and of what must not be there."""
    tags = Counter(element.name for element in article.find_all(True))
    classes = Counter(name for element in article.find_all("div", class_=True) for name in element["class"])
    kept = [tags[tag] for tag in ("pre", "img", "math", "table")] + [classes[name] for name in ("exercise", "solution")]
    closed = sum(tags[tag] for tag in ("details", "summary", "script", "button")) + len(article.find_all(loading=True))
    return kept, closed


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_every_page_stands_in_it_whole_and_open(site, chapters, edition):
    for chapter, article in chapters[edition].items():
        page = site / edition.place / f"{chapter}.html"
        built = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser", parse_only=SoupStrainer("article"))
        assert parts(article) == (parts(built)[0], 0), chapter


LINKS = """() => JSON.stringify([
  [...document.querySelectorAll("[id]")].map(element => element.id),
  [...document.querySelectorAll("a[href]")].map(link => link.getAttribute("href"))])"""


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_every_link_leads_somewhere(books, edition, browser):
    page = browser.new_page()
    page.set_content(books[edition])
    names, links = json.loads(page.evaluate(LINKS))
    page.close()
    assert len(names) == len(set(names)) > 0
    assert {link[1:] for link in links if link.startswith("#")} <= set(names)
    assert links and all(link.startswith(("#", "https://")) for link in links)


BOXES = """selector => {
  const box = element => {
    const {left, right, top, bottom} = element.getBoundingClientRect();
    return [element.tagName, element.textContent.trim().slice(0, 60), left, right, top, bottom];
  };
  return JSON.stringify([...document.querySelectorAll(selector)].map(box));
}"""  # a text, because Playwright takes minutes for so many values


def boxes(browser, content, selector="body *"):
    """Return [tag, text, left, right, top, bottom] of elements as they are printed."""
    page = browser.new_page(viewport={"width": TEXT_WIDTH, "height": 900})
    page.emulate_media(media="print")
    pdf.show(page, content)
    found = json.loads(page.evaluate(BOXES, selector))
    page.close()
    return found


def too_wide(found):
    return [f"{tag}: {text}" for tag, text, _, right, *_ in found if right > TEXT_WIDTH + 1]


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_no_line_is_cut_off(books, edition, browser):
    assert not too_wide(boxes(browser, books[edition]))


FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>
"""
BESIDE_CHINESE = ("no font", "DejaVu*")
ALONE = ("STIXGeneral*", "DejaVu*")  # without any font at all Chromium has no sizes of letters


@pytest.fixture(scope="module")
def machines(tmp_path_factory, browser):
    """Browsers that see no font of this machine but the Chinese ones, and beside them others."""
    if not shutil.which("fc-list"):
        pytest.skip("no fontconfig on this machine: its fonts cannot be changed for a test")
    chinese = subprocess.check_output(["fc-list", ":lang=zh-cn", "file"], text=True).splitlines()
    found = []
    for pattern in BESIDE_CHINESE if chinese else ALONE:
        folder = tmp_path_factory.mktemp("fonts")
        for path in [*(Path(line.rstrip(": ")) for line in chinese), *pdf.fonts().glob(pattern)]:
            (folder / path.name).symlink_to(path)
        (folder / "fonts.conf").write_text(FONTS.format(folder=folder))
        fonts = {**os.environ, "FONTCONFIG_FILE": str(folder / "fonts.conf")}
        found.append(browser.browser_type.launch(executable_path=find_browser(), args=browser_flags(), env=fonts))
    yield found
    for machine in found:
        machine.close()


def test_the_machines_have_other_fonts(machines):
    # Or the next tests would show nothing.
    word = "<span style=\"font: 100px 'DejaVu Sans', serif\">minimum</span>"
    [one], [other] = (boxes(machine, word) for machine in machines)
    assert one != other


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_lines_are_the_same_whatever_fonts_there_are(books, edition, machines):
    one, other = (boxes(machine, books[edition]) for machine in machines)
    assert not too_wide(one)
    assert [(a, b) for a, b in zip(one, other, strict=True) if a != b][:5] == []


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_no_word_of_a_figure_is_cut_off(chapters, edition, machines):
    figures = [
        b64decode(image["src"].partition(",")[2]).decode()
        for article in chapters[edition].values()
        for image in article.select("img[src^='data:image/svg']")
    ]
    assert figures
    page = "".join(f"<p>{figure[figure.index('<svg') :]}" for figure in figures)
    for machine in machines:
        for tag, text, left, right, top, bottom in boxes(machine, page, "svg, text:not(:has(tspan)), tspan"):
            if tag == "svg":
                frame = (left, right, top, bottom)
            else:
                assert left >= frame[0] and right <= frame[1] and top >= frame[2] and bottom <= frame[3], text


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


# What fails: Playwright's driver, the build, or a browser that is not there; and what is said.
FAILURES = {
    "the driver": ("/bin/false", "", "the book was not printed: Playwright does not start; see what "),
    "the build": ("", "book/en/a.ipynb: cell driver-start: no such label", "book/en/a.ipynb: cell driver-start: "),
    "the browser": ("", "", "the book was not printed: BrowserType.launch: "),
}


@pytest.mark.parametrize("fault", FAILURES)
def test_what_fails_is_told_in_one_line(tmp_path, monkeypatch, apart, fault):
    driver, complaint, words = FAILURES[fault]

    def build(*_):
        if complaint:
            raise BookError(complaint)

    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", driver)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(tmp_path / "chromium"))
    monkeypatch.setattr(pdf.build, "build", build)
    with pytest.raises(BookError, match=f"^{words}[^\n]*$"):
        apart(pdf.main)


def test_a_failed_print_leaves_the_old_one(tmp_path):
    path = tmp_path / "pdf" / "book.pdf"
    pdf.write(b"old", path)
    with pytest.raises(TypeError):
        pdf.write(None, path)
    assert path.read_bytes() == b"old" and list(path.parent.iterdir()) == [path]
