"""Sphinx extension: every page knows its twin in the book's other language.

The English pages lie in book/, the Chinese site in zh/ beside it. A page gets the
variable `other_edition` (url, lang, name) for the template language-switch.html and
the <link rel="alternate"> elements that search engines read.
"""

import posixpath

from sharing import site_url

NAMES = {"en": "English", "zh-CN": "中文"}
# What Sphinx makes at the root of either site.
SPECIAL = ("genindex", "search")


def add_other_edition(app, pagename, templatename, context, doctree):
    own = "zh-CN" if app.config.language == "zh_CN" else "en"
    name = pagename.removeprefix("book/")
    # Where the page lies below the root of the whole site.
    places = {"en": f"{name}.html" if name in SPECIAL else f"book/{name}.html", "zh-CN": f"zh/{name}.html"}
    other = "en" if own == "zh-CN" else "zh-CN"
    here = posixpath.dirname(places[own])
    url = posixpath.relpath(places[other], here or ".")
    context["other_edition"] = {"url": url, "lang": other, "name": NAMES[other]}
    # Search engines want whole addresses; without one, browsers still understand relative ones.
    addresses = {lang: site_url() + place if site_url() else posixpath.relpath(place, here or ".") for lang, place in places.items()}
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<link rel="alternate" hreflang="{lang}" href="{address}" />\n' for lang, address in addresses.items()
    )


def setup(app):
    app.connect("html-page-context", add_other_edition)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
