"""Sphinx extension: the finish of the website, one step after everything is written.

Jupyter Book puts some thirty files on every page, most of which this book does not use:
an icon library of 1.5 MB, styles of components that occur nowhere, the search index, code
for running cells on somebody's server. This step leaves one style sheet and one script a
page, both part of the site, and says what it took away.
"""

import hashlib
import json
import re
from pathlib import Path

import lightningcss
from sphinx.util import logging

logger = logging.getLogger(__name__)

STYLESHEET = re.compile(r'[ \t]*<link\b[^>]*\brel="stylesheet"[^>]*/?>\n?')
SCRIPT = re.compile(r"[ \t]*<script\b([^>]*)>(.*?)</script>\n?", re.DOTALL)
PRELOAD = re.compile(r'[ \t]*<link\b[^>]*\brel="preload"[^>]*/?>\n?')
SOURCE = re.compile(r'\b(?:src|href)="(?:\.\./)*([^"?]+)')
# Scripts of parts that the book does not have: icons (see `icon_rules`), tabs, cells that run on a server.
UNUSED_SCRIPTS = ("fontawesome", "thebe", "design-tabs", "kernelName")
# Scripts that only the search page needs, in the order in which they must run.
SEARCH_SCRIPTS = ("_static/searchtools.js", "_static/language_data.js", "_static/search.js")
SEARCH_INDEX = "searchindex.js"
# An inline script that says something about its own page, which nothing here asks for.
OWN_PAGE = "DOCUMENTATION_OPTIONS.pagename"
KEPT = {"site.css", "site.js", "search-page.js", "favicon.svg", "preview.png"}


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def read_style_sheet(path):
    """Return a style sheet together with those that it imports."""
    css = path.read_text(encoding="utf-8")
    return re.sub(r"""@import\s+(?:url\()?["']([^"']+)["']\)?;""", lambda m: read_style_sheet(path.parent / m[1]), css)


def once(items):
    return list(dict.fromkeys(items))


def names_in(pages):
    """Return all class names and ids that occur in pages."""
    return {name for page in pages for value in re.findall(r'\b(?:class|id)="([^"]*)"', page) for name in value.split()}


def icon_rules(names, library):
    """Return CSS that draws the icons of these names as masks; `library` is the text of fontawesome.js."""
    rules = [
        '[class*="fa-"]{display:inline-block;height:1em;vertical-align:-.125em;background:currentColor;'
        "-webkit-mask:var(--icon) center/contain no-repeat;mask:var(--icon) center/contain no-repeat}"
        '@media (forced-colors:active){[class*="fa-"]{background:CanvasText}}'
    ]
    for name in sorted(names):
        found = re.search(rf'[{{,]"?{re.escape(name[3:])}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"', library)
        if not found:
            logger.warning("finish: the theme has no icon %s", name)
            continue
        width, height, path = found.groups()
        svg = f"%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}'%3E%3Cpath d='{path}'/%3E%3C/svg%3E"
        rules.append(f'.{name}{{--icon:url("data:image/svg+xml,{svg}");width:{int(width) / int(height):.4g}em}}')
    return "".join(rules)


def style_sheet(sources, pages, scripts, library):
    """Join style sheets, take out what neither a page nor a script names, add the icons that are used; minify."""
    icons = {
        name for name in names_in(pages) if name.startswith("fa-") and name not in ("fa-solid", "fa-lg", "fa-brands")
    }
    icons |= set(re.findall(r"\bfa-xmark\b", scripts))
    css = re.sub(r"/\*#.*?\*/|@font-face\s*\{[^}]*\}", "", "\n".join(sources))
    named = set(re.findall(r"[.#](-?[A-Za-z_][\w-]*)", re.sub(r"url\([^)]*\)", "", css)))
    used = names_in(pages) | set(re.findall(r"[A-Za-z_][\w-]*", scripts))
    unused = {name for name in named if name not in used or re.fullmatch("fa[srb]?|fa-.*", name)}
    css = lightningcss.process_stylesheet(css, unused_symbols=unused, error_recovery=True)
    in_use = set(re.findall(r"var\((--[\w-]+)", css + scripts)) | set(
        re.findall(r"[\w-]+", " ".join(re.findall(r"animation(?:-name)?:([^;}]*)", css)))
    )
    idle = set(re.findall(r"(--[\w-]+):", css)) | set(re.findall(r"@keyframes ([\w-]+)", css))
    css = lightningcss.process_stylesheet(css, unused_symbols=idle - in_use, error_recovery=True)
    return css + icon_rules(icons, library), len(unused)


def with_image_sizes(page, path):
    """Give every figure its size, so that nothing moves when it arrives, and load it when it comes near."""

    def add(match):
        svg = (path.parent / match[1]).resolve().read_text(encoding="utf-8")
        size = re.search(r'<svg[^>]*?\bwidth="([\d.]+)pt"[^>]*?\bheight="([\d.]+)pt"', svg) or re.search(
            r'<svg[^>]*?\bheight="([\d.]+)pt"[^>]*?\bwidth="([\d.]+)pt"', svg
        )
        width, height = (round(float(points) * 4 / 3) for points in size.groups())
        if svg.index("height=") < svg.index("width="):
            width, height = height, width
        return f'{match[0]} loading="lazy" width="{width}" height="{height}"'

    return re.sub(r'<img\b[^>]*?\bsrc="([^"]*_images/[^"]+\.svg)"(?! loading)', add, page)


# A page that is opened at its top, not at a section and not where the reader left it, may lay out the rest later.
WAITING = """<script>
if (!location.hash && performance.getEntriesByType("navigation")[0]?.type === "navigate")
  document.documentElement.classList.add("sections-wait");
</script>
"""

# What HTML checkers and screen readers object to in the markup of the theme and of its extensions.
SIDEBAR = {"en": "Site", "zh-CN": "全书"}
MENDED = [
    # The name of a control must contain what it shows.
    (re.compile(r'(<button class="btn search-button-field[^"]*") title="[^"]*" aria-label="[^"]*"'), r"\1"),
    (re.compile(r'<summary aria-label="[^"]*">\s*<p class="collapsed([^"]*)">(.*?)</p>\s*<p class="expanded([^"]*)">(.*?)</p>'),
     r'<summary>\n<span class="collapsed\1">\2</span>\n<span class="expanded\3">\4</span>'),
    # Ids that stand on a page many times, and to which nothing links.
    (re.compile(r' id="(?:exercise|solution)-content"'), ""),
    # Something that takes the focus needs a role.
    (re.compile(r'<div class="pst-scrollable-table-container">(.*?)</div>', re.DOTALL),
     r'<section class="pst-scrollable-table-container">\1</section>'),
    # Whoever prefers dark sees no flash of light, and the browser styles the page once.
    (re.compile(r'dataset\.theme = localStorage\.getItem\("theme"\) \|\| "auto";'),
     'dataset.theme = /light|dark/.exec(localStorage.getItem("mode") || "") || '
     '(matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");'),
]  # fmt: skip
# The theme asks every block of code for its width in one go while the page loads, to see which need the focus to be
# scrolled by keys, and never again when one is unfolded. book.js does it, one block at a time.
SCROLLABLE = re.compile(r'"complete"===document\.readyState\?(\w)\(\):window\.addEventListener\("load",\1\)')


def mended(page):
    """Return a page whose markup no checker objects to."""
    language = re.search(r'<html lang="([^"]+)"', page)[1]
    page = page.replace(
        '<div id="pst-primary-sidebar"',
        f'<div id="pst-primary-sidebar" role="navigation" aria-label="{SIDEBAR[language]}"',
    )
    for pattern, replacement in MENDED:
        page = pattern.sub(replacement, page)
    return page


def finish_page(page, path, root, css_version, js_version):
    """Return a page with one style sheet and one script."""

    def keep(match):
        attributes, body = match.groups()
        is_needed = "src=" not in attributes and not any(name in attributes + body for name in UNUSED_SCRIPTS)
        return match[0] if is_needed and not (match.end() < end_of_head and "dataset.mode" not in body) else ""

    end_of_head = page.index("</head>")
    page = SCRIPT.sub(keep, page)
    page = PRELOAD.sub("", STYLESHEET.sub("", page))
    page = re.sub(r'<meta name="(?:docsearch:\w+|viewport)"[^>]*>\s*', "", page)
    scripts = [f"_static/site.js?v={js_version}"]
    if path.name == "search.html":
        scripts += ["_static/search-page.js", SEARCH_INDEX]
    head = '<meta name="viewport" content="width=device-width, initial-scale=1" />\n'
    head += f'<link rel="stylesheet" href="{root}_static/site.css?v={css_version}" />\n'
    head += WAITING
    head += "".join(f'<script defer src="{root}{script}"></script>\n' for script in scripts)
    page = page.replace("</title>\n", "</title>\n" + head, 1)
    return with_image_sizes(mended(page), path)


def text_of(page):
    """Return the text of a page in its sections, from which the search page takes excerpts: half of what a page weighs."""
    article = re.search(r"<article\b.*</article>", page, re.DOTALL)[0]
    article = re.sub(r'<a class="headerlink".*?</a>|</(?:d[dt]|t[dh])>', " ", article)
    return " ".join(re.sub(r"<(?!/?section\b|span id=)[^>]*>", "", article).split())


def tidy(static):
    """Remove what no page asks for."""
    for file in sorted(static.rglob("*"), reverse=True):
        if file.is_file() and file.name not in KEPT:
            file.unlink()
        elif file.is_dir() and not any(file.iterdir()):
            file.rmdir()


def finish(app, exception):
    if exception or app.builder.name != "html":
        return
    out = Path(app.outdir)
    static = out / "_static"
    paths = sorted(
        path for path in out.rglob("*.html") if not {"_static", "_sources"} & set(path.relative_to(out).parts)
    )
    pages = {path: path.read_text(encoding="utf-8") for path in paths}
    fresh = {path: page for path, page in pages.items() if "pydata-sphinx-theme.css" in page}
    if not fresh:  # nothing was written
        tidy(static)
        return
    before = sum(file.stat().st_size for file in static.rglob("*") if file.is_file())

    sheets = once(SOURCE.search(link)[1] for page in fresh.values() for link in STYLESHEET.findall(page))
    scripts = []
    for page in fresh.values():
        end_of_head = page.index("</head>")
        for script in SCRIPT.finditer(page):
            attributes, body = script.groups()
            source = SOURCE.search(attributes)
            what = source[1] if source else body
            if (
                any(name in attributes + body for name in UNUSED_SCRIPTS)
                or what in (*SEARCH_SCRIPTS, SEARCH_INDEX)
                or OWN_PAGE in body
            ):
                continue
            if source or (script.end() < end_of_head and "dataset.mode" not in body):
                scripts.append(what)
    files = [script for script in once(scripts) if script.endswith(".js")]
    settings = [script for script in once(scripts) if not script.endswith(".js")]
    scripts = [*files[:1], *settings, *files[1:]]  # the first file declares what settings change
    text = "\n;\n".join((out / s).read_text(encoding="utf-8") if s.endswith(".js") else s for s in scripts)
    text = SCROLLABLE.sub("void 0", re.sub(r"//# sourceMappingURL=\S+", "", text))
    library = (static / "scripts" / "fontawesome.js").read_text(encoding="utf-8")
    css, unused = style_sheet(
        [read_style_sheet(out / name) for name in sheets], pages.values(), text + SEARCH_PAGE_NAMES, library
    )
    (static / "site.css").write_text(css, encoding="utf-8")
    (static / "site.js").write_text(text, encoding="utf-8")

    for path, page in pages.items():
        root = "../" * (len(path.relative_to(out).parts) - 1)
        if path in fresh:
            page = finish_page(page, path, root, digest(css), digest(text))
            if path.relative_to(out).with_suffix("").as_posix() in app.env.found_docs:
                path.with_suffix(".txt").write_text(text_of(page), encoding="utf-8")
        else:
            page = re.sub(r"(site\.css\?v=)\w+", rf"\g<1>{digest(css)}", page)
            page = re.sub(r"(site\.js\?v=)\w+", rf"\g<1>{digest(text)}", page)
        path.write_text(page, encoding="utf-8")
    search = "\n".join((out / name).read_text(encoding="utf-8") for name in SEARCH_SCRIPTS)
    (static / "search-page.js").write_text(search, encoding="utf-8")
    tidy(static)
    index = out / "searchindex.js"
    content = json.loads(index.read_text(encoding="utf-8").removeprefix("Search.setIndex(").removesuffix(")"))
    content = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    index.write_text(f"Search.setIndex({content})", encoding="utf-8")
    after = sum(file.stat().st_size for file in static.rglob("*") if file.is_file())
    logger.info(
        "finish: %d style sheets and %d scripts became one each; taken away: %d unused CSS names, "
        "fontawesome, thebe, design-tabs; %.1f MB of static files became %.1f MB",
        len(sheets), len(scripts), unused, before / 1e6, after / 1e6,
    )  # fmt: skip


# Names that searchtools.js and search.js put on the search page.
SEARCH_PAGE_NAMES = " search search-summary context highlighted kind-title kind-index kind-text kind-object "


def setup(app):
    app.connect("build-finished", finish, priority=900)  # after the theme, which rewrites pygments.css
    return {"parallel_read_safe": True, "parallel_write_safe": True}
