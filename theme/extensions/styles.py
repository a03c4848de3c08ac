"""The one style sheet of the site: the sheets of the themes and of the extensions without what no page uses."""

import re
from html.parser import HTMLParser
from pathlib import Path

import lightningcss
from sphinx.util import logging

logger = logging.getLogger(__name__)

# In the order in which they override each other; `*` stands for a version.
SHEETS = (
    "styles/theme.css",
    "styles/pydata-sphinx-theme.css",
    "pygments.css",
    "styles/sphinx-book-theme.css",
    "togglebutton.css",
    "copybutton.css",
    "mystnb.*.css",
    "exercise.css",
    "sphinx-design.min.css",
    "book.css",
)
IMPORT = re.compile(r"""@import\s+(?:url\()?["']([^"']+)["']\)?;""")
ICON = """
[class*="fa-"]{display:inline-block;height:1em;vertical-align:-.125em;background:currentColor;
-webkit-mask:var(--icon) center/contain no-repeat;mask:var(--icon) center/contain no-repeat}
@media (forced-colors:active){[class*="fa-"]{background:CanvasText}}
"""
SVG = "%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {} {}'%3E%3Cpath d='{}'/%3E%3C/svg%3E"
# Classes of the icon library that say how to draw, not what; the icons themselves are drawn by `icon_rules`.
MANNERS = {"fa-solid", "fa-brands", "fa-lg"}
ICON_OF_SCRIPTS = "fa-xmark"


class NamesOfPage(HTMLParser):
    """Gathers the class names and ids of a page."""

    def __init__(self, page: str):
        super().__init__()
        self.names: set[str] = set()
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("class", "id") and value:
                self.names.update(value.split())


def read_sheet(path: Path) -> str:
    """Return a style sheet together with those that it imports."""
    css = path.read_text(encoding="utf-8")
    return IMPORT.sub(lambda found: read_sheet(path.parent / found[1]), css)


def read_sheets(static: Path) -> str:
    """Return all sheets of a site whose static files lie in a folder."""
    return "\n".join(read_sheet(path) for name in SHEETS for path in static.glob(name))


def icon_rules(names: set[str], library: str) -> str:
    """Return CSS that draws the icons of these names as masks; `library` is the text of fontawesome.js."""
    rules = [ICON]
    for name in sorted(names):
        found = re.search(rf'[{{,]"?{re.escape(name[3:])}"?:\[(\d+),(\d+),\[[^\]]*\],"\w+","([^"]+)"', library)
        if not found:
            logger.warning("the icon library of the theme has no %s", name)
            continue
        width, height, path = found.groups()
        drawing = SVG.format(width, height, path)
        rules.append(f'.{name}{{--icon:url("data:image/svg+xml,{drawing}");width:{int(width) / int(height):.4g}em}}')
    return "".join(rules)


def without(css: str, names: set[str]) -> str:
    """Return minified CSS without what is about these names."""
    return lightningcss.process_stylesheet(css, unused_symbols=names, error_recovery=True)


def unused_names(css: str, used: set[str]) -> set[str]:
    """Return the class names and ids of a style sheet that are not used, and all of the icon font."""
    named = set(re.findall(r"[.#](-?[A-Za-z_][\w-]*)", re.sub(r"url\([^)]*\)", "", css)))
    return {name for name in named if name not in used or re.fullmatch("fa[srb]?|fa-.*", name)}


def unused_values(css: str, scripts: str) -> set[str]:
    """Return the custom properties and animations of a style sheet that nothing asks for."""
    in_use = set(re.findall(r"var\((--[\w-]+)", css + scripts))
    in_use |= set(re.findall(r"[\w-]+", " ".join(re.findall(r"animation(?:-name)?:([^;}]*)", css))))
    return (set(re.findall(r"(--[\w-]+):", css)) | set(re.findall(r"@keyframes ([\w-]+)", css))) - in_use


def style_sheet(sheets: str, names: set[str], scripts: str, library: str) -> str:
    """Return the sheets without what neither a page nor a script names, and with the icons that are used.

    `names` are those of the pages, `library` is the text of fontawesome.js.
    """
    icons = {name for name in names if name.startswith("fa-")} - MANNERS
    if ICON_OF_SCRIPTS in scripts:
        icons.add(ICON_OF_SCRIPTS)
    css = re.sub(r"/\*#.*?\*/|@font-face\s*\{[^}]*\}", "", sheets)
    css = without(css, unused_names(css, names | set(re.findall(r"[A-Za-z_][\w-]*", scripts))))
    return without(css, unused_values(css, scripts)) + icon_rules(icons, library)
