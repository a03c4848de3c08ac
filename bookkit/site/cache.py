"""What Sphinx keeps of an edition from one build to the next, and when it may be used again.

Sphinx sees by their dates that pages changed, and nothing else: not that a page has become an older one, not that
the theme, the configuration or a package changed. So the digests of everything that an edition is made from are kept
beside what was made. Only what a whole build made is kept.
"""

import hashlib
import json
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions
from pathlib import Path

from bookkit.operators import OPERATORS
from bookkit.project import DATA, ROOT, BookError, Edition, name
from bookkit.quizzes import QUIZZES
from bookkit.words import GLOSSARY, INDEX, THREADS

INPUTS = "inputs.json"
# All code that makes a site: the theme, the build, and what they import.
MODULES = (
    *("addresses", "contents", "conventions", "operators", "processes", "project", "quizzes", "reading", "words"),
    *("notebooks/files", "site/build", "site/cache", "site/complaints"),
)
CODE = ("theme", *(f"bookkit/{module}.py" for module in MODULES))
SHARED = [GLOSSARY, INDEX, THREADS, QUIZZES, OPERATORS, *DATA.glob("*.py")]  # and what pages offer for download


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files_in(paths: Iterable[Path]) -> list[Path]:
    """Return files, and all files in folders, as far as a site is made from them."""
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("*"))]
    return [
        file
        for file in sorted(files)
        if file.is_file() and "__pycache__" not in file.parts and not file.name.startswith(".")
    ]


def digests(paths: Iterable[Path]) -> dict[str, str]:
    """Return {path below the root: digest} of files and of all files in folders."""
    return {str(file.relative_to(ROOT)): digest(file.read_bytes()) for file in files_in(paths)}


def moments(edition: Edition) -> set[tuple[str, int]]:
    """Return when each file that an edition is made from was written, in nanoseconds."""
    files = files_in([*(ROOT / path for path in CODE), *SHARED, edition.folder])
    return {(str(file.relative_to(ROOT)), file.stat().st_mtime_ns) for file in files}


@cache
def packages() -> list[str]:
    """Return the names and versions of all packages that are installed."""
    return sorted(f"{package.name} {package.version}" for package in distributions())


@dataclass(frozen=True)
class Inputs:
    """Digests of all that an edition is made from."""

    rest: str  # of what every page depends on: configuration, theme, packages; where it changed, all is made anew
    data: str  # of what every page reads
    pages: dict[str, str]  # by the path of the page

    @classmethod
    def of(cls, edition: Edition, configuration: str) -> "Inputs":
        rest = [configuration, digests([ROOT / path for path in CODE]), packages(), sys.version, str(ROOT)]
        return cls(
            digest(json.dumps(rest).encode()),
            digest(json.dumps(digests(SHARED)).encode()),
            digests([edition.folder]),
        )

    @classmethod
    def kept(cls, folder: Path) -> "Inputs | None":
        """Return what is kept in a folder was made from; None where nothing is kept."""
        try:
            return cls(**json.loads((folder / INPUTS).read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def pages_as_in(self, old: "Inputs | None") -> set[str]:
        """Return the pages that are as they were in an older build by the same code."""
        return {page for page, _ in self.pages.items() & old.pages.items()} if old and old.rest == self.rest else set()

    def settled(self, later: "Inputs", touched: set[str]) -> "Inputs":
        """Return these digests without those of what changed later, or was touched, while an edition was built from it.

        What was changed and put back is as it was, and Sphinx may have read the other.
        """
        theirs = touched - set(self.pages)
        return Inputs(
            self.rest if self.rest == later.rest and not theirs else "",
            self.data if self.data == later.data and not theirs else "",
            {page: content for page, content in self.pages.items() & later.pages.items() if page not in touched},
        )

    def write(self, folder: Path) -> None:
        (folder / INPUTS).write_text(json.dumps(vars(self)), encoding="utf-8")


def copy(source: Path, target: Path) -> None:
    """Copy a folder; raise BookError with the first file that could not be copied."""
    try:
        shutil.copytree(source, target)
    except shutil.Error as error:
        _, path, reason = error.args[0][0]
        raise BookError(f"{name(path)}: {reason.partition(': ')[0]}") from None


def reuse(kept: Path, work: Path, inputs: Inputs) -> None:
    """Copy to `work` what is kept and may be used, without what Sphinx keeps of the pages that changed."""
    old = Inputs.kept(kept)
    if old is None or old.rest != inputs.rest:
        return
    copy(kept, work)
    (work / INPUTS).unlink()
    changed = {path for path, _ in old.pages.items() ^ inputs.pages.items()}
    if old.data != inputs.data:
        changed |= set(inputs.pages)
    stems = {Path(path).stem for path in changed}
    for doctree in (work / "_build" / ".doctrees").rglob("*.doctree"):
        if doctree.stem in stems:
            doctree.unlink()
