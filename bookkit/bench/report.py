"""The table and the drawing of how the book grows."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib

from bookkit.bench.growth import CONSTANT, LINEAR, MEASURES, PAPER, Figures, growth, on_paper


def by_measure(figures: Figures) -> dict[str, dict[int, float]]:
    """Return {measure: {chapters: value}} of what was measured."""
    return {
        key: {size: found[key] for size, found in figures.items()}
        for key in MEASURES
        if all(key in found for found in figures.values())
    }


def verdicts(figures: Figures) -> dict[str, str]:
    """Return {measure: what is wrong with its growth, or ""}."""
    found = {}
    for key, values in by_measure(figures).items():
        power, _ = growth(values)
        sizes = list(values)
        times = values[sizes[-1]] / values[sizes[0]]
        if MEASURES[key].constant:
            found[key] = "" if times <= CONSTANT else f"missed: {times:.1f} times as much, at most {CONSTANT:g}"
        else:
            found[key] = "" if power <= LINEAR else f"missed: grows faster than the book, power at most {LINEAR:g}"
    return found


def table(figures: Figures) -> Iterator[str]:
    """Yield the lines of a table: a row a measure, a column a size."""
    wrong = verdicts(figures)
    sizes = "".join(f"{size:>9}" for size in figures)
    yield f"{'chapters':34}{sizes}{'power':>8}{'a chapter':>11}{f'{PAPER} (on paper)':>17}"
    for key, values in by_measure(figures).items():
        power, slope = growth(values)
        title = f"{MEASURES[key].title} ({MEASURES[key].unit})"
        measured = "".join(f"{value:9.2f}" for value in values.values())
        yield f"{title:34}{measured}{power:8.2f}{slope:11.3f}{on_paper(values):17.0f}  {wrong[key]}".rstrip()


def draw(figures: Figures, path: Path) -> None:
    """Draw how the measures grow, each as a multiple of its value in the smallest book."""
    matplotlib.use("svg")
    from matplotlib import pyplot as plt

    path.parent.mkdir(parents=True, exist_ok=True)
    _, axes = plt.subplots(figsize=(7, 5))
    sizes = list(figures)
    for key, values in by_measure(figures).items():
        first = values[sizes[0]]
        style = "--" if MEASURES[key].constant else "-"
        axes.loglog(sizes, [value / first for value in values.values()], style, marker="o", label=MEASURES[key].title)
    axes.loglog(sizes, [size / sizes[0] for size in sizes], ":", color="black", label="as the book")
    axes.set(xlabel="chapters", ylabel=f"multiple of the value at {sizes[0]} chapters", xticks=sizes)
    axes.set_xticklabels([str(size) for size in sizes])
    axes.legend(fontsize="small")
    plt.savefig(path)
