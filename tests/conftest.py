"""What several test modules share: the built site, a server for it, and a browser."""

import fcntl
import os
import threading
from functools import partial
from http.server import ThreadingHTTPServer

import pytest

from bookkit.addresses import Addresses
from bookkit.site.browser import find_browser, launch_browser
from bookkit.site.build import build
from bookkit.site.serve import Handler


def pytest_collection_modifyitems(items):
    """Begin with what takes long: no process is left with it at the end, when the others have nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.suffix != ".ipynb"))  # a notebook takes seconds


@pytest.fixture
def tell():
    """Fails if there are lines, and shows them alone: they are for authors, to whom a traceback says nothing."""

    def fail(lines):
        if lines:
            pytest.fail("\n".join(lines), pytrace=False)

    return fail


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """The root of the site, built from nothing, warnings as errors; once for all workers."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent
    with (folder / "site.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = folder / "site" / "html"
        if not root.exists():
            build(Addresses(), folder / "site")
    return root


@pytest.fixture(scope="session")
def address(site):
    """The address under which the site is served, below a path as on GitHub Pages."""
    handler = partial(Handler, directory=site.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/{site.name}"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    """The system's Chromium; where there is none the test is skipped, but not on a machine that checks changes."""
    found = find_browser()
    if not found:
        message = "no Chromium on this machine: the site was not walked (Debian: apt-get install chromium)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = launch_browser(playwright, found)
        yield browser
        browser.close()
