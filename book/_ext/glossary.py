"""Sphinx extension: `{glossary-of-the-book}` sets book/_data/glossary.yml in the language of the edition.

Each entry becomes one of a Sphinx glossary: both words are terms, with anchors and index entries.
"""

from pathlib import Path

import yaml
from docutils.statemachine import StringList
from sphinx.domains.std import Glossary
from sphinx.util.docutils import SphinxDirective

PATH = Path(__file__).parent.parent / "_data" / "glossary.yml"


def read():
    """Return the entries, sorted by their English words."""
    entries = yaml.safe_load(PATH.read_text(encoding="utf-8"))
    return sorted(entries, key=lambda entry: entry["en"].lower())


class GlossaryOfTheBook(SphinxDirective):
    def run(self):
        self.env.note_dependency(str(PATH))
        chinese = self.config.language == "zh_CN"
        lines = []
        for entry in read():
            words, meaning = [entry["en"], entry["zh"]], entry["in_english"]
            see = f"See [](#{entry['see']})."
            if chinese:
                words.reverse()
                meaning = entry["in_chinese"]
                see = f"见[](#{entry['see']})。"
            lines += [*words, f"    {meaning} {see}", ""]
        content = StringList(lines, source=str(PATH))
        directive = Glossary(
            "glossary", [], {}, content, self.lineno, self.content_offset,
            self.block_text, self.state, self.state_machine,
        )  # fmt: skip
        return directive.run()


def setup(app):
    app.add_directive("glossary-of-the-book", GlossaryOfTheBook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
