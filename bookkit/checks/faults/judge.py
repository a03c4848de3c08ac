"""What becomes of the faults planted in one notebook.

A fault in what is stored needs no kernel: nbval runs each notebook once, and what the kernel
said is kept. pytest's items for the changed cells hear it again, and if they do not object,
the rules for notebooks look at the whole notebook. A fault in the code is executed, by a fork
of a kernel that has come as far as its cell, until an output is not the stored one; then
nbval is asked. If no output ever differs, the change is no fault: it is listed, not counted.
A fault in the Chinese edition alone is shown to the comparison of the editions. A fault in the text
that both editions have alike is shown to what asks of each number and formula for its witness.
"""

import ast
import collections
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbformat.v4 import new_notebook

from bookkit.checks import editions
from bookkit.checks.faults.code import code_changed, constants_changed, number_changed
from bookkit.checks.faults.execution import Stage, Verdict
from bookkit.checks.faults.replay import Checks
from bookkit.checks.faults.stored import STORED, stored_faults
from bookkit.checks.prose import claims, slips
from bookkit.notebooks import files, rules
from bookkit.project import ENGLISH, BookError, name

CONSTANT = "constant in the code changed"
ALONE = "Chinese code changed alone"
NUMBER_ALONE = "Chinese number changed alone"
TEXT = {kind: f"{kind} changed in both editions" for kind in claims.KINDS}
KINDS = [*STORED, CONSTANT, ALONE, NUMBER_ALONE, *TEXT.values()]

Judged = tuple[Verdict, str, str, str]  # what became of a fault, its kind, its place, words about it


def sample(faults: list[tuple], most: int | None, path: Path) -> list[tuple]:
    """Return at most `most` faults, (kind, ...), of each kind, by lots that fall anew when the notebook changes."""
    if most is None:
        return faults
    groups = collections.defaultdict(list)
    for fault in faults:
        groups[fault[0]].append(fault)
    lots = random.Random(path.read_text(encoding="utf-8"))
    return [fault for group in groups.values() for fault in lots.sample(group, min(most, len(group)))]


def verdict(rejected: bool) -> Verdict:
    return Verdict.CAUGHT if rejected else Verdict.SURVIVED


def judge_stored(checks: Checks, path: Path, most: int | None) -> Iterator[Judged]:
    """Plant faults in what a notebook stores."""
    notebook = files.read(path)
    if found := rules.complaints(notebook):
        raise BookError(f"{name(path)}: {found[0]}")
    messages = checks.record(path)
    for kind, place, words, fault in sample(list(stored_faults(notebook)), most, path):
        yield verdict(checks.reject(notebook, fault, messages)), kind, place, words


def judge_code(checks: Checks, path: Path, most: int | None) -> Iterator[Judged]:
    """Plant faults in the code of a notebook."""
    stage = Stage(path)
    try:
        transform = TransformerManager().transform_cell
        sources = [ast.unparse(ast.parse(transform(cell.source))) for cell in stage.cells]
        faults = [(CONSTANT, at, *fault) for at, source in enumerate(sources) for fault in constants_changed(source)]
        chosen = sample(faults, most, path)
        for number, source in enumerate(sources):
            for words, changed in [fault[2:] for fault in chosen if fault[1] == number]:
                yield stage.try_out(checks, changed), CONSTANT, f"cell {stage.cells[number].id}", words
            # The proof that a fork computes what the notebook computes.
            if number == len(sources) // 2 and stage.try_out(checks, source) != Verdict.NO_EFFECT:
                raise BookError(f"{stage.place}: from here on a fork has other outputs without a fault")
            stage.go_on()
    finally:
        stage.close()


def alone_faults(english: NotebookNode, chinese: NotebookNode) -> Iterator[tuple[str, str, NotebookNode, NotebookNode]]:
    """Yield (kind, words, changed Chinese cell, English cell) for all faults in a Chinese notebook alone."""
    for one, other in zip(english.cells, chinese.cells, strict=True):
        kind, plant = (ALONE, code_changed) if other.cell_type == "code" else (NUMBER_ALONE, number_changed)
        for words, fault in plant(other):
            yield kind, words, fault, one


def judge_alone(checks: Checks, path: Path, most: int | None) -> Iterator[Judged]:
    """Plant faults in a Chinese notebook alone."""
    faults = list(alone_faults(files.read(ENGLISH.folder / path.name), files.read(path)))
    for kind, words, fault, one in sample(faults, most, path):
        found = list(editions.compare(new_notebook(cells=[one]), new_notebook(cells=[fault])))
        yield verdict(bool(found)), kind, f"cell {fault.id}", words


def judge_text(checks: Checks, path: Path, most: int | None) -> Iterator[Judged]:
    """Plant faults in the text of an English notebook, as if the Chinese one had them too."""
    notebook = files.read(path)
    page = claims.read(notebook)
    if found := claims.wrong(page):
        raise BookError(f"{name(path)}: {found[0]}")
    for kind, place, words, fault in sample(list(slips.slips(notebook)), most, path):
        yield verdict(slips.is_caught(page, place, fault)), TEXT[kind], f"cell {fault.id}", words


JUDGES: dict[str, Callable[[Checks, Path, int | None], Iterator[Judged]]] = {
    "code": judge_code,
    "stored": judge_stored,
    "alone": judge_alone,
    "text": judge_text,
}
