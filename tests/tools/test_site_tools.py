"""The tools that make and check the site, each on what it must not let pass."""

import ast
import os
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import psutil
import pytest
from nbformat import writes
from nbformat.v4 import new_markdown_cell, new_notebook
from playwright.sync_api import Error

from bookkit.notebooks.files import find_notebooks
from bookkit.project import ENGLISH, ROOT, BookError, name
from bookkit.site import audit, complaints, links
from bookkit.site.audit import lighthouse, table
from bookkit.site.audit.accessibility import violations
from bookkit.site.cache import CODE, SHARED, Inputs
from theme.extensions import figures, scripts, styles
from theme.extensions.texts import TextOfPage

PAGE = """<a href="b.html">good</a><a href="b.html#there">good</a><a href="https://example.org/x">away</a>
<a href="c.html">bad</a><a href="b.html#nowhere">bad</a><img src="_images/none.svg">"""
SITEMAP = """<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">
<url><loc>https://book.org/a.html</loc></url><url><loc>https://book.org/c.html</loc></url></urlset>"""


@pytest.fixture
def site(tmp_path):
    (tmp_path / "a.html").write_text(PAGE)
    (tmp_path / "b.html").write_text('<p id="there">there</p>')
    return tmp_path


def test_links_that_lead_nowhere_are_found(site):
    broken = links.broken_links(links.parse(site), site)
    assert broken == {"a.html": ["c.html", "b.html#nowhere", "_images/none.svg"], "b.html": []}


def test_an_entry_of_a_site_map_that_leads_nowhere_is_found(site):
    (site / "sitemap.xml").write_text(SITEMAP)
    assert links.broken_entries(site / "sitemap.xml", site, "https://book.org/") == ["https://book.org/c.html"]


def test_links_are_checked_without_a_browser():
    code = "import sys, bookkit.site.links; sys.exit('playwright' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=dict(os.environ)).returncode == 0


@pytest.fixture
def audited(site, monkeypatch):
    """An audit of the small site, which finds the checkers, and no browser where it should be."""
    programs = audit.Programs(*(str(site / program) for program in ("node", "npm", "chromium", "java")))
    monkeypatch.setattr(audit.Programs, "find", lambda: programs)
    monkeypatch.setattr(audit.build, "build", lambda *_: site)
    monkeypatch.setattr(audit, "install_checkers", lambda *_: site)


@pytest.mark.parametrize("driver, words", [("/bin/false", "Playwright does not start; "), ("", "BrowserType.launch: ")])
def test_an_audit_without_a_browser_says_so_in_one_line(audited, monkeypatch, apart, driver, words):
    monkeypatch.setenv("PLAYWRIGHT_NODEJS_PATH", driver)
    with pytest.raises(BookError, match=f"^the site was not measured: {words}[^\n]*$"):
        apart(audit.main, "0")


def test_an_audit_of_a_page_that_fails_says_so_in_one_line(audited, monkeypatch, apart):
    def weigh(*_):
        yield table.Finding("a.html", "first", "70", [])
        raise Error("Page.goto: Timeout 30000ms exceeded.\nCall log:")

    monkeypatch.setattr(audit, "launch_browser", lambda *_: SimpleNamespace(close=list))
    monkeypatch.setattr(audit.weights, "weigh", weigh)
    with pytest.raises(BookError, match=r"^the site was not measured: Page.goto: Timeout 30000ms exceeded.$"):
        apart(audit.main, "0")


# A Lighthouse that heeds no interrupt, and its Chromium, which goes on and does not close the pipe.
DEAF = """
import signal, subprocess
signal.signal(signal.SIGINT, signal.SIG_IGN)
subprocess.run(["sleep", "40"], start_new_session=True)
"""


LATE = """<details><summary>More</summary></details><script>
document.querySelector("details").addEventListener("toggle", () =>
    setTimeout(() => document.body.append(new Image()), 1000));
</script>"""


def test_a_lighthouse_that_heeds_nothing_is_killed_with_its_browser(monkeypatch):
    monkeypatch.setattr(lighthouse, "SECONDS", 2)
    monkeypatch.setattr(lighthouse, "GRACE", 1)
    begun = time.monotonic()
    assert lighthouse.run([sys.executable, "-c", DEAF], dict(os.environ)) is None
    assert time.monotonic() - begun < 20


def test_an_interrupted_lighthouse_leaves_no_process(monkeypatch, interrupt_soon):
    monkeypatch.setattr(lighthouse, "GRACE", 1)
    with interrupt_soon():
        lighthouse.run(["sleep", "3211"], dict(os.environ))
    assert not [process for process in psutil.process_iter(["cmdline"]) if "3211" in (process.info["cmdline"] or [])]


def test_a_median_just_below_a_bar_is_below_it():
    audits = {"a": {"id": "a", "score": 0.5}}
    categories = {
        name: {"score": bar / 100, "auditRefs": [{"id": "a", "weight": 1}]} for name, bar in lighthouse.SCORES.items()
    }
    below = {**categories, "performance": {**categories["performance"], "score": 0.97}}
    reports = [{"audits": audits, "categories": each} for each in (categories, below)]
    assert lighthouse.judged("page", "mobile", [reports[0]] * 2).complaints == []
    assert "performance 97" in lighthouse.judged("page", "mobile", reports).complaints[0]


@pytest.mark.browser
def test_a_page_that_reacts_late_is_looked_at_when_it_has(browser):
    page = browser.new_page()
    page.set_content(LATE)
    found = violations(page, "window.axe = { run: () => ({ violations: [...document.images].map(String) }) }")
    page.close()
    assert len(found) == 1


def test_the_table_has_a_row_a_page_and_what_is_wrong():
    found = table.Table()
    found.add(
        [table.Finding("a.html", "first", "70", []), table.Finding("a.html", "links", 1, ["link leads nowhere: x"])]
    )
    found.add([table.Finding(None, None, None, ["Lighthouse: not run"])])
    _, row, blank, *complaints = found.lines()
    assert row.split() == ["a.html", "70", "–", "–", "–", "–", "–", "–", "–", "1"] and not blank
    assert complaints == ["a.html: link leads nowhere: x", "Lighthouse: not run"]


@pytest.mark.parametrize(
    "said, told",
    [
        ("{path}:20004: WARNING: no such label", "{path}: cell second, line 3: no such label"),
        ("{path}:20000: WARNING: no such output", "{path}: cell second: no such output"),
        ("{path}: WARNING: document has no title", "{path}: document has no title"),
        ("{path}:90004: ERROR: a cell that is not there", "{path}: a cell that is not there"),
        ("/somewhere/page.md:7: WARNING: no such label", "/somewhere/page.md: line 7: no such label"),
        ("WARNING: the configuration is odd", "the configuration is odd"),
        ("\x1b[91m{path}:10003: WARNING: in colour\x1b[39;49;00m", "{path}: cell first, line 2: in colour"),
        ("OSError: [Errno 28] No space left on device: '/x'", "the site could not be written: No space left on device"),
        ("Failed to copy: OSError(30, 'Read-only')", "the site could not be written: Read-only file system"),
        (
            "Traceback (most recent call last):\njinja2.exceptions.TemplateNotFound: x\nRuntimeError: look above",
            "book/en/: Jupyter Book failed: jinja2.exceptions.TemplateNotFound: x",
        ),
        ("Killed", "book/en/: Jupyter Book failed: Killed"),
    ],
)
def test_what_sphinx_says_is_told_with_the_cell(tmp_path, said, told):
    path = tmp_path / "page.ipynb"
    path.write_text(writes(new_notebook(cells=[new_markdown_cell(id="first"), new_markdown_cell(id="second")])))
    assert complaints.complaints(ENGLISH, said.format(path=path)) == [told.format(path=path)]


def test_a_page_that_is_edited_while_it_is_built_is_built_again():
    before = Inputs("rest", "data", {"a": "1", "b": "1", "gone": "1"})
    later = Inputs("rest", "data", {"a": "1", "b": "2", "new": "1"})
    assert before.settled(before, set()) == before
    assert before.settled(later, set()) == Inputs("rest", "data", {"a": "1"})
    assert before.settled(Inputs("other", "other", {"a": "1"}), set()) == Inputs("", "", {"a": "1"})
    assert before.settled(before, {"b"}) == Inputs("rest", "data", {"a": "1", "gone": "1"})
    assert before.settled(before, {"theme/zh.yml"}) == Inputs("", "", before.pages)


def imported(path):
    """Yield the files of the project from which a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            for module in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                if (file := ROOT / f"{module.replace('.', '/')}.py").is_file():
                    yield file


def test_the_site_is_made_anew_when_its_code_changed():
    waiting, seen = [*(ROOT / "theme").rglob("*.py"), ROOT / "bookkit/site/build.py"], set()
    while waiting:
        path = waiting.pop()
        waiting += [] if path in seen else imported(path)
        seen.add(path)
    assert len(seen) > 20
    assert [path for path in seen if not path.is_relative_to(ROOT / "theme") and name(path) not in CODE] == []


def test_the_site_is_made_anew_when_a_download_changed():
    offered = {
        file for path in find_notebooks() for file in re.findall(r"\]\(\.\./data/([\w.]+)\)", path.read_text("utf-8"))
    }
    assert offered and offered <= {path.name for path in SHARED}


@pytest.mark.parametrize("length, size", [("72pt", 96), ("10px", 10), ("7", 7)])
def test_a_length_of_a_drawing_is_read(length, size):
    assert figures.pixels(length) == size


@pytest.mark.parametrize("length", ["100%", "2em", "wide"])
def test_a_length_that_a_page_cannot_know_is_refused(length):
    with pytest.raises((KeyError, ValueError)):
        figures.pixels(length)


def test_an_extension_that_wants_a_script_is_told_of(monkeypatch):
    told = []
    monkeypatch.setattr(scripts, "logger", SimpleNamespace(warning=lambda *words: told.append(words[-1])))
    wanted = [
        SimpleNamespace(filename="_static/doctools.js?v=1", attributes={}, priority=200),
        SimpleNamespace(filename="_static/widgets.js", attributes={}, priority=500),
        SimpleNamespace(filename=None, attributes={"body": "let hint = 1;"}, priority=500),
        SimpleNamespace(filename=None, attributes={"body": "DOCUMENTATION_OPTIONS.pagename = 'x';"}, priority=500),
    ]
    assert scripts.wanted_settings(wanted) == ["let hint = 1;"]
    assert told == ["widgets.js"]


def test_the_style_sheet_has_what_is_used_and_no_more():
    css = ".used{color:var(--a)}.unused{color:red}.of-script{color:#00f}:root{--a:red;--b:#00f}"
    library = 'var x={bars:[448,512,[],"f0c9","M0 96z"],sun:[1,2,[],"f","M"]}'
    sheet = styles.style_sheet(css, {"used", "fa-bars", "fa-solid"}, "element.classList.add('of-script')", library)
    assert ".used" in sheet and ".of-script" in sheet and "--a" in sheet and ".fa-bars{" in sheet
    assert "unused" not in sheet and "--b" not in sheet and "fa-sun" not in sheet


def test_the_text_of_a_page_has_its_anchors_and_no_tags():
    body = """<section class="x" id="top"><h1>A &lt; B<a class="headerlink" href="#top" title="Link">#</a></h1>
    <span id="label"></span><p>One <b>two</b>.</p>
    <table><tr><td>1</td><td>2</td></tr></table></section>"""
    assert str(TextOfPage(body)) == ('<section id="top">A &lt; B <span id="label"></span>One two. 1 2 </section>')
