"""The world of a kernel: nothing of the machine and of its user reaches a cell, and what a cell leaves behind is seen.

What is not in the notebook must not be in its outputs. So outputs are stored in one world and
compared in another one: on another day, in another time zone, on a machine of another name.
"""

import atexit
import functools
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bookkit.project import ROOT

# All that a kernel inherits: where programs and their libraries are.
INHERITED = ("PATH", "LD_LIBRARY_PATH")


@dataclass(frozen=True)
class Place:
    """What a cell could tell of where and when it runs."""

    date: str  # in UTC
    zone: str
    host: str
    user: str
    hash_seed: str  # decides on the order of sets of strings
    columns: str  # of the terminal
    processors: int
    speed: int  # of clocks, as cells read them
    editor: str = ""  # a variable more of the environment, or none


STORED = Place("2025-03-14 09:26:53", "UTC0", "here", "author", hash_seed="1", columns="80", processors=2, speed=1)
COMPARED = Place(
    *("2031-10-07 21:45:10", "NPT-5:45", "elsewhere", "reader"),
    hash_seed="2",
    columns="132",
    processors=12,
    speed=10**6,
    editor="vi",
)


def environment(place: Place, home: Path, fonts: Path) -> dict[str, str]:
    """Return the variables of the environment that kernels at a place have in common."""
    return {
        **{name: os.environ[name] for name in INHERITED if name in os.environ},
        "HOME": str(home),
        "MPLCONFIGDIR": str(fonts),
        "USER": place.user,
        "LOGNAME": place.user,
        "LC_ALL": "C.UTF-8",
        "TZ": place.zone,
        "COLUMNS": place.columns,
        "PYTHONHASHSEED": place.hash_seed,
        **({"EDITOR": place.editor} if place.editor else {}),
    }


class World:
    """Folders and environment of one kernel, gone when it is closed.

    `fonts` is a folder for matplotlib's list of fonts, which takes long to make: kernels of one run share it.
    """

    def __init__(self, folder: Path, place: Place, fonts: Path, settings: Mapping[str, str]):
        self.temporary = tempfile.TemporaryDirectory(prefix="bookkit-", ignore_cleanup_errors=True)
        self.root = Path(self.temporary.name).resolve()
        for name in ("home", "ipython", "cache", "tmp"):
            (self.root / name).mkdir()
        self.home = self.root / "home"
        self.folder = mirror(folder.resolve(), self.root / "work")
        self.place, self.original = place, folder.resolve()
        self.fonts = fonts.resolve()
        self.environment = {
            **environment(place, self.home, fonts),
            "IPYTHONDIR": str(self.root / "ipython"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "TMPDIR": str(self.root / "tmp"),
            **settings,
        }
        self.known = self.files()

    def guarded(self) -> dict[str, Any]:
        """Return what the guard in the kernel must know."""
        return {
            "date": self.place.date,
            "host": self.place.host,
            "processors": self.place.processors,
            "speed": self.place.speed,
            "folders": [str(ROOT), str(self.original)],
            "allowed": [str(self.root), str(self.fonts)],
            "folder": str(self.original),
        }

    def files(self) -> set[str]:
        """Return what lies in the working folder and at home, by the names that a cell has for it."""
        found = set()
        for folder, shown in ((self.folder, ""), (self.home, "~/")):
            for parent, folders, files in os.walk(folder):
                folders[:] = [name for name in folders if name != "__pycache__"]
                below = Path(parent).relative_to(folder)
                found |= {f"{shown}{below / name}" for name in folders + files}
        return found

    def left_behind(self) -> list[str]:
        """Return what is there now and was not when this was asked last."""
        before, self.known = self.known, self.files()
        return sorted(self.known - before)

    def close(self) -> None:
        self.temporary.cleanup()


@functools.cache
def fonts_of_this_run() -> Path:
    """Return a folder that is gone at the end of this process."""
    folder = tempfile.mkdtemp(prefix="bookkit-fonts-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def mirror(folder: Path, place: Path) -> Path:
    """Make a folder whose files are those of `folder`, and return its path below `place`.

    What a cell writes there is not written into the book, and no other kernel sees it. Paths to what
    else is in the book lead there.
    """
    parts = folder.relative_to(ROOT).parts if folder.is_relative_to(ROOT) else ()
    original = ROOT if parts else folder
    for part in (*parts, None):
        place.mkdir()
        for entry in original.iterdir():
            if entry.name != part:
                (place / entry.name).symlink_to(entry)
        if part:
            original, place = original / part, place / part
    return place
