"""Sphinx extension: the list of all pages in the sidebar is made once, and each page only marks itself in it.

The theme makes it anew for every page: the time to build a book would grow with the square of its pages.
"""

import posixpath
from collections.abc import Callable
from typing import NamedTuple

from bs4 import BeautifulSoup, Tag
from sphinx.environment.adapters.toctree import global_toctree_for_doc

BEFORE_THE_THEME = 400  # which renders the sidebar to see whether there is one
NOWHERE = "page-that-is-in-no-list"


class Entry(NamedTuple):
    """A page in the list as it is on the other pages, and as it is on its own."""

    part: str  # the start of the list that the page is in
    own_part: str
    item: str
    own_item: str


class PageList(NamedTuple):
    """The list as it is on a page that is not in it, and what a page that is in it changes, by its address."""

    html: str
    entries: dict[str, Entry]

    def seen_from(self, address: str) -> str:
        """Return the list with the page of this address marked, if it is in it."""
        if address not in self.entries:
            return self.html
        entry = self.entries[address]
        before, _, after = self.html.partition(entry.item)
        head, _, others = before.rpartition(entry.part)
        return f"{head}{entry.own_part}{others}{entry.own_item}{after}"


def start(tag: Tag) -> str:
    """Return the start of an element, without the time that its content would take."""
    return str(tag.copy_self()).removesuffix(f"</{tag.name}>")


def classes(tag: Tag) -> str:
    return " ".join(tag.get_attribute_list("class"))


def entry_of(link: Tag) -> Entry:
    """Return the entry of a link, and leave it marked as Sphinx and the theme mark the page that is open."""
    item, part = link.parent, link.find_parent("ul")
    assert item and part, "the theme has a link in its sidebar that is in no list"
    others, own = start(part), classes(part)
    plain = str(item)
    link["class"], link["href"] = f"current {classes(link)}", "#"
    item["class"] = f"{classes(item)} current active"
    part["class"] = f"current {own}"
    marked = start(part)
    part["class"] = own
    return Entry(others, marked, plain, str(item))


def page_list(html: str) -> PageList:
    """Return the list of all pages, given its HTML on a page that is not in it."""
    links = BeautifulSoup(html, "html.parser").select("li > a.internal")
    return PageList(html, {str(link["href"]): entry_of(link) for link in links})


def begin(app):
    app.builder.book_page_lists = {}


def add_page_list(app, pagename, templatename, context, doctree):
    """Give the template of the sidebar the list of all pages as it is on this one."""
    folder = posixpath.dirname(pagename)
    known = app.builder.book_page_lists

    def list_of_pages(of_the_theme: Callable, **wanted) -> str:
        if folder not in known:
            nowhere = posixpath.join(folder, NOWHERE)

            def toctree(**options) -> str:
                tree = global_toctree_for_doc(app.env, nowhere, app.builder, **options)
                return app.builder.render_partial(tree)["fragment"]

            own, context["toctree"] = context["toctree"], toctree
            known[folder] = page_list(str(of_the_theme(**wanted)))
            context["toctree"] = own
        return known[folder].seen_from(posixpath.basename(app.builder.get_target_uri(pagename)))

    context["list_of_pages"] = list_of_pages


def setup(app):
    app.connect("builder-inited", begin)
    app.connect("html-page-context", add_page_list, priority=BEFORE_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
