"""The Pythons that notebooks run in: the book's own, and one with other frameworks for the pages that name it."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode

from bookkit.notebooks.files import read
from bookkit.project import ROOT


@dataclass(frozen=True)
class Interpreter:
    """A Python, and what a notebook says that runs in it."""

    kernel: str  # its name in the metadata of notebooks
    title: str  # and what JupyterLab calls it there
    program: Path
    command: str  # that installs it

    @property
    def spec(self) -> dict[str, str]:
        """The entry `kernelspec` of a notebook's metadata."""
        return {"display_name": self.title, "language": "python", "name": self.kernel}

    def missing(self) -> str:
        """Return what is to be done before it runs anything; "" if nothing is."""
        return "" if self is BOOK or up_to_date() else f"it needs PyTorch and JAX; run `{self.command}`"


BOOK = Interpreter("python3", "Python 3 (ipykernel)", Path(sys.executable), "make setup")
FRAMEWORKS = Interpreter(
    "frameworks", "Python 3 (PyTorch, JAX)", ROOT / ".venv-frameworks/bin/python", "make frameworks"
)
INTERPRETERS = {interpreter.kernel: interpreter for interpreter in (BOOK, FRAMEWORKS)}
# What bookkit/frameworks.sh makes FRAMEWORKS from, apart from the path of the project.
MADE_FROM = ("requirements.txt", "requirements-frameworks.txt", "bookkit/frameworks.sh")


def up_to_date() -> bool:
    """Tell whether FRAMEWORKS was made from these files as they are."""
    made_from = ROOT / ".venv-frameworks/made-from"
    if not made_from.exists():
        return False
    return made_from.read_text(encoding="utf-8").partition("\n")[2] == "".join(
        (ROOT / file).read_text(encoding="utf-8") for file in MADE_FROM
    )


def kernel_name(notebook: NotebookNode) -> str | None:
    return notebook.metadata.get("kernelspec", {}).get("name")


def interpreter_of(notebook: NotebookNode) -> Interpreter:
    """Return what a notebook runs in; of a name that is not known the rules tell."""
    return INTERPRETERS.get(kernel_name(notebook) or "", BOOK)


def lacking(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the notebooks that cannot be executed now, each with what is to be done before."""
    return {path: reason for path in paths if (reason := interpreter_of(read(path)).missing())}


def runs_in_the_book(path: Path) -> bool:
    """Tell whether a notebook needs nothing but what the book's own Python has."""
    return interpreter_of(read(path)) is BOOK
