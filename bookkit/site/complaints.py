"""What Jupyter Book said of a build that failed, in lines that an author understands."""

import errno
import json
import os
import re
from pathlib import Path

from bookkit.project import ROOT, Edition, name

COMPLAINT = re.compile(r"(?P<path>.+?\.(?:ipynb|md|py|yml|html))(?::(?P<line>\d+))?: (?:WARNING|ERROR): (?P<what>.*)")
LEVEL = re.compile(r"(?:.*?[: ])?(?:WARNING|ERROR): ")
EXCEPTION = re.compile(r"(?:(?:\w+\.)+[A-Z]\w*|\w+(?:Error|Exception)): .+")
OF_JUPYTER_BOOK = ("RuntimeError:", "sphinx.errors.ExtensionError:")  # raised from the cause, which stands above them
OF_THE_DISK = {errno.EACCES, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.ENOSPC, errno.EROFS}
ERROR_NUMBER = re.compile(r"\[Errno (\d+)\]|OSError\((\d+),")
COLOUR = re.compile(r"\x1b\[[\d;]*m")
LINES_OF_A_CELL = 10_000  # myst-nb numbers the lines of the nth cell, counted from 1, from n times this


def place(path: Path, line: int) -> str:
    """Return where a line of a page is; of a notebook the cell and the line in it."""
    if path.suffix != ".ipynb":
        return f"{name(path)}: line {line}"
    number, line = divmod(line, LINES_OF_A_CELL)
    try:
        cell = json.loads(path.read_text(encoding="utf-8"))["cells"][max(number, 1) - 1]
    except (OSError, ValueError, LookupError):
        return name(path)
    where = f"{name(path)}: cell {cell.get('id', number)}"
    return f"{where}, line {line - 1}" if line > 1 else where  # myst-nb is one line ahead


def readable(line: str) -> str:
    """Return a line of Sphinx's with the place as authors know it."""
    found = COMPLAINT.fullmatch(line)
    if not found:
        return LEVEL.sub("", line)
    path = Path(found["path"])
    path = path if path.is_absolute() else ROOT / path
    where = place(path, int(found["line"])) if found["line"] else name(path)
    return f"{where}: {found['what']}"


def complaints(edition: Edition, output: str) -> list[str]:
    """Return what was wrong, from all that the build of an edition said."""
    numbers = {int(first or second) for first, second in ERROR_NUMBER.findall(output)}
    if of_the_disk := numbers & OF_THE_DISK:
        return [f"the site could not be written: {os.strerror(min(of_the_disk))}"]
    lines = [COLOUR.sub("", line).strip() for line in output.splitlines()]
    if found := [readable(line) for line in lines if LEVEL.match(line)]:
        return list(dict.fromkeys(found))
    failures = [line for line in lines if EXCEPTION.fullmatch(line) and not line.startswith(OF_JUPYTER_BOOK)]
    return [f"{edition.place}: Jupyter Book failed: {failures[0] if failures else ' '.join(lines[-3:])}"]
