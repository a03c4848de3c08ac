"""Tables that the extensions make of files of book/data/."""

from collections.abc import Sequence
from pathlib import Path

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective


def table(
    directive: SphinxDirective, heads: Sequence[str], rows: Sequence[Sequence[str]], source: Path
) -> list[nodes.Node]:
    """Return a table in the place of a directive; cells are Markdown, and `source` is the file that they come from."""
    lines = [f"| {' | '.join(row)} |" for row in (heads, ["---"] * len(heads), *rows)]
    place = nodes.Element()
    directive.state.nested_parse(StringList(lines, source=str(source)), directive.content_offset, place)
    return place.children
