"""The built website: nothing is lost on the way and every link leads somewhere."""

import gzip
import re
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell
from sample_book import SampleBook
from sample_book import page as notebook_of

from bookkit.conventions import PREDICT
from bookkit.notebooks.chapters import is_chapter
from bookkit.notebooks.files import find_notebooks, read
from bookkit.project import EDITIONS
from bookkit.reading import minutes
from bookkit.site import links
from bookkit.words import read_glossary, read_index, read_threads
from theme.extensions import mathml, steps
from theme.extensions.search import PARTS, SearchIndex, parts

pytestmark = [pytest.mark.site, pytest.mark.slow]

PAGES = find_notebooks()


def page_name(path):
    return f"{path.parent.name}/{path.stem}"


# What stays in the text of a page when a formula, a directive, a role or a link was not understood.
UNRENDERED = re.compile(r"\\[(\[]|\$\$|\$[^\s$]+\$|\\(?:frac|partial|mathrm|begin)\b|:::|```|\{[a-z:-]+\}`|\]\([#\w]")


@pytest.fixture(scope="module")
def soups(site):
    return links.parse(site)


def page_of(site, path):
    return site / "book" / path.parent.name / f"{path.stem}.html"


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_every_stored_output_is_published(site, soups, path):
    stored = sum(len(cell.get("outputs", [])) for cell in read(path).cells)
    published = soups[page_of(site, path)].select(".cell_output > .output, .cell_output > img, .cell_output > figure")
    assert len(published) == stored > 0


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_every_figure_has_its_alternative_text(site, soups, path):
    alts = [cell.metadata.mystnb.image.alt for cell in read(path).cells if "mystnb" in cell.metadata]
    assert [image["alt"] for image in soups[page_of(site, path)].select(".cell_output img")] == alts


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_a_chapter_says_below_its_title_how_long_it_takes_to_read(site, soups, path):
    notebook = read(path)
    due = [str(minutes(notebook.cells))] if is_chapter(notebook) else []
    assert [re.search(r"\d+", said.text)[0] for said in soups[page_of(site, path)].select("h1 + .reading-time")] == due


def questions(path):
    edition = next(edition for edition in EDITIONS if edition.name == path.parent.name)
    asked = f"**{PREDICT[edition]}** "
    return sum(
        cell.cell_type == "markdown" and cell.source.split("\n\n")[-1].startswith(asked) for cell in read(path).cells
    )


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_answers_are_folded_and_figures_have_their_steps(site, soups, path):
    page = soups[page_of(site, path)]
    assert len(page.select(".prediction > details:not([open])")) == questions(path)
    drawings = [
        output.data.get("image/svg+xml", "")
        for cell in read(path).cells
        for output in cell.get("outputs", [])
        if "data" in output
    ]
    assert len(page.select("figure.steps")) == sum(steps.last_step(drawing) > 1 for drawing in drawings)


def test_the_title_of_a_folded_solution_holds_no_link(soups):
    """A click on it opens the solution."""
    titles = [title for soup in soups.values() for title in soup.select(".solution > .admonition-title")]
    assert titles and not [title.get_text() for title in titles if title.select("a")]


def test_everything_is_rendered(site, soups):
    found = []
    for path, soup in soups.items():
        text = " ".join(
            string
            for string in soup.find_all(string=True)
            if not string.find_parent(["pre", "code", "script", "style", "math", "head"])
        )
        for match in UNRENDERED.finditer(text):
            found.append(f"{path.relative_to(site)}: {text[match.start() : match.start() + 60]!r}")
    assert not found, "\n".join(found)


def test_formulas_are_mathml(site, soups):
    for path in PAGES:
        wanted = any("$" in cell.source for cell in read(path).cells if cell.cell_type == "markdown")
        page = page_of(site, path)
        assert bool(soups[page].select("math")) == wanted, path.name
        assert "MathJax" not in page.read_text(encoding="utf-8")


def test_every_page_leads_to_its_twin(site, soups):
    for path in PAGES:
        page = page_of(site, path)
        own, other = ("zh-CN", "en") if page.parent.name == "zh" else ("en", "zh-CN")
        twin = site / "book" / ("en" if own == "zh-CN" else "zh") / page.name
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
        controls = (
            "button, summary, noscript, footer, kbd, .article-header-buttons, .prev-next-subtitle, .admonition-title"
        )
        texts += [
            text.strip()
            for tag in soup.select(controls)
            for text in tag.find_all(string=True)
            if not text.find_parent(["style", "code"])
        ]
        found |= {text for text in texts if re.search("[A-Za-z]{2}", text) and not re.search("[\u4e00-\u9fff]", text)}
    assert found <= names, sorted(found - names)


def test_the_head_of_every_page_is_filled_in(site, soups):
    descriptions = set()
    for path, soup in soups.items():
        if path.parent == site and path.stem in ("index", "404"):  # these two are in both languages
            continue
        own = soup.html["lang"]
        assert own == ("zh-CN" if path.parent.name == "zh" else "en")
        description = soup.select_one("meta[name=description]")["content"]
        assert 10 < len(description) <= 200 and description not in descriptions, path
        descriptions.add(description)
        title = soup.title.string
        assert (
            bool(re.search("[\u4e00-\u9fff]", title))
            == bool(re.search("[\u4e00-\u9fff]", description))
            == (own == "zh-CN")
        )


def local(site, page, address):
    """Return the file that an address means on a page; those of 404.html begin at the root."""
    folder = site if address.startswith("/") else page.parent
    return (folder / unquote(urlsplit(address).path).lstrip("/")).resolve()


def loads(soup):
    """Return the addresses of all that a page loads by itself."""
    tags = soup.select(
        "script[src], img[src], source[src], iframe[src], link[rel=stylesheet], link[rel=icon], link[rel=preload]"
    )
    return [tag.get("src") or tag["href"] for tag in tags]


def test_nothing_comes_from_another_host(site, soups):
    for path, soup in soups.items():
        for address in loads(soup):
            assert not urlsplit(address).netloc, f"{path.relative_to(site)} loads {address}"
    for file in [*site.rglob("*.css"), *site.rglob("*.js")]:
        text = file.read_text(encoding="utf-8")
        found = re.findall(r"""(?:url\(|@import|import\(|fetch\(|\.src\s*=)\s*["']?((?:https?:)?//[^"')\s]+)""", text)
        assert not found, f"{file.relative_to(site)} loads {found}"


def compressed(path):
    return len(gzip.compress(path.read_bytes(), 9))


def test_the_search_index_loses_nothing_when_it_is_packed():
    index = {
        "terms": {"梯度": [0, 3, 40], "导数": [0, 3, 40], "sin": 7, "__proto__": [1]},
        "titleterms": {"sin": 2},
        "indexentries": {},
    }
    again = SearchIndex().loads(SearchIndex().dumps(index))
    assert again["titleterms"] == {"sin": [2]}
    assert again["terms"] == {**index["terms"], "sin": [7]}


def test_words_of_the_search_index_may_begin_alike():
    words = [
        "grad",
        "gradient",
        "gradients",
        "differentiable",
        "differentiation",
        "differ",
        "梯度",
        "梯子",
        "𝑥",
        "𝑥𝑦",
        "9e",
        "90",
    ]
    index = {"terms": {word: [number % 3] for number, word in enumerate(words)}, "titleterms": {}, "indexentries": {}}
    again = SearchIndex().loads(SearchIndex().dumps(index))
    assert again == {**again, **index}


def test_the_parts_of_the_search_index_are_the_whole():
    index = SearchIndex()
    words = {"梯度": [1], "梯子": [0, 2], "度": [3], "sin": [0], "9": [1]}
    whole = {"terms": words, "titleterms": {"sin": [2]}, "indexentries": {}}
    files = dict(parts(whole))
    head = index.loads(files.pop("searchindex.js"))
    assert head["terms"] == {"sin": [0], "9": [1]} and head["titleterms"] == whole["titleterms"]
    assert {f"searchindex-{number}.js" for number in head["parts"]} == {*files}
    assert {f"searchindex-{ord(word[0]) % PARTS}.js" for word in words if word > "一"} == {*files}
    later = index.loads(dict(parts({**whole, "terms": {**words, "度": [4]}}))["searchindex.js"])
    assert later["version"] != head["version"]  # or a browser would take a part that it has of another book


def test_pages_are_light(site, soups):
    """At most 150 KB compressed on a first visit, 60 KB on the next page, 15 requests; 20 KB a figure.

    Whoever searches gets parts of the index as well: one for each word of a Chinese query, seldom more than three.
    """
    for path, soup in soups.items():
        page = path.relative_to(site)
        files = {local(site, path, address) for address in loads(soup)}
        if path.name == "search.html":
            files |= {*sorted(path.parent.glob("searchindex-*.js"), key=compressed)[-3:]}
        figures = {file for file in files if file.parent.name == "_images"}
        first = compressed(path) + sum(map(compressed, files - figures))
        assert first <= 150_000, f"{page}: {first} bytes on a first visit"
        assert compressed(path) <= 60_000, f"{page}: {compressed(path)} bytes on the next page"
        assert 1 + len(files - figures) <= 15, f"{page}: {1 + len(files - figures)} requests"
        for figure in figures:
            assert compressed(figure) <= 20_000, f"{page}: {figure.name} has {compressed(figure)} bytes"
        for image in soup.select("img[src*=_images]"):
            assert image["loading"] == "lazy" and int(image["width"]) and int(image["height"]), page


def test_the_index_has_terms_functions_and_messages(site, soups):
    for edition in EDITIONS:
        index = soups[site / edition.site / "genindex.html"]
        entries = {link.get_text() for link in index.select("table.genindextable a")}
        wanted = {entry[edition.name] for entry in read_glossary()}
        wanted |= set(read_index()["functions"]) | set(read_index()["errors"])
        assert wanted <= entries, sorted(wanted - entries)


def test_every_thread_stands_beside_its_answer(site, soups):
    for edition in EDITIONS:
        soup = soups[site / edition.place / "troubleshooting.html"]
        table = next(table for table in soup.select("table") if read_threads()[0]["thread"] in table.get_text())
        rows = [[link["href"] for link in row.select("a")] for row in table.select("tbody tr")]
        assert rows == [[t["at"], f"{t['page']}.html#{t['see']}"] for t in read_threads()]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The site of a small book as GitHub Actions builds it, which knows the addresses."""
    book = SampleBook(tmp_path_factory.mktemp("published"))
    (book.folder / "book/data/glossary.yml").write_text("[]\n", encoding="utf-8")
    (book.folder / "book/data/index.yml").write_text("functions: {}\nerrors: {}\n", encoding="utf-8")
    for stem in ("index", "gradients"):
        title = new_markdown_cell(f"# {stem}\n\nA paragraph.", id="title")
        book.write(stem, notebook_of(title, new_code_cell("x = 1", id="assigned")))
    book.write_toc("gradients")
    environment = {
        "GITHUB_REPOSITORY": "Somebody/the-book",
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_REF_NAME": "main",
    }
    process = book.start("-m", "bookkit", "build", **environment)
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return book.folder / "_build" / "html"


def test_addresses_come_from_the_environment(published):
    page = BeautifulSoup((published / "book/zh/gradients.html").read_text(encoding="utf-8"), "html.parser")
    root = "https://somebody.github.io/the-book/"
    assert page.select_one("link[rel=canonical]")["href"] == root + "book/zh/gradients.html"
    assert page.select_one("meta[property='og:image']")["content"] == root + "_static/preview.png"
    alternates = {link["hreflang"]: link["href"] for link in page.select("link[rel=alternate]")}
    assert alternates == {"en": root + "book/en/gradients.html", "zh-CN": root + "book/zh/gradients.html"}
    [binder] = page.select(".run-this-page a[href*=mybinder]")
    assert binder["href"].endswith("/gh/Somebody/the-book/main?urlpath=live/book/zh/gradients.html")
    assert page.select("a[href='https://github.com/Somebody/the-book']")
    assert f"Sitemap: {root}book/zh/sitemap.xml" in (published / "robots.txt").read_text(encoding="utf-8")
    for folder in ("", "book/zh"):
        for address in re.findall("<loc>(.*?)</loc>", (published / folder / "sitemap.xml").read_text(encoding="utf-8")):
            assert (published / address.removeprefix(root)).exists(), address
    missing = (published / "404.html").read_text(encoding="utf-8")
    for address in re.findall('href="([^"]+)"', missing):
        assert (published / address.removeprefix("/the-book/")).exists(), address


def test_without_an_address_there_is_no_dead_button(site, soups):
    for path, soup in soups.items():
        text = str(soup)
        assert "mybinder.org" not in text or path.stem == "index", path
        assert not soup.select("a[title*=epository], .btn-source-repository-button"), path


def test_every_internal_link_resolves(site, soups):
    broken = links.broken_links(soups, site)
    assert not any(broken.values()), broken


def test_a_page_loads_one_style_sheet_and_one_script(soups):
    for path, soup in soups.items():
        if path.name in ("404.html",) or not soup.select("article, #search-results"):
            continue
        extra = ["search-page.js", "searchindex.js"] if path.name == "search.html" else []
        scripts = [script["src"].rpartition("/")[2].partition("?")[0] for script in soup.select("script[src]")]
        assert scripts == ["site.js", *extra], path
        assert len(soup.select("link[rel=stylesheet]")) == len(soup.select("meta[name=viewport]")) == 1, path
        assert not soup.select("article script, link[rel=preload], script[type], style:not(noscript style)"), path


def test_no_script_makes_a_program_of_a_text(site):
    """Or a server whose policy forbids it would serve pages with an error."""
    for path in site.rglob("*.js"):
        assert not re.search(r"\bnew Function\b|\beval\(", path.read_text(encoding="utf-8")), path


def test_landmarks_and_controls_are_named(soups):
    for path, soup in soups.items():
        if not soup.select("article"):
            continue
        assert soup.select_one("#pst-primary-sidebar[role=navigation]")["aria-label"], path
        assert all(nav.get("aria-label") or nav.get("aria-labelledby") for nav in soup.select("nav")), path
        assert not soup.select("summary[aria-label], .search-button-field[aria-label]"), path
        assert all(
            table.find_parent("section", class_="pst-scrollable-table-container")
            for table in soup.select("article table.table")
        ), path
        ids = [tag["id"] for tag in soup.select("[id]")]
        assert len(ids) == len(set(ids)), path


@pytest.mark.parametrize("formula", [r"\frac12", r"\tfrac 1 2", r"\hat y_i", r"\bar{x}_i"])
def test_a_formula_that_would_be_set_wrongly_is_seen(formula):
    assert mathml.MISREAD.search(formula)


@pytest.mark.parametrize("formula", [r"\frac{1}{2}", r"\hat{y}", r"\bar{x}^2", r"\frac{x_i}{\hat{y}}"])
def test_a_formula_that_is_set_well_passes(formula):
    assert not mathml.MISREAD.search(formula)
