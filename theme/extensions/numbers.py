"""Sphinx extension: chapters have numbers and their sections none.

Jupyter Book 2 reads `numbered: true` alone, which numbers every section as well.
"""

from docutils import nodes


def number_chapters_alone(app, env):
    for page, numbers in env.toc_secnumbers.items():
        env.toc_secnumbers[page] = {anchor: number if len(number) == 1 else () for anchor, number in numbers.items()}
    for toc in env.tocs.values():
        for reference in toc.findall(nodes.reference):
            if len(reference.get("secnumber") or ()) > 1:
                reference["secnumber"] = None
    return []


def setup(app):
    app.connect("env-get-updated", number_chapters_alone, priority=900)  # after Sphinx has numbered
    return {"parallel_read_safe": True, "parallel_write_safe": True}
