"""The execution of changed code, in forks of one process that has come as far as the changed cell."""

import contextlib
import io
import os
import signal
import traceback
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode

from bookkit.checks.faults.cells import as_executed, as_seen
from bookkit.checks.faults.replay import Checks
from bookkit.notebooks.kernel import CELL_TIMEOUT

HANG = 10  # seconds of a processor after which a cell with a fault, or behind one, is stopped
BROKEN = 99  # the exit code of a child that did not come to a verdict


class Verdict(IntEnum):
    """What became of a fault."""

    NO_EFFECT = 0  # no output is another one: it was no fault
    CAUGHT = 1
    SURVIVED = 2


class Publisher(DisplayPublisher):
    shell: "Shell"

    def publish(self, data, metadata=None, source=None, **options):
        self.shell.say("display_data", data=data, metadata=metadata or {})


class Hook(DisplayHook):
    shell: "Shell"

    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.say("execute_result", data=format_dict, metadata=md_dict or {}, execution_count=None)

    def finish_displayhook(self):
        pass


class Stream(io.TextIOBase):
    def __init__(self, shell, stream):
        self.shell = shell
        self.stream = stream

    def write(self, text):
        self.shell.say("stream", name=self.stream, text=text)
        return len(text)


class Shell(InteractiveShell):
    """IPython without a kernel's threads, so that it can be forked; it says what a kernel would say."""

    display_pub_class = Publisher
    displayhook_class = Hook
    messages: list[dict]

    def enable_gui(self, gui=None):
        pass

    def showtraceback(self, *arguments, **options):
        pass

    def showsyntaxerror(self, *arguments, **options):
        pass

    def say(self, msg_type: str, **content: Any) -> None:
        """Note a message of this type."""
        header = {"msg_type": msg_type}
        self.messages.append({**header, "header": header, "content": content, "parent_header": {"msg_id": "shell"}})

    def run(self, source: str) -> list[dict]:
        """Execute a cell and return the messages."""
        self.messages = []
        with contextlib.redirect_stdout(Stream(self, "stdout")), contextlib.redirect_stderr(Stream(self, "stderr")):
            result = self.run_cell(source)
        if error := result.error_before_exec or result.error_in_exec:
            self.say("error", ename=type(error).__name__, evalue=str(error), traceback=[])
        self.say("status", execution_state="idle")
        return self.messages


def in_child(work: Callable[[], Verdict], log: Path) -> int:
    """Return work() as a forked child computes it; a number below zero if a signal ended the child."""
    child = os.fork()
    if not child:
        try:
            os._exit(work())
        except BaseException:
            log.write_text(traceback.format_exc())
            os._exit(BROKEN)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == BROKEN:
        raise RuntimeError(log.read_text())
    return code


def run_on(checks: Checks, shell: Shell, cells: list[NotebookNode], source: str) -> Verdict:
    """Execute `source` for the first cell, and then the other cells as they are, until an output differs."""
    for cell, code in zip(cells, [source, *(cell.source for cell in cells[1:])], strict=True):
        # Either signal ends the process. Only a cell that waits for something is left to the clock on the wall.
        signal.setitimer(signal.ITIMER_PROF, HANG)
        signal.alarm(CELL_TIMEOUT)
        messages = shell.run(code)
        if as_executed(messages) != as_seen(cell.outputs):
            return Verdict.CAUGHT if checks.reject_cells([cell], {cell.id: messages}) else Verdict.SURVIVED
    return Verdict.NO_EFFECT
