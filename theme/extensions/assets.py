"""Sphinx extension: one style sheet and one script for all pages, and no file that no page asks for.

Jupyter Book puts some thirty files on every page, most of which this book does not use: an icon library of
1.5 MB, styles of components that occur nowhere, the search index, code for running cells on somebody's
server. theme/templates/layout.html leaves them out; here the two files that it names are made, when all
pages are written and the names in them are known.
"""

import hashlib
import json
import os
from pathlib import Path

from bookkit.contents import TAKEN
from theme.extensions import notices, scripts, search, styles

LIBRARY = "scripts/fontawesome.js"
KEPT = {"site.css", "site.js", "search-page.js", "favicon.svg", "preview.png", notices.FILE}
# What is known from the last build, beside what Sphinx keeps: versions of the two files, and the names in each page.
MEMORY = "assets.json"
AFTER_THE_THEME = 900  # which writes pygments.css at the same event


def leave_out_servers(app, config):
    """Take away what sphinx-thebe, which Jupyter Book always loads, puts on pages: cells here run on no server."""
    for listeners in app.events.listeners.values():
        for listener in [*listeners]:
            if listener.handler.__module__.startswith("sphinx_thebe"):
                app.disconnect(listener.id)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def remember(app):
    """Read what is known from the last build."""
    app.builder.indexer_format = search.SearchIndex(app.env)
    app.builder.searchindex_filename = os.path.relpath(Path(app.doctreedir, search.INDEX), app.outdir)
    try:
        memory = json.loads(Path(app.doctreedir, MEMORY).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        memory = {"versions": {"css": "new", "js": "new"}, "pages": {}}
    app.builder.book_memory, app.builder.book_settings = memory, None


def add_versions(app, pagename, templatename, context, doctree):
    """Give a page the versions that all other pages name until everything is written."""
    context["asset_versions"] = app.builder.book_memory["versions"]
    if app.builder.book_settings is None:
        app.builder.book_settings = scripts.wanted_settings(context["script_files"])


def pages_of(app) -> list[Path]:
    """Return the files of all pages of the edition."""
    names = [*app.env.found_docs, "genindex", "search"]
    return [path for name in sorted(names) if (path := Path(app.outdir, f"{name}.html")).exists()]


def stamp(path: Path) -> list[int]:
    """Return when a page was written, in nanoseconds, and how long it is: a copy of it has the same."""
    status = path.stat()
    return [status.st_mtime_ns, status.st_size]


def names_in(path: Path, known: list | None) -> list[str]:
    """Return the class names and ids of a page; `known` is its stamp, and what was found in it, in the last build."""
    if known and known[0] == stamp(path):
        return known[1]
    return sorted(styles.NamesOfPage(path.read_text(encoding="utf-8")).names)


def with_versions(page: str, old: dict[str, str], new: dict[str, str]) -> str:
    """Return a page that names the new versions of the two files."""
    for kind, version in new.items():
        page = page.replace(f"_static/site.{kind}?v={old[kind]}", f"_static/site.{kind}?v={version}")
    return page


def keep_only(folder: Path, names: set[str]):
    """Remove all files of a folder but those with these paths in it, and the folders that have become empty."""
    for path in [*sorted(folder.rglob("*"), reverse=True), folder]:
        if path.is_file() and path.relative_to(folder).as_posix() not in names:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def remove_leftovers(app):
    """Remove what an earlier build published and this book has no more."""
    out, env = Path(app.outdir), app.env
    pages = {*env.found_docs, *TAKEN, "index", "404"}
    published = {
        "_sources": {Path(env.doc2path(page, base=False)).as_posix() for page in env.found_docs},
        "_images": {name for _, name in env.images.values()},
        "_downloads": {name for _, name in env.dlfiles.values()},
    }
    for folder, names in published.items():
        keep_only(out / folder, names)
    for path in [*out.rglob("*.html"), *out.rglob("*.txt")]:
        place = path.relative_to(out)
        if place.parts[0] not in ("_static", *published) and place.with_suffix("").as_posix() not in pages:
            path.unlink()


def write_assets(app, exception):
    """Make the style sheet and the script of the pages that are there now, and tell all pages their versions."""
    if exception or app.builder.name != "html" or app.builder.book_settings is None:
        return
    remove_leftovers(app)
    search.write_parts(Path(app.doctreedir, search.INDEX), Path(app.outdir))
    memory, static = app.builder.book_memory, Path(app.outdir, "_static")
    names = {path: names_in(path, memory["pages"].get(str(path.relative_to(app.outdir)))) for path in pages_of(app)}
    js = scripts.script(static, app.builder.book_settings)
    css = styles.style_sheet(
        styles.read_sheets(static),
        {name for found in names.values() for name in found},
        js + scripts.SEARCH_NAMES,
        (static / LIBRARY).read_text(encoding="utf-8"),
    )
    made = {"site.css": css, "site.js": js, "search-page.js": search.script(static)}
    for name, content in made.items():
        (static / name).write_text(notices.HINT + content, encoding="utf-8")
    (static / notices.FILE).write_text(notices.notices(app.extensions, static), encoding="utf-8")
    keep_only(static, KEPT)  # and nothing that no page asks for
    versions = {"css": digest(css), "js": digest(js)}
    if versions != memory["versions"]:
        for path in names:
            page = path.read_text(encoding="utf-8")
            path.write_text(with_versions(page, memory["versions"], versions), encoding="utf-8")
    known = {str(path.relative_to(app.outdir)): [stamp(path), found] for path, found in names.items()}
    Path(app.doctreedir, MEMORY).write_text(json.dumps({"versions": versions, "pages": known}), encoding="utf-8")


def setup(app):
    app.connect("config-inited", leave_out_servers)
    app.connect("builder-inited", remember)
    app.connect("html-page-context", add_versions, priority=900)  # after all extensions have said what they want
    app.connect("build-finished", write_assets, priority=AFTER_THE_THEME)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
