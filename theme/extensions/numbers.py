"""Sphinx extension: chapters have numbers and their sections none; and numbering asks no page that has not changed.

Jupyter Book 2 reads `numbered: true` alone, which numbers every section as well. Sphinx numbers the exercises anew in
every build, and reads the texts of all pages for it: here it gets their outlines, which stay in memory.
"""

from collections.abc import Iterator

from docutils import nodes
from sphinx import addnodes
from sphinx.environment.collectors import EnvironmentCollector
from sphinx.util.nodes import clean_astext

FIRST, LAST = 1, 900  # before and after Sphinx has numbered


def bare(node: nodes.Element) -> nodes.Element:
    """Return a node without what is in it; a copy would hold on to the whole page."""
    return type(node)(**node.attributes)


def telling(node: nodes.Element) -> Iterator[nodes.Element]:
    """Yield that in a node by which Sphinx tells whether it has a number."""
    for part in node.children:
        if isinstance(part, nodes.literal_block):
            yield bare(part)
        elif isinstance(part, (nodes.title, nodes.caption)):
            short = bare(part)
            short += nodes.Text(clean_astext(part))
            yield short


def outline(node: nodes.Element, domains: list) -> Iterator[nodes.Element]:
    """Yield of a node what Sphinx looks at when it numbers: sections, lists of pages, what has a name and a number."""
    for child in node.children:
        if not isinstance(child, nodes.Element):
            continue
        inner = outline(child, domains)
        if isinstance(child, addnodes.toctree):
            yield bare(child)
        elif isinstance(child, nodes.section):
            kept = bare(child)
            kept.extend(inner)
            yield kept
        elif child["ids"] and any(domain.get_enumerable_node_type(child) for domain in domains):
            kept = bare(child)
            kept.extend([*telling(child), *inner])
            yield kept
        else:
            yield from inner


class Outlines(EnvironmentCollector):
    """Keeps the outline of every page."""

    def clear_doc(self, app, env, docname):
        env.outlines.pop(docname, None)

    def merge_other(self, app, env, docnames, other):
        env.outlines |= {page: other.outlines[page] for page in docnames}

    def process_doc(self, app, doctree):
        kept = nodes.Element()
        kept.extend(outline(doctree, [*app.env.domains.values()]))
        app.env.outlines[app.env.docname] = kept


def begin(app):
    app.env.outlines = getattr(app.env, "outlines", {})


def put_back(app, env):
    """Give Sphinx the numbers of the last build, as it writes every page anew whose numbers changed, and outlines."""
    env.toc_secnumbers = getattr(env, "all_secnumbers", env.toc_secnumbers)
    env.get_doctree = env.outlines.__getitem__
    return []


def number_chapters_alone(app, env):
    del env.get_doctree
    env.all_secnumbers = env.toc_secnumbers
    env.toc_secnumbers = {
        page: {anchor: number if len(number) == 1 else () for anchor, number in numbers.items()}
        for page, numbers in env.toc_secnumbers.items()
    }
    for toc in env.tocs.values():
        for reference in toc.findall(nodes.reference):
            if len(reference.get("secnumber") or ()) > 1:
                reference["secnumber"] = None
    return []


def setup(app):
    app.add_env_collector(Outlines)
    app.connect("builder-inited", begin)
    app.connect("env-get-updated", put_back, priority=FIRST)
    app.connect("env-get-updated", number_chapters_alone, priority=LAST)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
