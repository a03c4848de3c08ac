"""What the search page loads beside the script of all pages: its own script, and an index that comes in parts.

Chinese is found by pairs of characters, of which a book has more with every chapter. So they come when a query asks
for them: `searchindex.js` holds all but them, and `searchindex-0.js` and so on the pairs by their first character.
"""

import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping
from pathlib import Path
from typing import Any

from sphinx.environment import BuildEnvironment
from sphinx.search import _JavaScriptIndex

SCRIPTS = ("searchtools.js", "language_data.js", "search.js")
INDEX = "searchindex.js"
PARTS = 16
# Tables of the search index: the words of the pages, and those of the titles.
WORDS = ("terms", "titleterms")
# What the search page does first with what it gets of the index: the contrary of `packed`.
UNPACK = """
const unpacked = ({ words, lists, of }) => {
  const pages = lists.split(" ").map((list) => [...list].map((page) => page.codePointAt(0) - 48));
  let last = "";
  const whole = words.split(" ").map((word, number) => {
    last = [...last].slice(0, Number(word[0])).join("") + word.slice(1);
    return [last, pages[of[number]]];
  });
  return Object.fromEntries(whole);
};
Search.addTerms = (terms) => Object.assign(Search._index.terms, unpacked(terms));
const setWholeIndex = Search.setIndex;
Search.setIndex = (index) =>
  setWholeIndex({ ...index, terms: unpacked(index.terms), titleterms: unpacked(index.titleterms) });
"""


def packed(table: Mapping[str, int | list[int]]) -> dict[str, str | list[int]]:
    """Return the words in order, the lists of pages that occur, and for each word the number of its list.

    Of a word stands there how many letters it shares with the one before, in one digit, and the rest; of a page, a
    character.
    """
    places = {word: [pages] if isinstance(pages, int) else pages for word, pages in table.items() if pages != []}
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


def as_json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def entries_of(index: dict[str, Any], pages: Container[str]) -> dict[str, list[tuple[str, str, str]]]:
    """Return {page: [(entry, label, "main" or "")]} as Sphinx gathers the entries of pages."""
    found: dict[str, list[tuple[str, str, str]]] = {}
    for entry, places in index["indexentries"].items():
        for number, label, main in places:
            if (page := index["docnames"][number]) in pages:
                found.setdefault(page, []).append((entry, label, "main" if main else ""))
    return found


class SearchIndex(_JavaScriptIndex):
    """Sphinx's index in fewer bytes: Chinese as it is, no beginning of a word and no list of pages twice.

    Of an index that is there Sphinx takes up everything but the entries of the book's own index: of the pages that
    are still there they are put where Sphinx looks for them.
    """

    def __init__(self, env: BuildEnvironment | None = None):
        self.env = env

    def dumps(self, data) -> str:
        entries = {entry: sorted(places) for entry, places in data["indexentries"].items()}
        data = {**data, "indexentries": entries, **{table: packed(data[table]) for table in WORDS}}
        return self.PREFIX + as_json(data) + self.SUFFIX

    def loads(self, data):
        index = super().loads(data)
        if self.env:
            self.env._search_index_index_entries |= entries_of(index, self.env.found_docs)
        return {**index, **{table: unpacked(index[table]) for table in WORDS}}


def part(word: str) -> int | None:
    """Return the number of the part of the index that holds a word; None for `searchindex.js`."""
    return ord(word[0]) % PARTS if "\u4e00" <= word[:1] <= "\u9fff" else None


def parts(whole: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the name and the content of each file of an index, for the search page."""
    rest: dict[str, list[int]] = {}
    chinese: dict[int, dict[str, list[int]]] = {}
    for word, pages in whole["terms"].items():
        number = part(word)
        (rest if number is None else chinese.setdefault(number, {}))[word] = pages
    index = SearchIndex()
    version = hashlib.sha256(index.dumps(whole).encode()).hexdigest()[:8]
    yield INDEX, index.dumps({**whole, "terms": rest, "parts": [*chinese], "version": version})
    for number, table in chinese.items():
        yield f"searchindex-{number}.js", f"Search.addTerms({as_json(packed(table))})"


def write_parts(whole: Path, folder: Path) -> None:
    """Write the files of an index that Sphinx has written; there is none without pages."""
    for old in folder.glob("searchindex*.js"):
        old.unlink()
    if whole.exists():
        for name, content in parts(SearchIndex().loads(whole.read_text(encoding="utf-8"))):
            (folder / name).write_text(content, encoding="utf-8")


def script(static: Path) -> str:
    """Return what the search page needs beside the script of all pages."""
    scripts = [(static / name).read_text(encoding="utf-8") for name in SCRIPTS]
    return "\n".join([f"const PARTS = {PARTS};", *scripts, UNPACK])
