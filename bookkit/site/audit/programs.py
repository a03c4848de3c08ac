"""The programs of this machine that the audit needs, and the checkers that come from npm."""

import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from bookkit.project import BookError
from bookkit.site.browser import find_browser

# Lighthouse 13 asks for a Node that is newer than the one of Debian 13.
CHECKERS = {"lighthouse": "12.8.2", "axe-core": "4.14.1", "vnu-jar": "26.9.27"}


class Programs(NamedTuple):
    """Where the programs are."""

    node: str
    npm: str
    chromium: str
    java: str | None  # the checks that need it say so where it is missing

    @classmethod
    def find(cls) -> "Programs":
        found = {"node": shutil.which("node"), "npm": shutil.which("npm"), "Chromium": find_browser()}
        if missing := [name for name, path in found.items() if not path]:
            raise BookError(
                f"not on this machine: {', '.join(missing)}; the audit needs Node 18 or later, Chromium and Java "
                "(Debian: apt-get install npm chromium default-jre-headless)"
            )
        node, npm, chromium = map(str, found.values())
        return cls(node, npm, chromium, shutil.which("java"))


def install_checkers(npm: str, folder: Path) -> Path:
    """Install the checkers into a folder and return the folder that holds them."""
    command = [npm, "install", "--prefix", str(folder), "--ignore-scripts", "--no-audit", "--no-fund"]
    command += ["--loglevel=error", *(f"{name}@{version}" for name, version in CHECKERS.items())]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise BookError(f"npm could not install the checkers:\n{result.stderr.strip()[-1000:]}")
    return folder / "node_modules"
