"""How pytest runs the book: nbval, with its weak points closed and its failures told in one line each.

nbval executes the notebooks and compares their outputs. Where it keeps silent or answers
with an error of its own, the classes below step in; what it cannot see in the stored
notebooks is left to bookkit/notebooks/rules.py.
"""

import gc
import os
import re
from pathlib import Path

import pytest
from nbval.plugin import IPyNbCell, IPyNbFile, NbCellError

from bookkit.answers import answers_of, read_answers
from bookkit.checks import answers, quizzes
from bookkit.checks.prose import claims
from bookkit.notebooks.cells import output_text
from bookkit.notebooks.files import in_one_line, read, unusable
from bookkit.notebooks.forks import ForkServer
from bookkit.notebooks.interpreters import BOOK, interpreter_of
from bookkit.notebooks.kernel import CELL_TIMEOUT, CellError, Kernel, Run, StoppedError, join_run, this_run
from bookkit.notebooks.lock import require_lock
from bookkit.project import BookError, name
from bookkit.quizzes import quiz_of, read_quiz

ANSI = re.compile(r"\x1b\[[\d;]*m")
TOLD = pytest.StashKey[set]()
SETTING = re.compile(r"\w+=.*")


def pytest_addoption(parser):
    parser.addoption(
        "--cell-environment",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a variable for the cells of notebooks, which see none of the environment that pytest runs in",
    )


def misconfigured(option):
    """Yield a line for each option under which nbval would not do what this book relies on."""
    advice = "run pytest with the options of pyproject.toml"
    if not option.nbval or option.nbval_lax:
        yield f"the outputs of the notebooks would not be compared: {advice}"
    if not option.nbval_current_env:
        yield f"without --nbval-current-env a notebook would choose its kernel itself: {advice}"
    if option.nbval_cell_timeout > CELL_TIMEOUT:
        yield f"a cell that never ends would run for {option.nbval_cell_timeout:g} s: {advice}"
    if option.nbval_sanitize_with:
        # What is taken out of both sides is not compared. nbval also reads the file in the locale's encoding.
        yield "a sanitise file hides differences: print what is the same everywhere instead"
    for setting in option.cell_environment:
        if not SETTING.fullmatch(setting):
            yield f"--cell-environment={setting} sets nothing: write NAME=VALUE"
    if option.dist not in ("no", "loadscope", "loadfile"):
        yield f"--dist={option.dist} would spread the cells of a notebook over several kernels: {advice}"


@pytest.hookimpl(trylast=True)  # after nbval has understood the old names of its options
def pytest_configure(config):
    if wrong := list(misconfigured(config.option)):
        raise pytest.UsageError(*wrong)
    if hasattr(config, "workerinput"):
        fonts, address = config.workerinput["run"]
        join_run(Run(Path(fonts), address and ForkServer(address)))
    # Parsed pages are hundreds of thousands of objects, through which the collector would look again and again.
    gc.set_threshold(100_000, 20, 20)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers():
    """Return one process more than there are processors: browsers and kernels are waited for."""
    return (os.cpu_count() or 1) + 1


def pytest_sessionstart(session):
    """Stop before anything else where the packages are other ones, or nothing can be done with a notebook."""
    if hasattr(session.config, "workerinput"):
        return
    try:
        require_lock()
    except BookError as error:
        raise pytest.UsageError(str(error)) from None
    if lines := list(unusable()):
        raise pytest.UsageError(*lines)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node):
    """Let the kernels of all processes be of one run."""
    run = this_run()
    node.workerinput["run"] = str(run.fonts), run.forks and run.forks.address


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(file_path, parent):
    found = yield
    return [Notebook.from_parent(parent, path=file_path) if isinstance(node, IPyNbFile) else node for node in found]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Tell what is wrong with the book in its own words, once, and not as an error of the test."""
    report = yield
    error = call.excinfo.value if call.excinfo else None
    if isinstance(error, BookError):
        told = item.session.stash.setdefault(TOLD, set())
        report.longrepr = str(error)
        if report.longrepr in told:
            report.outcome = "skipped"
            report.longrepr = (str(item.path), None, "Skipped: not possible, for a reason told above")
        told.add(str(error))
    return report


class Notebook(IPyNbFile):
    """A notebook whose cells run in order, in one kernel, or not at all."""

    cells = 0  # how many of them there are
    due = 0
    stopped = None  # why no further cell runs
    interpreter = BOOK  # until its cells are collected
    raised = None  # the place of a cell that raised, so that names may be missing in those behind it

    def setup(self):
        """Start no kernel: the first cell does."""

    def collect(self):
        for cell in super().collect():
            title = f"{cell.name}[{cell.cell.get('id', cell.cell_num)}]"
            yield Cell.from_parent(self, name=title, cell_num=cell.cell_num, cell=cell.cell, options=cell.options)
            self.cells = cell.cell_num + 1
        notebook = read(self.path)
        self.interpreter = interpreter_of(notebook)
        if reason := self.interpreter.missing():
            self.stopped = f"not executed: {reason}"
        if claims.asked(notebook):
            yield Text.from_parent(self, name="text", notebook=notebook)
        if quiz_of(self.path.stem).exists():
            yield Quiz.from_parent(self, name="quiz")
        if answers_of(self.path.stem).exists():
            yield Answers.from_parent(self, name="answers")

    def start(self):
        """Return a kernel in which its cells can run."""
        return Kernel(
            self.path.parent,
            self.config.option.nbval_cell_timeout,
            settings=dict(setting.split("=", 1) for setting in self.config.option.cell_environment),
            interpreter=self.interpreter,
        )


class AfterTheCells(pytest.Item):
    """What is held against what is in the kernel of a notebook after its last cell."""

    said = ""  # what runs there

    def reportinfo(self):
        return self.path, None, f"{name(self.path)}: {self.name}"

    def untrue(self, kernel):
        """Return a line for all that is not so."""
        raise NotImplementedError

    def runtest(self):
        notebook = self.parent
        assert isinstance(notebook, Notebook)
        if reason := notebook.stopped or notebook.raised:
            pytest.skip(f"a cell has not done what it should: {reason}")
        if notebook.due != notebook.cells:
            raise BookError(f"{name(self.path)}: {self.name}: the cells have not run; run the whole notebook")
        notebook.kernel = notebook.kernel or notebook.start()
        try:
            lines = self.untrue(notebook.kernel)
        except StoppedError as reason:
            lines = [f"its {self.said}: {reason}"]
        except CellError as error:
            lines = [f"its {self.said}: {line}" for line in error.args]
        if lines:
            raise BookError("\n".join(f"{name(self.path)}: {line}" for line in lines))


class Text(AfterTheCells):
    """What the text of a notebook says."""

    said = "witnesses"

    def __init__(self, *, notebook, **options):
        super().__init__(**options)
        self.content = notebook

    def untrue(self, kernel):
        return claims.untrue(self.content, kernel)


class Quiz(AfterTheCells):
    """The right answers of the quiz of a page."""

    said = "questions"

    def untrue(self, kernel):
        return quizzes.untrue(read_quiz(self.path.stem), kernel)


class Answers(AfterTheCells):
    """The looks at answers to the exercises of a page."""

    said = "looks at answers"

    def untrue(self, kernel):
        return answers.untrue(read_answers(self.path.stem), kernel)


class Cell(IPyNbCell):
    def reportinfo(self):
        return self.path, None, self.place

    @property
    def place(self):
        return f"{name(self.path)}: cell {self.cell.get('id', self.cell_num)}"

    def runtest(self):
        notebook = self.parent
        if notebook.stopped:
            pytest.skip(notebook.stopped)
        try:
            if self.cell_num != notebook.due:
                # However cells were selected, sorted or spread over processes: nbval would run them all the same.
                advice = f"run the whole notebook: pytest {name(self.path)}"
                raise StoppedError(f"the cells before it have not run; {advice}")
            notebook.due += 1
            notebook.kernel = notebook.kernel or notebook.start()
            super().runtest()
        except StoppedError as reason:
            notebook.stopped = f"follows {self.place}, which stopped the notebook"
            raise BookError(f"{self.place}: {reason}") from None
        except CellError as error:
            self.skip_consequence()
            raise BookError("\n".join(f"{self.place}: {line}" for line in error.args)) from None
        except NbCellError:
            if self.last_error and self.last_error.ename == "NameError":
                self.skip_consequence()
            if self.last_error and not self.options["check_exception"]:
                notebook.raised = notebook.raised or self.place
            raise

    def skip_consequence(self):
        """Tell nothing about a cell that misses what a cell before it should have done: that was told."""
        if self.parent.raised:
            pytest.skip(f"follows {self.parent.raised}, which raised an error")

    @property
    def last_error(self):
        """The error that the cell ended with, or None."""
        last = self.test_outputs[-1] if self.test_outputs else None
        return last if last and last.output_type == "error" else None

    def compare_outputs(self, test, ref, skip_compare=None):
        # nbval looks neither at the kind of an output nor at the order of outputs of different kinds.
        now, stored = kinds(test), kinds(ref)
        if now != stored:
            both = ("stored", ref, stored), ("now", test, now)
            self.comparison_traceback = [f"{title}: {', '.join(found) or 'nothing'}" for title, _, found in both]
            for title, outputs, _ in both:
                if lines := excerpt("\n".join(output_text(output).strip() for output in outputs)):
                    self.comparison_traceback += [f"text {title}:", *lines]
            return False
        return super().compare_outputs(test, ref, skip_compare)

    def format_output_compare(self, key, left, right):
        # pytest's own comparison of long texts, which nbval shows, takes minutes.
        left, right = str(left), str(right)
        same = next(
            (i for i, pair in enumerate(zip(left, right, strict=False)) if len({*pair}) > 1), min(len(left), len(right))
        )
        start = max(left.rfind("\n", 0, same) + 1, same - 80)
        for title, text in (("stored", left), ("now", right)):
            self.comparison_traceback += [f"{key} {title}:", *excerpt(text[start:])]

    def repr_failure(self, excinfo):
        error = excinfo.value
        lines = []
        if not isinstance(error, NbCellError):
            what = str(error) or type(error).__name__
        elif self.last_error and not self.options["check_exception"]:
            what = f"{in_one_line(self.last_error)}; mend the cell, or tag it raises-exception"
            frames = (ANSI.sub("", frame) for frame in self.last_error.traceback)
            lines = [frame for frame in frames if "Cell In[" in frame]
        elif error.inner_traceback:
            advice = f"if the new ones are right, run `make refresh NB={name(self.path)}`"
            what = f"its outputs are not the stored ones; {advice}"
            lines = [error.inner_traceback]
        else:
            what = str(error)
        return "\n".join([f"{self.place}: {what}", *lines])


def excerpt(text):
    """Return the first lines of a text, as many as fit into a message."""
    return text[:800].splitlines()[:10]


def kinds(outputs):
    """Return the kind of each output: its stream, or the formats in which it is stored and what is said of them."""
    return [
        output.get("name")
        or " ".join(
            [output.output_type, *sorted(output.get("data", {})), *map(str, output.get("metadata", {}).items())]
        )
        for output in outputs
    ]
