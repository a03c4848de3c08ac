"""The checks, asked about a changed notebook without a kernel: what the kernel said of the true one is said again."""

import copy
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbval.plugin import NbCellError

from bookkit.checks.plugin import Cell, Notebook
from bookkit.notebooks import rules
from bookkit.project import BookError, name


class Replay:
    """Stands in for a kernel: whatever is executed, it says `messages`."""

    def __init__(self, messages: list[dict]):
        self.messages = iter(messages)
        self.msg_id = messages[-1]["parent_header"]["msg_id"]

    def is_alive(self):
        return True

    def execute_cell_input(self, source, allow_stdin=None):
        return self.msg_id

    def await_reply(self, msg_id, timeout=None):
        pass

    def await_idle(self, msg_id, timeout):
        pass

    def get_message(self, stream, timeout=None):
        return next(self.messages)


class Checks:
    """What a session of pytest and the rules say about a notebook."""

    def __init__(self, session: pytest.Session, folder: Path | str):
        self.session = session
        self.folder = Path(folder)

    def collect(self, path: Path) -> tuple[Notebook, list]:
        """Return the file and the items that pytest makes of the cells of a notebook."""
        [file] = self.session.config.hook.pytest_collect_file(file_path=path, parent=self.session)
        return file, [item for item in file.collect() if isinstance(item, Cell)]

    def record(self, path: Path) -> dict[str, list[dict]]:
        """Let pytest run a notebook as it is; return {cell id: messages of the kernel}."""
        file, items = self.collect(path)
        recorded: dict[str, list[dict]] = {item.cell.id: [] for item in items}
        listen = file.get_kernel_message

        def listen_and_note(timeout=None, stream="iopub"):
            message = listen(timeout, stream)
            recorded[item.cell.id].append(message)
            return message

        file.get_kernel_message = listen_and_note
        file.setup()
        try:
            for item in items:
                item.runtest()
        except NbCellError as error:
            raise BookError(f"{name(path)}: cell {item.cell.id}: {error}, and no fault is planted yet") from None
        finally:
            file.teardown()
        return recorded

    def reject_cells(self, cells: list[NotebookNode], messages: dict[str, list[dict]]) -> bool:
        """Tell whether an item of pytest fails if the kernel says messages[cell id]."""
        path = self.folder / "changed.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        file, items = self.collect(path)
        for item in items:
            file.kernel = Replay(messages[item.cell.id])
            try:
                item.runtest()
            except (NbCellError, BookError):
                return True
            except pytest.skip.Exception:
                pass
        return False

    def reject(self, notebook: NotebookNode, fault: dict[str, NotebookNode], messages: dict[str, list[dict]]) -> bool:
        """Tell whether anything fails for a notebook with the cells of a fault, {cell id: cell}, in it."""
        if self.reject_cells(list(fault.values()), messages):
            return True
        mutant = copy.copy(notebook)
        mutant.cells = [fault.get(cell.id, cell) for cell in notebook.cells]
        return any(True for rule in rules.RULES for _ in rule(mutant))
