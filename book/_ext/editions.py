"""Sphinx extension: every page knows its twin in the book's other language.

The English pages lie in book/, the Chinese site in zh/ beside it. A page gets the
variable `other_edition` (url, lang, name) for the template language-switch.html and
the <link rel="alternate"> elements that search engines read.
"""

import posixpath

NAMES = {"en": "English", "zh-CN": "中文"}
# What Sphinx makes at the root of either site.
SPECIAL = ("genindex", "search")


def add_other_edition(app, pagename, templatename, context, doctree):
    own = "zh-CN" if app.config.language == "zh_CN" else "en"
    if own == "en":
        page = "zh/" + pagename.removeprefix("book/")
    else:
        page = "../" + pagename if pagename in SPECIAL else "../book/" + pagename
    other = "en" if own == "zh-CN" else "zh-CN"
    urls = {own: f"{posixpath.basename(pagename)}.html", other: context["pathto"](f"{page}.html", 1)}
    context["other_edition"] = {"url": urls[other], "lang": other, "name": NAMES[other]}
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<link rel="alternate" hreflang="{lang}" href="{urls[lang]}" />\n' for lang in NAMES
    )


def setup(app):
    app.connect("html-page-context", add_other_edition)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
