"""The extension: below `live/` it serves the site, gives each page that is a notebook its script, and starts kernels.

All of it is refused to whoever has neither the token nor the hub's login. What a page may do is told to the browser:
it runs no script but the site's own, and asks no other host.
"""

import base64
import hashlib
import html
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.utils import url_path_join
from tornado import ioloop, web

from bookkit.live import cells
from bookkit.live.bundle import bundle
from bookkit.live.kernels import Worlds
from bookkit.notebooks.files import read
from bookkit.notebooks.interpreters import interpreter_of
from bookkit.project import EDITIONS, BookError, Edition
from bookkit.site.build import SITE

PLACE = "live"
PAGE = re.compile(rf"book/(?P<edition>{'|'.join(edition.name for edition in EDITIONS)})/(?P<page>[\w-]+)")
SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)
HANDLERS = ("window.print()", "toggleFullScreen()")  # of the theme's buttons
MINUTE, SECOND = 60_000, 1000  # milliseconds


def hashed(script: str) -> str:
    """Return how a policy names a script that stands in a page."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def policy(head: str) -> str:
    """Return the content security policy of a page with this head, whose scripts are the theme's.

    In the body nothing but the handlers of two buttons may run.
    """
    scripts = [hashed(script) for script in SCRIPT.findall(head)]
    handlers = " ".join(map(hashed, HANDLERS))
    rules = {
        "default-src": "'none'",
        "script-src": " ".join(["'self'", *scripts]),
        "script-src-attr": f"'unsafe-hashes' {handlers}",
        "style-src": "'self' 'unsafe-inline'",
        "img-src": "'self' data: blob:",
        "font-src": "'self'",
        "connect-src": "'self'",
        "form-action": "'self'",
        "base-uri": "'none'",
        "frame-ancestors": "'self'",
    }
    return "; ".join(f"{rule} {allowed}" for rule, allowed in rules.items())


class Guarded(JupyterHandler):
    """What every answer of the extension has in common."""

    @property
    def content_security_policy(self) -> str:
        return policy("")

    async def prepare(self) -> None:  # type: ignore[override]
        await super().prepare()
        if not self._finished and not self.check_origin():
            raise web.HTTPError(403, "a page of another address asked for this")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Referrer-Policy", "same-origin")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")

    def clear_token(self) -> bool:
        """Send whoever came with the token to the same page without it: by now a cookie is set instead."""
        if "token" not in self.request.query_arguments:
            return False
        rest = [(name, value) for name in self.request.query_arguments for value in self.get_query_arguments(name)]
        query = urlencode([(name, value) for name, value in rest if name != "token"])
        self.redirect(quote(self.request.path) + (f"?{query}" if query else ""))
        return True


class Files(Guarded, web.StaticFileHandler):
    """Files of a folder."""

    @web.authenticated
    async def get(self, path: str, include_body: bool = True) -> None:  # type: ignore[override]
        await web.StaticFileHandler.get(self, path, include_body)

    @web.authenticated
    async def head(self, path: str) -> None:  # type: ignore[override]
        await web.StaticFileHandler.head(self, path)


class Pages(Guarded):
    """The pages of the site; those that are notebooks with the script that makes them live."""

    def initialize(self, site: Path) -> None:
        self.site = site.resolve()

    @web.authenticated
    async def get(self, name: str) -> None:
        if self.clear_token():
            return
        file = (self.site / (name or "index.html")).resolve()
        if not file.is_relative_to(self.site) or not file.is_file():
            raise web.HTTPError(404, f"there is no page {name}")
        _ = self.xsrf_token  # sets its cookie, without which nothing that the page sends is taken
        head, mark, body = file.read_text(encoding="utf-8").partition("</head>")
        self.set_header("Content-Security-Policy", policy(head))
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        if (page := PAGE.fullmatch(name.removesuffix(".html"))) and can_run(notebook(self.site, page)):
            head += self.tags()
        self.finish(head + mark + body)

    def tags(self) -> str:
        place = html.escape(url_path_join(self.base_url, PLACE, "_client/"))
        return f'<link rel="stylesheet" href="{place}live.css"/><script type="module" src="{place}main.js"></script>'


def edition_of(page: re.Match) -> Edition:
    [edition] = [edition for edition in EDITIONS if edition.name == page["edition"]]
    return edition


def notebook(site: Path, page: re.Match) -> Path:
    """Return the path of the notebook that a page of the site was made from, as it was then."""
    edition = edition_of(page)
    sources = site / edition.site / "_sources"
    return (sources / edition.place if not edition.site else sources) / f"{page['page']}.ipynb"


def can_run(path: Path) -> bool:
    """Tell whether there is such a notebook, and on this machine what its cells need."""
    return path.is_file() and not interpreter_of(read(path)).missing()


class OfPage(Guarded, APIHandler):
    """What is asked for a page that is a notebook."""

    def initialize(self, site: Path, worlds: Worlds) -> None:
        self.site, self.worlds = site, worlds

    def find(self, page: str) -> tuple[Edition, Path]:
        """Return the edition of a page and the path of its notebook."""
        found = PAGE.fullmatch(page)
        if not found or not (path := notebook(self.site, found)).is_file():
            raise web.HTTPError(404, f"{page} is no page with code")
        return edition_of(found), path


class Cells(OfPage):
    @web.authenticated
    async def get(self, page: str) -> None:
        edition, path = self.find(page)
        try:
            self.finish({"cells": cells.of_page(path), "answers": cells.of_answers(path.stem, edition)})
        except BookError as error:
            raise web.HTTPError(500, str(error)) from None


class Kernel(OfPage):
    @web.authenticated
    async def post(self, page: str) -> None:
        edition, path = self.find(page)
        name = interpreter_of(read(path)).kernel
        kernel = await self.worlds.start(edition.folder, name)
        self.set_status(201)
        self.finish({"id": kernel, "name": name})


def load(server: Any) -> None:
    """Add the live book to a server."""
    site = Path(server.config.Live.get("site", SITE))
    worlds = Worlds(server.kernel_manager)
    ioloop.PeriodicCallback(worlds.close_left, MINUTE).start()
    ioloop.PeriodicCallback(worlds.stop_greedy, SECOND).start()
    base = server.web_app.settings["base_url"]
    of_page = {"site": site, "worlds": worlds}
    server.web_app.add_handlers(
        ".*$",
        [
            (url_path_join(base, PLACE), web.RedirectHandler, {"url": url_path_join(base, PLACE) + "/"}),
            (url_path_join(base, PLACE, "_client/(.*)"), Files, {"path": str(bundle())}),
            (url_path_join(base, PLACE, r"_cells/(.*)"), Cells, of_page),
            (url_path_join(base, PLACE, r"_kernels/(.*)"), Kernel, of_page),
            (url_path_join(base, PLACE, r"(|.*\.html)"), Pages, {"site": site}),
            (url_path_join(base, PLACE, "(.*)"), Files, {"path": str(site)}),
        ],
    )
