"""Print each edition as a PDF into _build/pdf.

The pages of the website are joined into one, and Chromium prints it with print.css: of the tools that a package
registry provides it alone sets the pages' MathML, where WeasyPrint strings the letters of a formula together, and
XeLaTeX and Typst would want every page, formula and SVG figure converted a second time, with other results.
"""

import base64
import html
import importlib.util
import io
import json
import logging
import mimetypes
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urldefrag, urljoin
from xml.etree import ElementTree

from bs4 import BeautifulSoup, NavigableString
from fontTools import subset
from pygments.formatters import HtmlFormatter

from bookkit import contents
from bookkit.addresses import Addresses
from bookkit.project import CHINESE, EDITIONS, ENGLISH, BookError, write_whole
from bookkit.site import browser, build

FOLDER = build.BUILT / "pdf"
FILES = {
    ENGLISH: "automatic-differentiation-with-mxnet.pdf",
    CHINESE: "automatic-differentiation-with-mxnet-zh.pdf",
}
WORDS = {
    ENGLISH: {"contents": "Contents", "licence": "Code: MIT. Text and figures: CC BY 4.0."},
    CHINESE: {"contents": "目录", "licence": "代码：MIT 许可证。文字和图：CC BY 4.0。"},
}
# Lines are as wide on every machine: only what these fonts lack is taken from its own.
# Each family of print.css, and the file of each of its faces among the fonts that matplotlib brings.
FACES = {
    ("Book Serif", "normal", "normal"): "STIXGeneral.ttf",
    ("Book Serif", "normal", "italic"): "STIXGeneralItalic.ttf",
    ("Book Serif", "bold", "normal"): "STIXGeneralBol.ttf",
    ("Book Serif", "bold", "italic"): "STIXGeneralBolIta.ttf",
    ("Book Sans", "normal", "normal"): "DejaVuSans.ttf",
    ("Book Sans", "bold", "normal"): "DejaVuSans-Bold.ttf",
    ("Book Mono", "normal", "normal"): "DejaVuSansMono.ttf",
    ("Book Mono", "normal", "italic"): "DejaVuSansMono-Oblique.ttf",
    ("Book Mono", "bold", "normal"): "DejaVuSansMono-Bold.ttf",
}
FIGURE_FONT = "DejaVu Sans"  # with which matplotlib measures what it draws
ONLY_ON_SCREEN = "script, style, summary, .headerlink, .toctree-wrapper, .step-controls"
LONG = 30  # lines of code or output that may be broken over two pages
OPENING = re.compile(r"[(\[‘“（「《]+$")
CLOSING = re.compile(r"[,.;:!?)\]’”，。；：！？、）」》]+")

logging.getLogger("fontTools").setLevel(logging.ERROR)  # it would tell what it leaves out


def find_browser():
    """Return the path of the system's Chromium; raise BookError if it, or a font that it needs, is not there."""
    found = browser.find_browser()
    if not found:
        raise BookError("the book was not printed: there is no Chromium (Debian: apt-get install chromium)")
    # A system without fontconfig, like macOS, brings Chinese fonts along.
    if shutil.which("fc-list") and not subprocess.check_output(["fc-list", ":lang=zh-cn"]).strip():
        raise BookError("the book was not printed: there is no Chinese font (Debian: apt-get install fonts-noto-cjk)")
    return found


def keep_punctuation(formula):
    """Put the punctuation at a formula into one box with it: Chromium would break the line between them."""
    before, after = formula.previous_sibling, formula.next_sibling
    box = formula.wrap(BeautifulSoup('<span class="unbroken"></span>', "html.parser").span)
    if isinstance(before, NavigableString) and (marks := OPENING.search(before)):
        before.replace_with(before[: marks.start()])
        box.insert(0, marks[0])
    if isinstance(after, NavigableString) and (marks := CLOSING.match(after)):
        after.replace_with(after[marks.end() :])
        box.append(marks[0])


def as_data(content, kind):
    """Return the URL that holds a file itself, for a browser that may not read the files of this machine."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def fonts():
    """Return the folder of the fonts that matplotlib brings; it need not be imported for that."""
    found = importlib.util.find_spec("matplotlib")
    assert found and found.submodule_search_locations
    return Path(found.submodule_search_locations[0], "mpl-data", "fonts", "ttf")


def face(family, font, weight="normal", style="normal"):
    """Return the CSS that makes a file's bytes a face of a family of fonts."""
    return (
        f'@font-face {{ font-family: "{family}"; font-weight: {weight}; font-style: {style};'
        f" src: url({as_data(font, 'font/ttf')}) }}\n"
    )


def cut_down(path, letters):
    """Return the bytes of a font with no more than these letters."""
    options = subset.Options(notdef_outline=True)
    font = subset.load_font(path, options)
    subsetter = subset.Subsetter(options)
    subsetter.populate(text=letters)
    subsetter.subset(font)
    result = io.BytesIO()
    font.save(result)
    return result.getvalue()


def figure(path):
    """Return the URL of a figure that brings its font along: a figure does not see the fonts of its page."""
    content = path.read_bytes()
    if path.suffix == ".svg":
        letters = " ".join(ElementTree.fromstring(content).itertext())
        style = f"<style>{face(FIGURE_FONT, cut_down(fonts() / 'DejaVuSans.ttf', letters))}</style>"
        content = re.sub(rb"<svg\b[^>]*>", lambda tag: tag[0] + style.encode(), content, count=1)
    return as_data(content, mimetypes.guess_type(path)[0])


def adapt(article, site, page, pages):
    """Make the article of a page stand beside those of the other pages, on paper: all open, links and names unique."""
    article.name, article.attrs = "article", {"id": pages[page]}
    for element in article.select(ONLY_ON_SCREEN):
        element.decompose()
    for element in article.select("details, figure.steps"):
        element.unwrap()
    for element in article.find_all("img"):
        element["src"] = figure(site / urljoin(page, element["src"]))
        element.attrs.pop("loading", None)  # a figure that waits to be scrolled to would miss the print
    adapt_links(article, page, pages)
    for element in article.select("section > span[id]"):
        element.find_next_sibling().insert(0, element)  # before its heading it could end the page above
    for element in article.select(":not(div) > math"):
        keep_punctuation(element)
    for element in article.find_all("pre"):
        if len(element.get_text().splitlines()) > LONG:
            element["class"] = "long"


def adapt_links(article, page, pages):
    """Make names unique in the book, and links lead to them."""
    names = set()
    for element in article.find_all(id=True):
        name = element["id"]
        element["id"] = f"{pages[page]}.{name}"
        if name in names:
            del element["id"]  # sphinx-exercise gives the same name to the content of every exercise
        names.add(name)
    for element in article.find_all("a", href=True):
        path, name = urldefrag(urljoin(page, element["href"]))
        if path in pages:
            element["href"] = "#" + pages[path] + (f".{name}" if name else "")
        elif not re.match(r"\w+:", path):
            del element["href"]  # a page or a file of the website alone


def read_chapters(site, edition):
    """Return the articles of an edition, by chapter, in the order of the book; `site` is the root of the whole site."""
    pages = {f"{edition.place}{page}.html": page for page in contents.pages()}
    chapters = {}
    for page, chapter in pages.items():
        soup = BeautifulSoup((site / page).read_text(encoding="utf-8"), "html.parser")
        chapters[chapter] = soup.find("article") or soup.find("main")
        adapt(chapters[chapter], site, page, pages)
    return chapters


def headings(chapters):
    """Yield level, target and content of what stands in the table of contents."""
    for chapter, article in chapters.items():
        for heading in article.find_all(["h1", "h2"]):
            target = chapter if heading.name == "h1" else heading.find_parent("section")["id"]
            yield heading.name, target, re.sub(r'<span id="[^"]*"></span>', "", heading.decode_contents())


def typeset(edition, chapters, numbers):
    """Return the edition as one HTML page; `numbers` gives the number of the printed page to each target."""
    config = contents.configuration(edition)
    title, author = html.escape(config["title"]), html.escape(config["author"])
    words = WORDS[edition]
    styles = [
        *(
            face(family, (fonts() / file).read_bytes(), weight, style)
            for (family, weight, style), file in FACES.items()
        ),
        HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight"),
        (Path(__file__).parent / "print.css").read_text(encoding="utf-8"),
    ]
    for number, article in enumerate(chapters.values()):
        article["style"] = f"page: chapter{number}"
        name = json.dumps(article.h1.get_text(), ensure_ascii=False)
        styles.append(f"@page chapter{number} {{ @bottom-left {{ content: {name} }} }}")
    entries = "\n".join(
        f'<li class="{level}"><a href="#{target}"><span>{content}</span><i>{numbers.get(target, "")}</i></a></li>'
        for level, target, content in headings(chapters)
    )
    return f"""<!doctype html>
<html lang="{edition.tag}">
<head><meta charset="utf-8"><title>{title}</title><style>{"".join(styles)}</style></head>
<body hidden>
<header><p class="title">{title}</p><p>{author}</p><p>© {config["copyright"]}. {words["licence"]}</p></header>
<nav><h1>{words["contents"]}</h1><ul>
{entries}
</ul></nav>
{"".join(map(str, chapters.values()))}
</body>
</html>
"""


def page_numbers(pdf):
    """Return the number of the page on which each target of a link stands, read from the PDF that Chromium wrote."""
    pages = re.findall(rb"^(\d+) 0 obj\n<</Type /Page\n", pdf, re.MULTILINE)
    order = {page: number for number, page in enumerate(pages, start=1)}
    targets = re.findall(rb"/([\w.-]+) \[(\d+) 0 R /XYZ", pdf)
    return {target.decode(): order[page] for target, page in targets if page in order}


def show(page, content):
    """Show what `typeset` returned, once its fonts are there: Chromium keeps the widths that letters had before."""
    page.set_content(content)
    page.evaluate("Promise.allSettled([...document.fonts].map(font => font.load()))")
    page.evaluate("document.body.hidden = false")


def print_chapters(chromium, edition, chapters):
    """Return the PDF of chapters of an edition."""
    page = chromium.new_page(java_script_enabled=False)
    numbers: dict[str, int] = {}
    for _ in range(2):  # the page numbers of the table of contents are known once it has been printed
        show(page, typeset(edition, chapters, numbers))
        pdf = page.pdf(prefer_css_page_size=True, print_background=True, tagged=True, outline=True)
        numbers = page_numbers(pdf)
    page.close()
    return pdf


def write(pdf, path):
    """Write the PDF to `path`, or leave what is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(pdf, path)


def main() -> int:
    executable = find_browser()
    with tempfile.TemporaryDirectory() as folder, browser.driven("the book was not printed") as playwright:
        site = build.build(Addresses(), Path(folder))
        chromium = browser.launch_browser(playwright, executable)
        for edition in EDITIONS:
            pdf = print_chapters(chromium, edition, read_chapters(site, edition))
            write(pdf, FOLDER / FILES[edition])
            print(f"{os.path.relpath(FOLDER / FILES[edition])}: {len(pdf) / 1e6:.1f} MB")
        chromium.close()
    return 0
