"""The one executor of notebooks: a kernel in which no cell runs on for ever, dies unnoticed, floods or eats memory.

nbval, `refresh` and whatever else executes cells use it, and so all have the same limits and the same world.
"""

import ast
import collections
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

import psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import LocalProvisioner

from bookkit.notebooks.files import MAX_OUTPUT
from bookkit.notebooks.forks import LAUNCH, Forking, ForkServer, start_forks
from bookkit.notebooks.interpreters import BOOK, Interpreter
from bookkit.notebooks.world import COMPARED, Place, World, environment, fonts_of_this_run
from bookkit.project import ROOT

CELL_TIMEOUT = 120  # seconds
START_TIMEOUT = 60
MAX_MEMORY = 4  # GB of a kernel and of what it started; a chapter takes a tenth of it
HEARD = {
    "status",
    "execute_input",
    "stream",
    "display_data",
    "execute_result",
    "error",
}  # all that is stored or compared
LOOK = 0.25  # seconds between two looks at the memory

HERE = Path(__file__).parent
# The project's own code lives in a module of its own in the kernel, and the package can be imported while
# such code runs: no cell sees the names of the one or can import the other.
PROJECT = "_bookkit"
BEGIN = f"""
import ast, json, sys, types
own = sys.modules[{PROJECT!r}] = types.ModuleType({PROJECT!r})
package = {{}}
def ask(code):
    tree = ast.parse(code)
    last = tree.body and isinstance(tree.body[-1], ast.Expr) and ast.Expression(tree.body.pop().value)
    sys.path.insert(0, {str(ROOT)!r})
    sys.modules.update(package)
    try:
        exec(compile(tree, "<bookkit>", "exec"), own.__dict__)
        return json.dumps(eval(compile(last, "<bookkit>", "eval"), own.__dict__) if last else None)
    finally:
        sys.path.remove({str(ROOT)!r})
        package.update({{name: sys.modules.pop(name) for name in [*sys.modules] if name.split(".")[0] == "bookkit"}})
own.ask = ask
"""
GUARD = (HERE / "guard.py").read_text(encoding="utf-8")


class CellError(Exception):
    """What is wrong with a cell that ran, and what to do: an argument for each line."""


class StoppedError(CellError):
    """Why the kernel was stopped in the middle of a cell, or did not start, and what to do."""


class OnePython(KernelSpecManager):
    """Knows one kernel, whatever else is installed."""

    def __init__(self, interpreter: Interpreter, host: str):
        super().__init__()
        self.interpreter, self.host = interpreter, host

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        spec = KernelSpec(**get_kernel_dict())
        spec.argv = [str(self.interpreter.program), "-c", LAUNCH, self.host]
        # Of what C++ code writes, the kernel that stock nbval starts hears nothing either.
        spec.argv += ["-f", "{connection_file}", "--IPKernelApp.capture_fd_output=False"]
        return spec


class ForkingManager(Forking, KernelManager):
    """Manages a kernel that may be a fork."""


class Run(NamedTuple):
    """What the kernels of one run of a command share, in all its processes."""

    fonts: Path  # of matplotlib's list of fonts
    forks: ForkServer | None  # where compared kernels come from; None where the system is not made for it


_runs: list[Run] = []  # of this process, at most one
_beginning = threading.Lock()  # several threads may ask for it


def this_run() -> Run:
    """Return what kernels share, begun when it is first asked for."""
    with _beginning:
        if not _runs:
            fonts, server = fonts_of_this_run(), None
            if sys.platform == "linux":
                begin = f"{BEGIN}\nask({GUARD!r})\nask('watch_imports()')"
                server = start_forks(environment(COMPARED, fonts, fonts), COMPARED.host, begin)
            _runs.append(Run(fonts, server))
        return _runs[0]


def join_run(run: Run) -> None:
    """Let the kernels of this process share what those of another one do."""
    _runs[:] = [run]


def memory(root: psutil.Process) -> int:
    """Return the bytes that a process and those below it take."""
    total = 0
    try:
        for process in (root, *root.children(recursive=True)):
            total += process.memory_info().rss
    except psutil.Error:
        pass  # one of them has just ended
    return total


class Kernel:
    """A running kernel of a Python of the book. What processes below it write themselves goes nowhere.

    `startup` is code of the project: it runs before the first cell, unseen. Its names are there
    for `ask`, which runs more of it between cells, and not for the cells. `settings` are variables
    of the environment, of which the cells have no others than those of their `World`.
    """

    def __init__(
        self,
        folder: Path | str,
        timeout: float = CELL_TIMEOUT,
        startup: str = "",
        place: Place = COMPARED,
        settings: Mapping[str, str] | None = None,
        interpreter: Interpreter = BOOK,
    ):
        self.timeout, self.interpreter = timeout, interpreter
        if reason := interpreter.missing():
            raise StoppedError(f"no kernel starts: {reason}")
        self.heard: collections.deque[dict] = collections.deque()  # for nbval, which listens after the end of a cell
        run = this_run()
        self.world = World(Path(folder), place, run.fonts, settings or {})
        self.km = ForkingManager(
            kernel_name=interpreter.kernel,
            kernel_spec_manager=OnePython(interpreter, place.host),
            # Sockets in the file system: the kernel has a network of its own.
            transport="ipc",
            ip=str(self.world.root / "channel"),
            connection_file=str(self.world.root / "connection.json"),
        )
        self.km.forks = run.forks if place == COMPARED and not settings else None
        self.start(Path(folder))
        if not self.km.forked:
            self.expressions(f"exec({BEGIN!r}, {{}})")
            self.ask(GUARD)
        self.ask(f"begin({GUARD!r}, **{self.world.guarded()!r})")
        if startup:
            self.ask(startup)

    def start(self, folder: Path) -> None:
        self.km.start_kernel(
            cwd=str(self.world.folder),
            env=self.world.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        assert isinstance(self.km.provisioner, LocalProvisioner)
        self.process = psutil.Process(self.km.provisioner.pid)
        self.kc = self.km.client()
        self.kc.start_channels()
        try:
            self.kc.wait_for_ready(timeout=START_TIMEOUT)
        except RuntimeError:
            self.stop()
            command = f"{os.path.relpath(self.interpreter.program)} -m ipykernel_launcher"
            raise StoppedError(f"no kernel starts; see what `{command}` says in {folder}") from None

    def run(self, code: str, store_history: bool) -> list[dict]:
        """Execute the code of a cell and return what the kernel says about it, from its start to its end.

        Raise CellError if the cell shows what is not in the notebook, or leaves something behind.
        """
        msg_id = self.kc.execute(code, store_history=store_history, allow_stdin=False, stop_on_error=False)
        messages = self.hear(msg_id, MAX_OUTPUT)
        self.reply(msg_id)
        complaints = [
            f"says {kind}, which no notebook stores; print, or draw as figure-settings does"
            for kind in sorted({message["msg_type"] for message in messages} - HEARD)
        ]
        complaints += self.ask("complaints()")
        complaints += [f"leaves {name} behind; write in a temporary folder" for name in self.world.left_behind()]
        if complaints:
            raise CellError(*complaints)
        return messages

    def ask(self, code: str) -> Any:
        """Run code of the project, unseen by the cells, and return the value of its last expression.

        The value must be one that JSON can hold. The names that `startup` and earlier code defined are
        there, the package can be imported, and `__main__` is the notebook.
        """
        return self.expressions(f"__import__('sys').modules[{PROJECT!r}].ask({code!r})")

    def expressions(self, expression: str) -> Any:
        msg_id = self.kc.execute("", silent=True, allow_stdin=False, user_expressions={"value": expression})
        self.hear(msg_id, sys.maxsize)
        answer = self.reply(msg_id)["user_expressions"]["value"]
        if answer["status"] == "error":
            raise RuntimeError(f"code of the project failed in the kernel: {answer['ename']}: {answer['evalue']}")
        value = ast.literal_eval(answer["data"]["text/plain"])
        return None if value is None else json.loads(value)

    def hear(self, msg_id: str, most: int) -> list[dict]:
        try:
            return list(self.listen(msg_id, most))
        except StoppedError:
            self.stop()
            raise

    def listen(self, msg_id: str, most: int) -> Iterator[dict]:
        """Yield what the kernel says about one request, to the end, as long as it keeps the limits."""
        start = looked = time.monotonic()
        written = 0
        state = None
        while state != "idle":
            try:
                message = self.kc.get_iopub_msg(timeout=LOOK)
            except Empty:
                if not self.is_alive():
                    reason = "its kernel died; see whether it ends the process or runs out of memory"
                    raise StoppedError(reason) from None
            else:
                if message["parent_header"].get("msg_id") == msg_id:
                    yield message
                    state = message["content"].get("execution_state")
                    written += len(repr(message["content"]))
            now = time.monotonic()
            if written > most:
                raise StoppedError(f"writes more than {most:,} characters; print less")
            if now > start + self.timeout and state != "idle":
                raise StoppedError(f"not done after {self.timeout:g} s; make it shorter")
            if now > looked + LOOK:
                looked = now
                if memory(self.process) > MAX_MEMORY * 1e9:
                    raise StoppedError(f"takes more than {MAX_MEMORY} GB of memory; make it smaller")

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
        self.world.close()

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
