"""Sphinx extension: what answers a question is folded until the reader has thought about it.

A code cell directly after a paragraph that begins with **Predict.** (see bookkit/conventions.py) has its
outputs in a <details>, which needs no script. In the notebook they are ordinary outputs.
"""

from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform

from bookkit.conventions import PREDICT
from bookkit.project import CHINESE, ENGLISH
from theme.extensions.editions import edition_of

# What the handle says while the answer is folded, and while it is open.
TITLES = {
    ENGLISH: ("Say what you expect, then open", "Fold the answer"),
    CHINESE: ("先说出你的预期，再展开", "收起答案"),
}


def asks(node: nodes.Node | None, words: str) -> bool:
    """Is this a paragraph that asks what the next cell will show?"""
    if not isinstance(node, nodes.paragraph):
        return False
    first = next((child for child in node.children if child.astext()), None)  # the parser begins with an empty text
    return isinstance(first, nodes.strong) and first.astext() == words


class FoldAnswers(SphinxPostTransform):
    default_priority = 198  # before myst-nb folds what is to be folded
    formats = ("html",)

    def run(self, **kwargs):
        edition = edition_of(self.config)
        for cell in self.document.findall(nodes.container):
            if cell.get("nb_element") != "cell_code" or cell.get("hide_mode"):
                continue
            if asks(cell.previous_sibling(), PREDICT[edition]):
                cell["classes"].append("prediction")
                cell["hide_mode"] = "output"
                cell["prompt_show"], cell["prompt_hide"] = TITLES[edition]


def setup(app):
    app.add_post_transform(FoldAnswers)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
