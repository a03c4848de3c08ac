"""A book of one page in two editions, with the configuration, the hooks and the tools of the true one.

What tools do with a book is tested on it, so that no such test depends on a chapter.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from bookkit.notebooks.normal import normalise
from bookkit.notebooks.rules import code_cells
from bookkit.project import ROOT

COPIED = [
    "conftest.py",
    "pyproject.toml",
    "requirements.txt",
    "_config.yml",
    "tests/conftest.py",
    "tests/test_notebooks.py",
]
TIMEOUTS = {"pyproject.toml": "timeout=120", "bookkit/notebooks/kernel.py": "TIMEOUT = 120"}
SECONDS = 3  # until a cell of the sample is late
TROUBLE = ("Traceback", "plugin exception", "INTERNALERROR", "AssertionError", "E   ")


def page(*cells: NotebookNode) -> NotebookNode:
    """Return a page that is no chapter, in normal form; cells that were not executed get the count they would have."""
    notebook = normalise(new_notebook(cells=list(cells)))
    notebook.cells[0].metadata["no-chapter"] = "a page of the sample book"
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
    return notebook


class SampleBook:
    """Nothing is wrong in it when it is made."""

    def __init__(self, folder: Path, seconds: int = SECONDS):
        self.folder = folder
        for path in ("tests", "book/en", "book/zh"):
            (folder / path).mkdir(parents=True)
        for path in ("bookkit", "theme", "book/data"):
            left_out = shutil.ignore_patterns("__pycache__", *("quizzes", "answers") if path == "book/data" else "")
            shutil.copytree(ROOT / path, folder / path, ignore=left_out)
        for path in COPIED:
            shutil.copy(ROOT / path, folder / path)
        for path, found in TIMEOUTS.items():
            text = (folder / path).read_text(encoding="utf-8")
            assert found in text
            (folder / path).write_text(text.replace(found, found.replace("120", str(seconds))), encoding="utf-8")
        zh = folder / "theme/zh.yml"  # its table of contents has no parts
        zh.write_text(re.sub(r"^captions:\n(  .*\n)*", "captions: {}\n", zh.read_text("utf-8"), flags=re.M), "utf-8")
        self.write("index", page(new_code_cell("x = 1", id="figure-settings"), new_code_cell("y = x", id="second")))
        self.write_toc()

    def write(self, stem: str, notebook: NotebookNode | str, editions: tuple[str, ...] = ("en", "zh")) -> None:
        text = notebook if isinstance(notebook, str) else nbformat.writes(notebook) + "\n"
        for edition in editions:
            (self.folder / "book" / edition / f"{stem}.ipynb").write_text(text, encoding="utf-8")

    def write_toc(self, *stems: str) -> None:
        chapters = "chapters:\n" if stems else ""
        files = "".join(f"  - file: book/en/{stem}\n" for stem in stems)
        (self.folder / "_toc.yml").write_text(
            f"format: jb-book\nroot: book/en/index\n{chapters}{files}", encoding="utf-8"
        )

    def start(self, *command: str, **environment: str) -> subprocess.Popen:
        """Start Python with these arguments in the folder of the book, whose addresses are not the caller's."""
        inherited = {key: value for key, value in os.environ.items() if key != "SITE_URL" and key[:7] != "GITHUB_"}
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**inherited, "PYTHONPATH": "", "PYTHONWARNINGS": "ignore", **environment},
        )

    def check(self, *arguments: str, **environment: str) -> subprocess.Popen:
        """Start pytest."""
        # Where CI is set, pytest's summary would repeat whole messages: -rN leaves the summary out.
        options = ["-pno:cacheprovider", f"--basetemp={self.folder / 'temporary'}", "-n0", "-rN"]
        return self.start("-m", "pytest", *options, *arguments, **environment)


def failure(process: subprocess.Popen) -> str:
    """Return the output of a command that failed, as it must, and without a traceback."""
    output, _ = process.communicate()
    assert process.returncode, output
    for words in TROUBLE:
        assert words not in output, output
    return output
