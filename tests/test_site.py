"""The built website: nothing is lost on the way and every link leads somewhere."""

import re
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup

import mathml
import notebooks

PAGES = notebooks.find_notebooks()


def page_name(path):
    return f"{path.parent.name}/{path.stem}"


# What stays in the text of a page when a formula, a directive, a role or a link was not understood.
UNRENDERED = re.compile(r"\\[(\[]|\$\$|\$[^\s$]+\$|\\(?:frac|partial|mathrm|begin)\b|:::|```|\{[a-z:-]+\}`|\]\([#\w]")


@pytest.fixture(scope="module")
def soups(site):
    pages = [path for path in site.rglob("*.html") if "_static" not in path.parts]
    return {path: BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in pages}


def page_of(site, path):
    folder = "zh" if path.parent.name == "zh" else "book"
    return site / folder / f"{path.stem}.html"


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_every_stored_output_is_published(site, soups, path):
    stored = sum(len(cell.get("outputs", [])) for cell in notebooks.read(path).cells)
    published = soups[page_of(site, path)].select(".cell_output > .output, .cell_output > img, .cell_output > figure")
    assert len(published) == stored > 0


@pytest.mark.parametrize("path", PAGES, ids=page_name)
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


def test_every_page_leads_to_its_twin(site, soups):
    for path in PAGES:
        page = page_of(site, path)
        own, other = ("zh-CN", "en") if page.parent.name == "zh" else ("en", "zh-CN")
        twin = site / ("book" if own == "zh-CN" else "zh") / page.name
        assert soups[page].html["lang"].replace("_", "-") == own
        [switch] = soups[page].select("a.language-switch")
        assert (page.parent / switch["href"]).resolve() == twin.resolve() and switch["lang"] == other
        alternates = {link["hreflang"]: link["href"] for link in soups[page].select("link[rel=alternate]")}
        assert (page.parent / alternates[other]).resolve() == twin.resolve()
        assert set(alternates) == {own, other}


def test_the_chinese_site_speaks_chinese(site, soups):
    """What the theme says in attributes and controls, too."""
    names = {"English", "Ctrl", "K", ".ipynb", ".md", ".pdf"}
    found = set()
    for path, soup in soups.items():
        if path.parent.name != "zh":
            continue
        texts = [
            tag[attribute]
            for attribute in ("aria-label", "title", "placeholder", "alt", "data-bs-title", "data-tooltip", "value")
            for tag in soup.select(f"[{attribute}]")
        ]
        controls = "button, summary, noscript, footer, kbd, .article-header-buttons, .prev-next-subtitle, .admonition-title"
        texts += [text.strip() for tag in soup.select(controls) for text in tag.find_all(string=True) if text.parent.name != "style"]
        found |= {text for text in texts if re.search("[A-Za-z]{2}", text) and not re.search("[\u4e00-\u9fff]", text)}
    assert found <= names, sorted(found - names)


def test_the_head_of_every_page_is_filled_in(site, soups):
    descriptions = set()
    for path, soup in soups.items():
        if soup.select_one("meta[http-equiv=Refresh]"):  # leads to the first page
            continue
        own = soup.html["lang"]
        assert own == ("zh-CN" if path.parent.name == "zh" else "en")
        description = soup.select_one("meta[name=description]")["content"]
        assert 10 < len(description) <= 200 and description not in descriptions, path
        descriptions.add(description)
        title = soup.title.string
        assert bool(re.search("[\u4e00-\u9fff]", title)) == bool(re.search("[\u4e00-\u9fff]", description)) == (own == "zh-CN")


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
