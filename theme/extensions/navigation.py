"""Sphinx extension: where something changed that pages say of each other, every page is written anew.

Sphinx writes the pages anew whose own source changed. A title that changed would stay as it was in the
navigation and in the references of all other pages, and a link to a section that is gone would pass.
"""

import hashlib

from docutils.nodes import Element

AFTER_NUMBERS = 950


def outlook(env) -> str:
    """Return a digest of all that a page may say of another one: titles, numbers, and what can be referred to."""
    std, math = env.get_domain("std"), env.get_domain("math")
    exercises = getattr(env, "sphinx_exercise_registry", {})
    said = [
        {page: title.astext() for page, title in env.titles.items()},
        env.toc_secnumbers,
        env.toc_fignumbers,
        env.toctree_includes,
        std.labels,
        std.anonlabels,
        std.objects,
        math.equations,
        {
            page: [(slug, *rest) for slug, (_, *rest) in metadata.get("myst_slugs", {}).items()]
            for page, metadata in env.metadata.items()
        },
        {
            label: [(key, value) for key, value in sorted(entry.items()) if not isinstance(value, Element)]
            for label, entry in exercises.items()
        },
    ]
    return hashlib.sha256(repr([sorted(part.items()) for part in said]).encode()).hexdigest()


def pages_to_write(app, env):
    new = outlook(env)
    changed = new != getattr(env, "outlook_of_pages", None)
    env.outlook_of_pages = new
    return sorted(env.found_docs) if changed else []


def setup(app):
    app.connect("env-get-updated", pages_to_write, priority=AFTER_NUMBERS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
