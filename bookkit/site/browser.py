"""The system's Chromium."""

import os
import shutil
from typing import Any

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find_browser() -> str | None:
    """Return the path of the system's Chromium, or None."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def browser_flags() -> list[str]:
    """Return the options with which Chromium must be started here: for root it has no sandbox."""
    return ["--no-sandbox"] if os.geteuid() == 0 else []


def launch_browser(playwright: Any, executable: str) -> Any:
    """Return the browser at the path `executable`, driven by Playwright's object `playwright`."""
    return playwright.chromium.launch(executable_path=executable, args=browser_flags())
