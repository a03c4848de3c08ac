"""Hold every page of the built site against its bars and print one table.

Builds both editions into a temporary folder, serves them compressed as a static host
does, and looks at every page: the weight of a first and of a further visit, Lighthouse
(the median of several runs), axe-core in light
and dark with everything unfolded, the Nu HTML checker, and the links inside the site.
Node, Chromium and Java must be on the machine; the checkers come from npm into the
temporary folder. Exits with 1 when a bar is missed or a check could not run.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bookkit.addresses import Addresses
from bookkit.project import BookError
from bookkit.site import build, links
from bookkit.site.audit import accessibility, lighthouse, markup, weights
from bookkit.site.audit.host import StaticHost
from bookkit.site.audit.programs import Programs, install_checkers
from bookkit.site.audit.table import Finding, Findings, Table
from bookkit.site.browser import driven, launch_browser

# What a search finds is put on the page by a script, so that no file shows it.
RESULTS = ("search.html?q=gradient", "book/zh/search.html?q=MXNet")


def check_links(site: Path, url: str) -> Iterator[Finding]:
    """Yield what is wrong with the links of each page, and with the site maps."""
    for page, found in links.broken_links(links.parse(site), site, url).items():
        yield Finding(page, "links", len(found), [f"link leads nowhere: {address}" for address in found])
    for path in sorted(site.rglob("sitemap.xml")):
        complaints = [f"address leads nowhere: {address}" for address in links.broken_entries(path, site, url)]
        yield Finding(path.relative_to(site).as_posix(), None, None, complaints)


def checks(
    host: StaticHost, site: Path, runs: int, programs: Programs, folder: Path, playwright: Any
) -> Iterator[tuple[str, Findings]]:
    """Yield the name and the findings of one check after the other; a check runs while its findings are asked for."""
    modules = install_checkers(programs.npm, folder / "checkers")
    pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
    # The first page of all sends the reader on at once: there is nothing to see on it.
    seen = [page for page in pages if page != "index.html"]
    browser = launch_browser(playwright, programs.chromium)
    yield "weights", weights.weigh(browser, host, seen)
    yield "axe-core, light and dark", accessibility.check(browser, host, [*seen, *RESULTS], modules)
    browser.close()
    yield "Nu HTML checker", markup.check(programs.java, site, pages, modules)
    yield "links", check_links(site, host.url)
    yield "Lighthouse", lighthouse.check(host, seen, runs, modules, programs, folder)


def audit(runs: int, folder: Path) -> Table:
    """Run all checks and return what they found."""
    programs, table = Programs.find(), Table()
    with StaticHost() as host, driven("the site was not measured") as playwright:
        say("build")
        site = build.build(Addresses(host.url), folder / "site")
        host.load(site)
        for what, findings in checks(host, site, runs, programs, folder, playwright):
            say(what)
            table.add(findings)
    return table


def say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)


def main(runs: str) -> int:
    if not runs.isdecimal():
        raise BookError(f"{runs} is not a number of Lighthouse runs; say RUNS=5")
    with tempfile.TemporaryDirectory() as folder:
        table = audit(int(runs), Path(folder))
    print("\n".join(table.lines()))
    return 1 if table.complaints else 0
