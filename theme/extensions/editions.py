"""Sphinx extension: every page knows its twin in the book's other language.

A page gets the variable `other_edition` (url, lang, name) for the template
language-switch.html and the <link rel="alternate"> elements that search engines read.
"""

import posixpath

from bookkit.project import EDITIONS, ENGLISH

# What Sphinx makes beside the pages of an edition.
SPECIAL = ("genindex", "search")


def edition_of(config):
    """Return the edition that is being built."""
    return next(edition for edition in EDITIONS if edition.language == config.language)


def place(edition, pagename):
    """Return where a page of an edition lies below the root of the whole site."""
    return f"{edition.site if pagename in SPECIAL else edition.place}{pagename}.html"


def add_other_edition(app, pagename, templatename, context, doctree):
    own = edition_of(app.config)
    [other] = [edition for edition in EDITIONS if edition != own]
    page = pagename.removeprefix(ENGLISH.place)
    here = posixpath.dirname(place(own, page)) or "."
    address = app.config.book_site_url
    # Search engines want whole addresses; without one, browsers still understand relative ones.
    places = {
        edition.tag: address + place(edition, page) if address else posixpath.relpath(place(edition, page), here)
        for edition in EDITIONS
    }
    context["other_edition"] = {
        "url": posixpath.relpath(place(other, page), here),
        "lang": other.tag,
        "name": other.label,
    }
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<link rel="alternate" hreflang="{tag}" href="{where}" />\n' for tag, where in places.items()
    )


def setup(app):
    app.connect("html-page-context", add_other_edition)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
