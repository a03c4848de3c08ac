"""Set-up, build and checks of the book as it is, against their bars."""

import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from bookkit.bench.measure import run
from bookkit.bench.synthetic import chapters, edit
from bookkit.notebooks.files import find_notebooks
from bookkit.notebooks.interpreters import runs_in_the_book
from bookkit.project import ROOT

EDITS = 3
PEAK = (
    "import resource, sys; "
    "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == 'darwin' else 1024))"
)


class Row(NamedTuple):
    """A figure, and the bar that it must not exceed where it has one."""

    label: str
    value: float
    bar: float | None = None

    @property
    def missed(self) -> bool:
        return self.bar is not None and self.value > self.bar


def warm_build(clone: Path, number: int) -> float:
    """Return the seconds that `make book` takes after a change in one chapter."""
    edit(clone, chapters()[0], number)
    return run("warm build", ["make", "book"], clone).wall


def execute_one_after_the_other(paths: list[Path]) -> tuple[float, int]:
    """Execute notebooks with plain nbclient; return (seconds, largest peak of a kernel in bytes)."""
    seconds, peak = 0.0, 0
    for number, path in enumerate(paths, start=1):
        print(f"plain execution {number}/{len(paths)} ...", file=sys.stderr, flush=True)
        notebook = nbformat.read(path, as_version=4)
        notebook.cells.append(new_code_cell(PEAK))
        start = time.perf_counter()
        NotebookClient(notebook, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}).execute()
        seconds += time.perf_counter() - start
        peak = max(peak, int(notebook.cells[-1].outputs[0].text))
    return seconds, peak


def rows(clone: Path) -> Iterator[Row]:
    """Yield the figures of a new clone, in which nothing is installed and nothing built."""
    setup = run("set-up", ["make", "setup"], clone).wall
    yield Row("set-up (s)", setup)
    cold = run("cold build", ["make", "book"], clone).wall
    yield Row("book, cold build (s)", cold)
    yield Row("fresh clone to built book (s)", setup + cold, 60)
    paths = [path for path in find_notebooks() if runs_in_the_book(path)]  # what else there is was not set up there
    plain, peak = execute_one_after_the_other([clone / path.relative_to(ROOT) for path in paths])
    checked = run("checked run", [clone / ".venv/bin/python", "-m", "pytest", "-q", "book"], clone).wall
    warm = statistics.median(warm_build(clone, number) for number in range(EDITS))
    yield Row(f"book, one chapter changed, median of {EDITS} (s)", warm, 5)
    yield Row("notebooks, plain execution (s)", plain)
    yield Row("notebooks, executed and compared (s)", checked)
    yield Row("compared / plain", checked / plain, 1)
    yield Row("largest kernel (MB)", peak / 1e6, 400)


def table(found: list[Row]) -> Iterator[str]:
    """Yield the lines of a table."""
    yield f"{'':44}{'measured':>10}{'bar':>8}"
    for row in found:
        bar = "" if row.bar is None else row.bar
        yield f"{row.label:44}{row.value:10.2f}{bar:>8}{'  missed' if row.missed else ''}"
