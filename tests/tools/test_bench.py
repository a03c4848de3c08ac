"""`make bench`: a book grown from the true one is a valid book, and a figure that is too large is told."""

import subprocess
import sys

import psutil
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from sample_book import SampleBook, page

from bookkit.bench import bars, growth, report
from bookkit.bench.measure import run
from bookkit.bench.synthetic import LABEL, copies, renamed
from bookkit.project import BookError


def test_copies_are_taken_in_turn():
    assert list(copies(["one", "two"], 5)) == [("one", "b"), ("two", "b"), ("one", "c")]
    assert list(copies(["one", "two"], 2)) == []


TEXT = """\
(part)=
## A part

See [](#part), [](#elsewhere), [two](two.ipynb) and [three](three.ipynb#part); part is a word.

:::{exercise} One
:label: ask
:::

:::{solution-start} ask
:::
"""
RENAMED = """\
(part-b)=
## A part

See [](#part-b), [](#elsewhere), [two](two-b.ipynb) and [three](three.ipynb#part); part is a word.

:::{exercise} One
:label: ask-b
:::

:::{solution-start} ask-b
:::
"""


def test_a_copy_has_names_and_labels_of_its_own():
    assert LABEL.findall(TEXT) == ["part", "part", "elsewhere", "ask", "ask"]
    assert renamed(TEXT, "b", {"one", "two"}, {"part", "ask"}) == RENAMED


GROW = """
import sys
from pathlib import Path
from bookkit.bench.synthetic import edit, grow
grow(Path(), 5)
edit(Path(), "slope", 1)
"""


def test_a_grown_book_is_valid_and_can_be_edited(tmp_path):
    book = SampleBook(tmp_path)
    for edition, (title, see) in {"en": ("# Slope", "See"), "zh": ("# 斜率", "见")}.items():
        text = f"(slope)=\n{title}\n\n{see} [](#slope), 2 [a](slope.ipynb)."
        start = new_markdown_cell(text, id="title", metadata={"values": {"2": "1 + 1"}})
        book.write("slope", page(start, new_code_cell("x = 1", id="one")), (edition,))
    toc = (
        "format: jb-book\nroot: book/en/index\nparts:\n  - numbered: true\n    chapters:\n      - file: book/en/slope\n"
    )
    (tmp_path / "_toc.yml").write_text(toc, encoding="utf-8")
    for code in (GROW, "from bookkit.checks import agreement; agreement.main()", growth.TEXTS):
        result = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr
    assert sorted(path.stem for path in (tmp_path / "book/zh").iterdir()) == [
        "index", "slope", "slope-b", "slope-c", "slope-d", "slope-e",
    ]  # fmt: skip
    assert "See [](#slope-c), 2 [a](slope-c.ipynb)." in (tmp_path / "book/en/slope-c.ipynb").read_text(encoding="utf-8")
    assert "这句话再说一遍，b。" in (tmp_path / "book/zh/slope.ipynb").read_text(encoding="utf-8")


def figures(power, edit):
    """Return what is measured where all grows with a power of the number of chapters, but an edit."""
    sizes = (10, 30, 100)
    return {
        size: {
            key: edit * (1 + index / 10) if measure.constant else float(size**power)
            for key, measure in growth.MEASURES.items()
        }
        for index, size in enumerate(sizes)
    }


def test_what_grows_as_the_book_is_well():
    found = figures(1, 2.0)
    assert not any(report.verdicts(found).values())
    assert growth.growth({10: 10.0, 30: 30.0, 100: 100.0}) == pytest.approx((1, 1))
    assert growth.on_paper({10: 15.0, 30: 35.0, 100: 105.0}) == pytest.approx(1005)
    assert growth.on_paper({10: 1.0, 100: 100.0}) == pytest.approx(10_000)


def test_what_grows_faster_is_told(tmp_path):
    found = figures(1.5, 2.0)
    found[100]["edit"] = 9.0
    lines = list(report.table(found))
    [cold] = [line for line in lines if line.startswith("build, cold (s)")]
    [edit] = [line for line in lines if line.startswith("build after an edit (s)")]
    assert cold.endswith("missed: grows faster than the book, power at most 1.15") and "1.50" in cold
    assert edit.endswith("missed: 4.5 times as much, at most 1.5")
    report.draw(found, tmp_path / "bench" / "growth.svg")
    assert "<svg" in (tmp_path / "bench" / "growth.svg").read_text(encoding="utf-8")


def test_a_missed_bar_is_told():
    lines = list(bars.table([bars.Row("fast (s)", 1.0, 2), bars.Row("slow (s)", 3.0, 2), bars.Row("any (s)", 9.0)]))
    assert [line.endswith("missed") for line in lines] == [False, False, True, False]


def test_the_cost_of_a_command_is_that_of_all_it_started(tmp_path):
    spend = "import time; start = time.process_time()\nwhile time.process_time() < start + 0.3: pass"
    hold = "held = b'x' * 100_000_000"
    start = f"import subprocess, sys; [subprocess.run([sys.executable, '-c', code]) for code in ({spend!r}, {hold!r})]"
    cost = run("two processes", [sys.executable, "-c", start], tmp_path)
    assert cost.processor > 0.3 and 100 < cost.memory < 200
    with pytest.raises(BookError, match="fails failed:\nno\n"):
        run("fails", [sys.executable, "-c", "import sys; sys.exit('no')"], tmp_path)


def test_an_interrupted_measurement_leaves_no_process(tmp_path, interrupt_soon):
    with interrupt_soon():
        run("interrupted", ["sleep", "3210"], tmp_path)
    assert not [process for process in psutil.process_iter(["cmdline"]) if "3210" in (process.info["cmdline"] or [])]
