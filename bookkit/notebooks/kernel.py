"""A kernel in which no cell runs on for ever, dies unnoticed or floods its output."""

import collections
import logging
import os
import subprocess
import sys
import time
from queue import Empty

from nbval.kernel import CURRENT_ENV_KERNEL_NAME, RunningKernel, start_new_kernel

from bookkit.notebooks.files import MAX_OUTPUT

CELL_TIMEOUT = 120  # seconds

logging.getLogger("nbval").setLevel(logging.CRITICAL)  # it would log a traceback of what is told in one line


class Stopped(Exception):
    """Why the kernel was stopped in the middle of a cell, and what to do."""


class Kernel(RunningKernel):
    """nbval's kernel, for this Python. What processes below it write themselves goes nowhere."""

    def __init__(self, folder, timeout=CELL_TIMEOUT):
        self.timeout = timeout
        self.heard = collections.deque()
        try:
            self.km, self.kc = start_new_kernel(
                kernel_name=CURRENT_ENV_KERNEL_NAME, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
        except RuntimeError:
            raise Stopped(
                f"no kernel starts; see what `{os.path.relpath(sys.executable)} -m ipykernel_launcher` says in {folder}"
            ) from None
        self._ensure_iopub_up()

    def run(self, code, store_history):
        """Execute the code of a cell and return what the kernel says about it, from its start to its end."""
        msg_id = self.kc.execute(code, store_history=store_history, allow_stdin=False, stop_on_error=False)
        try:
            return list(self.listen(msg_id))
        except Stopped:
            self.stop()
            raise

    def listen(self, msg_id):
        end = time.monotonic() + self.timeout
        written = 0
        state = None
        while state != "idle":
            try:
                message = self.kc.get_iopub_msg(timeout=0.5)
            except Empty:
                if not self.is_alive():
                    raise Stopped("its kernel died; see whether it ends the process or runs out of memory") from None
            else:
                if message["parent_header"].get("msg_id") == msg_id:
                    yield message
                    state = message["content"].get("execution_state")
                    written += len(repr(message["content"]))
            if written > MAX_OUTPUT:
                raise Stopped(f"writes more than {MAX_OUTPUT:,} characters; print less")
            if time.monotonic() > end and state != "idle":
                raise Stopped(f"not done after {self.timeout:g} s; make it shorter")

    # How nbval executes: it waits for the end of a cell first, and listens afterwards.

    def execute_cell_input(self, cell_input, allow_stdin=None):
        self.heard.extend(self.run(cell_input, store_history=False))
        return self.heard[0]["parent_header"]["msg_id"]

    def get_message(self, stream, timeout=None):
        if stream == "iopub" and self.heard:
            return self.heard.popleft()
        return super().get_message(stream, timeout)
