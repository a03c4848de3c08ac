"""Measure set-up, build and checks, print a table and hold each figure against its bar.

Clones the committed state of the repository into a temporary folder, so that nothing
that lies about helps; pip's cache may be warm. Exits with 1 when a bar is missed.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

from bookkit.notebooks.files import find_notebooks
from bookkit.project import ROOT, BookError

PEAK = """
import resource, sys

print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def timed(label, command, folder):
    """Run a command in a folder and return its wall time in seconds; stop if it fails."""
    print(f"{label} ...", file=sys.stderr, flush=True)
    start = time.perf_counter()
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if result.returncode:
        raise BookError(f"{label} failed:\n{result.stdout[-2000:]}{result.stderr[-2000:]}")
    return time.perf_counter() - start


def warm_build(folder):
    """Return the seconds that `make book` takes after a change in one chapter."""
    (folder / "book" / "en" / "control-flow.ipynb").touch()
    return timed("warm build", ["make", "book"], folder)


def execute_one_after_the_other(paths):
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


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "book"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        setup = timed("set-up", ["make", "setup"], clone)
        cold = timed("cold build", ["make", "book"], clone)
        warm = statistics.median(warm_build(clone) for _ in range(3))
        plain, peak = execute_one_after_the_other([clone / path.relative_to(ROOT) for path in find_notebooks()])
        checked = timed("checked run", [clone / ".venv/bin/python", "-m", "pytest", "-q", "book"], clone)
    rows = [
        ("set-up (s)", setup, None),
        ("book, cold build (s)", cold, None),
        ("fresh clone to built book (s)", setup + cold, 60),
        ("book, one chapter changed, median of 3 (s)", warm, 5),
        ("notebooks, plain execution (s)", plain, None),
        ("notebooks, executed and compared (s)", checked, None),
        ("compared / plain", checked / plain, 1),
        ("largest kernel (MB)", peak / 1e6, 400),
    ]
    missed = False
    print(f"{'':44}{'measured':>10}{'bar':>8}")
    for label, value, bar in rows:
        mark = "" if bar is None or value <= bar else "  missed"
        missed = missed or bool(mark)
        print(f"{label:44}{value:10.2f}{'' if bar is None else bar:>8}{mark}")
    return 1 if missed else 0
