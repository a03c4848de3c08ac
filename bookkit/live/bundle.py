"""The script and the style sheet that make a page live, bundled from `client/` and its packages from npm.

Made once for each state of the client and kept below `_build/live`. Whoever only reads or builds the site needs none
of it, nor Node.
"""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from bookkit.project import BookError
from bookkit.site.build import BUILT

LIVE = BUILT / "live"
CLIENT = Path(__file__).parent / "client"
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
ENTRIES = ("main.js", "live.css")
OPTIONS = ("--bundle", "--splitting", "--format=esm", "--minify", "--target=es2022", "--charset=utf8")


def digest(paths: list[Path]) -> str:
    """Return what tells one state of files from another."""
    content = b"".join(path.name.encode() + b"\0" + path.read_bytes() + b"\0" for path in sorted(paths))
    return hashlib.sha256(content).hexdigest()[:16]


def run(command: list[str], folder: Path, **settings: str) -> None:
    result = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={**os.environ, **settings})
    if result.returncode:
        said = (result.stderr or result.stdout).strip().splitlines()
        reason = next((line for line in said if "rror" in line), said[-1] if said else "it says nothing")
        raise BookError(f"{Path(command[0]).name} could not do its part of the live pages: {reason.strip()[:300]}")


def install(folder: Path) -> None:
    """Put the packages that the lock names into a folder."""
    npm = shutil.which("npm")
    if not npm or not shutil.which("node"):
        raise BookError(
            "the live pages need Node 18 or later and npm, which are not here (Debian: apt-get install npm); "
            "make serve shows the same pages without running them, make lab runs them in JupyterLab"
        )
    for name in PACKAGES:
        shutil.copy(CLIENT / name, folder)
    run([npm, "ci", "--loglevel=error"], folder)


def packages() -> Path:
    """Return the folder of the packages, installed if need be."""
    place = LIVE / f"packages-{digest([CLIENT / name for name in PACKAGES])}"
    return once(place, install) / "node_modules"


def once(place: Path, make: Callable[[Path], None]) -> Path:
    """Make a folder whole or not at all, unless it is there; let it be the only one of its kind."""
    if place.is_dir():
        return place
    place.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="work-", dir=place.parent) as work:
        (made := Path(work, "made")).mkdir()
        make(made)
        for old in place.parent.glob(f"{place.name.rpartition('-')[0]}-*"):
            shutil.rmtree(old, ignore_errors=True)
        try:
            made.rename(place)
        except OSError:  # another process was faster
            if not place.is_dir():
                raise
    return place


def bundle() -> Path:
    """Return the folder that holds what the pages load, made if need be."""
    sources = [path for path in CLIENT.rglob("*") if path.is_file() and "node_modules" not in path.parts]

    def make(folder: Path) -> None:
        modules = packages()
        command = [str(modules / ".bin" / "esbuild"), *ENTRIES, *OPTIONS, f"--outdir={folder}"]
        run(command, CLIENT / "src", NODE_PATH=str(modules))

    return once(LIVE / f"client-{digest(sources)}", make)
