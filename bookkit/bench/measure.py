"""Time and memory of a command."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bookkit.project import BookError

KILOBYTE = 1 if sys.platform == "darwin" else 1024  # in which the system counts


@dataclass(frozen=True)
class Cost:
    """What a command took, with all that it started."""

    wall: float  # seconds
    processor: float  # seconds of all processors, which a busy machine changes less
    memory: float  # megabytes of its largest process
    output: str


def run(label: str, command: list[str | Path], folder: Path) -> Cost:
    """Run a command in a folder and return what it took; raise BookError if it fails."""
    print(f"{label} ...", file=sys.stderr, flush=True)
    start = time.perf_counter()
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - start
    if process.returncode:
        raise BookError(f"{label} failed:\n{output[-2000:]}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * KILOBYTE / 1e6, output)
