"""Build both editions and put them together into one site: python tools/website.py [FOLDER]

Without FOLDER the English edition is built where `jupyter-book build .` builds it and
the Chinese one where `jupyter-book build book/zh` does; the Chinese site then goes into
zh/ of the English one. With FOLDER nothing is written outside it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import notebooks

EDITIONS = {"en": notebooks.ROOT, "zh": notebooks.ROOT / "book" / "zh"}


def build(folder=None):
    """Build the site and return the path of its root; raise RuntimeError with what Sphinx complained about."""
    outputs = {
        edition: source if folder is None else Path(folder) / edition for edition, source in EDITIONS.items()
    }
    command = [Path(sys.executable).parent / "jupyter-book", "build", "-W", "-n", "--keep-going"]
    builds = [
        subprocess.Popen(
            [*command, source, "--path-output", outputs[edition]],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
        )
        for edition, source in EDITIONS.items()
    ]
    complaints = []
    for process in builds:
        output, _ = process.communicate()
        if process.returncode:
            lines = [line for line in output.splitlines() if "WARNING:" in line or "ERROR:" in line]
            complaints += lines or [output]
    if complaints:
        raise RuntimeError("\n".join(complaints))
    english, chinese = (output / "_build" / "html" for output in outputs.values())
    shutil.rmtree(english / "zh", ignore_errors=True)
    shutil.copytree(chinese, english / "zh")
    return english


if __name__ == "__main__":
    try:
        root = build(*sys.argv[1:])
    except RuntimeError as error:
        sys.exit(str(error))
    print(f"The book is built: {os.path.relpath(root)}/index.html, in Chinese {os.path.relpath(root)}/zh/index.html")
