"""Sphinx extension: what search engines, shared links and the reader are told about where a page lives.

The addresses are the configuration values book_site_url, book_repository_url and book_branch.
Where nothing is known, nothing that needs an address is put on a page.
"""

import html
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from docutils import nodes
from sphinx.locale import _

from bookkit.contents import configuration
from bookkit.project import CHINESE, EDITIONS, ENGLISH
from theme.extensions.editions import edition_of, place

LONGEST = {ENGLISH: 200, CHINESE: 100}  # characters of a description
LOCALES = {ENGLISH: "en_US", CHINESE: "zh_CN"}
PREVIEW = "_static/preview.png"


def set_addresses(app, config):
    """Tell Jupyter Book and the theme about the addresses; they come from what builds the site."""
    if config.book_site_url:
        config.html_baseurl = config.book_site_url + edition_of(config).site
    if config.book_repository_url:
        config.html_theme_options |= {"repository_url": config.book_repository_url, "use_repository_button": True}


def describe(doctree, longest):
    """Return the first sentences of a page that fit into `longest` characters; at least one, where it has any."""
    paragraph = next(doctree.findall(nodes.paragraph), nodes.paragraph()).astext()
    sentences = re.findall(r".+?(?:[.?!](?=\s|$)|[。？！]|$)\s*", " ".join(paragraph.split()))
    if not sentences:
        return ""
    description = sentences[0]
    for sentence in sentences[1:]:
        if len((description + sentence).rstrip()) > longest:
            break
        description += sentence
    return description.rstrip()


def add_tags(app, pagename, templatename, context, doctree):
    edition = edition_of(app.config)
    own_title = {"genindex": _("Index"), "search": _("Search")}  # pages that Sphinx makes
    title = own_title.get(pagename) or re.sub("<[^>]*>", "", context["title"])
    description = (describe(doctree, LONGEST[edition]) if doctree else "") or f"{title} – {app.config.html_title}"
    properties = {
        "og:title": html.unescape(title),
        "og:description": description,
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:locale": LOCALES[edition],
    }
    if address := app.config.book_site_url:
        properties |= {"og:url": app.config.html_baseurl + f"{pagename}.html", "og:image": address + PREVIEW}
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {kind}="{name}" content="{html.escape(content)}" />\n'
        for kind, name, content in [
            ("name", "description", description),
            *(("property", *item) for item in properties.items()),
        ]
    )
    if (repository := app.config.book_repository_url) and pagename in app.env.all_docs:
        name, branch = "/".join(repository.split("/")[-2:]), quote(app.config.book_branch, safe="")
        page = place(edition, pagename.removeprefix(ENGLISH.place))
        context["binder_url"] = f"https://mybinder.org/v2/gh/{name}/{branch}?urlpath=live/{page}"


def write_files(app, exception):
    """Write what belongs to the site and not to a page: sitemaps and, beside the English edition, the rest."""
    if exception or app.builder.name != "html":
        return
    out, address = Path(app.outdir), app.config.book_site_url
    is_english = edition_of(app.config) == ENGLISH
    if is_english:
        known = {
            "base": urlsplit(address).path or "/",
            "url": address,
            "editions": {edition.name: edition for edition in EDITIONS},
            "titles": {edition.name: configuration(edition)["title"] for edition in EDITIONS},
        }
        for name in ("404.html", "index.html"):
            page = app.builder.templates.environment.get_template(f"root-{name}").render(known)
            (out / name).write_text(page, encoding="utf-8")
    if address:
        places = "".join(
            f"<url><loc>{app.config.html_baseurl}{name}.html</loc></url>\n" for name in sorted(app.env.found_docs)
        )
        (out / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{places}</urlset>\n',
            encoding="utf-8",
        )
    if address and is_english:
        maps = "".join(f"Sitemap: {address}{edition.site}sitemap.xml\n" for edition in EDITIONS)
        (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\n{maps}", encoding="utf-8")


def setup(app):
    for value, default in (("book_site_url", ""), ("book_repository_url", ""), ("book_branch", "main")):
        app.add_config_value(value, default, "html", [str])
    app.connect("config-inited", set_addresses)
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
