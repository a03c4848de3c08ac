"""The one executor of notebooks: a kernel in which no cell runs on for ever, dies unnoticed or floods its output.

nbval, `refresh` and whatever else executes cells use it, and so all have the same limits.
"""

import ast
import collections
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Empty
from typing import Any

from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import KernelManager

from bookkit.notebooks.files import MAX_OUTPUT
from bookkit.project import ROOT

CELL_TIMEOUT = 120  # seconds
START_TIMEOUT = 60

# The project's own code lives in a module of its own in the kernel: no cell sees its names.
PROJECT = "_bookkit"
# The package can be imported while code of the project runs, and by no cell.
BEGIN = f"""
import sys, types
def begin():
    own = sys.modules[{PROJECT!r}] = types.ModuleType({PROJECT!r})
    def ask(code):
        import ast, json, sys
        tree = ast.parse(code)
        value = None
        sys.path.insert(0, {str(ROOT)!r})
        try:
            last = tree.body and isinstance(tree.body[-1], ast.Expr) and ast.Expression(tree.body.pop().value)
            exec(compile(tree, "<bookkit>", "exec"), own.__dict__)
            if last:
                value = eval(compile(last, "<bookkit>", "eval"), own.__dict__)
        finally:
            sys.path.remove({str(ROOT)!r})
        return json.dumps(value)
    own.ask = ask
begin()
"""


class StoppedError(Exception):
    """Why the kernel was stopped in the middle of a cell, and what to do."""


class ThisPython(KernelSpecManager):
    """Knows one kernel: that of the Python which asks, whatever else is installed."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class Kernel:
    """A running kernel of this Python. What processes below it write themselves goes nowhere.

    `startup` is code of the project: it runs before the first cell, unseen. Its names are there
    for `ask`, which runs more of it between cells, and not for the cells.
    """

    def __init__(self, folder: Path | str, timeout: float = CELL_TIMEOUT, startup: str = ""):
        self.timeout = timeout
        self.heard: collections.deque[dict] = collections.deque()  # for nbval, which listens after the end of a cell
        self.km = KernelManager(kernel_name="python3", kernel_spec_manager=ThisPython())
        self.km.start_kernel(cwd=str(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.kc = self.km.client()
        self.kc.start_channels()
        try:
            self.kc.wait_for_ready(timeout=START_TIMEOUT)
        except RuntimeError:
            self.stop()
            raise StoppedError(
                f"no kernel starts; see what `{os.path.relpath(sys.executable)} -m ipykernel_launcher` says in {folder}"
            ) from None
        self.expressions(f"exec({BEGIN!r}, {{}})")
        if startup:
            self.ask(startup)

    def run(self, code: str, store_history: bool) -> list[dict]:
        """Execute the code of a cell and return what the kernel says about it, from its start to its end."""
        msg_id = self.kc.execute(code, store_history=store_history, allow_stdin=False, stop_on_error=False)
        try:
            messages = list(self.listen(msg_id, MAX_OUTPUT))
        except StoppedError:
            self.stop()
            raise
        self.reply(msg_id)
        return messages

    def ask(self, code: str) -> Any:
        """Run code of the project, unseen by the cells, and return the value of its last expression.

        The value must be one that JSON can hold. The names that `startup` and earlier code defined are
        there, the package can be imported, and `__main__` is the notebook.
        """
        return self.expressions(f"__import__('sys').modules[{PROJECT!r}].ask({code!r})")

    def expressions(self, expression: str) -> Any:
        msg_id = self.kc.execute("", silent=True, allow_stdin=False, user_expressions={"value": expression})
        try:
            collections.deque(self.listen(msg_id, sys.maxsize), maxlen=0)
        except StoppedError:
            self.stop()
            raise
        answer = self.reply(msg_id)["user_expressions"]["value"]
        if answer["status"] == "error":
            raise RuntimeError(f"code of the project failed in the kernel: {answer['ename']}: {answer['evalue']}")
        value = ast.literal_eval(answer["data"]["text/plain"])
        return None if value is None else json.loads(value)

    def listen(self, msg_id: str, most: int) -> Iterator[dict]:
        """Yield what the kernel says about one request, to the end, as long as it keeps the limits."""
        end = time.monotonic() + self.timeout
        written = 0
        state = None
        while state != "idle":
            try:
                message = self.kc.get_iopub_msg(timeout=0.5)
            except Empty:
                if not self.is_alive():
                    raise StoppedError("its kernel died; see whether it ends the process or runs out of memory") from None
            else:
                if message["parent_header"].get("msg_id") == msg_id:
                    yield message
                    state = message["content"].get("execution_state")
                    written += len(repr(message["content"]))
            if written > most:
                raise StoppedError(f"writes more than {most:,} characters; print less")
            if time.monotonic() > end and state != "idle":
                raise StoppedError(f"not done after {self.timeout:g} s; make it shorter")

    def reply(self, msg_id: str) -> dict:
        """Return the content of the kernel's reply to a request of which it has said all."""
        while True:
            message = self.kc.get_shell_msg(timeout=START_TIMEOUT)
            if message["parent_header"].get("msg_id") == msg_id:
                return message["content"]

    def is_alive(self) -> bool:
        return self.km.is_alive()

    def stop(self) -> None:
        """End the kernel and all processes that it started."""
        self.kc.stop_channels()
        self.km.shutdown_kernel(now=True)

    # How nbval executes: it waits for the reply to a cell first, and listens to its outputs afterwards.

    def execute_cell_input(self, cell_input: str, allow_stdin: bool | None = None) -> str:
        self.heard.extend(self.run(cell_input, store_history=False))
        return self.heard[0]["parent_header"]["msg_id"]

    def await_reply(self, msg_id: str, timeout: float | None = None) -> None:
        """The reply came before the outputs are asked for."""

    def get_message(self, stream: str, timeout: float | None = None) -> dict:
        return self.heard.popleft()

    def await_idle(self, msg_id: str, timeout: float) -> None:
        self.heard.clear()
