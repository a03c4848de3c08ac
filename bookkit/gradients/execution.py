"""Execute the English notebooks, each in a kernel with the recorder inside, under the limits of all cells."""

import contextlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from nbformat import NotebookNode

from bookkit import contents
from bookkit.gradients.findings import Gradient
from bookkit.notebooks.files import in_one_line, read
from bookkit.notebooks.interpreters import runs_in_the_book
from bookkit.notebooks.kernel import CELL_TIMEOUT, CellError, Kernel
from bookkit.project import ENGLISH, name

STARTUP = "from bookkit.gradients import witness\nwitness.start()"
AT_ONCE = 2  # notebooks


def pages() -> list[str]:
    """Return the names of the notebooks whose gradients are derived, in the order of the book.

    A page with other frameworks is left out: it compares each gradient of MXNet's with theirs itself.
    """
    paths = [ENGLISH.folder / f"{page}.ipynb" for page in contents.pages()]
    return [path.stem for path in paths if path.exists() and runs_in_the_book(path)]


def run_cell(kernel: Kernel, cell: NotebookNode, page: str) -> list[Gradient]:
    """Execute a cell and return what is found about its gradients; raise CellError if it fails, and is not meant to."""
    heard = kernel.run(cell.source, store_history=False)
    errors = [message["content"] for message in heard if message["msg_type"] == "error"]
    if errors and "raises-exception" not in cell.metadata.get("tags", []):
        raise CellError(f"{in_one_line(NotebookNode(errors[0]))}; mend the cell, or tag it raises-exception")
    return [Gradient(**{**found, "page": page, "cell": cell.id}) for found in kernel.ask("witness.found()")]


@dataclass
class Run:
    """What came of executing a page."""

    page: str
    gradients: list[Gradient] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # what went wrong; the cells after that did not run


def run_page(path: Path, timeout: float = CELL_TIMEOUT) -> Run:
    """Execute a notebook, up to the first cell that fails."""
    result, place = Run(path.stem), name(path)
    try:
        kernel = Kernel(path.parent, startup=STARTUP)
        kernel.timeout = timeout
        try:
            for cell in read(path).cells:
                if cell.cell_type == "code":
                    place = f"{name(path)}: cell {cell.id}"
                    result.gradients += run_cell(kernel, cell, path.stem)
        finally:
            if kernel.is_alive():
                kernel.stop()
    except CellError as error:
        result.lines += [f"{place}: {line}" for line in error.args]
    return result


def run(names: Sequence[str]) -> list[Run]:
    """Execute the English notebooks of these names, the largest first: it takes longest."""
    paths = [ENGLISH.folder / f"{page}.ipynb" for page in names]
    paths.sort(key=lambda path: path.stat().st_size, reverse=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        runs = [pool.submit(run_page, path) for path in paths]
        try:
            return sorted((run.result() for run in runs), key=lambda done: names.index(done.page))
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(run.done() for run in runs):  # a thread ends when its kernel has, which it may not have yet
                for kernel in psutil.Process().children(recursive=True):
                    with contextlib.suppress(psutil.NoSuchProcess):
                        kernel.kill()
                time.sleep(0.1)
            raise
