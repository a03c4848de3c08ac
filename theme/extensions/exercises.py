"""Sphinx extension: of an exercise all pages need to know its heading, and no more.

sphinx-exercise keeps every exercise and every solution whole, each with the page that it stands on, and Sphinx reads
and writes what is kept in every build: most of it, and more of it with every chapter.
"""

from docutils import nodes

from theme.extensions.numbers import bare


def apart(node: nodes.Node) -> nodes.Node:
    """Return a copy of a node with all that is in it, which does not hold on to the page."""
    if not isinstance(node, nodes.Element):
        return node.copy()
    copy = bare(node)
    copy.extend(apart(child) for child in node.children)
    return copy


def heading_alone(node: nodes.Element) -> nodes.Element:
    """Return an exercise or a solution that has its title and nothing else in it."""
    copy = bare(node)
    copy.append(apart(node.children[0]))
    return copy


def keep_headings(app, doctree):
    for entry in getattr(app.env, "sphinx_exercise_registry", {}).values():
        if entry["docname"] == app.env.docname:
            entry["node"] = heading_alone(entry["node"])


def forget_marks(app, env, docname):
    """Forget where solutions begin and end on a page that is read anew: sphinx-exercise only adds to it."""
    getattr(env, "sphinx_exercise_gated_registry", {}).pop(docname, None)


def setup(app):
    app.connect("env-purge-doc", forget_marks)
    app.connect("doctree-read", keep_headings)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
