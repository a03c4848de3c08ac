"""Sphinx extension: chapters have numbers and their sections none.

Jupyter Book 2 reads `numbered: true` alone, which numbers every section as well.
"""

from docutils import nodes

FIRST, LAST = 1, 900  # before and after Sphinx has numbered


def put_back(app, env):
    """Give Sphinx the numbers of the last build: it writes every page anew whose numbers have changed."""
    env.toc_secnumbers = getattr(env, "all_secnumbers", env.toc_secnumbers)
    return []


def number_chapters_alone(app, env):
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
    app.connect("env-get-updated", put_back, priority=FIRST)
    app.connect("env-get-updated", number_chapters_alone, priority=LAST)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
