"""Sphinx extension: below its title a chapter says how long it takes to read."""

import nbformat

from bookkit.project import CHINESE, ENGLISH
from bookkit.reading import minutes
from theme.extensions.editions import edition_of

SAID = {
    ENGLISH: "About {} minutes to read; exercises come on top.",
    CHINESE: "阅读约需 {} 分钟，做练习的时间另计。",
}
NO_CHAPTER = "no-chapter"  # in the metadata of the first cell
AFTER_THE_TEXTS = 800  # or it would be in every excerpt


def add_minutes(app, pagename, templatename, context, doctree):
    if not doctree or not app.env.doc2path(pagename).endswith(".ipynb"):
        return
    cells = nbformat.read(app.env.doc2path(pagename), as_version=4).cells
    if NO_CHAPTER not in cells[0].metadata:
        said = SAID[edition_of(app.config)].format(minutes(cells))
        context["body"] = context["body"].replace("</h1>", f'</h1>\n<p class="reading-time">{said}</p>', 1)


def setup(app):
    app.connect("html-page-context", add_minutes, priority=AFTER_THE_TEXTS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
