"""What runs in a kernel to try a changed cell: a fork of the kernel as it has come as far as this cell.

A fork has no thread but one, so it says nothing on the kernel's channels: it notes what it would say.
"""

import contextlib
import gc
import io
import json
import os
import random
import signal
import sys
import traceback
from typing import Any, NoReturn

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell

from bookkit.checks.faults.cells import as_executed

HANG = 10  # seconds of a processor after which a cell with a fault, or behind one, is stopped
BROKEN = 99  # the exit code of a child that did not come to a verdict

# The source of each cell of the notebook, and what readers see of its outputs; None where they are not compared.
cells: list[dict[str, Any]] = []
messages: list[dict] = []


def say(msg_type: str, **content: Any) -> None:
    """Note a message of this type."""
    header = {"msg_type": msg_type}
    messages.append({**header, "header": header, "content": content, "parent_header": {"msg_id": "fork"}})


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, source=None, **options):
        say("display_data", data=data, metadata=metadata or {})


class Hook(DisplayHook):
    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        say("execute_result", data=format_dict, metadata=md_dict or {}, execution_count=None)

    def finish_displayhook(self):
        pass


class Stream(io.TextIOBase):
    def __init__(self, stream: str):
        self.stream = stream

    def write(self, text: str) -> int:
        say("stream", name=self.stream, text=text)
        return len(text)


def quieten(shell: Any) -> None:
    """Let the kernel's own IPython note what it would send."""
    shell.display_pub = Publisher(shell=shell, parent=shell)
    shell.displayhook = shell.display_trap.hook = Hook(shell=shell, parent=shell)
    shell.showtraceback = shell.showsyntaxerror = lambda *arguments, **options: None


def run_cell(shell: Any, source: str) -> None:
    """Execute a cell and note the messages."""
    messages.clear()
    with contextlib.redirect_stdout(Stream("stdout")), contextlib.redirect_stderr(Stream("stderr")):
        result = shell.run_cell(source, store_history=False)
    if error := result.error_before_exec or result.error_in_exec:
        say("error", ename=type(error).__name__, evalue=str(error), traceback=[])
    say("status", execution_state="idle")


def first_difference(source: str, start: int, limit: int) -> dict[str, Any]:
    """Execute `source` for cell `start`, and then the cells behind it as they are, until an output differs.

    Return {} if none does, or the number of the cell with its messages, or with what its kernel complains of.
    """
    shell = InteractiveShell.instance()
    quieten(shell)
    for number, cell in enumerate(cells[start:], start=start):
        # Either signal ends the process. Only a cell that waits for something is left to the clock on the wall.
        signal.setitimer(signal.ITIMER_PROF, HANG)
        signal.alarm(limit)
        run_cell(shell, source if number == start else cell["source"])
        if complaints := sys.modules["_bookkit"].complaints():
            return {"cell": number, "complaints": complaints}
        failed = any(message["msg_type"] == "error" for message in messages)
        if failed if cell["seen"] is None else as_executed(messages) != cell["seen"]:
            return {"cell": number, "messages": messages}
    return {}


def answer_and_end(answer: int, source: str, start: int, limit: int) -> NoReturn:
    """Write what first_difference(...) returns, or why it fails, and end this process whatever happens."""
    code = BROKEN
    try:
        try:
            said, code = json.dumps(first_difference(source, start, limit)), 0
        except BaseException:
            said = traceback.format_exc()
        with os.fdopen(answer, "w") as file:
            file.write(said)
    finally:
        os._exit(code)


def run(source: str, start: int, limit: int) -> dict[str, Any] | None:
    """Return first_difference(...) as a fork finds it; None if the fork crashed, ended or did not end."""
    gc.freeze()  # or each fork would copy the memory that its garbage collector looks through
    generator: Any = random._inst  # type: ignore[attr-defined]
    drawn = generator.getstate()
    heard, answer = os.pipe()
    child = os.fork()
    if not child:
        generator.setstate(drawn)  # Python gives each fork another seed
        answer_and_end(answer, source, start, limit)
    os.close(answer)
    with os.fdopen(heard) as file:
        text = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == BROKEN:
        raise RuntimeError(text)
    return json.loads(text) if text and code == 0 else None
