"""The execution of changed code, in forks of a kernel that has come as far as the changed cell."""

import json
from enum import IntEnum
from pathlib import Path

from nbformat import NotebookNode

from bookkit.checks.faults.cells import as_executed, as_seen
from bookkit.checks.faults.replay import Checks
from bookkit.notebooks.cells import code_cells, tags
from bookkit.notebooks.files import read
from bookkit.notebooks.kernel import CELL_TIMEOUT, CellError, Kernel, StoppedError
from bookkit.project import BookError, name

STARTUP = "from bookkit.checks.faults import fork"
# MXNet survives a fork, threads of OpenMP do not.
SETTINGS = {"OMP_NUM_THREADS": "1"}


class Verdict(IntEnum):
    """What became of a fault."""

    NO_EFFECT = 0  # no output is another one: it was no fault
    CAUGHT = 1
    SURVIVED = 2


def expected(cell: NotebookNode) -> list[dict] | None:
    """Return what readers see of a cell's outputs, or None where outputs are not compared."""
    return None if "nbval-ignore-output" in tags(cell) else as_seen(cell.outputs)


class Stage:
    """A notebook whose first cells have run in a kernel, in which the next one can be tried."""

    def __init__(self, path: Path):
        self.path = path
        self.cells = code_cells(read(path))
        self.begin()

    def begin(self) -> None:
        """Start a kernel in which no cell has run."""
        self.kernel = Kernel(self.path.parent, startup=STARTUP, settings=SETTINGS)
        self.kernel.timeout = CELL_TIMEOUT * len(self.cells)  # a fork has limits of its own for each cell
        known = [{"source": cell.source, "seen": expected(cell)} for cell in self.cells]
        self.kernel.ask(f"import json\nfork.cells[:] = json.loads({json.dumps(known)!r})")
        self.number = 0

    def close(self) -> None:
        if self.kernel.is_alive():
            self.kernel.stop()

    def go_on(self) -> None:
        """Run the next cell as it is; raise BookError if its outputs are other ones."""
        cell = self.cells[self.number]
        try:
            executed = as_executed(self.kernel.run(cell.source, store_history=False))
        except CellError as error:
            raise BookError(f"{self.place}: {error.args[0]}, and no fault is planted yet") from None
        if expected(cell) not in (None, executed):
            raise BookError(f"{self.place}: other outputs, and no fault is planted yet")
        self.number += 1

    @property
    def place(self) -> str:
        return f"{name(self.path)}: cell {self.cells[self.number].id}"

    def try_out(self, checks: Checks, source: str) -> Verdict:
        """Return what becomes of a notebook with `source` for the next cell."""
        number = self.number
        try:
            found = self.kernel.ask(f"fork.run({source!r}, {number}, {CELL_TIMEOUT})")
        except StoppedError:  # too much memory, of which pytest tells too
            self.begin()
            while self.number < number:
                self.go_on()
            return Verdict.CAUGHT
        # Where the fork crashed or did not end, pytest tells of a dead kernel or of a late cell.
        if found is None or "complaints" in found:
            return Verdict.CAUGHT
        if not found:
            return Verdict.NO_EFFECT
        cell: NotebookNode = self.cells[found["cell"]]
        return Verdict.CAUGHT if checks.reject_cells([cell], {cell.id: found["messages"]}) else Verdict.SURVIVED
