"""Kernels that begin in an instant: forks of a process that has already imported what notebooks import.

Importing is most of the work of a short notebook. On Linux, kernels in which outputs are compared begin like this;
those in which outputs are stored, and those of other machines, begin from nothing, so that both ways are seen to agree.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

# Of matplotlib not pyplot, which takes notice of the kernel that it is imported in.
MODULES = ("ipykernel.kernelapp", "mxnet", "matplotlib.backends.backend_svg", "matplotlib.figure", "sympy")
BACKEND = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}  # ipykernel's, which sets it later

HELD: list[subprocess.Popen] = []  # the end of whose input is the end of this process


class Fork(psutil.Process):
    """A kernel as a kernel manager handles processes."""

    stdin = stdout = stderr = None

    def poll(self) -> int | None:
        return None if self.is_running() else 0


class ForkServer:
    """Where a process listens that imports, at the first request, and is forked."""

    def __init__(self, address: bytes):
        self.address = address

    def fork(self, folder: Path, environment: Mapping[str, str], arguments: list[str]) -> Fork | None:
        """Return a new kernel with these arguments of ipykernel; None if there is none, for whatever reason."""
        request = {"folder": str(folder), "environment": {**environment}, "arguments": arguments}
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.connect(self.address)
                with connection.makefile("rw", encoding="utf-8") as stream:
                    stream.write(json.dumps(request) + "\n")
                    stream.flush()
                    return Fork(int(stream.read()))
        except (OSError, ValueError, psutil.Error):
            return None


def start_forks(launch: str, begin: str, host: str, environment: Mapping[str, str]) -> ForkServer:
    """Start a server of forks, in which `begin` runs first; it ends with this process, and its kernels with it."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("")  # to a name that Linux chooses, and no file
        listener.listen()
        process = subprocess.Popen(
            [sys.executable, "-c", launch, host, "serve", str(listener.fileno()), begin, *MODULES],
            env={**environment, **BACKEND},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
            start_new_session=True,
        )
        HELD.append(process)
        return ForkServer(listener.getsockname())
