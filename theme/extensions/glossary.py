"""Sphinx extension: the glossary and the index of the book, in the language of the edition.

`{glossary-of-the-book}` sets book/data/glossary.yml as a Sphinx glossary. The words of the
glossary, and the functions and messages of book/data/index.yml, become index entries at the
sections that explain them, where Sphinx's search finds them, too.
"""

from functools import cache

from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.domains.std import Glossary
from sphinx.transforms import SphinxTransform
from sphinx.util.docutils import SphinxDirective

from bookkit.project import CHINESE
from bookkit.words import GLOSSARY, INDEX, read_glossary, read_index
from theme.extensions.editions import edition_of


class GlossaryOfTheBook(SphinxDirective):
    def run(self):
        self.env.note_dependency(str(GLOSSARY))
        chinese = edition_of(self.config) == CHINESE
        lines = []
        for entry in sorted(read_glossary(), key=lambda entry: entry["pinyin"]) if chinese else read_glossary():
            letters = entry["en"][0].upper(), entry["pinyin"][0].upper()
            if chinese:
                words = [f"{entry['zh']} : {letters[1]}", f"{entry['en']} : {letters[0]}"]
                text = f"{entry['in_chinese']}参见：[](#{entry['see']})。"
            else:
                words = [f"{entry['en']} : {letters[0]}", f"{entry['zh']} : {letters[0]}"]
                text = f"{entry['in_english']} See [](#{entry['see']})."
            lines += [*words, f"    {text}", ""]
        content = StringList(lines, source=str(GLOSSARY))
        directive = Glossary(
            "glossary", [], {}, content, self.lineno, self.content_offset,
            self.block_text, self.state, self.state_machine,
        )  # fmt: skip
        return directive.run()


@cache  # one build, many pages
def entries_by_label(edition):
    """Return {label: [(entry, key under which the index of the edition files it)]}."""
    found: dict[str, list[tuple[str, str]]] = {}

    def add(label, entry, key):
        found.setdefault(label, []).append((entry, key))

    for entry in read_glossary():
        word, key = (entry["zh"], entry["pinyin"]) if edition == CHINESE else (entry["en"], entry["en"])
        add(entry["see"], word, key[0].upper())
    for entry, labels in read_index()["functions"].items():
        for label in labels:
            add(label, entry, entry[0].upper())
    for message, label in read_index()["errors"].items():
        add(label, message, message[0].upper())
    return found


class AddIndexEntries(SphinxTransform):
    default_priority = 800  # before Sphinx gathers the entries of the page

    def apply(self):
        self.env.note_dependency(str(GLOSSARY))
        self.env.note_dependency(str(INDEX))
        by_label = entries_by_label(edition_of(self.config))
        for section in list(self.document.findall(nodes.section)):
            for label in set(section["ids"]) & set(by_label):
                entries = [("single", entry, label, "main", key) for entry, key in by_label[label]]
                section.insert(1, addnodes.index(entries=entries))


def setup(app):
    app.add_directive("glossary-of-the-book", GlossaryOfTheBook)
    app.add_transform(AddIndexEntries)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
