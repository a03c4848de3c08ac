"""Print each edition as a PDF into _build/pdf.

The pages of the website are joined into one, and Chromium prints it with print.css: of the tools that a package
registry provides it alone sets the pages' MathML, where WeasyPrint strings the letters of a formula together, and
XeLaTeX and Typst would want every page, formula and SVG figure converted a second time, with other results.
"""

import base64
import html
import json
import mimetypes
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urldefrag, urljoin

from bs4 import BeautifulSoup
from playwright.sync_api import Error, sync_playwright
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
ONLY_ON_SCREEN = "script, style, summary, .headerlink, .toctree-wrapper"
LONG = 30  # lines of code or output that may be broken over two pages
OPENING = re.compile(r"[(\[‘“（「《]+$")
CLOSING = re.compile(r"[,.;:!?)\]’”，。；：！？、）」》]+")


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
    if isinstance(before, str) and (marks := OPENING.search(before)):
        before.replace_with(before[: marks.start()])
        box.insert(0, marks[0])
    if isinstance(after, str) and (marks := CLOSING.match(after)):
        after.replace_with(after[marks.end() :])
        box.append(marks[0])


def as_data(path):
    """Return the URL that holds a file itself, for a browser that may not read the files of this machine."""
    return f"data:{mimetypes.guess_type(path)[0]};base64,{base64.b64encode(path.read_bytes()).decode()}"


def adapt(article, site, page, pages):
    """Make the article of a page stand beside those of the other pages, on paper: all open, links and names unique."""
    article.name, article.attrs = "article", {"id": pages[page]}
    for element in article.select(ONLY_ON_SCREEN):
        element.decompose()
    for element in article.find_all("details"):
        element.unwrap()
    for element in article.find_all("img"):
        element["src"] = as_data(site / urljoin(page, element["src"]))
        element.attrs.pop("loading", None)  # a figure that waits to be scrolled to would miss the print
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
    for element in article.select("section > span[id]"):
        element.find_next_sibling().insert(0, element)  # before its heading it could end the page above
    for element in article.select(":not(div) > math"):
        keep_punctuation(element)
    for element in article.find_all("pre"):
        if len(element.get_text().splitlines()) > LONG:
            element["class"] = "long"


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
        HtmlFormatter(style="a11y-high-contrast-light").get_style_defs(".highlight"),
        (Path(__file__).parent / "print.css").read_text(encoding="utf-8"),
    ]
    for number, (chapter, article) in enumerate(chapters.items()):
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
<body>
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


def print_chapters(chromium, edition, chapters):
    """Return the PDF of chapters of an edition."""
    page = chromium.new_page(java_script_enabled=False)
    numbers = {}
    for _ in range(2):  # the page numbers of the table of contents are known once it has been printed
        page.set_content(typeset(edition, chapters, numbers))
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
    try:
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
            site = build.build(Addresses(), Path(folder))
            chromium = browser.launch_browser(playwright, executable)
            for edition in EDITIONS:
                pdf = print_chapters(chromium, edition, read_chapters(site, edition))
                write(pdf, FOLDER / FILES[edition])
                print(f"{os.path.relpath(FOLDER / FILES[edition])}: {len(pdf) / 1e6:.1f} MB")
            chromium.close()
    except Error as error:
        raise BookError(f"the book was not printed: {error.message.splitlines()[0]}") from None
    return 0
