"""Re-execute notebooks and store their outputs in normal form.

A notebook that fails is left as it was and named; the others are still done.
"""

import os
import sys
import time
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import output_from_msg

from bookkit.notebooks.files import find_notebooks, in_one_line, read, write
from bookkit.notebooks.kernel import Kernel, StoppedError
from bookkit.notebooks.normal import normalise
from bookkit.project import BookError, name

OUTPUTS = {"stream", "display_data", "execute_result", "error"}


def execute(path: Path) -> NotebookNode:
    """Run every cell of the notebook at `path` and return it in normal form."""
    notebook = read(path)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    try:
        kernel = Kernel(Path(path).resolve().parent)
    except StoppedError as reason:
        raise BookError(f"{name(path)}: {reason}") from None
    try:
        for number, cell in enumerate(cells, start=1):
            heard = kernel.run(cell.source, store_history=True)
            cell.execution_count = number
            cell.outputs = [output_from_msg(message) for message in heard if message["msg_type"] in OUTPUTS]
            for output in cell.outputs:
                if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                    raise StoppedError(f"{in_one_line(output)}; mend the cell, or tag it raises-exception")
    except StoppedError as reason:
        raise BookError(f"{name(path)}: cell {cell.get('id', number)}: {reason}") from None
    finally:
        if kernel.is_alive():
            kernel.stop()
    return normalise(notebook)


def main(arguments: list[str]) -> int:
    """Refresh the notebooks named, or all."""
    paths = [Path(argument) for argument in arguments] or find_notebooks()
    failures = []
    for number, path in enumerate(paths, start=1):
        start = time.perf_counter()
        print(f"{number}/{len(paths)} {os.path.relpath(path)} ... ", end="", flush=True)
        try:
            write(execute(path), path)
            print(f"{time.perf_counter() - start:.1f} s")
        except BookError as error:
            print("failed, left as it was")
            failures.append(str(error))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0
