"""Who is let in by the server of the live book, and what a page may do in the browser."""

import json
import re
import socket
import subprocess
import sys
import time
from http.client import HTTPConnection

import psutil
import pytest
from live_site import LiveServer, cell, stream, write_page

from bookkit.project import ROOT

pytestmark = pytest.mark.slow

HOSTILE = """
<script>document.title = "ran"</script><img src="nowhere" onerror="document.title = 'ran'"/>
<a href="javascript:document.title = 'ran'" id="link">link</a><button onclick="document.title = 'ran'">go</button>
<svg xmlns="http://www.w3.org/2000/svg" onload="document.title = 'ran'"><script>document.title = "ran"</script></svg>
<img src="https://elsewhere.example/pixel.png"/>
"""
PAGES = ("/live/", "/live/book/en/page.html", "/live/_client/main.js", "/live/_cells/book/en/page", "/live/plain.txt")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Of a hand-made site: the server does not care who built it."""
    site = tmp_path_factory.mktemp("site")
    write_page(site, "page", [cell("one", "print(1)", stream("1\n"))], more=HOSTILE)
    (site / "plain.txt").write_text("text")
    (site.parent / "secret.html").write_text("secret")
    return site


def ask(live, path, method="GET", body=None, **headers):
    """Return status, headers and text of an answer; the host is the server's unless another is named."""
    connection = HTTPConnection("127.0.0.1", int(live.port))
    connection.request(method, path, body, {"Host": f"127.0.0.1:{live.port}", **headers})
    answer = connection.getresponse()
    text = answer.read().decode("utf-8", "replace")
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def bearer(token):
    return {"Authorization": f"token {token}"}


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("token", [None, "wrong"])
def test_without_the_token_nothing_is_served(live, path, token):
    status, headers, text = ask(live, path, **(bearer(token) if token else {}))
    assert status == 403 or (status == 302 and headers["Location"].startswith("/login"))
    assert "print" not in text


@pytest.mark.parametrize("path", PAGES)
def test_with_the_token_all_is_served(live, path):
    status, _, text = ask(live, path, **bearer(live.token))
    assert status == 200 and text


def test_a_kernel_needs_the_token(live):
    assert ask(live, "/live/_kernels/book/en/page", "POST")[0] == 403
    assert ask(live, "/api/kernels", "POST")[0] == 403
    assert ask(live, "/api/kernels")[0] == 403


@pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")
def test_a_kernel_is_a_fork_of_what_has_imported(live):
    before = {*psutil.Process(live.process.pid).children(recursive=True)}
    assert ask(live, "/live/_kernels/book/en/page", "POST", **bearer(live.token))[0] == 201
    [kernel] = {*psutil.Process(live.process.pid).children(recursive=True)} - before
    assert kernel.parent() in before


def test_a_kernel_that_nobody_uses_is_ended(site, live):
    hasty = LiveServer(site, "from bookkit.live import command\ncommand.IDLE = command.LOOK = 1\n")
    try:
        _, _, text = ask(hasty, "/live/_kernels/book/en/page", "POST", **bearer(hasty.token))
        for _ in range(100):
            if ask(hasty, f"/api/kernels/{json.loads(text)['id']}", **bearer(hasty.token))[0] == 404:
                break
            time.sleep(0.1)
        else:
            pytest.fail("it is still there after ten seconds")
    finally:
        hasty.stop()


@pytest.mark.parametrize("path", [*PAGES, "/api/kernels"])
def test_another_host_name_is_refused(live, path):
    """What a name that was bound to this machine behind the browser's back would ask."""
    status, _, text = ask(live, path, Host=f"elsewhere.example:{live.port}", **bearer(live.token))
    assert status == 403 and "print" not in text


def cookies(live):
    """Return the headers of a browser that has opened the address with the token."""
    _, headers, _ = ask(live, f"/live/book/en/page.html?token={live.token}")
    login = headers["Set-Cookie"].split(";")[0]
    connection = HTTPConnection("127.0.0.1", int(live.port))
    connection.request("GET", "/live/book/en/page.html", headers={"Host": f"127.0.0.1:{live.port}", "Cookie": login})
    answer = connection.getresponse()
    answer.read()
    xsrf = re.search(r"_xsrf=([^;]+)", answer.getheader("Set-Cookie"))[1]
    connection.close()
    return {"Cookie": f"{login}; _xsrf={xsrf}"}, xsrf


def test_a_page_of_another_address_is_refused(live):
    browser, xsrf = cookies(live)
    for path in (*PAGES, "/live/_kernels/book/en/page"):
        method = "POST" if "kernels" in path else "GET"
        status, _, _ = ask(live, path, method, Origin="http://elsewhere.example", **browser, **{"X-XSRFToken": xsrf})
        assert status in (403, 404), path
    # Its own page may, and only with what another page cannot read.
    own = {"Origin": live.origin, **browser}
    assert ask(live, "/live/_kernels/book/en/page", "POST", **own)[0] == 403
    status, _, text = ask(live, "/live/_kernels/book/en/page", "POST", **own, **{"X-XSRFToken": xsrf})
    assert status == 201
    kernel = json.loads(text)["id"]
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    upgrade |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", **browser}
    assert ask(live, f"/api/kernels/{kernel}/channels", Origin="http://elsewhere.example", **upgrade)[0] == 403


def test_the_token_leaves_the_address(live):
    status, headers, _ = ask(live, f"/live/book/en/page.html?token={live.token}&highlight=a")
    assert status == 302 and headers["Location"] == "/live/book/en/page.html?highlight=a"


@pytest.mark.parametrize("path", ["../secret.html", "..%2fsecret.html", "book/../../secret.html", "nothing.html"])
def test_nothing_beside_the_site_is_served(live, path):
    assert ask(live, f"/live/{path}", **bearer(live.token))[0] in (403, 404)


def test_what_is_no_page_with_code_has_no_cells_and_no_kernel(live):
    for path in ("book/en/nothing", "book/fr/page", "../secret"):
        assert ask(live, f"/live/_cells/{path}", **bearer(live.token))[0] == 404
        assert ask(live, f"/live/_kernels/{path}", "POST", **bearer(live.token))[0] == 404


def test_a_page_may_run_nothing_but_the_scripts_of_the_site(live):
    _, headers, text = ask(live, "/live/book/en/page.html", **bearer(live.token))
    policy = dict(rule.split(" ", 1) for rule in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == "'none'"
    assert policy["script-src"] == policy["connect-src"] == policy["form-action"] == "'self'"
    assert "unsafe-inline" not in policy["script-src-attr"] and "http" not in headers["Content-Security-Policy"]
    assert 'src="/live/_client/main.js"' in text.partition("</head>")[0]


def test_what_a_notebook_stores_runs_nothing(browser, live):
    context = browser.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live.address}/book/en/page.html?token={live.token}")
    page.locator("#link").click()
    page.get_by_role("button", name="go").click()
    page.wait_for_timeout(300)
    assert page.title() == "Page"
    assert all(url.startswith((live.origin, "blob:", "data:")) or "elsewhere" in url for url in asked)
    assert page.evaluate("[...document.images].every((image) => !image.naturalWidth)")
    context.close()


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "bookkit", "live", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_a_busy_port_is_named():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        result = run(str(port))
    assert result.returncode == 1
    assert result.stderr == f"error: port {port} is taken; choose another: make live PORT={port + 1}\n"


def test_what_is_missing_is_said_in_one_line(tmp_path, monkeypatch):
    from bookkit.live import bundle, command
    from bookkit.project import BookError

    with pytest.raises(BookError, match="not built yet: run make book, or make live"):
        command.main("0", tmp_path)
    monkeypatch.setattr(bundle, "LIVE", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BookError, match="need Node 18 or later and npm, which are not here"):
        bundle.bundle()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_has_hashes_and_names_no_registry():
    lock = json.loads((ROOT / "bookkit/live/client/package-lock.json").read_text(encoding="utf-8"))
    for name, package in lock["packages"].items():
        assert not name or (package["integrity"].startswith("sha512-") and "resolved" not in package), name
