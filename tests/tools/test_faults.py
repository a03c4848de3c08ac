"""A sample of bookkit/checks/faults, and the proof that it tells of faults which nobody catches."""

import os
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sample_book import SampleBook, page

from bookkit.checks.faults import execution, judge
from bookkit.checks.faults.execution import Stage
from bookkit.notebooks import kernel
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.files import find_notebooks, read, write
from bookkit.notebooks.interpreters import FRAMEWORKS
from bookkit.project import CHINESE, ENGLISH, ROOT, BookError

pytestmark = pytest.mark.slow

SAMPLE = 8  # faults of each kind in each notebook
BLINDFOLDS = {
    "nbval": "import nbval.plugin; nbval.plugin.IPyNbCell.compare_outputs = lambda *outputs: True",
    "rules": "from bookkit.notebooks import rules; rules.RULES.clear()",
    "editions": "from bookkit.checks import editions; editions.compare = lambda *editions: []",
    "witnesses": "from bookkit.checks.prose import numbers; numbers.is_unmistakable = lambda *given: True",
}


def plant(folder: Path, *paths: str, before: str = "") -> subprocess.CompletedProcess:
    """Judge a sample of mutants of a book's notebooks in a new process; `before` is executed there first."""
    judging = "from bookkit.checks.faults import command"
    code = f"import sys; {judging}\n{before}\nsys.exit(command.main(sys.argv[1:], most={SAMPLE}))"
    return subprocess.run(
        [sys.executable, "-c", code, *paths],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
    )


def chapter() -> str:
    """Return the name of a chapter that has errors and figures: another one whenever the book changes."""
    found = []
    for path in sorted(ENGLISH.folder.glob("*.ipynb")):
        outputs = [output for cell in code_cells(read(path)) for output in cell.outputs]
        kinds = {kind for output in outputs for kind in [output.output_type, *output.get("data", {})]}
        if {"error", "image/svg+xml"} <= kinds:
            found.append(path.name)
    book = b"".join(path.read_bytes() for path in find_notebooks())
    return found[zlib.crc32(book) % len(found)]


def test_every_fault_of_a_sample_is_caught():
    page = chapter()
    result = plant(ROOT, f"{ENGLISH.place}{page}", f"{CHINESE.place}{page}")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 survived" in result.stdout
    counts = [line.rsplit(maxsplit=3) for line in result.stdout.splitlines()[: len(judge.KINDS)]]
    assert [kind for kind, *_ in counts] == judge.KINDS
    for kind, caught, _, planted in counts:
        assert int(caught) == int(planted), kind
        assert int(planted) or kind in judge.TEXT.values(), kind  # a chapter may say nothing of one kind


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A book of one page with a number in its text, in its code and in its output."""
    book = SampleBook(tmp_path_factory.mktemp("faults"))
    result = [new_output("execute_result", {"text/plain": "6.0"}, execution_count=1)]
    slope = new_code_cell("2 * 3.0", id="slope", outputs=result)
    book.write("index", page(new_markdown_cell("# 6", id="title"), slope))
    return book


def test_nothing_survives_in_the_small_book(sample):
    result = plant(sample.folder)
    assert result.returncode == 0 and "0 survived" in result.stdout, result.stdout + result.stderr


@pytest.mark.parametrize(
    "blind, edition, missed",
    [
        ("nbval", ENGLISH, ["cell slope: last digit: output 1", "cell slope: constant in the code changed: line "]),
        ("rules", ENGLISH, ["cell slope: tag raises-exception added", "the notebook: all outputs cleared"]),
        ("editions", CHINESE, ["cell slope: Chinese code changed alone: line "]),
        ("witnesses", ENGLISH, ["cell title: number changed in both editions: 6 -> 7 in '# 6'"]),
    ],
)
def test_a_fault_that_nobody_catches_is_told(sample, blind, edition, missed):
    index = f"{edition.place}index.ipynb"
    result = plant(sample.folder, index, before=BLINDFOLDS[blind])
    assert result.returncode == 1, result.stdout + result.stderr
    for words in missed:
        assert f"{index}: {words}" in result.stdout


def test_a_page_whose_python_is_missing_is_left_out_and_named(sample):
    other = page(new_code_cell("import torch", id="other"))
    other.metadata["kernelspec"] = FRAMEWORKS.spec
    sample.write("other", other, ("en",))
    try:
        result = plant(sample.folder, "book/en/other.ipynb", "book/en/index.ipynb")
    finally:
        (sample.folder / "book/en/other.ipynb").unlink()
    assert result.returncode == 0 and "0 survived" in result.stdout, result.stdout + result.stderr
    assert "book/en/other.ipynb is left out: it needs PyTorch and JAX; run `make frameworks`\n" in result.stderr


def test_a_notebook_that_is_wrong_already_is_told(sample):
    path = sample.folder / "book/zh/index.ipynb"
    before = path.read_text(encoding="utf-8")
    try:
        path.write_text(before.replace("6.0", "7.0"), encoding="utf-8")
        result = plant(sample.folder, "book/zh/index.ipynb")
    finally:
        path.write_text(before, encoding="utf-8")
    assert result.returncode == 1
    assert "BookError: book/zh/index.ipynb: cell slope: " in result.stderr
    assert "and no fault is planted yet" in result.stderr


@pytest.fixture
def stage(tmp_path, monkeypatch):
    """A notebook whose first cell has run, so that the second one can be tried."""
    monkeypatch.setattr(kernel, "MAX_MEMORY", 0.5)
    path = tmp_path / "page.ipynb"
    write(
        page(new_code_cell("import os, random\nvalue = 1", id="first"), new_code_cell("y = value", id="second")), path
    )
    stage = Stage(path)
    stage.go_on()
    yield stage
    stage.close()


@pytest.mark.parametrize(
    "source",
    [
        "os.abort()",
        "os._exit(0)",
        "while True: pass",
        "random.random()",
        "value = bytearray(600_000_000); import time; time.sleep(60)",
    ],
)
def test_a_changed_cell_has_the_limits_of_all_cells(stage, monkeypatch, source):
    monkeypatch.setattr(execution, "CELL_TIMEOUT", 3)
    assert stage.try_out(None, source) == execution.Verdict.CAUGHT
    assert stage.kernel.is_alive() and stage.try_out(None, "y = value + 1") == execution.Verdict.NO_EFFECT


def test_a_fork_that_fails_ends_and_says_why(stage):
    stage.kernel.timeout = 15
    stage.kernel.ask("def fail(*question):\n    raise TypeError('no number')\nfork.first_difference = fail")
    with pytest.raises(RuntimeError, match="TypeError: no number"):
        stage.try_out(None, "y = value")


class Rejecting:
    """Checks that reject a cell, and must be asked about no other."""

    def __init__(self, cell):
        self.cell = cell

    def reject_cells(self, cells, messages):
        assert [cell.id for cell in cells] == [*messages] == [self.cell]
        return True


@pytest.fixture
def clock(tmp_path):
    """Return a function that puts a notebook on a stage whose second output differs each time, with these tags."""
    stages = []

    def begin(*tags):
        clock = new_code_cell("import time\nprint(time.perf_counter_ns())", id="clock", metadata={"tags": [*tags]})
        clock.outputs = [new_output("stream", name="stdout", text="12\n")]
        three = [new_output("execute_result", {"text/plain": "3"}, execution_count=3)]
        cells = new_code_cell("value = 3", id="first"), clock, new_code_cell("value", id="third", outputs=three)
        write(page(*cells), tmp_path / "page.ipynb")
        stages.append(Stage(tmp_path / "page.ipynb"))
        return stages[-1]

    yield begin
    for stage in stages:
        stage.close()


def test_an_output_that_is_not_compared_hides_no_fault_behind_it(clock):
    stage = clock("nbval-ignore-output")
    assert stage.try_out(None, "value = 1 + 2") == execution.Verdict.NO_EFFECT
    assert stage.try_out(Rejecting("third"), "value = 4") == execution.Verdict.CAUGHT
    fails = "import sys\nvalue = 3\nsys.modules['time'] = None"
    assert stage.try_out(Rejecting("clock"), fails) == execution.Verdict.CAUGHT
    stage.go_on()
    stage.go_on()


def test_an_output_that_differs_without_a_fault_is_told(clock):
    stage = clock()
    stage.go_on()
    with pytest.raises(BookError, match="cell clock: other outputs, and no fault is planted yet"):
        stage.go_on()
