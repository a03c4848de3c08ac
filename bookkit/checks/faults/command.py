"""Plant faults in copies of the notebooks and see whether the checks catch each one.

Prints caught / planted for each kind of fault, and the faults that nobody caught. Exits with
1 if there are such.
"""

import collections
import contextlib
import sys
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from bookkit.checks.faults.execution import Verdict
from bookkit.checks.faults.judge import JUDGES, KINDS, Judged
from bookkit.checks.faults.replay import Checks
from bookkit.notebooks import files
from bookkit.notebooks.interpreters import lacking, runs_in_the_book
from bookkit.processes import side_by_side
from bookkit.project import CHINESE, ROOT, BookError, name

# Plugins of pytest that change what code does which runs inside pytest, or that leave files or words.
UNWANTED = ["warnings", "logging", "faulthandler", "cacheprovider"]

Task = tuple[Path, str]  # a notebook and the name of a judge


def judge(session: pytest.Session, path: Path, what: str, most: int | None) -> list[Judged]:
    """Return what a judge says of the faults in a notebook; the work of a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        return list(JUDGES[what](Checks(session, folder), path, most))


class Plugin:
    """Makes a session of pytest judge mutants instead of running tests."""

    def __init__(self, tasks: list[Task], most: int | None):
        self.tasks = tasks
        self.most = most
        self.counts: dict[str, collections.Counter] = {kind: collections.Counter() for kind in KINDS}
        self.lines: dict[Verdict, list[str]] = collections.defaultdict(list)
        self.error: BaseException | None = BookError("pytest did not come to the end; it said why")

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> bool:
        try:
            self.error = self.judge_all(session)
        except KeyboardInterrupt as interrupt:  # of which pytest would make a story
            self.error = interrupt
        return True

    def judge_all(self, session: pytest.Session) -> BookError | None:
        """Do all tasks; return what keeps a notebook from being judged."""
        start = time.perf_counter()
        # A process for each task, because MXNet and IPython cannot start anew.
        works = {f"{name(path)}, {what}": partial(judge, session, path, what, self.most) for path, what in self.tasks}
        for done, (title, results) in enumerate(side_by_side(works), start=1):
            if isinstance(results, BookError):
                return results
            self.note(title.rsplit(", ", 1)[0], results)
            now = f"{time.perf_counter() - start:4.0f} s, {done} of {len(works)}"
            print(f"{now}: {title}: {len(results)}", file=sys.stderr)
        return None

    def note(self, page: str, results: list[Judged]) -> None:
        """Count what became of the faults in a notebook."""
        for verdict, kind, place, words in results:
            self.counts[kind][verdict] += 1
            self.lines[verdict].append(f"{page}: {place}: {kind}{words and ': '}{words}")

    def report(self) -> Iterator[str]:
        """Yield the lines of the table, and those of the faults that do not count or that nobody caught."""
        for kind, count in self.counts.items():
            planted = count[Verdict.CAUGHT] + count[Verdict.SURVIVED]
            yield f"{kind:34}{count[Verdict.CAUGHT]:6} / {planted}"
        for verdict, words in [
            (Verdict.NO_EFFECT, "changes of code changed no output and do not count"),
            (Verdict.SURVIVED, "survived"),
        ]:
            yield f"\n{len(self.lines[verdict])} {words}"
            yield from sorted(self.lines[verdict])


def main(arguments: list[str] | list[Path], most: int | None = None) -> int:
    """Judge the notebooks named, or all; `most` limits the faults of each kind in each notebook."""
    paths = [Path(argument).resolve() for argument in arguments] or files.find_notebooks()
    left_out = lacking(paths)
    for path, reason in left_out.items():
        print(f"{name(path)} is left out: {reason}", file=sys.stderr)
    paths = [path for path in paths if path not in left_out]
    chinese = [path for path in paths if path.parent == CHINESE.folder]
    # The longest first. Threads of other frameworks do not survive the forks in which changed code runs.
    tasks = [(path, "code") for path in paths if path not in chinese and runs_in_the_book(path)]
    tasks += [(path, "stored") for path in paths] + [(path, "alone") for path in chinese]
    tasks += [(path, "text") for path in paths if path not in chinese]
    plugin = Plugin(tasks, most)
    options = ["-s", "-qq", "-n0", *(f"-pno:{unwanted}" for unwanted in UNWANTED)]
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main([*options, "-c", str(ROOT / "pyproject.toml"), str(ROOT / "book")], [plugin])
    if plugin.error:
        raise plugin.error
    print("\n".join(plugin.report()))
    return 1 if plugin.lines[Verdict.SURVIVED] else 0
