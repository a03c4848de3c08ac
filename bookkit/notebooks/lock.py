"""Whether what is installed is what requirements.txt says: with other versions outputs are other ones."""

import re
import sys
from pathlib import Path

from packaging.markers import Marker

from bookkit.project import ROOT, BookError

LOCK = ROOT / "requirements.txt"
LINE = re.compile(r"^(?P<name>[\w.-]+)==(?P<version>[^\s;]+)(?: *; *(?P<marker>[^\\\n]+))?", re.MULTILINE)
NAMED = 3  # packages in one line


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def installed() -> dict[str, str]:
    """Return the version of every package, as the names of their folders tell: to read what is in them takes long."""
    found: dict[str, str] = {}
    for folder in sys.path:
        for entry in Path(folder).glob("*.dist-info"):
            name, _, version = entry.stem.partition("-")
            found.setdefault(normal(name), version)
    return found


def differences() -> list[str]:
    """Return, for each package of the lock that this machine needs, how the installed one differs."""
    there, found = installed(), []
    applies = {"": True}
    for line in LINE.finditer(LOCK.read_text(encoding="utf-8")):
        marker = (line["marker"] or "").strip()
        if marker not in applies:
            applies[marker] = Marker(marker).evaluate()
        version = there.get(normal(line["name"]), "none")
        if applies[marker] and version != line["version"]:
            found.append(f"{line['name']} {version} instead of {line['version']}")
    return found


def require_lock() -> None:
    """Raise BookError if another version of a package is installed than the lock names."""
    if found := differences():
        named = ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")
        raise BookError(f"installed is not what requirements.txt says: {named}; remove .venv and run `make setup`")
