"""For the tests of the live pages: a server, and a small site in the markup of the book's, made without Sphinx."""

import html
import re
import subprocess
import sys
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from bookkit.project import ROOT

HEAD = (
    '<!DOCTYPE html><html lang="{language}" data-theme="light"><head><meta charset="utf-8"/><title>Page</title></head>'
)
CELL = '<div class="cell"><div class="cell_input"><div class="highlight"><pre>{code}</pre></div></div>{outputs}</div>'
OUTPUT = '<div class="output stream"><div class="highlight"><pre>{text}</pre></div></div>'
EXERCISE = '<div class="exercise admonition" id="{label}"><p>Try.</p></div>'


def stream(text: str):
    return new_output("stream", name="stdout", text=text)


def cell(identifier: str, source: str, *outputs, **metadata):
    return new_code_cell(source, id=identifier, outputs=list(outputs), metadata=metadata)


def markup(one) -> str:
    shown = "".join(OUTPUT.format(text=html.escape(output.get("text", ""))) for output in one.outputs)
    outputs = f'<div class="cell_output">{shown}</div>' if shown else ""
    return CELL.format(code=html.escape(one.source), outputs=outputs)


def write_page(site: Path, name: str, cells: list, edition: str = "en", more: str = "") -> None:
    """Write a page and its notebook where a build puts them; `more` stands behind the cells."""
    language, sources = ("en", "_sources/book/en") if edition == "en" else ("zh-CN", "book/zh/_sources")
    body = "".join(map(markup, cells)) + more
    page = f"{HEAD.format(language=language)}<body><main><article><h1>Page</h1>{body}</article></main></body></html>"
    for path, text in (
        (site / f"book/{edition}/{name}.html", page),
        (site / sources / f"{name}.ipynb", nbformat.writes(new_notebook(cells=cells))),
        (site / "index.html", HEAD.format(language="en") + "<body>Book</body></html>"),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


START_LIVE = """
import sys
from pathlib import Path
from bookkit.live.command import main
main(sys.argv[1], Path(sys.argv[2]))
"""


class LiveServer:
    """The live book, as `make live` serves it, in a process of its own that can be ended and started again."""

    def __init__(self, site, before=""):
        self.site, self.code = site, before + START_LIVE
        self.start("0")

    def start(self, port):
        self.process = subprocess.Popen(
            [sys.executable, "-c", self.code, port, str(self.site)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        said = self.process.stdout.readline()
        found = re.search(r"(http://127\.0\.0\.1:(\d+))/live/\?token=(\S+)", said)
        assert found, said
        self.origin, self.port, self.token = found.groups()
        self.address = f"{self.origin}/live"

    def stop(self):
        self.process.terminate()
        self.process.wait(20)
        self.process.stdout.close()
