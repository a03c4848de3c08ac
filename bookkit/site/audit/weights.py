"""What a page weighs: as it travels, on a first visit and as a further page."""

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Page

from bookkit.project import EDITIONS
from bookkit.site.audit.host import StaticHost
from bookkit.site.audit.table import Finding

# Bytes of a page as they travel, requests it takes, and bytes of one figure, which comes on top.
FIRST_VISIT, NEXT_PAGE, REQUESTS, FIGURE = 150_000, 60_000, 15, 20_000
# A figure further below the screen than this must not be loaded yet (Chromium loads from 1250 or 2500 pixels on).
NEAR = 2600
FAR_FIGURES = """near => [...document.images]
    .filter(image => image.getBoundingClientRect().top > innerHeight + near).map(image => image.src)"""


class Visit(NamedTuple):
    weight: int  # without figures
    requests: int  # without figures
    figures: list[str]  # paths of those that were loaded


def visit(page: Page, host: StaticHost, name: str) -> Visit:
    """Open a page and return what came."""
    start = len(host.sent)
    page.goto(host.url + name, wait_until="networkidle")
    answers = host.sent[start:]
    figures = [path for path, _ in answers if "/_images/" in path]
    return Visit(sum(size for path, size in answers if path not in figures), len(answers) - len(figures), figures)


def neighbour(name: str, pages: list[str]) -> str:
    """Return another page of the same edition, a chapter or one like it."""
    place = next((edition.place for edition in EDITIONS if name.startswith(edition.place)), EDITIONS[0].place)
    return next(page for page in pages if page.startswith(place) and page != name)


def first_visit(browser: Browser, host: StaticHost, name: str) -> tuple[Visit, list[str]]:
    """Visit a page as somebody who was never here; return what came, and what should not have come."""
    context = browser.new_context()
    page = context.new_page()
    elsewhere: set[str] = set()
    page.on("request", lambda request: elsewhere.add(request.url))
    came = visit(page, host, name)
    far = {urlsplit(url).path for url in page.evaluate(FAR_FIGURES, NEAR)}
    context.close()
    others = sorted(url for url in elsewhere if not url.startswith((host.url, "data:")))
    complaints = [f"asks another host: {url}" for url in others]
    complaints += [f"figure loaded far from the screen: {path}" for path in came.figures if path in far]
    return came, complaints


def further_visit(browser: Browser, host: StaticHost, name: str, pages: list[str]) -> Visit:
    """Visit a page as somebody who comes from another one."""
    context = browser.new_context()
    page = context.new_page()
    visit(page, host, neighbour(name, pages))
    came = visit(page, host, name)
    context.close()
    return came


def over(value: int, bar: int, what: str) -> list[str]:
    return [what] if value > bar else []


def weigh(browser: Browser, host: StaticHost, pages: list[str]) -> Iterator[Finding]:
    """Yield what each page weighs."""
    for name in pages:
        first, complaints = first_visit(browser, host, name)
        further = further_visit(browser, host, name, pages)
        heavy = over(first.weight, FIRST_VISIT, f"first visit {first.weight} bytes")
        yield Finding(name, "first", f"{first.weight / 1000:.0f}", heavy)
        heavy = over(further.weight, NEXT_PAGE, f"next page {further.weight} bytes")
        yield Finding(name, "next", f"{further.weight / 1000:.0f}", heavy)
        complaints += over(first.requests, REQUESTS, f"{first.requests} requests")
        yield Finding(name, "requests", first.requests, complaints)
    for path, file in host.files.items():
        if "/_images/" in path and len(file.body) > FIGURE:
            yield Finding(path.lstrip("/"), None, None, [f"figure of {len(file.body)} bytes"])
