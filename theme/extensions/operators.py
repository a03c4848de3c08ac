"""Sphinx extension: `{operators-of-the-book}` is a table of book/data/operators.yml, in the edition's language.

Its option `group` says of which calls. One row a call: what is found of its derivative of each order, and what MXNet
says where it raises.
"""

from typing import ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from bookkit.operators import ENDS, HANGS, OPERATORS, ORDERS, RAISES, RIGHT, WRONG, read
from bookkit.project import CHINESE
from theme.extensions.editions import edition_of
from theme.extensions.tables import table

HEADS = {
    "en": ("Call", "first", "second", "third", "MXNet says"),
    "zh": ("调用", "一阶", "二阶", "三阶", "MXNet 的说法"),
}
IN_CHINESE = {RIGHT: "正确", WRONG: "**错误**", RAISES: "报错", ENDS: "进程中止", HANGS: "不返回"}


class OperatorsOfTheBook(SphinxDirective):
    option_spec: ClassVar = {"group": directives.unchanged_required}

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(OPERATORS))
        found = read()
        group = self.options.get("group")
        if group not in found:
            raise self.error(f"book/data/operators.yml has no group {group!r}")
        edition = edition_of(self.config)
        rows = []
        for call, verdicts in found[group].items():
            said = [verdicts.get(order, "–") for order in ORDERS]
            if edition == CHINESE:
                words = [IN_CHINESE.get(verdict, verdict) for verdict in said]
            else:
                words = [f"**{verdict}**" if verdict == WRONG else verdict for verdict in said]
            says = f"`{verdicts['says']}`" if "says" in verdicts else ""
            rows.append((f"`{call}`", *words, says))
        return table(self, HEADS[edition.name], rows, OPERATORS)


def setup(app):
    app.add_directive("operators-of-the-book", OperatorsOfTheBook)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
