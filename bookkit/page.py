"""Check one page, in both editions: all that concerns it, and says what it left out.

Its outputs are computed again, its gradients derived again, its text held against the rules and
against the other edition; the site is built, and every link of the page followed inside it.
"""

import contextlib
import io
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
from bs4 import BeautifulSoup

from bookkit import contents
from bookkit.addresses import Addresses
from bookkit.checks import agreement, editions, vocabulary
from bookkit.checks.prose import report as prose
from bookkit.notebooks import published, rules
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.interpreters import interpreter_of, runs_in_the_book
from bookkit.notebooks.kernel import this_run
from bookkit.processes import side_by_side
from bookkit.project import EDITIONS, ROOT, BookError, name
from bookkit.words import read_glossary

NOT_CHECKED = """\
not checked: the page in a browser and on paper, links of other pages to it, entries of the glossary and the index that
  lead to it, the order in which words are explained, commands and files that it names, the table of the page
  verification; planted faults (make faults), other machines (make matrix); everything else is in `make test`"""
EXAMPLE = "say for example `make check NB=book/en/gradients.ipynb`"


def both(given: str | None) -> tuple[Path, Path]:
    """Return the paths of both editions of a page, given one; raise BookError if it is no page."""
    if not given:
        raise BookError(f"no page is named; {EXAMPLE}")
    path = Path(given).resolve()
    if path.suffix not in (".ipynb", ".md") or path.parent not in [edition.folder for edition in EDITIONS]:
        raise BookError(f"{name(path)}: is no page of the book; {EXAMPLE}")
    english, chinese = (edition.folder / path.name for edition in EDITIONS)
    if not english.exists() and not chinese.exists():
        raise BookError(f"{name(path)}: there is no such page; {EXAMPLE}")
    return english, chinese


class Told:
    """Keeps what pytest says of the cells."""

    def __init__(self) -> None:
        self.failed: list[str] = []

    def pytest_collectreport(self, report) -> None:
        self.pytest_runtest_logreport(report)

    def pytest_runtest_logreport(self, report) -> None:
        if report.failed:
            self.failed.append(str(report.longrepr))


def outputs(path: Path) -> list[str]:
    """Return what the comparison of a notebook's outputs with those computed again has to say."""
    import pytest

    if reason := interpreter_of(editions.read(path)).missing():
        return [f"{name(path)}: not executed: {reason}"]
    told, words = Told(), io.StringIO()
    options = ["-n0", "-q", "-pno:cacheprovider", "-c", str(ROOT / "pyproject.toml")]
    with contextlib.redirect_stdout(words), contextlib.redirect_stderr(words):
        code = pytest.main([*options, str(path)], [told])
    if code == pytest.ExitCode.NO_TESTS_COLLECTED and not told.failed and not code_cells(editions.read(path)):
        return []
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return [line.removeprefix("ERROR: ") for line in words.getvalue().splitlines() if line.strip()]
    return told.failed


def text(english: Path, chinese: Path) -> Iterator[str]:
    """Yield what the rules for notebooks, the comparison of the editions and the book's words have to say."""
    for path in (english, chinese):
        page = editions.read(path)
        if path.suffix == ".ipynb":
            yield from (f"{name(path)}: {line}" for line in rules.complaints(page))
            if path.read_bytes() != (nbformat.writes(page) + "\n").encode():
                yield f"{name(path)}: is not stored in normal form; run `make refresh NB={name(path)}`"
        else:
            yield from published.of_a_page(path)
    yield from (f"{name(chinese)}: {line}" for line in editions.compare(editions.read(english), editions.read(chinese)))
    yield from prose.complaints(english, chinese)
    now = {english.name: agreement.paired(agreement.cells(english), agreement.cells(chinese))}
    agreed = {english.name: agreement.read_record().get(english.name, {})}
    for change in agreement.changes(now, agreed):
        yield f"{change.told()}\n  change what does not say the same, then run `make agree`"
    words = vocabulary.words(chinese)
    for entry in read_glossary():
        yield from vocabulary.rejected(entry, chinese, words)
    yield from vocabulary.unwanted(chinese, words)
    for edition, path in zip(EDITIONS, (english, chinese), strict=True):
        yield from vocabulary.called(path, vocabulary.titles_of(edition))
    yield from (line for line in contents.strays() if line.startswith((name(english), name(chinese))))


def gradients(page: str) -> list[str]:
    """Return what the derivation of a page's gradients has to say."""
    from bookkit.gradients import execution, report

    return report.all_complaints(execution.run([page]))


def site(pages: Iterable[Path], addresses: Addresses) -> list[str]:
    """Return what is wrong with the site as it is built with this page, and with the links of the page."""
    from bookkit.site import build

    root = build.build(addresses)
    return [line for page in pages for line in dead_links(root, page)]


def parsed(page: Path) -> BeautifulSoup:
    return BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")


def dead_links(root: Path, page: Path) -> Iterator[str]:
    """Yield a line for each link of a page, in the site at `root`, that leads to nothing inside it."""
    from bookkit.site import links

    built = root / page.relative_to(ROOT).with_suffix(".html")
    soups = {built: parsed(built)}
    for address in links.addresses(soups[built]):
        target = (built.parent / unquote(urlsplit(address).path)).resolve()
        if urlsplit(address).fragment and target.suffix == ".html" and target.is_file() and target not in soups:
            soups[target] = parsed(target)
    for address in links.broken_links(soups, root)[built.relative_to(root).as_posix()]:
        yield f"{name(page)}: its link to {address} leads nowhere; mend it"


def complaints(*works: Callable[[], Iterable[str]]) -> list[str]:
    """Return all that these checks say; one that cannot look says why."""
    lines: list[str] = []
    for work in works:
        try:
            lines += work()
        except BookError as error:
            lines += str(error).splitlines()
    return lines


def checks(english: Path, chinese: Path, addresses: Addresses) -> dict[str, Callable[[], list[str]]]:
    """Return the checks of a page by their titles, in the order in which they are begun."""
    pages = (english, chinese)
    found: dict[str, Callable[[], Iterable[str]]] = {"text": partial(text, english, chinese)}
    if english.suffix == ".ipynb":
        this_run()  # shared by the processes that the checks run in
        found["outputs, English"] = partial(outputs, english)
        found["outputs, Chinese"] = partial(outputs, chinese)
        if english.exists() and runs_in_the_book(english):
            found["gradients"] = partial(gradients, english.stem)
    found["site and links"] = partial(site, pages, addresses)
    return {title: partial(complaints, work) for title, work in found.items()}


def main(given: str | None, addresses: Addresses) -> int:
    """Check a page, given the path of either edition."""
    english, chinese = both(given)
    start = time.perf_counter()
    wrong: list[str] = []
    works = checks(english, chinese, addresses)
    print(f"{english.stem}: {', '.join(works)} ...", flush=True)
    for title, lines in side_by_side(works):
        lines = str(lines).splitlines() if isinstance(lines, BookError) else lines
        print(f"{time.perf_counter() - start:5.1f} s  {title}: {len(lines) or 'nothing'} to mend", flush=True)
        wrong += lines
    for line in dict.fromkeys(wrong):
        print(line, file=sys.stderr)
    print(NOT_CHECKED)
    return 1 if wrong else 0
