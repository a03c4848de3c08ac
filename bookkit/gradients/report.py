"""Say of every gradient of the book how it was checked, or that it was not: complaints, tables, the command."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from bookkit.gradients import execution
from bookkit.gradients.facts import NOT_DERIVED, WRONG, Fact, facts_of, malformed, unlike
from bookkit.gradients.findings import ORACLES, Gradient
from bookkit.notebooks.files import read
from bookkit.project import CHINESE, EDITIONS, ENGLISH, BookError, Edition, alone, name, write_whole

Facts = dict[tuple[str, str, int], Fact]  # by page, cell and number of the call


def facts(pages: Iterable[str], edition: Edition = ENGLISH) -> Facts:
    """Return what the metadata of the cells of these pages says about gradients."""
    return {
        (page, cell, fact.call): fact
        for page in pages
        for cell, found in facts_of(read(edition.folder / f"{page}.ipynb")).items()
        for fact in found
    }


def place(gradient: Gradient) -> tuple[str, str, int]:
    return gradient.page, gradient.cell, gradient.call


def kind(gradient: Gradient) -> str | None:
    """Return which fact is true of a gradient, None of one that was confirmed."""
    if gradient.refusal:
        return NOT_DERIVED
    return None if gradient.agrees() else WRONG


def complaint(gradient: Gradient) -> str:
    """Return the line about a gradient that was not confirmed."""
    where = f"book/en/{gradient.page}.ipynb: cell {gradient.cell}: "
    what = f"gradient of {gradient.name}, backward number {gradient.call}: "
    if gradient.refusal:
        advice = f"mend it, or say why in the cell's metadata, as {NOT_DERIVED}"
        return f"{where}{what}is not derived: {gradient.refusal}; {advice}"
    found = ", ".join(f"{oracle} {difference:.1e}" for oracle, difference in gradient.differences.items())
    return f"{where}{what}differs from the derivation (value {gradient.value:.1e}, {found or 'no oracle'})"


def complaints(gradients: Sequence[Gradient], known: Facts) -> list[str]:
    """Return a line for each gradient that was not confirmed without a fact that says so, and for each untrue fact."""
    lines, true = [], set()
    for gradient in gradients:
        fact = known.get(place(gradient))
        found = kind(gradient)
        if fact and fact.key == found:
            true.add(place(gradient))
        elif found:
            lines.append(complaint(gradient))
    for where, fact in known.items():
        if where not in true:
            page, cell, call = where
            said = (
                "is right, and listed as wrong" if fact.key == WRONG else f"is none that is {fact.key}, and listed so"
            )
            lines.append(f"book/en/{page}.ipynb: cell {cell}: backward number {call} {said}: {fact.reason}")
    return lines


def differences_of_editions(pages: Iterable[str]) -> Iterator[str]:
    """Yield a line for each cell whose facts are malformed, or not alike in both editions."""
    for page in pages:
        notebooks = [read(edition.folder / f"{page}.ipynb") for edition in EDITIONS]
        for edition, notebook in zip(EDITIONS, notebooks, strict=True):
            yield from (f"{edition.place}{page}.ipynb: {line}" for line in malformed(notebook))
        yield from (f"{ENGLISH.place}{page}.ipynb: {line}" for line in unlike(*notebooks))


def sections(page: str) -> dict[str, str | None]:
    """Return {cell id: label of the section it belongs to} of an English page."""
    found, label = {}, None
    for cell in read(ENGLISH.folder / f"{page}.ipynb").cells:
        labels = re.findall(r"^\(([\w-]+)\)=$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        label = labels[-1] if labels else label
        found[cell.id] = label
    return found


class Section:
    """The gradients of one section of a page."""

    def __init__(self, page: str, label: str | None):
        self.page, self.label = page, label
        self.gradients: list[Gradient] = []

    @property
    def link(self) -> str:
        return f"[](#{self.label})" if self.label else f"[]({self.page}.ipynb)"

    @property
    def confirmed(self) -> list[Gradient]:
        return [gradient for gradient in self.gradients if kind(gradient) is None]

    def counts(self) -> list[int]:
        """Return how many there are, how many each oracle confirmed, are known to be wrong and were not derived."""
        kinds = Counter(map(kind, self.gradients))
        confirmed = [sum(oracle in gradient.differences for gradient in self.confirmed) for oracle in ORACLES]
        return [len(self.gradients), *confirmed, kinds[WRONG], kinds[NOT_DERIVED]]

    def largest(self) -> float:
        """Return the largest difference of those confirmed."""
        return max((d for gradient in self.confirmed for d in gradient.differences.values()), default=0.0)


def by_section(gradients: Sequence[Gradient]) -> list[Section]:
    """Return the sections that have gradients, in the order of the book."""
    found: dict[tuple[str, str | None], Section] = {}
    for page in dict.fromkeys(gradient.page for gradient in gradients):
        labels = sections(page)
        for gradient in gradients:
            if gradient.page == page:
                label = labels[gradient.cell]
                found.setdefault((page, label), Section(page, label)).gradients.append(gradient)
    return list(found.values())


HEADINGS = {
    ENGLISH: (
        *("Section", "gradients", "closed form", "differences", "HIPS autograd"),
        *("known to be wrong", "not derived", "agreement within"),
    ),
    CHINESE: ("小节", "梯度个数", "解析式", "差分", "HIPS autograd", "已知有误", "未推导", "相对误差不超过"),
}
TOTAL = {ENGLISH: "The whole book", CHINESE: "全书"}
SPECIAL_HEADINGS = {
    ENGLISH: "| What is special | gradients | where |",
    CHINESE: "| 特殊情形 | 梯度个数 | 出处 |",
}
KINK = {ENGLISH: "at a kink", CHINESE: "位于折点"}
BLOCK = {ENGLISH: "through a hybridized block", CHINESE: "转成符号式程序的块"}
FACT = {
    ENGLISH: {WRONG: "known to be wrong: {}", NOT_DERIVED: "not derived: {}"},
    CHINESE: {WRONG: "已知有误：{}", NOT_DERIVED: "未推导：{}"},
}
SEPARATOR = {ENGLISH: ", ", CHINESE: "、"}
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
BEGIN, END = "% The tables are written by `make gradients`.\n", "% End of the tables.\n"


def limit(gradients: Sequence[Gradient]) -> str:
    """Return how closely these had to agree, as a power of ten."""
    widest = max((gradient.tolerance for gradient in gradients), default=None)
    return "–" if widest is None else f"10{str(round(np.log10(widest))).translate(SUPERSCRIPT)}"


def table(gradients: Sequence[Gradient], edition: Edition) -> str:
    """Return the Markdown table of all sections for an edition."""
    lines = [f"| {' | '.join(HEADINGS[edition])} |", "|---|" + "---:|" * 7]
    total = np.zeros(6, int)
    for section in by_section(gradients):
        counts = section.counts()
        cells = [section.link, *(str(count or "–") for count in counts), limit(section.confirmed)]
        lines.append(f"| {' | '.join(cells)} |")
        total += counts
    return "\n".join([*lines, f"| {TOTAL[edition]} | {' | '.join(f'{n:,}' for n in total)} | |"]) + "\n"


def special_table(gradients: Sequence[Gradient], edition: Edition) -> str:
    """Return the Markdown table of the gradients that are not simply right: kinks, blocks, and each reason."""
    known = facts(dict.fromkeys(gradient.page for gradient in gradients), edition)
    found: dict[str, dict[str, int]] = {KINK[edition]: {}, BLOCK[edition]: {}}
    for section in by_section(gradients):
        for gradient in section.gradients:
            groups = [KINK[edition]] if gradient.kink and kind(gradient) is None else []
            groups += [BLOCK[edition]] if gradient.block and kind(gradient) is None else []
            fact = known.get(place(gradient))
            if fact and fact.key == kind(gradient):
                groups.append(FACT[edition][fact.key].format(fact.reason))
            for group in groups:
                links = found.setdefault(group, {})
                links[section.link] = links.get(section.link, 0) + 1
    lines = [SPECIAL_HEADINGS[edition], "|---|---:|---|"]
    for group, links in found.items():
        if links:
            lines.append(f"| {group} | {sum(links.values()):,} | {SEPARATOR[edition].join(links)} |")
    return "\n".join(lines) + "\n"


def with_tables(text: str, gradients: Sequence[Gradient], edition: Edition) -> str:
    """Return the text of a page with its tables as they should be."""
    if text.count(BEGIN) != 1 or END not in text.split(BEGIN)[1]:
        lines = f"`{BEGIN.strip()}` and `{END.strip()}`"
        raise BookError(f"{edition.place}verification.md: the tables have no place; put the lines {lines} back")
    before, rest = text.split(BEGIN)
    tables = table(gradients, edition) + "\n" + special_table(gradients, edition)
    return before + BEGIN + "\n" + tables + "\n" + END + rest.split(END)[1]


def as_text(gradients: Sequence[Gradient]) -> str:
    """Return the table with the differences as measured."""
    headings = ["gradients", *ORACLES, "wrong", "not derived"]
    lines = [f"{'section':28}" + "".join(f"{heading:>13}" for heading in headings) + f"{'largest':>10}"]
    for section in by_section(gradients):
        counts = "".join(f"{count:13}" for count in section.counts())
        lines.append(f"{section.label or section.page:28}{counts}{section.largest():10.1e}")
    return "\n".join(lines)


def all_of(runs: Iterable[execution.Run]) -> list[Gradient]:
    return [gradient for run in runs for gradient in run.gradients]


def all_complaints(runs: Sequence[execution.Run]) -> list[str]:
    """Return a line for all that is wrong; facts are held against the pages that ran to their end."""
    lines = [line for run in runs for line in run.lines]
    lines += differences_of_editions(run.page for run in runs)
    return lines + complaints(all_of(runs), facts(run.page for run in runs if not run.lines))


def main() -> int:
    runs = execution.run(execution.pages())
    gradients = all_of(runs)
    print(as_text(gradients))
    if lines := all_complaints(runs):
        raise BookError("\n".join(lines))
    for edition in EDITIONS:
        path = edition.folder / "verification.md"
        with alone():
            before = path.read_text(encoding="utf-8")
            text = with_tables(before, gradients, edition)
            if text != before:
                write_whole(text.encode(), path)
                print(f"{name(path)}: written; look at it, then run `make agree`")
    return 0
