"""What the live pages weigh, and how long a reader waits: measured in Chromium on this machine, held against bars."""

import gzip
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import psutil
from playwright.sync_api import Page

from bookkit.live.bundle import bundle
from bookkit.notebooks.kernel import memory
from bookkit.project import ROOT, BookError
from bookkit.site.browser import driven, find_browser, launch_browser

PAGE = "book/en/control-flow.html"
START = [sys.executable, "-m", "bookkit", "live", "0"]
ADDRESS = re.compile(r"(http://\S+/live/)\?token=(\S+)")
TRIPS = 30
# Time from the click until the page says that a cell is done, in milliseconds.
TRIP = """() => new Promise((done) => {
    const cell = document.querySelector(".live-scratch");
    const said = cell.querySelector(".live-said");
    const start = performance.now();
    const ended = () => !["", "waits", "runs"].includes(said.textContent);
    const watch = new MutationObserver(() => {
        if (!ended()) return;
        watch.disconnect();
        done(performance.now() - start);
    });
    watch.observe(said, { childList: true, characterData: true, subtree: true });
    cell.querySelector(".live-run").click();
})"""


class Number(NamedTuple):
    """One result, and the most that it may be; None where nothing is asked of it."""

    title: str
    value: float
    unit: str
    most: float | None = None

    @property
    def missed(self) -> bool:
        return self.most is not None and self.value > self.most

    def line(self) -> str:
        bar = "" if self.most is None else f"  (at most {self.most:g})"
        return f"{self.title:<58}{self.value:>8.1f} {self.unit}{bar}{'  MISSED' if self.missed else ''}"


def weights() -> Iterator[Number]:
    """Yield what a page loads because it is live, in kilobytes of gzip."""
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) / 1000 for path in bundle().iterdir()}
    kernel = sum(size for name, size in sizes.items() if name.startswith("kernel"))
    editor = sum(size for name, size in sizes.items() if name.startswith("editor"))
    yield Number("loaded with the page", sum(sizes.values()) - kernel - editor, "KB")
    yield Number("loaded until the first Run, when the code was edited", sum(sizes.values()) - kernel, "KB", 250)
    yield Number("loaded at the first Run", kernel, "KB")


@contextmanager
def served() -> Iterator[tuple[psutil.Process, str, str]]:
    """Give the process of a live book, its address and its token."""
    with subprocess.Popen(START, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stderr
        try:
            found = ADDRESS.search(process.stdout.readline())
            if not found:
                raise BookError(process.stderr.read().strip().removeprefix("error: "))
            yield psutil.Process(process.pid), *found.groups()
        finally:
            process.terminate()


def first_output(page: Page, address: str, token: str) -> float:
    """Return the seconds from the first Run on a fresh page until the output of its first cells is there."""
    page.goto(f"{address}{PAGE}?token={token}")
    run = page.locator(".live-run").nth(2)
    start = time.perf_counter()
    run.click()
    while not page.evaluate("document.querySelectorAll('.live-good').length >= 3"):
        time.sleep(0.01)
    return time.perf_counter() - start


def waits(browser: Any) -> Iterator[Number]:
    """Yield how long a reader waits, and what memory that takes."""
    with served() as (server, address, token):
        page = browser.new_page()
        yield Number("first output, of a server that has just started", first_output(page, address, token), "s", 5)
        yield Number("first output, of another page after it", first_output(page, address, token), "s", 5)
        page.locator(".live-scratch pre").first.click()
        page.locator(".live-scratch .cm-content").fill("pass")
        trips = [page.evaluate(TRIP) for _ in range(TRIPS)]
        yield Number("round trip of an empty cell, median", statistics.median(trips[1:]), "ms", 50)
        kernels = server.children()
        yield Number("memory of the server", server.memory_info().rss / 1e6, "MB")
        yield Number("memory of a kernel after it", max(memory(kernel) for kernel in kernels) / 1e6, "MB")


def main() -> int:
    """Print what was measured; 1 if a bar is missed."""
    executable = find_browser()
    if not executable:
        raise BookError("no Chromium on this machine (Debian: apt-get install chromium)")
    found = []
    with driven("the live pages were not measured") as playwright:
        browser = launch_browser(playwright, executable)
        for number in (*weights(), *waits(browser)):
            print(number.line(), flush=True)
            found.append(number)
        browser.close()
    return 1 if any(number.missed for number in found) else 0
