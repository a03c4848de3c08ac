"""The one script of the site, and the one that its search page needs beside it."""

import itertools
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from sphinx.search import _JavaScriptIndex
from sphinx.util import logging

logger = logging.getLogger(__name__)

# In the order in which they must run; the first one declares what settings of extensions change.
SCRIPTS = (
    "documentation_options.js",
    "doctools.js",
    "sphinx_highlight.js",
    "translations.js",
    "clipboard.min.js",
    "copybutton.js",
    "scripts/sphinx-book-theme.js",
    "togglebutton.js",
    "book.js",
    "scripts/bootstrap.js",
    "scripts/pydata-sphinx-theme.js",
)
SEARCH_SCRIPTS = ("searchtools.js", "language_data.js", "search.js")
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


# Tables of the search index: the words of the pages, and those of the titles.
WORDS = ("terms", "titleterms")
# What the search page does first with the index that it gets: the contrary of `packed`.
UNPACK = """
const setWholeIndex = Search.setIndex;
Search.setIndex = (index) => {
  for (const table of ["terms", "titleterms"]) {
    const { words, lists, of } = index[table];
    const pages = lists.split(" ").map((list) => [...list].map((page) => page.codePointAt(0) - 48));
    let last = "";
    const whole = words.split(" ").map((word, number) => {
      last = [...last].slice(0, Number(word[0])).join("") + word.slice(1);
      return [last, pages[of[number]]];
    });
    index[table] = Object.fromEntries(whole);
  }
  setWholeIndex(index);
};
"""


def packed(table: dict[str, int | list[int]]) -> dict[str, str | list[int]]:
    """Return the words in order, the lists of pages that occur, and for each word the number of its list.

    Of a word stands there how many letters it shares with the one before, in one digit, and the rest; of a page, a
    character.
    """
    places = {word: [pages] if isinstance(pages, int) else pages for word, pages in table.items()}
    of = {word: "".join(chr(48 + page) for page in pages) for word, pages in sorted(places.items())}
    lists = [pages for pages, _ in Counter(of.values()).most_common()]
    numbers = {pages: number for number, pages in enumerate(lists)}
    words, last = [], ""
    for word in of:
        same = itertools.takewhile(lambda letters: letters[0] == letters[1], zip(last, word, strict=False))
        shared = min(len([*same]), 9)
        words.append(f"{shared}{word[shared:]}")
        last = word
    return {"words": " ".join(words), "lists": " ".join(lists), "of": [numbers[pages] for pages in of.values()]}


def unpacked(table: dict[str, Any]) -> dict[str, list[int]]:
    """Return {word: numbers of the pages} again."""
    pages = [[ord(page) - 48 for page in numbers] for numbers in table["lists"].split(" ")]
    found, last = {}, ""
    for word, number in zip(table["words"].split(), table["of"], strict=True):
        last = last[: int(word[0])] + word[1:]
        found[last] = pages[number]
    return found


class SearchIndex(_JavaScriptIndex):
    """Sphinx's index in fewer bytes: Chinese as it is, no beginning of a word and no list of pages twice."""

    def dumps(self, data) -> str:
        data = {**data, **{table: packed(data[table]) for table in WORDS}}
        return self.PREFIX + json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + self.SUFFIX

    def loads(self, data):
        index = super().loads(data)
        return {**index, **{table: unpacked(index[table]) for table in WORDS}}


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
    text, found = PLURAL.subn("() => 0", text)
    if found != 1 or NOT_ONE_FORM.search(text):
        logger.warning("Sphinx counts things in another way than it did; see theme/extensions/scripts.py")
    return text


def search_script(static: Path) -> str:
    """Return what the search page needs beside the script of all pages."""
    return "\n".join([*((static / name).read_text(encoding="utf-8") for name in SEARCH_SCRIPTS), UNPACK])
