"""What axe-core finds in each page, in light and in dark, with everything unfolded."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page

from bookkit.site.audit.host import StaticHost
from bookkit.site.audit.table import Finding

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Everything that axe-core knows but WCAG's level AAA, whose contrast of 7:1 no theme of the book promises.
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"]
OPTIONS = {"runOnly": {"type": "tag", "values": TAGS}, "resultTypes": ["violations"]}
UNFOLD = """() =>
    document.querySelectorAll('details:not([open]) > summary, .toggle-button-hidden').forEach(handle => handle.click())
"""
# A page reacts to that when the browser is idle, which takes a while on a busy machine.
PAUSE = 2000  # milliseconds


def violations(page: Page, source: str) -> list[dict[str, Any]]:
    """Return what axe-core, whose program is `source`, finds in an open page."""
    page.evaluate(UNFOLD)
    page.evaluate(source)
    page.evaluate("() => new Promise((go) => requestIdleCallback(go))")
    page.wait_for_timeout(PAUSE)
    return page.evaluate("options => axe.run(document, options)", OPTIONS)["violations"]


def check(browser: Browser, host: StaticHost, pages: list[str], modules: Path) -> Iterator[Finding]:
    """Yield what axe-core finds in each page."""
    source = (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
    for scheme in SCHEMES:
        context = browser.new_context(color_scheme=scheme)
        for name in pages:
            page = context.new_page()
            page.goto(host.url + name, wait_until="networkidle")
            complaints = [
                f"axe, {scheme}: {violation['id']} ({violation['impact']}): {' '.join(map(str, node['target']))}"
                for violation in violations(page, source)
                for node in violation["nodes"]
            ]
            yield Finding(name, scheme, len(complaints), complaints)
            page.close()
        context.close()
