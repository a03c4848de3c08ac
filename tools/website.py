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

import yaml
from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

import notebooks

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EDITIONS = {"en": notebooks.ROOT, "zh": notebooks.ROOT / "book" / "zh"}


def find_browser():
    """Return the path of the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_flags():
    """Return the options with which Chromium must be started here: for root it has no sandbox."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def launch_browser(playwright, executable):
    """Return the browser at the path `executable`, driven by Playwright's object `playwright`."""
    return playwright.chromium.launch(executable_path=executable, args=browser_flags())


def pages(edition):
    """Return the names of the pages of an edition, as its _toc.yml has them, in the order of the book."""
    path = EDITIONS[edition] / "_toc.yml"
    try:
        return list(parse_toc_yaml(path))
    except yaml.MarkedYAMLError as error:
        what = f"line {error.problem_mark.line + 1} is not YAML ({error.problem})"
    except OSError as error:
        what = error.strerror
    except MalformedError as error:
        what = error
    raise notebooks.BookError(f"{notebooks.name(path)}: {what}; mend it")


def strays(edition):
    """Yield a line for each page of an edition that is not there, or that its _toc.yml does not name."""
    source = EDITIONS[edition]
    toc = notebooks.name(source / "_toc.yml")
    try:
        named = set(pages(edition))
    except notebooks.BookError as error:
        yield str(error)
        return
    chinese = EDITIONS["zh"]
    files = [*notebooks.find_notebooks(), *chinese.glob("*.md"), *chinese.parent.glob("*.md")]
    there = {
        str(page.relative_to(source).with_suffix("")): page
        for page in files
        if page.is_relative_to(chinese) == (source == chinese)
    }
    for entry in sorted(named - set(there)):
        yield f"{toc}: names {entry}, and there is no such page; mend the name, or write the page"
    for entry in sorted(set(there) - named):
        yield f"{notebooks.name(there[entry])}: no line of {toc} names it; add `- file: {entry}` there"


def forget_if_the_looks_changed(built):
    """Remove what was built before a change in styles, scripts or extensions: Sphinx would not see the change."""
    style = built / "html" / "_static" / "site.css"
    sources = [file for folder in ("_static", "_ext") for file in (notebooks.ROOT / "book" / folder).glob("*.*")]
    if style.exists() and any(file.stat().st_mtime > style.stat().st_mtime for file in sources):
        for folder in ("html", ".doctrees"):
            shutil.rmtree(built / folder, ignore_errors=True)


def build(folder=None):
    """Build the site and return the path of its root; raise BookError with what is wrong with its sources."""
    # Sphinx would answer with a warning for every link to a page that is missing, or with a traceback.
    if complaints := [*notebooks.unusable(), *(line for edition in EDITIONS for line in strays(edition))]:
        raise notebooks.BookError("\n".join(complaints))
    outputs = {
        edition: source if folder is None else Path(folder) / edition for edition, source in EDITIONS.items()
    }
    for output in outputs.values():
        forget_if_the_looks_changed(output / "_build")
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
    for edition, process in zip(EDITIONS, builds):
        output, _ = process.communicate()
        for line in output.splitlines():
            if line.startswith("finish:"):
                print(f"{edition}: {line}", file=sys.stderr)
        if process.returncode:
            lines = [line for line in output.splitlines() if "WARNING:" in line or "ERROR:" in line]
            complaints += lines or [output]
    if complaints:
        raise notebooks.BookError("\n".join(complaints))
    english, chinese = (output / "_build" / "html" for output in outputs.values())
    shutil.rmtree(english / "zh", ignore_errors=True)
    shutil.copytree(chinese, english / "zh")
    return english


if __name__ == "__main__":
    try:
        root = build(*sys.argv[1:])
    except notebooks.BookError as error:
        sys.exit(str(error))
    print(f"The book is built: {os.path.relpath(root)}/index.html, in Chinese {os.path.relpath(root)}/zh/index.html")
