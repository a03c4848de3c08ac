"""The kernels of the live book: each in a world of its own, as those that store and compare the outputs.

What a reader writes to a file goes with the kernel, and nothing of the machine's settings reaches a cell. Unlike those
kernels they have no guard and the real clock: the reader may do in them what he likes.
"""

import sys
from pathlib import Path
from typing import Any

import psutil
from jupyter_server.services.kernels.kernelmanager import ServerKernelManager

from bookkit.live.bundle import LIVE
from bookkit.notebooks.forks import Forking, start_forks
from bookkit.notebooks.kernel import MAX_MEMORY, memory
from bookkit.notebooks.world import STORED, World, environment

FONTS = LIVE / "fonts"
# As those that the outputs come from: what C++ code writes is not heard.
ARGUMENTS = ["--IPKernelApp.capture_fd_output=False"]


class LiveKernel(Forking, ServerKernelManager):
    """A kernel of a reader, which may be a fork."""


def begin_forks() -> None:
    """Import what the kernels need, so that a reader does not wait for it."""
    if sys.platform == "linux":
        FONTS.mkdir(parents=True, exist_ok=True)
        LiveKernel.forks = start_forks(environment(STORED, FONTS, FONTS))
        LiveKernel.forks.import_now()


class Worlds:
    """The worlds of the running kernels of one server, by the id of the kernel."""

    def __init__(self, manager: Any):
        self.manager = manager
        self.of: dict[str, World] = {}

    async def start(self, folder: Path, name: str) -> str:
        """Start a kernel of this name for a page in `folder`, and return its id."""
        FONTS.mkdir(parents=True, exist_ok=True)
        world = World(folder, STORED, FONTS, {})
        try:
            kernel = await self.manager.start_kernel(
                kernel_name=name, cwd=str(world.folder), env=world.environment, extra_arguments=ARGUMENTS
            )
        except BaseException:
            world.close()
            raise
        self.of[kernel] = world
        return kernel

    def stop_greedy(self) -> None:
        """End the kernels that take more memory than any cell of the book may; the server starts each anew."""
        for kernel in self.of:
            process = self.manager.get_kernel(kernel).provisioner.process if kernel in self.manager else None
            if process and process.poll() is None and memory(psutil.Process(process.pid)) > MAX_MEMORY * 1e9:
                process.kill()

    def close_left(self) -> None:
        """Remove the worlds whose kernels are gone."""
        for kernel in [kernel for kernel in self.of if kernel not in self.manager]:
            self.of.pop(kernel).close()
