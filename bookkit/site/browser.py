"""The system's Chromium."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from bookkit.project import BookError

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_flags() -> list[str]:
    """Return the options with which Chromium must be started here: for root it has no sandbox."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


@contextmanager
def driven(undone: str) -> Iterator[Any]:
    """Give Playwright; raise BookError with what is `undone` where it does not start, or its browser fails."""
    from playwright.sync_api import Error, sync_playwright

    try:
        playwright = sync_playwright().start()
    except Exception:  # Playwright has no class of its own for a driver that ends at once
        advice = "see what `.venv/bin/playwright --version` says (Debian: apt-get install libatomic1)"
        raise BookError(f"{undone}: Playwright does not start; {advice}") from None
    try:
        yield playwright
    except Error as error:
        raise BookError(f"{undone}: {error.message.splitlines()[0]}") from None
    finally:
        playwright.stop()


def launch_browser(playwright: Any, executable: str) -> Any:
    """Return the browser at the path `executable`, driven by Playwright's object `playwright`."""
    return playwright.chromium.launch(executable_path=executable, args=browser_flags())
