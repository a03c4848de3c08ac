"""Measure set-up, build and checks, and how they grow; print tables and hold the figures against their bars.

Clones the committed state of the repository into a temporary folder, so that nothing
that lies about helps; pip's cache may be warm. Exits with 1 when a bar is missed.
"""

import subprocess
import tempfile
from pathlib import Path

from bookkit.bench import bars, growth, report
from bookkit.project import ROOT, name

DRAWING = ROOT / "_build" / "bench" / "growth.svg"
WORDS = """
Seconds are those of all processors together, without those of kernels; of the search, those on the clock.
A power of 1 is linear, 0 constant, both from the two largest books.
Outputs are computed in `check of one page` alone: all notebooks take as much longer as there are more of them."""


def main() -> int:
    """Measure everything."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "book"
        subprocess.run(["git", "clone", "-q", ROOT, clone], check=True)
        rows = list(bars.rows(clone))
        print("\n".join(bars.table(rows)), flush=True)
        subprocess.run(["git", "-C", clone, "reset", "-q", "--hard"], check=True)
        figures = growth.figures(clone, Path(folder))
    print("", *report.table(figures), WORDS, sep="\n")
    report.draw(figures, DRAWING)
    print(f"drawing: {name(DRAWING)}")
    return 1 if any(row.missed for row in rows) or any(report.verdicts(figures).values()) else 0
