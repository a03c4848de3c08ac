"""Sphinx extension: a drawing has its size, so that nothing moves when it arrives, and is loaded when it comes near.

Drawings are published as files that an <img> shows: what is in them cannot run. Nothing else that a
cell stored is published but pictures and text (see OUTPUTS).
"""

import posixpath
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from docutils import nodes
from sphinx.util import logging

from theme.extensions.editions import edition_of
from theme.extensions.steps import in_steps, last_step

logger = logging.getLogger(__name__)
PIXELS = {"pt": 4 / 3, "px": 1, "": 1}
# Outputs that could run in a reader's browser are not set at all: where a cell stored nothing else, myst-nb warns.
OUTPUTS = [
    ("html", kind, None)
    for kind in ("text/html", "text/markdown", "application/javascript", "application/vnd.jupyter.widget-view+json")
]


def pixels(length: str) -> int:
    """Return a length of SVG in whole pixels of CSS; raise KeyError or ValueError where it has none."""
    number = length.rstrip("abcdefghijklmnopqrstuvwxyz%")
    return round(float(number) * PIXELS[length[len(number) :]])


def size_of(path: Path) -> tuple[int, int]:
    """Return the width and the height of a drawing in pixels."""
    _, drawing = next(ElementTree.iterparse(path, events=("start",)))
    return pixels(drawing.attrib["width"]), pixels(drawing.attrib["height"])


def visit_image(translator, node):
    builder = translator.builder
    if not node["uri"].endswith(".svg") or node["uri"] not in builder.images:
        type(translator).visit_image(translator, node)
        return
    try:
        width, height = size_of(Path(builder.srcdir, node["uri"]))
    except (ElementTree.ParseError, KeyError, ValueError):
        logger.warning("a drawing does not say its width and height in pt or px", location=node)
        width = height = 0
    source = posixpath.join(builder.imgpath, quote(builder.images[node["uri"]]))
    image = translator.emptytag(
        node, "img", "\n", src=source, alt=node.get("alt", ""), width=width, height=height, loading="lazy"
    )
    last = last_step(Path(builder.srcdir, node["uri"]).read_text(encoding="utf-8"))
    translator.body.append(in_steps(image, last, edition_of(builder.config)) if last > 1 else image)


def depart_image(translator, node):
    pass


def allow_outputs(app, config):
    config.nb_mime_priority_overrides = [*config.nb_mime_priority_overrides, *OUTPUTS]


def setup(app):
    app.add_node(nodes.image, override=True, html=(visit_image, depart_image))
    app.connect("config-inited", allow_outputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
