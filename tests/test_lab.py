"""`make lab`: the Chinese notebooks open in JupyterLab, show their directives and run."""

import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest

from bookkit.notebooks.files import read, write
from bookkit.notebooks.normal import normalise
from bookkit.project import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture
def lab(tmp_path):
    """The address of a JupyterLab that serves a copy of the book, as `make lab` serves the book."""
    shutil.copytree(ROOT / "book", tmp_path / "book", ignore=shutil.ignore_patterns("_build"))
    (tmp_path / "labconfig").mkdir()
    # Every cell is rendered at once, not when it is scrolled to.
    overrides = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
    (tmp_path / "labconfig/default_setting_overrides.json").write_text(json.dumps(overrides))
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        "--port=0",
        "--IdentityProvider.token=",
        "--allow-root",
    ]
    with subprocess.Popen(
        [*command, f"--ServerApp.root_dir={tmp_path / 'book'}"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_DATA_DIR": str(tmp_path)},
    ) as server:
        for line in server.stderr:
            started = re.search(r"http://(?:localhost|127\.0\.0\.1):(\d+)/", line)
            if started:
                break
        yield f"http://127.0.0.1:{started[1]}/lab"
        server.terminate()
        server.stderr.read()


def outputs(path):
    return [cell.outputs for cell in normalise(read(path)).cells if cell.cell_type == "code"]


def test_a_chinese_notebook_runs_in_jupyterlab(browser, lab, tmp_path):
    copy = tmp_path / "book/zh/head-gradients.ipynb"
    stored = outputs(copy)
    notebook = read(copy)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    write(notebook, copy)

    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(f"{lab}/tree/zh/{copy.name}?reset")
    page.wait_for_selector(".jp-Notebook h1 >> text=头梯度", timeout=60_000)
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.get_by_text("Run All Cells", exact=True).click()
    page.wait_for_selector(".jp-Notebook-ExecutionIndicator[data-status=idle]")
    deadline = time.monotonic() + 60
    while outputs(copy) != stored and time.monotonic() < deadline:
        page.keyboard.press("Control+s")
        page.wait_for_timeout(1000)
    assert outputs(copy) == stored

    # A solution-start, as jupyterlab-myst shows it.
    page.get_by_text("Start of Solution to Exercise 1").wait_for(state="attached", timeout=60_000)
    page.close()
