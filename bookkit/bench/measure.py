"""Time and memory of a command."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bookkit.project import BookError

KILOBYTE = 1 if sys.platform == "darwin" else 1024  # in which the system counts
# Runs a command and writes what it took. A process of its own, and a small one: the system counts the memory of
# whoever starts a process as memory of that process.
MEASURED = """
import json, os, resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
usage = resource.getrusage(resource.RUSAGE_CHILDREN)
os.write(int(sys.argv[1]), json.dumps([usage.ru_utime + usage.ru_stime, usage.ru_maxrss]).encode())
sys.exit(code)
"""


@dataclass(frozen=True)
class Cost:
    """What a command took, with all that it started."""

    wall: float  # seconds
    processor: float  # seconds of all processors, which a busy machine changes less
    memory: float  # megabytes of its largest process


def run(label: str, command: list[str | Path], folder: Path) -> Cost:
    """Run a command in a folder and return what it took; raise BookError if it fails."""
    print(f"{label} ...", file=sys.stderr, flush=True)
    reading, writing = os.pipe()
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", MEASURED, str(writing), *command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        pass_fds=[writing],
        start_new_session=True,
    )
    try:
        said, _ = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    wall = time.perf_counter() - start
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as told:
        usage = told.read()
    if process.returncode:
        raise BookError(f"{label} failed:\n{said[-2000:]}")
    processor, memory = json.loads(usage)
    return Cost(wall, processor, memory * KILOBYTE / 1e6)
