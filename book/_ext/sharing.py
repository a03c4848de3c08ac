"""Sphinx extension: what search engines and shared links show of a page.

The description is the page's first paragraph, cut after a sentence.
"""

import html
import re

from docutils import nodes
from sphinx.locale import _

LONGEST = {"en": 200, "zh_CN": 100}  # characters


def describe(doctree, longest):
    """Return the first sentences of a page that fit into `longest` characters; at least one."""
    paragraph = next(doctree.findall(nodes.paragraph)).astext()
    sentences = re.findall(r".+?(?:[.?!](?=\s|$)|[。？！]|$)\s*", " ".join(paragraph.split()))
    description = sentences[0]
    for sentence in sentences[1:]:
        if len((description + sentence).rstrip()) > longest:
            break
        description += sentence
    return description.rstrip()


def add_tags(app, pagename, templatename, context, doctree):
    language = app.config.language
    own_title = {"genindex": _("Index"), "search": _("Search")}  # pages that Sphinx makes
    title = own_title.get(pagename) or re.sub("<[^>]*>", "", context["title"])
    description = f"{title} – {app.config.html_title}"
    if doctree:
        description = describe(doctree, LONGEST[language])
    properties = {
        "og:title": html.unescape(title),
        "og:description": description,
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:locale": {"en": "en_US"}.get(language, language),
    }
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {kind}="{name}" content="{html.escape(content)}" />\n'
        for kind, name, content in [
            ("name", "description", description),
            *(("property", *item) for item in properties.items()),
        ]
    )


def setup(app):
    app.connect("html-page-context", add_tags)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
