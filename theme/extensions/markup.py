"""Sphinx extension: markup to which HTML checkers and screen readers do not object, where the theme's is other."""

import html

from docutils import nodes
from myst_nb.sphinx_ import HideCodeCellNode, depart_HideCellInput  # type: ignore[import-untyped]
from sphinx.transforms.post_transforms import SphinxPostTransform

# Ids that sphinx-exercise gives to the content of every exercise, and to which nothing links.
REPEATED = ({"exercise-content"}, {"solution-content"})
WIDE_TABLE = '<div class="pst-scrollable-table-container">'


class PlainTitlesOfSolutions(SphinxPostTransform):
    """A click on the title of a folded solution opens it: no link to the exercise above must be in the way."""

    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for title in self.document.findall(nodes.title):
            if "solution" in title.parent.get("classes", []):
                for link in list(title.findall(nodes.reference)):
                    link.replace_self(nodes.inline("", "", *link.children))


class DropRepeatedIds(SphinxPostTransform):
    default_priority = 900
    formats = ("html",)

    def run(self, **kwargs):
        for section in self.document.findall(nodes.section):
            if set(section["ids"]) in REPEATED:
                section["ids"] = []


def visit_table(translator, node):
    """Put a table into a section: something that takes the focus needs a role."""
    start = len(translator.body)
    type(translator).visit_table(translator, node)
    own = translator.body[start:]
    own[own.index(WIDE_TABLE)] = '<section class="pst-scrollable-table-container">'
    translator.body[start:] = own


def depart_table(translator, node):
    type(translator).depart_table(translator, node)
    translator.body[-1] = "</section>\n"


def visit_folded_cell(translator, node):
    """Give a folded cell its two titles alone: the name of a control must contain what it shows."""
    classes = " ".join(node["classes"])
    translator.body.append(
        f'<details class="admonition hide {classes}">\n<summary>\n'
        f'<span class="collapsed admonition-title">{html.escape(node["prompt_show"])}</span>\n'
        f'<span class="expanded admonition-title">{html.escape(node["prompt_hide"])}</span>\n'
        "</summary>\n"
    )


def setup(app):
    app.add_post_transform(DropRepeatedIds)
    app.add_post_transform(PlainTitlesOfSolutions)
    app.add_node(nodes.table, override=True, html=(visit_table, depart_table))
    app.add_node(HideCodeCellNode, override=True, html=(visit_folded_cell, depart_HideCellInput))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
