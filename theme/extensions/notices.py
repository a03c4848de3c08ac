"""The notices of those whose work is in the site: licences that let it be copied and changed ask that these stay.

The site puts style sheets, scripts and icons of others together and takes comments out. What must not be lost
is written into one file beside them.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

FILE = "licences.txt"
HINT = f"/*! Whose work is in here: {FILE} */\n"
# They colour the code, and are no extensions.
COLOURS = ("Pygments", "accessible-pygments")
WITHIN = """\
Parts of these are within the packages above, under the MIT License, whose terms stand there:

clipboard.js, copyright Zeno Rocha
Popper, copyright (c) 2019 Federico Zivolo"""
CHANGED = """\
What was changed: style rules and scripts were put together, and rules that no page uses were left out. Of Font Awesome
there are only the icons that pages show, each as a mask in a style sheet; icons are under the licence CC BY 4.0,
https://creativecommons.org/licenses/by/4.0/legalcode."""


def licence(name: str) -> str:
    """Return the name and version of an installed package and the texts that it brings about its licence."""
    package = distribution(name)
    files = [file for file in package.files or () if re.match("licen[cs]e|copying|notice", file.name, re.IGNORECASE)]
    texts = [file.read_text(encoding="utf-8").strip() for file in files if ".dist-info" in file.parts[0]]
    return "\n\n".join([f"{package.name} {package.version}", *texts])


def package_of(extension: str) -> Iterator[str]:
    """Yield the name of the package that brings an extension: it is called as the extension is, or as its first part.

    To ask every installed package what it brings would take a second of every build.
    """
    for name in (extension.split(".")[0], extension.replace(".", "-")):
        with suppress(PackageNotFoundError):
            yield distribution(name).name


def packages(extensions: Iterable[str], static: Path) -> Iterator[str]:
    """Yield the packages of extensions of which there are style sheets or scripts among the static files."""
    # A name may have a hash before its suffix.
    there = {path.name.split(".")[0] + path.suffix for path in static.rglob("*")}
    for name in {name for extension in extensions for name in package_of(extension)}:
        files = distribution(name).files or ()
        if any(file.suffix in (".css", ".js") and file.name.split(".")[0] + file.suffix in there for file in files):
            yield name


def notices(extensions: Iterable[str], static: Path) -> str:
    """Return all notices, given the names of the extensions and the folder of static files."""
    parts = [licence(name) for name in sorted({*packages(extensions, static), *COLOURS}, key=str.lower)]
    brought = [path.read_text(encoding="utf-8").strip() for path in sorted(static.rglob("*.LICENSE.txt"))]
    return f"\n\n{'-' * 79}\n\n".join([*parts, WITHIN, *brought, CHANGED]) + "\n"
