"""Sphinx extension: beside every page its bare text in its sections, half of what the page weighs.

The page of search results takes its excerpts from there (see theme/static/search.js).
"""

import html
from html.parser import HTMLParser
from pathlib import Path

SPACED = ("dt", "dd", "td", "th")  # what does not run into the next one


class TextOfPage(HTMLParser):
    """Gathers the text of a page, and of its tags those that an anchor needs."""

    def __init__(self, body: str):
        super().__init__()
        self.parts: list[str] = []
        self.in_link_to_heading = False
        self.feed(body)
        self.close()

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.in_link_to_heading = tag == "a" and "headerlink" in (given.get("class") or "").split()
        if tag == "section" or (tag == "span" and "id" in given):
            anchor = f' id="{html.escape(given["id"])}"' if "id" in given else ""
            self.parts.append(f"<{tag}{anchor}>" + ("</span>" if tag == "span" else ""))

    def handle_endtag(self, tag):
        if tag == "section":
            self.parts.append("</section>")
        if tag == "a" and self.in_link_to_heading:
            self.in_link_to_heading = False
            self.parts.append(" ")
        if tag in SPACED:
            self.parts.append(" ")

    def handle_data(self, data):
        if not self.in_link_to_heading:
            self.parts.append(html.escape(data, quote=False))

    def __str__(self) -> str:
        return " ".join("".join(self.parts).split())


def write_text(app, pagename, templatename, context, doctree):
    if doctree:
        path = Path(app.outdir, f"{pagename}.txt")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(str(TextOfPage(context["body"])), encoding="utf-8")


def setup(app):
    app.connect("html-page-context", write_text)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
