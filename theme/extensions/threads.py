"""Sphinx extension: `{threads-of-the-book}` is a table of book/data/threads.yml, in the language of the edition."""

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from bookkit.project import CHINESE
from bookkit.words import THREADS, read_threads
from theme.extensions.editions import edition_of
from theme.extensions.tables import table

HEADS = {
    "en": ("Thread", "What was seen, with its answer", "MXNet 1.9.1 on a CPU"),
    "zh": ("讨论", "看到的现象（链接到解答）", "CPU 上的 MXNet 1.9.1"),
}
NOW = {"the same": "同样", "right": "已经正确", "not tried": "未运行"}


class ThreadsOfTheBook(SphinxDirective):
    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(THREADS))
        edition = edition_of(self.config)
        rows = []
        for thread in read_threads():
            now = NOW[thread["now"]] if edition == CHINESE else thread["now"]
            rows.append((f"[{thread['thread']}]({thread['at']})", f"[{thread[edition.name]}](#{thread['see']})", now))
        return table(self, HEADS[edition.name], rows, THREADS)


def setup(app):
    app.add_directive("threads-of-the-book", ThreadsOfTheBook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
