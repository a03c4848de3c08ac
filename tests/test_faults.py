"""A sample of bookkit/checks/faults, and the proof that it tells of faults which nobody catches."""

import os
import subprocess
import sys
import zlib

import pytest

from bookkit.checks.faults import judge
from bookkit.notebooks.files import find_notebooks, read
from bookkit.notebooks.rules import code_cells
from bookkit.project import CHINESE, ENGLISH, ROOT, name

SAMPLE = 8  # faults of each kind in each notebook
BLINDFOLDS = {
    "nbval": "import nbval.plugin; nbval.plugin.IPyNbCell.compare_outputs = lambda *outputs: True",
    "rules": "from bookkit.notebooks import rules; rules.RULES.clear()",
    "editions": "from bookkit.checks import editions; editions.compare = lambda *editions: []",
}


def plant(*paths, before=""):
    """Judge a sample of mutants of notebooks in a new process; `before` is executed there first."""
    code = f"import sys; from bookkit.checks.faults import judge\n{before}\nsys.exit(judge.main(sys.argv[1:], most={SAMPLE}))"
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def chapter():
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
    result = plant(ENGLISH.folder / page, CHINESE.folder / page)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 survived" in result.stdout
    counts = [line.rsplit(maxsplit=3) for line in result.stdout.splitlines()[: len(judge.KINDS)]]
    assert [kind for kind, *_ in counts] == judge.KINDS
    for kind, caught, _, planted in counts:
        assert int(caught) == int(planted) > 0, kind


@pytest.mark.parametrize(
    "blind, edition, missed",
    [
        ("nbval", ENGLISH, ["cell slope: last digit: output 1", "cell slope: constant in the code changed: line "]),
        ("rules", ENGLISH, ["cell slope: tag raises-exception added", "the notebook: all outputs cleared"]),
        ("editions", CHINESE, ["cell slope: Chinese code changed alone: line "]),
    ],
)
def test_a_fault_that_nobody_catches_is_told(blind, edition, missed):
    result = plant(edition.folder / "index.ipynb", before=BLINDFOLDS[blind])
    assert result.returncode == 1, result.stdout + result.stderr
    for words in missed:
        assert f"{name(edition.folder / 'index.ipynb')}: {words}" in result.stdout
