"""What several test modules share: the built site, a server for it, and a browser."""

import fcntl
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from http.server import ThreadingHTTPServer

import pytest

from bookkit.addresses import Addresses
from bookkit.project import BookError
from bookkit.site.browser import find_browser, launch_browser
from bookkit.site.build import build
from bookkit.site.serve import Handler

# Under nohup, and behind a shell's `&`, Ctrl-C is ignored, by the programs that the tests start and interrupt as well.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items):
    """Begin with what takes long: no process is left with it at the end, when the others have nothing to do."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: (item.path not in slow, item.path.suffix != ".ipynb"))  # a notebook takes seconds


@pytest.fixture
def tell():
    """Fails if there are lines, and shows them alone: they are for authors, to whom a traceback says nothing."""

    def fail(lines):
        if lines := list(lines):
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


@pytest.fixture
def interrupt_soon():
    """A block that is interrupted as by Ctrl-C, half a second after it has begun, and tells nobody."""

    @contextmanager
    def interrupted():
        before = signal.signal(signal.SIGALRM, signal.default_int_handler)
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            with pytest.raises(KeyboardInterrupt):
                yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)

    return interrupted


@pytest.fixture
def apart():
    """Call a function in a thread of its own: one that drives a browser already can start no second Playwright."""
    with ThreadPoolExecutor(1) as pool:
        yield lambda function, *arguments: pool.submit(function, *arguments).result()


def watched(context, address):
    """Return a page, and the list of what goes wrong on it: errors in the console, requests to other hosts."""
    page, wrong = context.new_page(), []

    def guard(route):
        if route.request.url.startswith((address.rsplit("/", 1)[0], "data:", "file:", "blob:")):
            route.continue_()
        else:
            wrong.append(f"asked for {route.request.url}")
            route.abort()

    page.route("**/*", guard)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    return page, wrong


@pytest.fixture
def watch():
    """The function `watched`."""
    return watched


@pytest.fixture
def page(browser, address):
    """A fresh page that fails the test on any error in the console and any request to another host."""
    context = browser.new_context(locale="en-GB")
    page, wrong = watched(context, address)
    yield page
    context.close()
    assert not wrong, wrong


@pytest.fixture(scope="module")
def live(site):
    """A server of the live book; where there is no Node the test is skipped, but not where changes are checked."""
    from live_site import LiveServer

    from bookkit.live.bundle import bundle

    try:
        bundle()
    except BookError as error:
        pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))
    server = LiveServer(site)
    yield server
    server.stop()
