"""Pages with other frameworks: set up in words, executed where those are, and a visible skip elsewhere."""

import os
import shutil
import signal
import subprocess

import pytest
from nbformat.v4 import new_code_cell
from sample_book import SampleBook, failure, page
from test_setup import wait_for

from bookkit.notebooks.files import read
from bookkit.notebooks.interpreters import FRAMEWORKS, interpreter_of
from bookkit.notebooks.kernel import CellError, Kernel
from bookkit.notebooks.normal import normalise
from bookkit.project import ROOT

# A stand-in for Python, which makes environments that are copies of itself.
PYTHON = """#!/bin/sh
case "$*" in
*"-m venv"*) mkdir -p "$4/bin" "$4/lib/python3.11/site-packages" && cp "$0" "$4/bin/python" ;;
*"-m pip"*)
    echo "$$ $*" >>calls
    case "$*" in *"$FAILS"*) echo "ERROR: no matching distribution"; exit 1 ;; esac
    sleep "${SLEEP-0}" ;;
*"import torch"*)
    test -e "$(dirname "$0")/../lib/python3.11/site-packages/torch" || { echo "No module named torch"; exit 1; } ;;
esac
"""
TOOLS = ("basename", "cat", "chmod", "cmp", "cp", "dirname", "grep", "ln", "mkdir", "mktemp", "mv", "rm", "sh", "sleep")
BEGUN = "Setting up .venv-frameworks from requirements-frameworks.txt (a minute or two) ...\n"


@pytest.fixture
def project(tmp_path):
    """A folder in which .venv was made, with stand-ins for Python; PyTorch is among the system's packages."""
    folder = tmp_path / "a book's $HOME"
    (folder / "bookkit").mkdir(parents=True)
    for script in ("frameworks.sh", "common.sh"):
        shutil.copy(ROOT / "bookkit" / script, folder / "bookkit")
    for lock in ("requirements.txt", "requirements-frameworks.txt"):
        (folder / lock).write_text("jax==0.4.30\n")
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/lib/python3.11/site-packages").mkdir(parents=True)
    (folder / ".venv/bin/python").write_text(PYTHON)
    (folder / ".venv/bin/python").chmod(0o755)
    stubs = tmp_path / "stubs"
    stubs.mkdir()
    for tool in (*TOOLS, "tail"):
        (stubs / tool).symlink_to(shutil.which(tool))
    (stubs / "uname").write_text('#!/bin/sh\necho "$OS"\n')
    (stubs / "uname").chmod(0o755)
    (tmp_path / "system/torch").mkdir(parents=True)
    return folder


def start(project, **environment):
    given = {"OS": "Linux", "FAILS": "nothing", "SYSTEM_PACKAGES": str(project.parent / "system"), **environment}
    return subprocess.Popen(
        ["sh", project / "bookkit/frameworks.sh"],
        cwd="/",
        env={"PATH": str(project.parent / "stubs"), "TMPDIR": str(project.parent), **given},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which nohup would leave ignored
    )


def set_up(project, **environment):
    process = start(project, **environment)
    output, errors = process.communicate()
    return process.returncode, output, errors


def left(project):
    """Return the environments that lie there, whole or half-made."""
    return sorted(path.name for path in project.glob(".venv-frameworks*"))


def test_it_is_made_once_for_two_locks_and_one_place(project):
    assert set_up(project) == (0, BEGUN, "")
    assert set_up(project) == (0, "", "")
    packages = project / ".venv-frameworks/lib/python3.11/site-packages"
    assert (packages / "torch").resolve() == project.parent / "system/torch"
    assert (packages / "book.pth").read_text() == f"{project}/.venv/lib/python3.11/site-packages\n{project}/parity\n"
    assert f'"{project}/.venv-frameworks/bin/python"' in (
        (project / ".venv/share/jupyter/kernels/frameworks/kernel.json").read_text()
    )
    for lock in ("requirements.txt", "requirements-frameworks.txt"):
        (project / lock).write_text("jax==0.4.31\n")
        assert set_up(project) == (0, BEGUN, "")
    shutil.rmtree(project / ".venv/share")  # as when .venv is made anew
    assert set_up(project) == (0, BEGUN, "")
    assert left(project) == [".venv-frameworks"]
    moved = project.rename(project.parent / "moved")
    assert set_up(moved) == (0, BEGUN, "")


FAILURES = {
    "no package": ({"FAILS": "--require-hashes"}, "the packages could not be installed: ERROR: no matching"),
    "no PyTorch": (
        {"FAILS": "--target", "SYSTEM_PACKAGES": "/nowhere"},
        "PyTorch could not be had (Debian 12: apt-get",
    ),
    "no PyTorch on a Mac": (
        {"FAILS": "torch==", "SYSTEM_PACKAGES": "/nowhere", "OS": "Darwin"},
        "PyTorch could not be had (Debian 12: apt-get",
    ),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_what_is_wrong_is_said_in_one_line_and_the_old_one_stays(project, failure):
    set_up(project)
    before = (project / ".venv-frameworks/made-from").read_text()
    (project / "requirements-frameworks.txt").write_text("jax==0.4.31\n")
    environment, words = FAILURES[failure]
    code, _, errors = set_up(project, **environment)
    assert code == 1
    assert errors.startswith(f"error: {words}") and errors.count("\n") == 1, errors
    assert left(project) == [".venv-frameworks"]
    assert (project / ".venv-frameworks/made-from").read_text() == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_set_up_leaves_nothing(project, number):
    process = start(project, SLEEP="60")
    wait_for((project / "calls").exists)
    process.send_signal(number)
    _, errors = process.communicate(timeout=20)
    assert process.returncode == 130 and errors == "interrupted: nothing of this set-up was left behind\n"
    assert left(project) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((project / "calls").read_text().split()[0]), 0)


def test_an_environment_of_somebody_else_is_left_alone(project):
    (project / ".venv-frameworks").mkdir()
    words = "error: .venv-frameworks was not made by this set-up and is left as it is; move it away, then try again.\n"
    assert set_up(project) == (1, "", words)


@pytest.fixture
def book(tmp_path):
    """A sample book with a page that needs the other frameworks, which are not installed there."""
    book = SampleBook(tmp_path)
    shutil.copy(ROOT / "requirements-frameworks.txt", tmp_path)
    notebook = page(new_code_cell("x = 1", id="figure-settings"), new_code_cell("import torch", id="needs"))
    notebook.metadata.kernelspec.name = FRAMEWORKS.kernel
    book.write("moved", normalise(notebook))
    book.write_toc("moved")
    return book


def test_a_page_is_skipped_in_words_where_they_are_not(book):
    output, _ = book.check("-rs", "book/en/moved.ipynb").communicate()
    assert "2 skipped" in output and "not executed: it needs PyTorch and JAX; run `make frameworks`" in output, output


def test_a_page_is_not_stored_where_they_are_not(book):
    before = (book.folder / "book/en/moved.ipynb").read_text()
    output = failure(book.start("-m", "bookkit", "refresh", "book/en/moved.ipynb"))
    assert "book/en/moved.ipynb: no kernel starts: it needs PyTorch and JAX; run `make frameworks`" in output
    assert (book.folder / "book/en/moved.ipynb").read_text() == before


def test_the_form_of_a_page_keeps_its_kernel(book):
    notebook = read(book.folder / "book/en/moved.ipynb")
    assert notebook.metadata.kernelspec == FRAMEWORKS.spec
    assert interpreter_of(notebook) is FRAMEWORKS


@pytest.fixture
def installed():
    """Skips the test where they are not, but not where changes are checked."""
    if reason := FRAMEWORKS.missing():
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)


@pytest.fixture
def kernel(tmp_path, installed):
    kernel = Kernel(tmp_path, interpreter=FRAMEWORKS)
    yield kernel
    if kernel.is_alive():
        kernel.stop()


UNSEEDED = "draws from torch's generator before it has a seed; call torch.manual_seed first"
CELLS = [
    ("import jax, torch\njax.config.update('jax_platforms', 'cpu')", None),
    ("assert jax.jit(jax.grad(lambda x: x**2))(3.0) == 6", None),
    ("_ = torch.rand(1)", UNSEEDED),
    ("_ = torch.nn.Linear(2, 2)", UNSEEDED),
    ("_ = torch.seed()\n_ = torch.rand(1)", UNSEEDED),
    ("_ = torch.manual_seed(1)\n_ = torch.rand(1)", None),
    ("import mxnet, numpy\nassert (mxnet.__version__, numpy.__version__) == ('1.9.1', '1.23.5')", None),
]


@pytest.mark.slow
def test_what_is_drawn_without_a_seed_is_told(kernel):
    for code, words in CELLS:
        try:
            raised = [message for message in kernel.run(code, store_history=True) if message["msg_type"] == "error"]
            said = raised[0]["content"]["evalue"] if raised else None
        except CellError as error:
            (said,) = error.args
        assert said == words, code


@pytest.mark.slow
def test_the_tool_is_tested_on_real_networks_too(installed):
    """Of `tests/test_parity.py` the Python of the other tests can run only what needs no PyTorch."""
    options = ["-n0", "-q", "-rs", "-pno:cacheprovider"]
    done = subprocess.run(
        [FRAMEWORKS.program, "-m", "pytest", *options, "tests/test_parity.py"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0 and "skipped" not in done.stdout, done.stdout
