"""Kernels that begin in an instant: forks of a process that has already imported what notebooks import.

Importing is most of the work of a short notebook. On Linux, kernels in which outputs are compared begin like this, and
those of readers; the ones in which outputs are stored, and those of other machines, begin from nothing, so that both
ways are seen to agree.
"""

import atexit
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.provisioning import LocalProvisioner

from bookkit.notebooks.interpreters import BOOK

LAUNCH = Path(__file__).with_name("launch.py").read_text(encoding="utf-8")
# Of matplotlib not pyplot, which takes notice of the kernel that it is imported in.
MODULES = ("ipykernel.kernelapp", "mxnet", "matplotlib.backends.backend_svg", "matplotlib.figure", "sympy")
BACKEND = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # ipykernel's, which sets it later

PATIENCE = 5  # seconds, in which a process that imports nothing just now has ended


class Fork(psutil.Process):
    """A kernel as a kernel manager handles processes."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return None if self.is_running() else 0

    def send_signal(self, sig: int) -> None:
        with contextlib.suppress(psutil.NoSuchProcess):
            super().send_signal(sig)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """Where a process listens that imports, at the first request, and is forked."""

    def __init__(self, address: bytes):
        self.address = address

    def import_now(self) -> None:
        """Let it import before anybody waits for it."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.address)
            connection.sendall(b"null\n")

    def fork(self, folder: str, environment: Mapping[str, str], arguments: list[str]) -> Fork | None:
        """Return a new kernel with these arguments of ipykernel; None if there is none, for whatever reason."""
        request = {"folder": folder, "environment": {**environment}, "arguments": arguments}
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self.address)
                with connection.makefile("rw", encoding="utf-8") as stream:
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    return Fork(int(stream.read()))
        except (OSError, ValueError, psutil.Error):
            return None


def start_forks(environment: Mapping[str, str], host: str = "", begin: str = "") -> ForkServer:
    """Start a server of forks, which ends with this process, and its kernels with it.

    They are on a machine of their own named `host`, if that is given; `begin` runs before anything is imported.
    """
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # to a name that Linux chooses, and no file
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, host, "serve", str(listener.fileno()), begin, *MODULES],
            env={**environment, **BACKEND},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        atexit.register(end, process)
        return ForkServer(listener.getsockname())


def end(server: subprocess.Popen) -> None:
    """End a server and its kernels, and leave none of them to the system."""
    assert server.stdin
    server.stdin.close()  # which is also how it hears that this process was killed
    try:
        server.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


class Forking:
    """For a kernel manager: its kernel is a fork, where that can be had."""

    forks: ForkServer | None = None
    kernel_name: Any
    forked = False
    provisioner: Any

    async def _async_launch_kernel(self, kernel_cmd: list[str], **options: Any) -> None:
        arguments = kernel_cmd[kernel_cmd.index("-f") :]
        fork = (
            self.forks
            and self.kernel_name == BOOK.kernel
            and self.forks.fork(str(options["cwd"]), options["env"], arguments)
        )
        if fork:
            assert isinstance(self.provisioner, LocalProvisioner)
            self.forked = True
            self.provisioner.process = fork  # type: ignore[assignment]
            self.provisioner.pid = self.provisioner.pgid = fork.pid  # type: ignore[assignment]
        else:
            await super()._async_launch_kernel(kernel_cmd, **options)  # type: ignore[misc]
