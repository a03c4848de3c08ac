"""Sphinx extension: formulas become MathML while the book is built.

A page then needs no script, no font and no other server to show mathematics. The
conversion is docutils' own; a command that it does not know is a build warning.
"""

import html
import re

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import get_node_equation_number

logger = logging.getLogger(__name__)
# What docutils reads without complaint and sets wrongly.
MISREAD = re.compile(r"\\[dt]?frac\s*[^{\s]|\\(?:hat|bar|vec|dot|tilde|overline)\s*(?:\{\w+\}|\w)\s*_")


def _mathml(node, as_block):
    misread = MISREAD.search(node.astext())
    if misread:
        logger.warning(
            "formula: %s would be set wrongly; brace fractions, and put no index below an accent",
            misread[0],
            location=node,
        )
    try:
        markup = tex2mathml(node.astext(), as_block=as_block)
    except MathError as error:
        logger.warning("formula not understood: %s", error, location=node)
        return f"<code>{html.escape(node.astext())}</code>"
    markup = "".join(line.strip() for line in markup.splitlines())
    # Browsers leave no room between a function's name and its argument, unless that is in brackets.
    return re.sub(r"<mo>(?:&ApplyFunction;|\u2061)</mo>(?!<m(?:o|row><mo)[^>]*>\()", '<mspace width="0.17em"/>', markup)


def _visit_inline(translator, node):
    translator.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _visit_block(translator, node):
    translator.body.append(translator.starttag(node, "div", CLASS="math notranslate nohighlight"))
    translator.body.append(_mathml(node, as_block=True))
    if node["number"]:
        number = get_node_equation_number(translator, node)
        translator.body.append(f'<span class="eqno">({number})</span>')
    translator.body.append("</div>\n")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
