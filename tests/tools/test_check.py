"""`make check`: what is wrong with one page, in a small book."""

import subprocess
import sys

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sample_book import SampleBook, failure
from sample_book import page as notebook_of

from bookkit import page
from bookkit.notebooks.files import write
from bookkit.project import CHINESE, ENGLISH, ROOT, BookError

pytestmark = pytest.mark.slow
GRADIENT = """\
from mxnet import autograd, nd

x = nd.array([3.0])
x.attach_grad()
with autograd.record():
    y = x * x
y.backward()"""
TEXTS = {
    "en": ["# Slope\n\nThe slope of $x^2$ at 3 is 6.", "See [the first page](index.ipynb).", "That is all."],
    "zh": ["# 斜率\n\n$x^2$ 在 3 处的斜率是 6。", "见[第一页](index.ipynb)。", "就这些。"],
}
PRICES = {"en": "# Prices\n\nIt costs 3.\n", "zh": "# 价格\n\n价格是 3。\n"}
# What is planted: edition, old text, new text, and what is said about it.
FAULTS = {
    "a wrong output": ("zh", "[6.]", "[7.]", "book/zh/slope.ipynb: cell shown: its outputs are not the stored ones; "),
    "a rule": ("en", "print(x.grad)", "print(x.grad);", "book/en/slope.ipynb: cell shown: ends with ';'"),
    "the Chinese alone": ("zh", "是 6", "是 9", "book/zh/slope.ipynb: cell title: the Chinese lacks the number 6"),
    "a text not agreed on": ("en", "all", "it", "slope.ipynb: cell end: the English text has changed"),
    "a link": ("zh", "(index.ipynb)", "(indeks.ipynb)", "cross-reference target not found: 'indeks.ipynb'"),
    "another name for a page": (
        "zh",
        "$x^2$ 在 3",
        "《[起点](index.ipynb)》里 $x^2$ 在 3",
        "book/zh/slope.ipynb: names index.ipynb as '起点'; its title is '开始'",
    ),
    "a number that nothing shows": (
        "en",
        "the first page",
        "page 1234",
        "book/en/slope.ipynb: cell link: its text says 1234: no",
    ),
    "a formula": ("en", "$x^2$", r"$\\nonsense{x}$", "formula not understood: Unknown LaTeX command"),
}


def chapter(edition: str) -> NotebookNode:
    title, link, end = (new_markdown_cell(text) for text in TEXTS[edition])
    title.id, link.id, end.id = "title", "link", "end"
    shown = new_output("stream", text="\n[6.]\n<NDArray 1 @cpu(0)>\n")
    code = new_code_cell(GRADIENT, id="slope"), new_code_cell("print(x.grad)", id="shown", outputs=[shown])
    return notebook_of(title, *code, link, end)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """A book of three pages: nothing is wrong with prices.md, and much with slope.ipynb."""
    book = SampleBook(tmp_path_factory.mktemp("check"), seconds=120)
    for edition, text in (("en", "# Start\n\nRead on."), ("zh", "# 开始\n\n请读下去。")):
        start = notebook_of(new_markdown_cell(text, id="title"), new_code_cell("x = 1", id="one"))
        book.write("index", start, (edition,))
        book.write("slope", chapter(edition), (edition,))
        (book.folder / f"book/{edition}/prices.md").write_text(PRICES[edition], encoding="utf-8")
    witnesses = 'prices: {values: {"3": "1 + 2"}}\n'
    (book.folder / "book/data/witnesses.yml").write_text(witnesses, encoding="utf-8")
    book.write_toc("slope", "prices")
    agreed, _ = book.start("-m", "bookkit", "agree").communicate()
    assert "slope.ipynb: cell title: agreed" in agreed
    return book


@pytest.fixture(scope="module")
def good(book):
    process = book.start("-m", "bookkit", "check", "book/zh/prices.md")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return output


def test_a_page_without_code_has_no_wrong_output(book, good):
    path = book.folder / "book/en/plain.ipynb"
    write(notebook_of(new_markdown_cell("# Plain", id="title")), path)
    code = f"from pathlib import Path\nfrom bookkit import page\nprint(page.outputs(Path({str(path)!r})))"
    output, _ = book.start("-c", code).communicate()
    path.unlink()
    assert output == "[]\n"


@pytest.fixture(scope="module")
def faulty(book, good):
    """What is said about the page with all faults."""
    for edition, old, new, _ in FAULTS.values():
        path = book.folder / f"book/{edition}/slope.ipynb"
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    return failure(book.start("-m", "bookkit", "check", "book/en/slope.ipynb"))


def test_a_good_page_has_nothing_to_mend(good):
    told = [line.split("  ")[-1] for line in good.splitlines() if line.endswith(" to mend")]
    assert sorted(told) == ["site and links: nothing to mend", "text: nothing to mend"], good
    assert "not checked: the page in a browser" in good


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_told(faulty, fault):
    assert FAULTS[fault][-1] in faulty, faulty


def test_nothing_else_is_told(faulty):
    for line in ("gradients: nothing", "outputs, English: nothing", "outputs, Chinese: 1", "site and links: 2"):
        assert f"  {line} to mend\n" in faulty, faulty


HALVED = """\
from mxnet import autograd, nd


class Square(autograd.Function):
    def forward(self, x):
        self.save_for_backward(x)
        return x * x
    def backward(self, dy):
        return dy * self.saved_tensors[0]

x = nd.array([3.0])
x.attach_grad()
with autograd.record():
    y = Square()(x)
y.backward()"""
DERIVED = "import sys; from bookkit import page; sys.exit('\\n'.join(page.gradients('halved')))"


def test_a_wrong_gradient_is_told(book):
    book.write("halved", notebook_of(new_code_cell(HALVED, id="slope")))
    output = failure(book.start("-c", DERIVED))
    for edition in ("en", "zh"):
        (book.folder / f"book/{edition}/halved.ipynb").unlink()
    line = "book/en/halved.ipynb: cell slope: gradient of x, backward number 0: differs from the derivation"
    assert output.count(line) == 1, output


TEXT = "import sys; from bookkit import page; sys.exit('\\n'.join(page.text(*page.both('book/en/prices.md'))))"


def test_what_a_markdown_page_may_not_hold_is_told(book, good):
    path = book.folder / "book/en/prices.md"
    path.write_text(PRICES["en"] + "\n<script>alert(1)</script>\n", encoding="utf-8")
    output = failure(book.start("-c", TEXT))
    path.write_text(PRICES["en"], encoding="utf-8")
    assert "book/en/prices.md: line 5: holds HTML" in output, output


def test_a_dead_link_is_told(tmp_path):
    for path, text in (
        ("book/en/one.html", '<a href="two.html#there">1</a> <a href="two.html#gone">2</a> <a href="three.html">3</a>'),
        ("book/en/two.html", '<p id="there">'),
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text, encoding="utf-8")
    lines = list(page.dead_links(tmp_path, ENGLISH.folder / "one.md"))
    assert lines == [
        f"book/en/one.md: its link to {link} leads nowhere; mend it" for link in ("two.html#gone", "three.html")
    ]


def test_either_edition_names_a_page():
    paths = ENGLISH.folder / "index.ipynb", CHINESE.folder / "index.ipynb"
    assert page.both(str(paths[0])) == page.both(str(paths[1])) == paths


@pytest.mark.parametrize(
    "path, words",
    [
        ("", "no page is named"),
        ("book/en/nothing.ipynb", "book/en/nothing.ipynb: there is no such page"),
        ("README.md", "README.md: is no page of the book"),
        ("book/data/index.yml", "book/data/index.yml: is no page of the book"),
    ],
)
def test_what_is_no_page_is_told_in_one_line(path, words):
    with pytest.raises(BookError) as error:
        page.both(path and str(ROOT / path))
    assert str(error.value) == f"{words}; say for example `make check NB=book/en/gradients.ipynb`"


def test_the_command_without_a_page_says_so():
    result = subprocess.run([sys.executable, "-m", "bookkit", "check"], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("error: no page is named; ") and result.stderr.count("\n") == 1
