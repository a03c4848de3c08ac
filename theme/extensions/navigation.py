"""Sphinx extension: where something changed that pages say of each other, every page is written anew.

Sphinx writes the pages anew whose own source changed. A title that changed would stay as it was in the
navigation and in the references of all other pages, and a link to a section that is gone would pass. And it forgets
a page just before it reads it: what has moved to a page that is read earlier would stand twice.
"""

import hashlib

AFTER_NUMBERS = 950


def outlook(env) -> str:
    """Return a digest of all that a page may say of another one: titles, numbers, and what can be referred to."""
    std, math = env.get_domain("std"), env.get_domain("math")
    exercises = getattr(env, "sphinx_exercise_registry", {})
    said = [
        {page: title.pformat() for page, title in env.titles.items()},
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
            label: [entry["docname"], entry["type"], entry["node"].children[0].pformat()]
            for label, entry in exercises.items()
        },
    ]
    return hashlib.sha256(repr([sorted(part.items()) for part in said]).encode()).hexdigest()


def pages_to_write(app, env):
    new = outlook(env)
    changed = new != getattr(env, "outlook_of_pages", None)
    env.outlook_of_pages = new
    return sorted(env.found_docs) if changed else []


def forget(app, env, docnames):
    """Forget all pages that are read anew before the first of them is read."""
    for page in docnames:
        app.emit("env-purge-doc", env, page)
        env.clear_doc(page)


def setup(app):
    app.connect("env-before-read-docs", forget)
    app.connect("env-get-updated", pages_to_write, priority=AFTER_NUMBERS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
