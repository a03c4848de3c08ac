"""`make new`: a chapter in both editions that every check passes, or nothing at all."""

import copy
import json
import shutil

import pytest
from nbformat.v4 import new_markdown_cell
from sample_book import SECONDS, TIMEOUTS, SampleBook, failure, page

from bookkit import contents
from bookkit.checks.editions import compare
from bookkit.checks.new import chapters_of, figure_settings, with_line
from bookkit.contents import OTHERWISE, read_yaml
from bookkit.notebooks.files import read
from bookkit.notebooks.rules import complaints
from bookkit.project import ENGLISH

pytestmark = pytest.mark.slow

TOC = """\
# The order of the book.
format: jb-book
root: book/en/index
parts:
  - caption: Chapters   # with numbers
    numbered: true
    chapters:
      - file: book/en/first   # a comment
        title: First
      # one more comment
  - caption: Reference
    chapters:
      - file: book/en/words
"""


@pytest.fixture
def book(tmp_path):
    book = SampleBook(tmp_path)
    for file, found in TIMEOUTS.items():  # MXNet is slower to import than the sample's cells may be
        path = book.folder / file
        slow = path.read_text(encoding="utf-8").replace(found.replace("120", str(SECONDS)), found)
        path.write_text(slow, encoding="utf-8")
    text = new_markdown_cell("# A page\n\nOne paragraph.", id="title")
    settings = figure_settings(ENGLISH)
    settings.source = settings.source[: settings.source.index("#")] + "pass"  # the same in both editions
    book.write("index", page(text, settings))
    for stem in ("first", "words"):
        book.write(stem, page(text))
    otherwise = read_yaml(OTHERWISE)
    toc = TOC.replace("        title: First\n", "")  # which a build refuses: a page has its title itself
    for part, caption in zip(("Chapters", "Reference"), otherwise["captions"], strict=False):
        toc = toc.replace(f"caption: {part}", f"caption: {caption}")
    (book.folder / "_toc.yml").write_text(toc, encoding="utf-8")
    shutil.copy(OTHERWISE, book.folder / "theme/zh.yml")  # the names of its parts
    return book


def contents_of(book):
    return {
        path.relative_to(book.folder): path.read_bytes()
        for path in [*book.folder.glob("book/**/*.*"), book.folder / "_toc.yml"]
    }


def new(book, *arguments):
    process = book.start("-m", "bookkit", "new", *arguments)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def test_a_new_chapter_passes_every_check(book, tell):
    toc = (book.folder / "_toc.yml").read_text(encoding="utf-8")
    output = new(book, "half-lives")
    assert output.startswith("Written: book/en/half-lives.ipynb and book/zh/half-lives.ipynb, and a line of _toc.yml.")
    after = (book.folder / "_toc.yml").read_text(encoding="utf-8")
    assert after == toc.replace("# a comment\n", "# a comment\n      - file: book/en/half-lives\n")

    english, chinese = (read(book.folder / f"book/{edition}/half-lives.ipynb") for edition in ("en", "zh"))
    tell([*complaints(english), *complaints(chinese), *compare(copy.deepcopy(english), chinese)])
    assert [cell.outputs[0].data["text/plain"][:9] for cell in english.cells if cell.id == "first-run"] == [
        "\n[2. 4. 6"
    ]
    recorded = json.loads((book.folder / "book/data/agreed.json").read_text(encoding="utf-8"))["half-lives.ipynb"]
    assert list(recorded) == [cell.id for cell in english.cells]

    checked = book.check("book/en/half-lives.ipynb", "book/zh/half-lives.ipynb", "tests/test_notebooks.py")
    built = book.start("-m", "bookkit", "build")
    for process in (checked, built):
        output, _ = process.communicate()
        assert process.returncode == 0, output
    checked = book.start("-m", "bookkit", "check", "book/en/half-lives.ipynb")
    output, _ = checked.communicate()
    assert checked.returncode == 0 and "to mend" not in output.replace("nothing to mend", ""), output
    assert (book.folder / "_build/html/book/zh/half-lives.html").exists()


def test_a_new_chapter_goes_into_the_part_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(contents, "TOC", tmp_path / "_toc.yml")
    contents.TOC.write_text(TOC, encoding="utf-8")
    assert with_line(TOC, chapters_of("Reference"), "x") == TOC + "      - file: book/en/x\n"
    assert with_line(TOC.rstrip("\n"), chapters_of("Reference"), "x") == TOC + "      - file: book/en/x\n"
    with_two = TOC + "  - caption: More\n    numbered: 1\n    chapters:\n      - file: book/en/y\n"
    contents.TOC.write_text(with_two, encoding="utf-8")
    assert with_line(with_two, chapters_of(""), "x") == with_two + "      - file: book/en/x\n"


REFUSED = {
    "a name with capitals": (
        ["Half"],
        "'Half' is no name for a page; say for example `make new NAME=jacobian-products`",
    ),
    "a path": (["../half"], "'../half' is no name for a page"),
    "a name of the site's own": (["search"], "the site has a page search of its own; choose another name"),
    "no name": ([""], "'' is no name for a page"),
    "a name of the contents": (["first"], "_toc.yml: names first already; choose another name"),
    "a page that is there": (["stray"], "book/zh/stray.md: is there already; choose another name, or remove it"),
    "a part that is not there": (["half", "Extras"], "_toc.yml: has no part 'Extras'; say one of "),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_cannot_begin_is_told_in_one_line(book, fault):
    arguments, words = REFUSED[fault]
    (book.folder / "book/zh/stray.md").write_text("# 页\n", encoding="utf-8")
    before = contents_of(book)
    output = failure(book.start("-m", "bookkit", "new", *arguments))
    assert output.startswith(f"error: {words}") and output.count("\n") == 1
    assert contents_of(book) == before


MORE_BELOW = """\
format: jb-book
root: book/en/index
parts:
- caption: C
  numbered: 1
  chapters:
  - file: >-
      book/en/first
- caption: D
  chapters:
  - file: book/en/words
"""
FAULTY_TOCS = {
    "more below a chapter": (
        MORE_BELOW,
        "_toc.yml: line 7: write each chapter on a line of its own: `- file: …`, and nothing else below it",
    ),
    "no chapters": (
        "format: jb-book\nroot: book/en/index\nparts:\n- caption: C\n  numbered: 1\n  chapters: []\n",
        "_toc.yml: 'chapters' not a non-empty list",
    ),
    "no parts": ("format: jb-book\nroot: book/en/index\n", "_toc.yml: has no part with numbered chapters; add a part"),
    "one line": (
        "format: jb-book\nroot: book/en/index\nparts:\n- caption: C\n  numbered: 1\n  chapters: [{file: book/en/a}]\n",
        "_toc.yml: line 6: write each chapter on a line of its own",
    ),
    "a conflict": ("<<<<<<< HEAD\nroot: index\n", "_toc.yml: line 2 is not YAML"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTY_TOCS)
def test_contents_that_cannot_take_a_line_are_told(book, fault):
    text, words = FAULTY_TOCS[fault]
    (book.folder / "_toc.yml").write_text(text, encoding="utf-8")
    before = contents_of(book)
    assert failure(book.start("-m", "bookkit", "new", "half")).startswith(f"error: {words}")
    assert contents_of(book) == before


def test_nothing_is_left_of_a_chapter_that_cannot_be_written(book):
    before = contents_of(book)
    code = """
from nbformat.v4 import new_notebook
from bookkit.checks import agreement, new
def fail(record):
    raise OSError(28, "No space left on device")
agreement.written, new.executed = fail, lambda *chapter: new_notebook()
new.main("half")
"""
    output, _ = book.start("-c", code).communicate()
    assert "No space left on device" in output and contents_of(book) == before
