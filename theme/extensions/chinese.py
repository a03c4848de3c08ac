"""Sphinx extension of the Chinese edition: search that finds Chinese, and a theme that speaks it."""

import re
from itertools import pairwise

from sphinx.locale import translators
from sphinx.search.en import SearchEnglish

# What the theme leaves in English, or has in traditional characters, by message catalogue.
CATALOGUES = {
    "booktheme": {
        "Print to PDF": "打印为 PDF",
    },
    "sphinx": {
        "© Copyright %(copyright)s.": "© %(copyright)s",
        "Color mode": "颜色模式",
        "Light": "浅色",
        "Dark": "深色",
        "System Settings": "跟随系统",
        "Back to top": "回到顶部",
        "Skip to main content": "跳到正文",
        "Link to this heading": "本节的链接",
        "Link to this equation": "本公式的链接",
        "Link to this term": "本术语的链接",
        # What theme/templates say.
        "Site": "全书",
        "Main": "全书目录",
        "Page": "本页内容",
        "Toggle primary sidebar": "显示或隐藏目录",
        "Toggle secondary sidebar": "显示或隐藏本页内容",
    },
}

# Words of one character that are in every text, and of which no query asks: they end a run like a comma.
PARTICLES = "的了是在和也不它这一就都还但把被很只而与从每那么所又才你我们其之以及或让"


class ChineseSearch(SearchEnglish):
    """Index Chinese by single characters and by pairs of neighbours, and split queries likewise.

    Sphinx's own Chinese search splits the pages with a dictionary and the query not at
    all, so that it finds only words which stand in the dictionary just as they are typed.
    Pairs need no dictionary and find every word of any length.
    """

    lang = "zh"
    language_name = "Chinese"
    js_splitter_code = (
        r"""
var splitQuery = (query) =>
  (
    query
      .replace(/[PARTICLES]/g, " ")
      .match(/[\u4e00-\u9fff]+|(?:(?![\u4e00-\u9fff])[\p{Letter}\p{Number}_])+/gu) || []
  ).flatMap((run) =>
    run < "\u4e00" || run > "\ua000" || run.length === 1
      ? [run]
      : [...run].slice(1).map((character, i) => run[i] + character)
  );
"""
    ).replace("PARTICLES", PARTICLES)
    _run = re.compile(rf"[^\W{PARTICLES}\u0000-\u4dff\ua000-\uffff]+|[^\W\u4e00-\u9fff]+")

    def split(self, text):
        words = []
        for run in self._run.findall(text):
            if "\u4e00" <= run[0] <= "\u9fff":
                words += [*run, *map("".join, pairwise(run))]
            else:
                words.append(run)
        return words


def translate_theme(app):
    for catalogue, messages in CATALOGUES.items():
        # gettext has no public way to replace a message that is already translated.
        translators["general", catalogue]._catalog.update(messages)  # type: ignore[attr-defined]


def setup(app):
    app.connect("builder-inited", translate_theme)
    app.add_search_language(ChineseSearch)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
