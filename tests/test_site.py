"""The built website: it builds without a warning, nothing is lost and every link leads somewhere."""

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import mathml
import notebooks

PAGES = notebooks.find_notebooks()
# What stays in the text of a page when a formula, a directive, a role or a link was not understood.
UNRENDERED = re.compile(r"\\[(\[]|\$\$|\$[^\s$]+\$|\\(?:frac|partial|mathrm|begin)\b|:::|```|\{[a-z:-]+\}`|\]\([#\w]")


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Build the book from nothing, warnings as errors; return the folder of its pages."""
    target = tmp_path_factory.mktemp("site")
    command = Path(sys.executable).parent / "jupyter-book"
    result = subprocess.run(
        [command, "build", notebooks.ROOT, "--path-output", target, "-W", "-n", "--keep-going"],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    lines = [line for line in (result.stdout + result.stderr).splitlines() if "WARNING:" in line or "ERROR:" in line]
    assert result.returncode == 0, "\n".join(lines) or result.stderr
    return target / "_build" / "html"


@pytest.fixture(scope="module")
def soups(site):
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in pages}


def page_of(site, path):
    return site / path.relative_to(notebooks.ROOT).with_suffix(".html")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_stored_output_is_published(site, soups, path):
    stored = sum(len(cell.get("outputs", [])) for cell in notebooks.read(path).cells)
    published = soups[page_of(site, path)].select(".cell_output > .output, .cell_output > img, .cell_output > figure")
    assert len(published) == stored > 0


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_figure_has_its_alternative_text(site, soups, path):
    alts = [
        cell.metadata.mystnb.image.alt for cell in notebooks.read(path).cells if "mystnb" in cell.metadata
    ]
    assert [image["alt"] for image in soups[page_of(site, path)].select(".cell_output img")] == alts


def test_everything_is_rendered(site, soups):
    found = []
    for path, soup in soups.items():
        text = " ".join(
            string
            for string in soup.find_all(string=True)
            if not string.find_parent(["pre", "code", "script", "style", "math", "head"])
        )
        for match in UNRENDERED.finditer(text):
            found.append(f"{path.relative_to(site)}: {text[match.start():match.start() + 60]!r}")
    assert not found, "\n".join(found)


def test_formulas_are_mathml(site, soups):
    for path in PAGES:
        wanted = any("$" in cell.source for cell in notebooks.read(path).cells if cell.cell_type == "markdown")
        page = page_of(site, path).read_text(encoding="utf-8")
        assert ("<math" in page) == wanted, path.name
        assert "MathJax" not in page


def test_every_internal_link_resolves(site, soups):
    ids = {path: {tag["id"] for tag in soup.select("[id]")} for path, soup in soups.items()}
    broken = []
    for path, soup in soups.items():
        for tag in soup.select("[href], [src]"):
            address = urlsplit(tag.get("href") or tag.get("src"))
            if address.scheme or address.netloc:
                continue
            target = (path.parent / unquote(address.path)).resolve() if address.path else path
            if not target.exists() or (
                address.fragment and target in ids and unquote(address.fragment) not in ids[target]
            ):
                broken.append(f"{path.relative_to(site)}: {tag.get('href') or tag.get('src')}")
    assert not broken, "\n".join(sorted(set(broken)))


@pytest.mark.parametrize("formula", [r"\frac12", r"\tfrac 1 2", r"\hat y_i", r"\bar{x}_i"])
def test_a_formula_that_would_be_set_wrongly_is_seen(formula):
    assert mathml.MISREAD.search(formula)


@pytest.mark.parametrize("formula", [r"\frac{1}{2}", r"\hat{y}", r"\bar{x}^2", r"\frac{x_i}{\hat{y}}"])
def test_a_formula_that_is_set_well_passes(formula):
    assert not mathml.MISREAD.search(formula)
