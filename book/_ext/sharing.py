"""Sphinx extension: what search engines, shared links and the reader are told about where a page lives.

The addresses come from the environment in which the book is built. SITE_URL is the address
of the site; on GitHub Actions it and the address of the repository follow from
GITHUB_REPOSITORY. Where nothing is known, nothing that needs an address is put on a page.
"""

import html
import os
import re
from pathlib import Path
from urllib.parse import quote, urlsplit

from docutils import nodes
from sphinx.locale import _

LONGEST = {"en": 200, "zh_CN": 100}  # characters of a description
LOCALES = {"en": "en_US", "zh_CN": "zh_CN"}
PREVIEW = "_static/preview.png"


def site_url():
    """Return the address of the English site with a slash at its end, or ""."""
    address = os.environ.get("SITE_URL", "")
    if not address and os.environ.get("GITHUB_REPOSITORY"):
        owner, name = os.environ["GITHUB_REPOSITORY"].split("/")
        address = f"https://{owner.lower()}.github.io/{name}"
    return address.rstrip("/") + "/" if address else ""


def repository_url():
    """Return the address of the repository, or ""."""
    name = os.environ.get("GITHUB_REPOSITORY")
    return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}" if name else ""


def set_addresses(app, config):
    config.html_baseurl = site_url() + ("zh/" if config.language == "zh_CN" else "") if site_url() else ""
    if repository_url():
        config.html_theme_options |= {"repository_url": repository_url(), "use_repository_button": True}


def describe(doctree, longest):
    """Return the first sentences of a page that fit into `longest` characters; at least one."""
    paragraph = next(doctree.findall(nodes.paragraph)).astext()
    sentences = re.findall(r".+?(?:[.?!](?=\s|$)|[。？！]|$)\s*", " ".join(paragraph.split()))
    description = sentences[0]
    for sentence in sentences[1:]:
        if len((description + sentence).rstrip()) > longest:
            break
        description += sentence
    return description.rstrip()


def add_tags(app, pagename, templatename, context, doctree):
    language = app.config.language
    own_title = {"genindex": _("Index"), "search": _("Search")}  # pages that Sphinx makes
    title = own_title.get(pagename) or re.sub("<[^>]*>", "", context["title"])
    description = f"{title} – {app.config.html_title}"
    if doctree:
        description = describe(doctree, LONGEST[language])
    properties = {
        "og:title": html.unescape(title),
        "og:description": description,
        "og:type": "article",
        "og:site_name": app.config.html_title,
        "og:locale": LOCALES[language],
    }
    if site_url():
        properties |= {"og:url": app.config.html_baseurl + f"{pagename}.html", "og:image": site_url() + PREVIEW}
    context["metatags"] = context.get("metatags", "") + "".join(
        f'<meta {kind}="{name}" content="{html.escape(content)}" />\n'
        for kind, name, content in [
            ("name", "description", description),
            *(("property", *item) for item in properties.items()),
        ]
    )
    if repository_url() and pagename in app.env.all_docs:
        source = Path(app.env.doc2path(pagename)).relative_to(Path(__file__).parent.parent.parent)
        branch = os.environ.get("GITHUB_REF_NAME", "main")
        name = os.environ["GITHUB_REPOSITORY"]
        context["binder_url"] = f"https://mybinder.org/v2/gh/{name}/{quote(branch, safe='')}?urlpath=lab/tree/{source}"


def write_files(app, exception):
    """Write what belongs to the site and not to a page: sitemaps and, beside the English edition, the rest."""
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    if app.config.language == "en":
        base = urlsplit(site_url()).path or "/"
        for name in ("404.html", "index.html"):
            page = app.builder.templates.environment.get_template(f"root-{name}").render(base=base, url=site_url())
            (out / name).write_text(page, encoding="utf-8")
    if site_url():
        addresses = "".join(
            f"<url><loc>{app.config.html_baseurl}{name}.html</loc></url>\n" for name in sorted(app.env.found_docs)
        )
        (out / "sitemap.xml").write_text(
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{addresses}</urlset>\n',
            encoding="utf-8",
        )
        if app.config.language == "en":
            maps = "".join(f"Sitemap: {site_url()}{folder}sitemap.xml\n" for folder in ("", "zh/"))
            (out / "robots.txt").write_text(f"User-agent: *\nAllow: /\n{maps}", encoding="utf-8")


def setup(app):
    app.connect("config-inited", set_addresses)
    app.connect("html-page-context", add_tags)
    app.connect("build-finished", write_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
