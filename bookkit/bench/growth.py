"""How the book's tools grow with the number of its chapters."""

import math
import shutil
import statistics
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import ThreadingHTTPServer
from pathlib import Path

from bookkit.bench.measure import Cost, run
from bookkit.bench.synthetic import chapters, edit, grow
from bookkit.project import EDITIONS, ENGLISH, BookError
from bookkit.site.browser import driven, find_browser, launch_browser
from bookkit.site.serve import Handler

SIZES = (10, 30, 100)
PAPER = 1000  # chapters, to which the measured lines are drawn on
EDITS = 3
LINEAR = 1.15  # the largest power of the number of chapters that still counts as linear
CONSTANT = 1.5  # the largest multiple, in the largest book, of what takes the same in a book of any size
QUERY = "gradient"
NOT_TIMED = "the search was not timed"

# The rules, the comparison of the editions and what they agreed on, of all pages.
TEXTS = """
import sys
from bookkit import contents, page
from bookkit.project import CHINESE, ENGLISH
wrong = []
for stem in contents.pages():
    [path] = [path for path in ENGLISH.folder.glob(f"{stem}.*") if path.suffix in (".ipynb", ".md")]
    wrong += page.text(path, CHINESE.folder / path.name)
sys.exit("\\n".join(wrong) or 0)
"""


@dataclass(frozen=True)
class Measure:
    """What is measured, in which unit, and what is demanded of its growth."""

    title: str
    unit: str
    constant: bool = False  # demanded: as much in a large book as in a small one; otherwise linear


MEASURES = {
    "build": Measure("build, cold", "s"),
    "memory": Measure("largest process of the build", "MB"),
    "texts": Measure("rules and editions of all pages", "s"),
    "collect": Measure("pytest finds all cells", "s"),
    "edit": Measure("build after an edit", "s", constant=True),
    "check": Measure("check of one page", "s", constant=True),
    "index": Measure("search index, English", "kB"),
    "index-zh": Measure("search index, Chinese", "kB"),
    "search": Measure("from query to first result", "s"),
}
Figures = dict[int, dict[str, float]]  # {chapters: {measure: value}}


def search(site: Path) -> Iterator[float]:
    """Yield the seconds from a query to its first result, several times; raise BookError without Chromium."""
    if not (browser := find_browser()):
        raise BookError(f"no Chromium on this machine: {NOT_TIMED}")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=site)) as server, driven(NOT_TIMED) as driver:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = launch_browser(driver, browser)
        for _ in range(EDITS):
            page = chromium.new_context().new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/search.html?q={QUERY}")
            page.wait_for_selector("#search-results li")
            yield page.evaluate("performance.now()") / 1000
        chromium.close()
        server.shutdown()


def measure(book: Path, size: int, python: Path) -> Iterator[tuple[str, float]]:
    """Yield (measure, value) for a book of `size` chapters, which is made in this folder."""
    grow(book, size)
    page = chapters()[0]

    def command(title: str, *arguments: str) -> Cost:
        return run(f"{size} chapters, {title}", [python, *arguments], book)

    command("agree", "-m", "bookkit", "agree")
    yield "texts", command("rules and editions of all pages", "-c", TEXTS).processor
    yield "collect", command("pytest finds all cells", "-m", "pytest", "-n0", "-q", "--collect-only", "book").processor
    build = command("cold build", "-m", "bookkit", "build")
    yield "build", build.processor
    yield "memory", build.memory
    seconds = []
    for number in range(EDITS):
        edit(book, page, number)
        seconds.append(command("build after an edit", "-m", "bookkit", "build").processor)
    yield "edit", statistics.median(seconds)
    command("agree", "-m", "bookkit", "agree")
    yield "check", command("check of one page", "-m", "bookkit", "check", f"{ENGLISH.place}{page}.ipynb").processor
    site = book / "_build" / "html"
    for measure, edition in zip(("index", "index-zh"), EDITIONS, strict=True):
        yield measure, sum(path.stat().st_size for path in (site / edition.site).glob("searchindex*.js")) / 1e3
    try:
        yield "search", statistics.median(search(site))
    except BookError as error:
        print(error, file=sys.stderr)


def figures(clone: Path, folder: Path) -> Figures:
    """Measure books of all sizes, copies of a clone that has its environment, in a folder."""
    found: Figures = {}
    for size in sorted({max(size, len(chapters())) for size in SIZES}):
        book = folder / f"{size}-chapters"
        shutil.copytree(clone, book, ignore=shutil.ignore_patterns(".venv", "_build", ".git"))
        found[size] = dict(measure(book, size, clone / ".venv/bin/python"))
        shutil.rmtree(book)
    return found


def growth(values: dict[int, float]) -> tuple[float, float]:
    """Return the power of the number of chapters with which values grow at the end, and their slope there."""
    (small, before), (large, after) = list(values.items())[-2:]
    return math.log(after / before) / math.log(large / small), (after - before) / (large - small)


def on_paper(values: dict[int, float]) -> float:
    """Return the value for PAPER chapters, if it goes on as it ends: on a line, or with a power above 1."""
    largest, last = list(values.items())[-1]
    power, slope = growth(values)
    return last * (PAPER / largest) ** power if power > 1 else last + slope * (PAPER - largest)
