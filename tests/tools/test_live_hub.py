"""The live pages inside another Jupyter Server, as on Binder and JupyterHub: below a path, started by .binder/start."""

import json
import os
import re
import subprocess
import time
import urllib.request

import pytest

from bookkit.project import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.site]
TOKEN = "a-token-of-this-test"


@pytest.fixture
def server(live, site, tmp_path):
    """The address of a Jupyter Server that is told of the extension as .binder/start does it."""
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(tmp_path),
        "JUPYTER_DATA_DIR": str(tmp_path),
        "PATH": f"{ROOT}/.venv/bin:{os.environ['PATH']}",
    }
    command = ["sh", ".binder/start", "jupyter", "server", "--port=0", "--no-browser", "--allow-root"]
    command += ["--ServerApp.base_url=/user/somebody/", f"--IdentityProvider.token={TOKEN}", f"--Live.site={site}"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if started := re.search(r"(http://127\.0\.0\.1:\d+/user/somebody/)", line):
                break
        yield started[1]
        process.terminate()
        process.stderr.read()


def ask(address, data=None):
    request = urllib.request.Request(address, data, {"Authorization": f"token {TOKEN}"})
    for _ in range(50):
        try:
            return urllib.request.urlopen(request)
        except ConnectionRefusedError:
            time.sleep(0.1)
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError):
                raise
            time.sleep(0.1)
    raise AssertionError("the server does not answer")


def test_the_extension_is_found_and_works_below_a_path(server):
    script = ask(f"{server}live/_client/main.js").read().decode()
    assert "_cells" in script
    text = ask(f"{server}live/book/en/control-flow.html").read().decode()
    assert '"/user/somebody/live/_client/main.js"' in text
    kernel = json.load(ask(f"{server}live/_kernels/book/en/control-flow", b""))["id"]
    assert [found["id"] for found in json.load(ask(f"{server}api/kernels"))] == [kernel]
