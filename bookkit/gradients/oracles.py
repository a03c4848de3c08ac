"""Derive every gradient of the book again, without MXNet's derivatives.

Executes the English notebooks and compares each gradient that MXNet computes in them with
up to three others: the closed form (SymPy), central differences (NumPy) and HIPS autograd.
Prints a table and writes it into the page verification.md of both editions.
"""

import os
import re
import warnings
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import matplotlib
import numpy as np
import sympy
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from bookkit import contents
from bookkit.gradients import recorder
from bookkit.notebooks.files import read
from bookkit.project import CHINESE, EDITIONS, ENGLISH, BookError, write_whole

ORACLES = ("closed form", "differences", "autograd")
# Largest difference, relative to the larger of 1 and the values, by what MXNet computed with.
TOLERANCE = {"float64": 1e-9, "float32": 1e-5, "float16": 1e-2, "int32": 1e-5}
DIFFERENCE_TOLERANCE = 1e-5
SMALL = 16  # elements: up to here every one is moved by itself, beyond in random directions

# Gradients that a page shows because they are wrong: {(page, cell): numbers of the calls, from 0}.
MODES = "forward and backward ran in different modes"
NOT_A_NUMBER = "the chain rule meets 0 times infinity, or infinity itself"
WRONG = {
    ("recording-and-modes", "dropout-once"): ({1}, "a mask serves one backward only"),
    ("recording-and-modes", "backward-wrong"): ({0}, MODES),
    ("recording-and-modes", "backward-pairs"): ({1, 2}, MODES),
    ("recording-and-modes", "backward-frozen-wrong"): ({0}, MODES),
    ("recording-and-modes", "ex-input-code"): ({1, 2}, MODES),
    ("control-flow", "where-nan"): ({0}, NOT_A_NUMBER),
    ("control-flow", "practice-mask"): ({0}, NOT_A_NUMBER),
    ("control-flow", "sol-norm-code"): ({1}, NOT_A_NUMBER),
    ("troubleshooting", "old-attach-symptom"): ({0}, "the gradient went into the buffer before this one"),
    ("troubleshooting", "part-freed-symptom"): ({1}, "a part of the graph had been freed"),
    ("troubleshooting", "wrong-changed-symptom"): ({0}, "the input was changed after recording"),
    ("troubleshooting", "wrong-batchnorm-symptom"): ({0}, MODES),
    ("troubleshooting", "nan-symptom"): ({0, 1}, NOT_A_NUMBER),
    ("troubleshooting", "nan-where-symptom"): ({0}, NOT_A_NUMBER),
    ("troubleshooting", "nan-overflow-symptom"): ({0}, NOT_A_NUMBER),
    ("troubleshooting", "integers-symptom"): ({0}, "integers cannot hold the slope"),
}


@dataclass
class Comparison:
    """One gradient array: how far the oracles that apply are from it, and the function's value from MXNet's."""

    page: str
    cell: str
    call: int
    name: str
    dtype: str
    value: float
    differences: dict = field(default_factory=dict)
    kink: bool = False

    def agrees(self):
        limits = dict.fromkeys(ORACLES, TOLERANCE[self.dtype])
        limits["differences"] = max(limits["differences"], DIFFERENCE_TOLERANCE)
        near = all(difference <= limits[oracle] for oracle, difference in self.differences.items())
        return near and bool(self.differences) and not self.value > TOLERANCE[self.dtype]

    def is_wrong_on_purpose(self):
        return not self.agrees() and self.call in WRONG.get((self.page, self.cell), [()])[0]


def distance(one, other):
    """Return the largest difference of two arrays, relative to the larger of 1 and the values; nan if not finite."""
    one, other = np.asarray(one, float), np.asarray(other, float)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        return np.nan
    return float(np.max(np.abs(one - other) / np.maximum(1, np.maximum(np.abs(one), np.abs(other)))))


def slopes(computation, index, direction, step):
    """Return the difference quotients to the left and to the right, in one direction of one leaf."""
    point = computation.point

    def at(distance):
        moved = [*point[:index], point[index] + distance * direction, *point[index + 1 :]]
        return float(np.sum(computation(moved)))

    before, here, after = at(-step), at(0), at(step)
    return (here - before) / step, (after - here) / step


def by_differences(computation, index, gradient):
    """Return (distance from central differences, whether the function has a kink at the point).

    At a kink MXNet's value must lie between the slopes of the two sides.
    """
    size, step = gradient.size, 1e-6 * max(1.0, float(np.abs(computation.point[index]).max()))
    if size <= SMALL:
        directions = np.eye(size).reshape(size, *gradient.shape)
    else:
        directions = np.random.default_rng(size).normal(size=(4, *gradient.shape))
    largest, kink = 0.0, False
    for direction in directions:
        left, right = slopes(computation, index, direction, step)
        expected, given = (left + right) / 2, float(np.sum(gradient * direction))
        if abs(left - right) > 1e-3 * max(1, abs(expected)):
            # Curvature would shrink with the step.
            near = slopes(computation, index, direction, step / 10)
            if abs(near[0] - near[1]) > abs(left - right) / 2:
                kink = True
                expected = min(max(given, min(left, right)), max(left, right))
        largest = np.maximum(largest, distance(expected, given))  # nan wins
    return float(largest), kink


def by_closed_form(computation):
    """Return the exact derivatives, evaluated at the point."""
    symbols, values = [], {}
    for number, value in enumerate(computation.point):
        array = np.array([sympy.Symbol(f"x{number}_{i}") for i in range(value.size)], dtype=object)
        values.update(zip(array, value.ravel()))
        symbols.append(array.reshape(value.shape))

    def evaluate(expression):
        try:
            number = sympy.sympify(expression).evalf(20, subs=values)
        except ZeroDivisionError:
            return np.nan
        return float(number) if number.is_real and number.is_finite else np.nan

    return [np.vectorize(evaluate, otypes=[float])(each) for each in computation.derivatives(symbols, recorder.SYMPY)]


def has_closed_form(computation):
    operators = [node.name for node in computation.nodes if isinstance(node, recorder.Node)]
    return len(operators) <= 25 and set(operators) <= recorder.SMOOTH and sum(v.size for v in computation.point) <= 6


def compare(computation, page, cell, call):
    """Yield a Comparison for every gradient of one call of backward."""
    elements = sum(value.size for value in computation.point)
    often = elements <= SMALL or call < 4 or call % 50 == 0  # differences of every step of a training would take long
    operators = [node for node in computation.nodes if isinstance(node, recorder.Node)]
    names = {node.name for node in operators}
    results = computation.results(computation.point)
    value = max(
        (distance(results[node], node.attrs["result"]) for node in operators if node.name not in recorder.LOSSES),
        default=0,
    )
    hips = None if names & {"Function", "HybridBlock"} else computation.derivatives(computation.point)
    closed = by_closed_form(computation) if call < 2 and has_closed_form(computation) else None
    for index, (leaf, gradient) in enumerate(zip(computation.leaves, computation.gradients)):
        result = Comparison(page, cell, call, computation.names[index], leaf.array.dtype.__name__, value)
        if often and np.isfinite(computation.point[index]).all():
            result.differences["differences"], result.kink = by_differences(computation, index, gradient)
        if hips is not None and not result.kink:
            result.differences["autograd"] = distance(hips[index], gradient)
        if closed is not None and not result.kink:
            result.differences["closed form"] = distance(closed[index], gradient)
        yield result


class Shell(InteractiveShell):
    """IPython without a screen."""

    def enable_gui(self, gui=None):
        pass


def run(pages):
    """Execute the English notebooks of these names; return all comparisons."""
    comparisons, calls, place = [], Counter(), [None, None]

    def on_backward(computation):
        comparisons.extend(compare(computation, *place, calls[tuple(place)]))
        calls[tuple(place)] += 1

    folder = os.getcwd()
    os.chdir(ENGLISH.folder)
    matplotlib.use("agg")
    try:
        with recorder.Recorder(on_backward).active(), np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for page in pages:
                Shell.clear_instance()
                shell = Shell.instance(user_ns={})
                for cell in read(f"{page}.ipynb").cells:
                    if cell.cell_type != "code":
                        continue
                    place[:] = page, cell.id
                    with capture_output():
                        error = shell.run_cell(cell.source).error_in_exec
                    if error and "raises-exception" not in cell.metadata.get("tags", []):
                        raise RuntimeError(f"{page}: cell {cell.id}: {type(error).__name__}: {error}")
    finally:
        os.chdir(folder)
    return comparisons


def complaints(comparisons):
    """Return a line for each gradient that is not as it should be: right, or wrong where the page says so."""
    lines, wrong = [], set()
    for item in comparisons:
        if item.is_wrong_on_purpose():
            wrong.add((item.page, item.cell, item.call))
        elif not item.agrees():
            found = ", ".join(f"{oracle} {difference:.1e}" for oracle, difference in item.differences.items())
            lines.append(
                f"book/en/{item.page}.ipynb: cell {item.cell}: gradient of {item.name}, backward number {item.call}: "
                f"differs from the derivation (value {item.value:.1e}, {found or 'no oracle'})"
            )
    for (page, cell), (numbers, reason) in WRONG.items():
        for number in sorted(numbers):
            if (page, cell, number) not in wrong and page in {item.page for item in comparisons}:
                lines.append(
                    f"book/en/{page}.ipynb: cell {cell}: backward number {number} is right, and listed as wrong: {reason}"
                )
    return lines


def sections(page):
    """Return {cell id: label of the section it belongs to} of an English page."""
    found, label = {}, None
    for cell in read(ENGLISH.folder / f"{page}.ipynb").cells:
        labels = re.findall(r"^\(([\w-]+)\)=$", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        label = labels[-1] if labels else label
        found[cell.id] = label
    return found


def rows(comparisons):
    """Return one row a section: (page, label, gradients, counts by oracle, wrong on purpose, largest difference)."""
    groups = defaultdict(list)
    for page in dict.fromkeys(item.page for item in comparisons):
        places = sections(page)
        for item in comparisons:
            if item.page == page:
                groups[page, places[item.cell]].append(item)
    for (page, label), items in groups.items():
        right = [item for item in items if not item.is_wrong_on_purpose()]
        counts = [sum(oracle in item.differences for item in right) for oracle in ORACLES]
        largest = max((max(item.differences.values()) for item in right), default=None)
        yield page, label, len(items), counts, len(items) - len(right), largest, {item.dtype for item in right}


HEADINGS = {
    ENGLISH: "| Section | gradients | closed form | differences | HIPS autograd | wrong on purpose | agreement within |",
    CHINESE: "| 小节 | 梯度个数 | 解析式 | 差分 | HIPS autograd | 故意出错 | 差别不超过 |",
}
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
TOTAL = {ENGLISH: "The whole book", CHINESE: "全书"}
BEGIN, END = "% The table is written by `make gradients`.\n", "% End of the table.\n"


def table(comparisons, edition):
    """Return the Markdown table for an edition."""
    lines = [HEADINGS[edition], "|---|" + "---:|" * 6]
    total = Counter()
    for page, label, gradients, counts, wrong, _, dtypes in rows(comparisons):
        limit = max((TOLERANCE[dtype] for dtype in dtypes), default=None)
        where = f"[](#{label})" if label else f"[]({page}.ipynb)"
        within = "–" if limit is None else f"10{str(round(np.log10(limit))).translate(SUPERSCRIPT)}"
        lines.append(
            f"| {where} | "
            + " | ".join(map(str, [gradients, *(n or "–" for n in counts), wrong or "–", within]))
            + " |"
        )
        total.update(gradients=gradients, wrong=wrong, **dict(zip(ORACLES, counts)))
    sums = " | ".join(f"{total[key]:,}" for key in ("gradients", *ORACLES, "wrong"))
    return "\n".join([*lines, f"| {TOTAL[edition]} | {sums} | |"]) + "\n"


def with_table(text, comparisons, edition):
    """Return the text of a page with its table as it should be."""
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table(comparisons, edition) + "\n" + END + rest.split(END)[1]


def pages():
    """Return the names of the book's notebooks, in its order."""
    return [page for page in contents.pages() if (ENGLISH.folder / f"{page}.ipynb").exists()]


def report(comparisons):
    """Return the table with the differences as measured, as text."""
    lines = [
        f"{'section':28}{'gradients':>10}"
        + "".join(f"{oracle:>13}" for oracle in ORACLES)
        + f"{'wrong':>7}{'largest':>10}"
    ]
    for page, label, gradients, counts, wrong, largest, _ in rows(comparisons):
        lines.append(
            f"{label or page:28}{gradients:10}"
            + "".join(f"{n:13}" for n in counts)
            + f"{wrong:7}{'' if largest is None else format(largest, '.1e'):>10}"
        )
    return "\n".join(lines)


def main() -> int:
    comparisons = run(pages())
    print(report(comparisons))
    if found := complaints(comparisons):
        raise BookError("\n".join(found))
    for edition in EDITIONS:
        path = edition.folder / "verification.md"
        write_whole(with_table(path.read_text(encoding="utf-8"), comparisons, edition).encode(), path)
    return 0
