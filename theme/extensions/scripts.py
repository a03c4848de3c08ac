"""The one script of the site."""

import re
from collections.abc import Iterable
from pathlib import Path

from sphinx.util import logging

logger = logging.getLogger(__name__)

# In the order in which they must run; the first one declares what settings of extensions change.
SCRIPTS = (
    "documentation_options.js",
    "doctools.js",
    "translations.js",  # before the next, which speaks at once
    "sphinx_highlight.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/sphinx-book-theme.js",
    "togglebutton.js",
    "book.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
)
# A script of tabs, which the book does not have.
LEFT_OUT = ("design-tabs.js",)
# What a page says about itself alone, and nothing asks for.
OWN_PAGE = "DOCUMENTATION_OPTIONS.pagename"
# Names that the scripts of the search page put on it: the style sheet must know them.
SEARCH_NAMES = " search search-summary context highlighted kind-title kind-index kind-text kind-object "
# The theme asks every block of code for its width in one go while the page loads, to see which need the focus to be
# scrolled by keys, and never again when one is unfolded. book.js does it, one block at a time.
SCROLLABLE = re.compile(r'"complete"===document\.readyState\?(\w)\(\):window\.addEventListener\("load",\1\)')
# A reader's browser makes no program of a text: a page may be served under a policy that forbids it. The editions are
# in languages with one form for every number of things, which Sphinx hands over as a formula in a text.
PLURAL = re.compile(r'new Function\(\s*"n",\s*`return \(\$\{catalog\.plural_expr\}\)`\s*\)')
NOT_ONE_FORM = re.compile(r'"plural_expr": "(?!0")')


def wanted_settings(script_files: Iterable) -> list[str]:
    """Return the settings among what extensions put on a page, and warn of a script that the site does not know."""
    settings = []
    for script in sorted(script_files, key=lambda script: script.priority):
        body = script.attributes.get("body", "")
        if body and OWN_PAGE not in body:
            settings.append(body)
        elif not body:
            name = str(script.filename).removeprefix("_static/").partition("?")[0]
            if name not in (*SCRIPTS, *LEFT_OUT):
                logger.warning(
                    "an extension wants the script %s on every page; name it in theme/extensions/scripts.py", name
                )
    return list(dict.fromkeys(settings))


def script(static: Path, settings: list[str]) -> str:
    """Return the script of all pages."""
    files = [(static / name).read_text(encoding="utf-8") for name in SCRIPTS if (static / name).exists()]
    text = "\n;\n".join([files[0], *settings, *files[1:]])
    text, found = SCROLLABLE.subn("void 0", re.sub(r"//# sourceMappingURL=\S+", "", text))
    if found != 1:
        logger.warning("the theme measures blocks of code in another way than it did; see theme/extensions/scripts.py")
    text = text.replace('aria-label="Toggle hidden content"', 'aria-label="${toggleHintShow}"')
    text, found = PLURAL.subn("() => 0", text)
    if found != 1 or NOT_ONE_FORM.search(text):
        logger.warning("Sphinx counts things in another way than it did; see theme/extensions/scripts.py")
    return text
