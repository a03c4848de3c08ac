"""What everything else may import: where the book is, its editions, and how a mistake of an author is told."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "book" / "data"


class BookError(ValueError):
    """What an author can mend, in lines that name the file, the cell where there is one, and what to do."""


@dataclass(frozen=True)
class Edition:
    """The book in one language."""

    name: str  # of its folder below book/, in the repository as on the site
    language: str  # as Sphinx names it
    label: str  # what its readers call it
    site: str  # where its own search, index and files lie on the site, with a slash at the end

    @property
    def tag(self) -> str:
        """The language as HTML names it."""
        return self.language.replace("_", "-")

    @property
    def folder(self) -> Path:
        """Where its pages are."""
        return ROOT / "book" / self.name

    @property
    def place(self) -> str:
        """Where its pages are on the site, with a slash at the end."""
        return f"book/{self.name}/"


# `jupyter-book build .` makes the English edition, at the root of the site; the other one lies where its pages are.
ENGLISH = Edition("en", "en", "English", site="")
CHINESE = Edition("zh", "zh_CN", "中文", site="book/zh/")
EDITIONS = (ENGLISH, CHINESE)


def name(path: Path | str) -> str:
    """Return the path as it is named in messages: below the book's root where it lies there."""
    path = Path(path).absolute()
    path = Path(os.path.realpath(path.parent), path.name)  # of a link its own name and not that of its target
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def write_whole(content: bytes, path: Path | str) -> None:
    """Write bytes to `path` in one step, so that no half file is ever left; links and modes stay as they are."""
    path = Path(path).resolve()
    mode = path.stat().st_mode & 0o7777 if path.exists() else 0o644
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)  # an interrupt may come when it has its name already
        raise


@contextmanager
def alone() -> Iterator[None]:
    """Wait until no other command is about to write what it has just read of the book; the lock leaves nothing."""
    folder = os.open(DATA, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)
