"""Re-execute notebooks and store their outputs in normal form.

A notebook that fails is left as it was and named; the others are still done. Nothing is lost:
what could not be stored is refused before, and what was saved meanwhile is not overwritten.
"""

import os
import sys
import time
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from bookkit.notebooks.cells import code_cells, tags
from bookkit.notebooks.files import find_notebooks, in_one_line, read, write
from bookkit.notebooks.interpreters import interpreter_of
from bookkit.notebooks.kernel import CellError, Kernel, StoppedError
from bookkit.notebooks.lock import require_lock
from bookkit.notebooks.normal import losses, normalise
from bookkit.notebooks.world import STORED
from bookkit.project import EDITIONS, BookError, alone, name

OUTPUTS = {"stream", "display_data", "execute_result", "error"}


def execute(path: Path) -> NotebookNode:
    """Run every cell of the notebook at `path` and return it in normal form."""
    notebook = read(path)
    if lost := list(losses(notebook)):
        raise BookError("\n".join(f"{name(path)}: {line}" for line in lost))
    try:
        kernel = Kernel(Path(path).resolve().parent, place=STORED, interpreter=interpreter_of(notebook))
    except StoppedError as reason:
        raise BookError(f"{name(path)}: {reason}") from None
    try:
        for number, cell in enumerate(code_cells(notebook), start=1):
            try:
                execute_cell(kernel, cell, number)
            except CellError as error:
                lines = (f"{name(path)}: cell {cell.id}: {line}" for line in error.args)
                raise BookError("\n".join(lines)) from None
    finally:
        if kernel.is_alive():
            kernel.stop()
    return normalise(notebook)


def execute_cell(kernel: Kernel, cell: NotebookNode, number: int) -> None:
    heard = kernel.run(cell.source, store_history=True)
    cell.execution_count = number
    cell.outputs = [output_from_msg(message) for message in heard if message["msg_type"] in OUTPUTS]
    for output in cell.outputs:
        if output.output_type == "error" and "raises-exception" not in tags(cell):
            raise CellError(f"{in_one_line(output)}; mend the cell, or tag it raises-exception")


def refresh(path: Path) -> None:
    """Execute a notebook and store it, if nobody else has stored it meanwhile."""
    try:
        before = path.read_bytes()
        notebook = execute(path)
        with alone():
            if path.read_bytes() != before:
                what = "was saved while its cells ran, and is left as it was saved"
                raise BookError(f"{name(path)}: {what}; run it again")
            write(notebook, path)
    except OSError as error:
        raise BookError(f"{name(path)}: {error.strerror}; nothing was stored") from None


def main(arguments: list[str]) -> int:
    """Refresh the notebooks named, or all."""
    require_lock()
    paths = [Path(argument) for argument in arguments] or find_notebooks()
    if not paths:
        folders = " and ".join(name(edition.folder) for edition in EDITIONS)
        raise BookError(f"no notebook is in {folders}; name one")
    failures = []
    for number, path in enumerate(paths, start=1):
        start = time.perf_counter()
        print(f"{number}/{len(paths)} {os.path.relpath(path)} ... ", end="", flush=True)
        try:
            refresh(path)
            print(f"{time.perf_counter() - start:.1f} s")
        except BookError as error:
            print("failed, left as it was")
            failures.append(str(error))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0
