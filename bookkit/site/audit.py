"""Hold every page of the built site against its bars and print one table.

Builds both editions into a temporary folder, serves them compressed as a static host
does, and looks at every page: the weight of a first and of a further visit, Lighthouse
(the median of several runs), axe-core in light
and dark with everything unfolded, the Nu HTML checker, and the links inside the site.
Node, Chromium and Java must be on the machine; the checkers come from npm into the
temporary folder. Exits with 1 when a bar is missed or a check could not run.
"""

import gzip
import hashlib
import json
import mimetypes
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import defaultdict
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from bs4 import BeautifulSoup
from playwright.sync_api import sync_playwright

from bookkit.addresses import Addresses
from bookkit.project import BookError
from bookkit.site import build
from bookkit.site.browser import browser_flags, find_browser, launch_browser

# Lighthouse 13 asks for a Node that is newer than the one of Debian 13.
CHECKERS = {"lighthouse": "12.8.2", "axe-core": "4.14.1", "vnu-jar": "26.9.27"}

# Bytes of a page as they travel, requests it takes, and bytes of one figure, which comes on top.
FIRST_VISIT, NEXT_PAGE, REQUESTS, FIGURE = 150_000, 60_000, 15, 20_000
# A figure further below the screen than this must not be loaded yet (Chromium loads from 1250 or 2500 pixels on).
NEAR = 2600
# Performance is measured, so that a busy machine shows in it; the rest is counted.
SCORES = {"performance": 98, "accessibility": 100, "best-practices": 100, "seo": 100}
PRESETS = {"mobile": [], "desktop": ["--preset=desktop"]}
SCHEMES = ("light", "dark")
# Everything that axe-core knows but WCAG's level AAA, whose contrast of 7:1 no theme of the book promises.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice", "experimental"]
# What a search finds is put on the page by a script, so that no file shows it.
RESULTS = ("search.html?q=gradient", "book/zh/search.html?q=MXNet")
UNFOLD = """() =>
    document.querySelectorAll('details:not([open]) > summary, .toggle-button-hidden').forEach(handle => handle.click())
"""
# A page reacts to that when the browser is idle, which takes a while on a busy machine: milliseconds until each look.
PAUSES = (500, 4000)
FAR_FIGURES = """near => [...document.images]
    .filter(image => image.getBoundingClientRect().top > innerHeight + near).map(image => image.src)"""

COMPRESSED = re.compile(r"text/|application/(?:javascript|json|xml)|image/svg")


def say(text):
    print(text, file=sys.stderr, flush=True)


def find_programs():
    """Return the paths of node, npm, Chromium and Java; the last is None where there is none."""
    found = {name: shutil.which(name) for name in ("node", "npm")}
    found["Chromium"] = find_browser()
    if missing := [name for name, path in found.items() if not path]:
        raise BookError(
            f"not on this machine: {', '.join(missing)}; the audit needs Node 18 or later, Chromium and Java "
            "(Debian: apt-get install npm chromium default-jre-headless)"
        )
    return found | {"Java": shutil.which("java")}


def install_checkers(npm, folder):
    """Install the checkers into a folder and return the folder that holds them."""
    command = [npm, "install", "--prefix", folder, "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    command += [f"{name}@{version}" for name, version in CHECKERS.items()]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode:
        raise BookError(f"npm could not install the checkers:\n{result.stderr.strip()[-1000:]}")
    return folder / "node_modules"


class StaticHost(ThreadingHTTPServer):
    """Serves a site as a static host does, from memory, and keeps count of what it sends."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.files = {}
        self.sent = []  # (path, bytes) of every answer

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *args):
        self.shutdown()
        self.server_close()

    def load(self, site):
        for path in site.rglob("*"):
            if path.is_file():
                kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
                body = path.read_bytes()
                packed = bool(COMPRESSED.match(kind))
                if packed:
                    body = gzip.compress(body, mtime=0)
                self.files["/" + path.relative_to(site).as_posix()] = kind, packed, body


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60

    def do_GET(self):
        path = unquote(urlsplit(self.path).path)
        path += "index.html" if path.endswith("/") else ""
        status = 200 if path in self.server.files else 404
        kind, packed, body = self.server.files[path if status == 200 else "/404.html"]
        tag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if status == 200 and self.headers["If-None-Match"] == tag:
            status, body = 304, b""
        headers = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", f"ETag: {tag}"]
        headers += ["Cache-Control: max-age=600", "Vary: Accept-Encoding"]
        if status != 304:
            headers.append(f"Content-Type: {kind}" + ("; charset=utf-8" if packed else ""))
            headers.append(f"Content-Length: {len(body)}")
            headers += ["Content-Encoding: gzip"] if packed else []
        answer = "\r\n".join([*headers, "", ""]).encode() + body
        self.wfile.write(answer)
        self.server.sent.append((path, len(answer)))

    def log_message(self, *args):
        pass


def visit(page, host, name):
    """Open a page and return (bytes without figures, requests, paths of the figures loaded)."""
    start = len(host.sent)
    page.goto(host.url + name, wait_until="networkidle")
    answers = host.sent[start:]
    figures = [path for path, _ in answers if "/_images/" in path]
    return sum(size for path, size in answers if path not in figures), len(answers), figures


def neighbour(name, pages):
    """Return another page of the same edition, a chapter or one like it."""
    folder = "book/zh/" if name.startswith("book/zh/") else "book/en/"
    return next(page for page in pages if page.startswith(folder) and page != name)


def weigh(browser, host, pages):
    """Yield (page, column, value, complaints) for what each page weighs."""
    for name in pages:
        context = browser.new_context()
        page = context.new_page()
        elsewhere = set()
        page.on("request", lambda request: request.url.startswith((host.url, "data:")) or elsewhere.add(request.url))
        first, requests, figures = visit(page, host, name)
        far = {urlsplit(url).path for url in page.evaluate(FAR_FIGURES, NEAR)}
        context.close()
        context = browser.new_context()
        page = context.new_page()
        visit(page, host, neighbour(name, pages))
        following, _, _ = visit(page, host, name)
        context.close()
        yield name, "first", f"{first / 1000:.0f}", [f"first visit {first} bytes"] if first > FIRST_VISIT else []
        yield name, "next", f"{following / 1000:.0f}", [f"next page {following} bytes"] if following > NEXT_PAGE else []
        complaints = [f"{requests} requests"] if requests - len(figures) > REQUESTS else []
        complaints += [f"asks another host: {url}" for url in sorted(elsewhere)]
        complaints += [f"figure loaded far from the screen: {path}" for path in figures if path in far]
        yield name, "requests", requests - len(figures), complaints
    for path, (_, _, body) in host.files.items():
        if "/_images/" in path and len(body) > FIGURE:
            yield path.lstrip("/"), None, None, [f"figure of {len(body)} bytes"]


def axe(browser, host, pages, source):
    """Yield (page, column, value, complaints) for what axe-core finds in each page, in light and in dark."""
    options = {"runOnly": {"type": "tag", "values": AXE_TAGS}, "resultTypes": ["violations"]}
    for scheme in SCHEMES:
        context = browser.new_context(color_scheme=scheme)
        for name in pages:
            page = context.new_page()
            page.goto(host.url + name, wait_until="networkidle")
            page.evaluate(UNFOLD)
            page.evaluate(source)
            for pause in PAUSES:
                page.wait_for_timeout(pause)
                result = page.evaluate("options => axe.run(document, options)", options)
                if not result["violations"]:
                    break
            complaints = [
                f"axe, {scheme}: {violation['id']} ({violation['impact']}): {' '.join(map(str, node['target']))}"
                for violation in result["violations"]
                for node in violation["nodes"]
            ]
            yield name, scheme, len(complaints), complaints
            page.close()
        context.close()


def check_html(java, jar, site, pages):
    """Yield (page, column, value, complaints) for the errors that the Nu HTML checker finds in each page."""
    command = [java, "-jar", jar, "--errors-only", "--format", "json", *(site / name for name in pages)]
    output = subprocess.run(command, capture_output=True, text=True).stderr
    try:
        messages = json.loads(output)["messages"]
    except ValueError:
        raise BookError(f"the Nu HTML checker failed:\n{output[-1000:]}") from None
    found = defaultdict(list)
    for message in messages:
        place = f"line {message.get('lastLine', '?')}: {' '.join(message.get('extract', '').split())}"
        found[unquote(urlsplit(message["url"]).path)].append(f"Nu, {place}: {message['message']}")
    for name in pages:
        complaints = found[str(site / name)]
        yield name, "Nu", len(complaints), complaints


def addresses(soup):
    """Yield every address that a page names: links, what it loads, and what it tells those who share it."""
    for tag in soup.select("[href], [src]"):
        yield tag.get("href") or tag["src"]
    for tag in soup.select('meta[property="og:url"], meta[property="og:image"]'):
        yield tag["content"]


def parse(site):
    """Return {path: soup} of all pages."""
    return {
        path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in sorted(site.rglob("*.html"))
    }


def broken_links(soups, site, url="http://site.invalid/"):
    """Return {page: [address, ...]} of addresses inside the site, which is built for `url`, that lead nowhere."""
    ids = {path: {tag["id"] for tag in soup.select("[id]")} for path, soup in soups.items()}
    broken = {}
    for path, soup in soups.items():
        name = path.relative_to(site).as_posix()
        broken[name] = []
        for address in dict.fromkeys(addresses(soup)):
            whole, fragment = urldefrag(urljoin(url + name, address))
            if not whole.startswith(url):
                continue
            target = site / unquote(urlsplit(whole[len(url) :]).path)
            target = target / "index.html" if target.is_dir() else target
            if not target.is_file() or (fragment and unquote(fragment) not in ids.get(target, [unquote(fragment)])):
                broken[name].append(address)
    return broken


def check_links(site, url):
    """Yield (page, column, value, complaints) for the links of each page, and complaints about the site maps."""
    for name, found in broken_links(parse(site), site, url).items():
        yield name, "links", len(found), [f"link leads nowhere: {address}" for address in found]
    for path in sorted(site.rglob("sitemap.xml")):
        for address in re.findall("<loc>(.*?)</loc>", path.read_text(encoding="utf-8")):
            if not (site / address.removeprefix(url)).is_file():
                yield path.relative_to(site).as_posix(), None, None, [f"address leads nowhere: {address}"]


def run_lighthouse(command, environment):
    """Run Lighthouse and return its report, or None where it crashed or found no page."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            output, _ = process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)  # takes its Chromium along
            output, _ = process.communicate(timeout=30)
    try:
        report = json.loads(output)
    except ValueError:
        return None
    return None if "runtimeError" in report else report


def shortcomings(report, category):
    """Yield a line for each audit that costs a page points in a category."""
    for reference in report["categories"][category]["auditRefs"]:
        audit = report["audits"][reference["id"]]
        if reference["weight"] and audit["score"] is not None and audit["score"] < 1:
            items = audit.get("details", {}).get("items", [])
            selectors = [item["node"]["selector"] for item in items if "selector" in item.get("node", {})]
            yield " ".join([audit["id"], audit.get("displayValue", ""), ", ".join(selectors)]).strip()


def lighthouse(host, pages, runs, modules, programs, folder):
    """Yield (page, column, value, complaints) for the scores of each page, mobile and desktop."""
    environment = os.environ | {"CHROME_PATH": programs["Chromium"], "TMPDIR": str(folder)}
    flags = " ".join(["--headless=new", *browser_flags()])
    for number, name in enumerate(pages, start=1):
        for preset, options in PRESETS.items():
            say(f"Lighthouse {number}/{len(pages)}: {name}, {preset} ...")
            command = [programs["node"], modules / "lighthouse" / "cli" / "index.js", host.url + name, *options]
            command += ["--quiet", "--output=json", f"--chrome-flags={flags}"]
            command += [f"--only-categories={','.join(SCORES)}", "--no-enable-error-reporting"]
            reports = [
                report
                for _ in range(runs)
                if (report := run_lighthouse(command, environment) or run_lighthouse(command, environment))
            ]
            if not reports:
                yield name, preset, "failed", [f"Lighthouse, {preset}: crashed twice"]
                continue
            scores, complaints = [], []
            for category, bar in SCORES.items():
                of_runs = [report["categories"][category]["score"] or 0 for report in reports]
                score = round(100 * statistics.median(of_runs))
                scores.append(score)
                if score < bar:
                    what = "; ".join(shortcomings(reports[of_runs.index(min(of_runs))], category))
                    complaints.append(f"Lighthouse, {preset}: {category} {score}: {what}")
            yield name, preset, " ".join(f"{score:3}" for score in scores), complaints


COLUMNS = {
    "first": "first kB", "next": "next kB", "requests": "requests",
    "mobile": "mobile P A BP SEO", "desktop": "desktop P A BP SEO",
    "light": "axe light", "dark": "axe dark", "Nu": "Nu", "links": "links",
}  # fmt: skip


def table(pages, cells):
    """Return the lines of the table: a row a page, a column a check; `–` where a check did not look."""
    yield f"{'page':28}" + "  ".join(COLUMNS.values())
    for name in pages:
        yield f"{name:28}" + "  ".join(
            f"{cells.get((name, column), '–'):>{len(title)}}" for column, title in COLUMNS.items()
        )


def audit(runs, folder):
    """Run all checks; return (table and complaints as lines, whether all is well)."""
    programs = find_programs()
    say("checkers from npm ...")
    modules = install_checkers(programs["npm"], folder / "checkers")
    cells, complaints = {}, []

    def collect(what, results):
        say(f"{what} ...")
        for name, column, value, found in results:
            cells[name, column] = value
            complaints.extend(f"{name}: {line}" for line in found)

    with StaticHost() as host:
        say("build ...")
        site = build.build(Addresses(host.url), folder / "site")
        host.load(site)
        pages = sorted(path.relative_to(site).as_posix() for path in site.rglob("*.html"))
        # The first page of all sends the reader on at once: there is nothing to see on it.
        seen = [name for name in pages if name != "index.html"]
        with sync_playwright() as playwright:
            browser = launch_browser(playwright, programs["Chromium"])
            collect("weights", weigh(browser, host, seen))
            source = (modules / "axe-core" / "axe.min.js").read_text(encoding="utf-8")
            collect("axe-core, light and dark", axe(browser, host, [*seen, *RESULTS], source))
            browser.close()
        if programs["Java"]:
            jar = modules / "vnu-jar" / "build" / "dist" / "vnu.jar"
            collect("Nu HTML checker", check_html(programs["Java"], jar, site, pages))
        else:
            complaints.append("Nu HTML checker: not run, it needs Java (Debian: apt-get install default-jre-headless)")
        collect("links", check_links(site, host.url))
        if runs:
            collect("Lighthouse", lighthouse(host, seen, runs, modules, programs, folder))
        else:
            complaints.append("Lighthouse: not run")
    return [*table([*pages, *RESULTS], cells), "", *complaints], not complaints


def main(runs: str) -> int:
    if not runs.isdecimal():
        raise BookError(f"{runs} is not a number of Lighthouse runs; say RUNS=5")
    with tempfile.TemporaryDirectory() as folder:
        lines, well = audit(int(runs), Path(folder))
    print("\n".join(lines))
    return 0 if well else 1
