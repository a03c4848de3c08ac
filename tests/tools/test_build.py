"""How the site is built, on a small book: whole or not at all, one build at a time, and never on leftovers."""

import fcntl
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sample_book import SampleBook, failure, page

pytestmark = [pytest.mark.site, pytest.mark.slow]

# No shell and no page of HTML may read such a path as anything else.
FOLDER = """it's "a" $HOME & <b>/_build/book"""
DRAWING = """<svg xmlns="http://www.w3.org/2000/svg" width="72pt" height="36pt"><script>window.ran = 1</script></svg>"""


def chapter(title: str, text: str = "A paragraph."):
    source = f"# {title}\n\n{text}\n\n## A section"
    return page(new_markdown_cell(source, id="title"), new_code_cell("x = 1", id="assigned"))


def write_toc(book: SampleBook, *stems: str) -> None:
    """Write a table of contents whose chapters have numbers, as those of the true book."""
    files = "".join(f"  - file: book/en/{stem}\n" for stem in stems)
    text = f"format: jb-book\nroot: book/en/index\noptions:\n  numbered: true\nchapters:\n{files}"
    (book.folder / "_toc.yml").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A book of three pages that was built once, and a copy of its folder."""
    book = SampleBook(tmp_path_factory.mktemp("site") / FOLDER)
    (book.folder / "book/data/glossary.yml").write_text("[]\n", encoding="utf-8")
    (book.folder / "book/data/index.yml").write_text(
        "functions: {backward: [explained, explained-too]}\nerrors: {}\n", encoding="utf-8"
    )
    for stem, title in {"index": "The book", "first": "First", "second": "Second"}.items():
        book.write(stem, chapter(title))
    write_toc(book, "first", "second")
    built(book)
    return book, shutil.copytree(book.folder, tmp_path_factory.mktemp("copy") / "book")


@pytest.fixture
def book(made):
    """The book as it was built, whatever the test before did to its sources or to its site."""
    book, copy = made
    shutil.rmtree(book.folder)
    shutil.copytree(copy, book.folder)
    return book


def built(book: SampleBook) -> str:
    """Build the book, which must succeed; return what was said."""
    process = book.start("-m", "bookkit", "build")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


# What `make book` does, and the names of the notebooks that it looks into before.
READ = """
import os
from bookkit.addresses import Addresses
from bookkit.notebooks import files
from bookkit.site import build
read = files.read
files.read = lambda path: print("read", path.stem) or read(path)
build.build(Addresses.from_environment(os.environ))
"""


def built_and_read(book: SampleBook) -> list[str]:
    """Build the book, which must succeed; return the names of the notebooks that were looked into before."""
    process = book.start("-c", READ)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return [line.removeprefix("read ") for line in output.splitlines() if line.startswith("read ")]


def site(book: SampleBook) -> Path:
    return book.folder / "_build" / "html"


def state(book: SampleBook) -> dict[str, bytes]:
    return {str(path.relative_to(site(book))): path.read_bytes() for path in site(book).rglob("*") if path.is_file()}


def soup(book: SampleBook, name: str) -> BeautifulSoup:
    return BeautifulSoup((site(book) / name).read_text(encoding="utf-8"), "html.parser")


def no_build_is_left(book: SampleBook) -> bool:
    """Return whether nothing half is there and no process of a build is: each one holds the lock."""
    with (book.folder / "_build/.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return not (book.folder / "_build/work").exists()


def children_at_work(process: subprocess.Popen, number: int) -> list[psutil.Process]:
    """Wait until a build has begun to build so many editions; return their processes."""
    while len(children := psutil.Process(process.pid).children()) < number:
        assert process.poll() is None, process.stdout.read()
        time.sleep(0.02)
    return children


def navigation(book: SampleBook) -> dict[str, str]:
    """Return the list of pages of every page that has one."""
    paths = [path.relative_to(site(book)).as_posix() for path in site(book).rglob("*.html")]
    found = {path: soup(book, path).select_one("nav.bd-links") for path in sorted(paths)}
    return {path: str(nav) for path, nav in found.items() if nav}


def test_a_changed_title_reaches_the_navigation_of_every_page(book):
    book.write("second", chapter("Another name"))
    built(book)
    found = navigation(book)
    pages = ("book/{}/index.html", "book/{}/first.html", "book/{}/second.html")
    assert {page.format(edition) for page in pages for edition in ("en", "zh")} <= set(found)
    assert {"genindex.html", "search.html", "book/zh/genindex.html", "book/zh/search.html"} <= set(found)
    assert all("2. Another name" in nav and "Second" not in nav for nav in found.values())


def test_a_new_page_reaches_the_navigation_of_every_page(book):
    book.write("between", chapter("Between"))
    write_toc(book, "first", "between", "second")
    built(book)
    found = navigation(book)
    assert len(found) == 12
    assert all("2. Between" in nav and "3. Second" in nav for nav in found.values())


def test_the_navigation_is_that_of_the_theme(book):
    before = navigation(book)
    template = book.folder / "theme/templates/sbt-sidebar-nav.html"
    text = template.read_text(encoding="utf-8")
    assert text.count("list_of_pages(\n            generate_toctree_html,") == 1
    made_once = "list_of_pages(\n            generate_toctree_html,"
    template.write_text(text.replace(made_once, "generate_toctree_html("), encoding="utf-8")
    built(book)
    assert len(before) == 10 and navigation(book) == before


def equation():
    return new_markdown_cell(":::{math}\n:label: equal\na = b\n:::", id="equal")


def exercise(name: str, task: str = "Do it.", title: str = ""):
    return new_markdown_cell(f":::{{exercise}} {title or name}\n:label: {name}\n{task}\n:::", id=name)


def section(label: str = "explained"):
    return new_markdown_cell(f"({label})=\n## What it explains", id=label)


def test_after_changes_the_site_is_as_one_that_was_built_anew(book):
    book.write("first", page(*chapter("First").cells, exercise("one"), exercise("two")))
    book.write("second", page(*chapter("Second", "See [First](first.ipynb).").cells, exercise("three"), section()))
    built(book)
    book.write("first", page(*chapter("First").cells, exercise("zero"), exercise("one"), exercise("two")))
    book.write("between", page(*chapter("Between", "More words.").cells, exercise("four"), section("explained-too")))
    write_toc(book, "between", "first", "second")
    built(book)
    book.write("between", page(*chapter("Between", "Words.").cells, exercise("four"), section("explained-too")))
    built(book)
    for stem, number in {"between": "Exercise 1.1", "first": "Exercise 2.3", "second": "Exercise 3.1"}.items():
        assert number in soup(book, f"book/en/{stem}.html").article.get_text()
    assert_as_built_anew(book)


def assert_as_built_anew(book: SampleBook) -> None:
    after_changes = state(book)
    shutil.rmtree(book.folder / "_build")
    built(book)
    assert {name for name, content in state(book).items() if content != after_changes.get(name)} == set()
    assert set(after_changes) == set(state(book))


def solution(name: str, label: str):
    source = f":::{{solution-start}} {name}\n:label: {label}\n:::\n\nSo.\n\n:::{{solution-end}}\n:::"
    return new_markdown_cell(source, id=label)


def test_what_moves_to_an_earlier_page_moves_whole(book):
    moving = section(), exercise("one"), solution("one", "sol-one"), equation()
    book.write("second", page(*chapter("Second").cells, *moving))
    built(book)
    book.write("first", page(*chapter("First").cells, *moving))
    book.write("second", chapter("Second"))
    built(book)
    assert_as_built_anew(book)


def test_a_title_that_changes_its_looks_alone_changes_everywhere(book):
    """That of a page, in the navigation, and that of an exercise, over a solution on another page."""
    book.write("first", page(*chapter("First").cells, exercise("one", title="Plain")))
    book.write("second", page(*chapter("Second").cells, solution("one", "sol-one")))
    built(book)
    book.write("first", page(*chapter("`First`").cells, exercise("one", title="Other")))
    built(book)
    assert_as_built_anew(book)


def test_what_is_gone_leaves_no_file(book):
    """A drawing and a download, and the notebook of a page that has become plain text."""
    image = new_output("display_data", {"image/svg+xml": DRAWING})
    link = new_markdown_cell("{download}`It <../data/index.yml>`", id="download")
    book.write("second", page(*chapter("Second").cells, new_code_cell("draw()", id="draw", outputs=[image]), link))
    built(book)
    for edition in ("en", "zh"):
        (book.folder / f"book/{edition}/second.ipynb").unlink()
        (book.folder / f"book/{edition}/second.md").write_text("# Second\n", encoding="utf-8")
    built(book)
    assert_as_built_anew(book)


# `make book`, while which a page is changed and put back.
CHANGED_AND_BACK = """
import os
from bookkit.addresses import Addresses
from bookkit.project import ROOT
from bookkit.site import build
page, run = ROOT / "book/en/second.ipynb", build.run
def changed(starts):
    text = page.read_text()
    page.write_text(text.replace("Second", "Passing"))
    run(starts)
    page.write_text(text)
build.run = changed
build.build(Addresses.from_environment(os.environ))
"""


def test_a_page_that_was_changed_and_put_back_during_a_build_is_built_again(book):
    book.write("second", chapter("Second", "Other words."))
    output, _ = (process := book.start("-c", CHANGED_AND_BACK)).communicate()
    assert process.returncode == 0, output
    built(book)
    assert_as_built_anew(book)


def test_what_every_build_reads_holds_no_text_of_a_page(book):
    book.write("first", page(*chapter("First", "A conspicuous text.").cells, exercise("one", "A conspicuous task.")))
    built(book)
    kept = [path.read_bytes() for path in (book.folder / "_build/kept").rglob("environment.pickle")]
    assert len(kept) == 2 and not any(b"conspicuous" in content for content in kept)


def test_a_build_reads_nothing_of_pages_that_did_not_change(book):
    doctrees = [*(book.folder / "_build/kept").rglob("second.doctree")]
    assert len(doctrees) == 2
    for doctree in doctrees:
        doctree.write_bytes(b"what nobody reads")
    book.write("first", chapter("First", "Other words."))
    assert built_and_read(book) == ["first"] * 2
    assert "Other words." in soup(book, "book/en/first.html").article.get_text()


def test_only_the_page_that_changed_is_written(book):
    def dates():
        return {
            path.stem: path.stat().st_mtime_ns
            for path in (book.folder / "_build/kept/en/_build/html/book").rglob("*.html")
        }

    before = dates()
    book.write("first", chapter("First", "Other words."), ("en",))
    built(book)
    assert "Other words." in soup(book, "book/en/first.html").article.get_text()
    assert "Other words." in (site(book) / "book/en/first.txt").read_text(encoding="utf-8")
    assert [stem for stem, date in dates().items() if date != before[stem]] != []
    assert dates()["second"] == before["second"]


def test_a_page_that_became_an_older_one_is_written(book):
    path = book.folder / "book/en/first.ipynb"
    old, date = path.read_text(encoding="utf-8"), path.stat().st_mtime_ns
    book.write("first", chapter("First", "Newer."), ("en",))
    built(book)
    path.write_text(old, encoding="utf-8")
    subprocess.run(["touch", "-d", f"@{date / 1e9}", path], check=True)
    built(book)
    assert "Newer." not in soup(book, "book/en/first.html").article.get_text()


def test_a_change_of_the_theme_reaches_every_page(book):
    style = book.folder / "theme/static/book.css"
    old = style.read_text(encoding="utf-8")
    style.write_text(f"{old}\narticle {{ color: rebeccapurple }}\n", encoding="utf-8")
    before = soup(book, "book/en/index.html").select_one("link[rel=stylesheet]")["href"]
    built(book)
    assert "#639" in (site(book) / "_static/site.css").read_text(encoding="utf-8")
    for name in ("index", "first", "second"):
        assert soup(book, f"book/en/{name}.html").select_one("link[rel=stylesheet]")["href"] != before


def test_a_page_that_is_gone_disappears(book):
    for edition in ("en", "zh"):
        (book.folder / "book" / edition / "second.ipynb").unlink()
    write_toc(book, "first")
    built(book)
    assert not [name for name in state(book) if "second" in name]
    assert "Second" not in soup(book, "book/en/index.html").get_text()


def test_a_drawing_that_is_gone_disappears(book):
    for width in ("72pt", "36pt"):
        drawing = new_output("display_data", data={"image/svg+xml": DRAWING.replace("72pt", width)})
        book.write("first", page(*chapter("First").cells, new_code_cell("show()", id="shown", outputs=[drawing])))
        built(book)
        for edition in ("", "book/zh/"):
            [name] = [name for name in state(book) if name.startswith(f"{edition}_images/")]
            assert width.encode() in state(book)[name]


def test_a_mistake_leaves_the_old_site_and_is_told_again(book):
    before = state(book)
    book.write("first", chapter("First", "See [](#nowhere)."), ("en",))
    for _ in range(2):
        said = failure(book.start("-m", "bookkit", "build"))
        assert said.startswith("error: book/en/first.ipynb: cell title, line 3: ") and "nowhere" in said
        assert len(said.splitlines()) == 1
        assert state(book) == before and no_build_is_left(book)
    book.write("first", chapter("First"))
    built(book)


def test_a_link_to_a_section_that_is_gone_is_seen_on_the_page_that_has_it(book):
    book.write("first", chapter("First", "See [](#there)."))
    book.write("second", chapter("Second", "(there)=\n## There\n"))
    built(book)
    book.write("second", chapter("Second"))
    assert "book/en/first.ipynb: cell title, line 3: " in failure(book.start("-m", "bookkit", "build"))


def test_an_interrupt_leaves_the_old_site(book):
    before = state(book)
    book.write("first", chapter("First", "More words."))
    process = book.start("-m", "bookkit", "build")
    children = children_at_work(process, 2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate()
    assert (process.returncode, output) == (130, "interrupted\n")
    assert not any(child.is_running() for child in children)
    assert state(book) == before and no_build_is_left(book)


# Ctrl-C comes when a process has begun and nobody has noted yet that it is to be ended.
IN_THE_MIDDLE = """
import os, signal, subprocess, sys
begin = subprocess.Popen.__init__
def interrupted(self, *arguments, **options):
    begin(self, *arguments, **options)
    if "jupyter_book" in str(arguments):
        print(self.pid, flush=True)
        os.kill(os.getpid(), signal.SIGINT)
subprocess.Popen.__init__ = interrupted
from bookkit.__main__ import main
sys.exit(main(["build"]))
"""


def test_an_interrupt_while_a_process_begins_leaves_none_of_them(book):
    before = state(book)
    book.write("first", chapter("First", "More words."))
    process = book.start("-c", IN_THE_MIDDLE)
    output, _ = process.communicate()
    begun, said = output.splitlines()
    assert (process.returncode, said) == (130, "interrupted")
    assert not psutil.pid_exists(int(begun))
    assert state(book) == before and no_build_is_left(book)


def test_of_two_builds_the_second_one_waits(book):
    book.write("first", chapter("First", "The first build."), ("en",))
    first = book.start("-m", "bookkit", "build")
    children_at_work(first, 1)
    book.write("first", chapter("First", "The second build."), ("en",))
    second = book.start("-m", "bookkit", "build")
    said, _ = second.communicate()
    assert said.splitlines()[0] == "another build is running; this one begins when it has ended"
    assert (first.wait(), second.returncode) == (0, 0)
    assert "The second build." in soup(book, "book/en/first.html").article.get_text()


FULL_DISK = """
import resource, runpy, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
sys.argv = ["bookkit", "build"]
runpy.run_module("bookkit", run_name="__main__")
"""


def test_a_full_disk_is_told_in_one_line(book):
    before = state(book)
    write_toc(book, "second", "first")
    said = failure(book.start("-c", FULL_DISK))
    assert said == "error: the site could not be written: File too large\n"
    assert state(book) == before and no_build_is_left(book)


def test_a_stored_output_cannot_run_in_a_page(book):
    drawing = new_output("display_data", data={"image/svg+xml": DRAWING, "text/plain": "<Figure>"})
    both = new_output("display_data", data={"text/html": "<script>window.ran = 2</script>", "text/plain": "as text"})
    book.write("first", page(*chapter("First").cells, new_code_cell("show()", id="shown", outputs=[drawing, both])))
    built(book)
    article = soup(book, "book/en/first.html").article
    [figure] = article.select(".cell_output img")
    assert figure["src"].endswith(".svg") and (figure["width"], figure["height"]) == ("96", "48")
    assert not article.select("script, svg") and "as text" in article.get_text()
    alone = new_output("display_data", data={"text/html": "<script>window.ran = 3</script>"})
    book.write("first", page(*chapter("First").cells, new_code_cell("show()", id="shown", outputs=[alone])), ("en",))
    assert "book/en/first.ipynb: cell shown" in failure(book.start("-m", "bookkit", "build"))


def test_jupyter_book_alone_builds_the_english_edition(book):
    command = "from jupyter_book.cli.main import main; main()"
    for stems in (("first", "second"), ("first",)):
        write_toc(book, *stems)
        process = book.start("-c", command, "build", "-W", ".", "--path-output", "plain")
        output, _ = process.communicate()
        assert process.returncode == 0, output
        pages = book.folder / "plain/_build/html/book/en"
        assert {path.stem for path in pages.iterdir()} == {"index", *stems}
        scripts = BeautifulSoup((pages / "first.html").read_text(encoding="utf-8"), "html.parser").select("script[src]")
        assert [script["src"].partition("?")[0] for script in scripts] == ["../../_static/site.js"]


def test_a_warning_without_a_page_is_told(book):
    configuration = book.folder / "_config.yml"
    old = configuration.read_text(encoding="utf-8")
    configuration.write_text(old.replace("language-switch, ", "no-such-template, "), encoding="utf-8")
    said = failure(book.start("-m", "bookkit", "build"))
    assert "no-such-template" in said and len(said.splitlines()) <= 2
    assert json.loads((book.folder / "_build/kept/en/inputs.json").read_text(encoding="utf-8"))
