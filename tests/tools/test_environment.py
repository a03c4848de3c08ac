"""No result depends on the caller's settings, folder or locale; bad settings get one line, and nothing is lost."""

import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import psutil
import pytest
from nbformat.v4 import new_code_cell
from sample_book import SampleBook, failure, page

from bookkit import project
from bookkit.addresses import Addresses
from bookkit.notebooks.files import read
from bookkit.project import ROOT, BookError

pytestmark = pytest.mark.slow

HOSTILE_FOLDER = '_build/a b\'s "q" $HOME `x` 书 #1 %41'
# What a caller may have set for himself, on a machine where he may not write.
HOSTILE = {
    **dict.fromkeys(["HOME", "IPYTHONDIR", "JUPYTER_CONFIG_DIR", "MPLCONFIGDIR", "XDG_CACHE_HOME"], "/proc/nowhere"),
    **dict.fromkeys(["GIT_DIR", "PYTHONSTARTUP", "XDG_CONFIG_HOME"], "/proc/nowhere"),
    **dict.fromkeys(["CI", "GITHUB_ACTIONS"], "true"),
    "COLUMNS": "20",
    "FORCE_COLOR": "1",
    "LANG": "xx_XX",
    "LC_ALL": "C",
    "MPLBACKEND": "TkAgg",
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "7",
    "PYTHONIOENCODING": "ascii",
    "PYTHONWARNINGS": "error",
    "TERM": "dumb",
    "TZ": "NPT-5:45",
}
LIMITS = {"refresh": 20_000, "build": 20_000, "agree": 10}  # bytes of a file
RUN = "import sys; from bookkit.__main__ import main; sys.exit(main(sys.argv[1:]))"
USUAL_MASK, HOSTILE_MASK = 0o022, 0o077
COMMANDS = {
    "checks": ["-m", "pytest", "-n0", "-q", "-pno:cacheprovider", "tests/test_notebooks.py", "book"],
    "refresh": ["-m", "bookkit", "refresh"],
    "build": ["-m", "bookkit", "build"],
}
NOT_COMPARED = re.compile(r"\x1b\[[\d;]*m|\d+\.\d+ ?s")  # colours and times


def results(book: SampleBook, temporary: Path, mask: int, **environment: str) -> dict[str, object]:
    """Return what the commands say, and every file that they write with the rights to it."""
    found: dict[str, object] = {}
    for name, command in COMMANDS.items():
        options = [f"--basetemp={temporary}"] if name == "checks" else []
        before = os.umask(mask)
        process = book.start(*command, *options, **environment)
        os.umask(before)
        output, _ = process.communicate()
        output = NOT_COMPARED.sub("", output)
        assert process.returncode == 0, output
        found[name] = re.findall(r"\d+ passed.*", output) if name == "checks" else output
    for folder in ("book", "_build/html"):
        for path in (book.folder / folder).rglob("*"):
            content = b"" if path.is_dir() else path.read_bytes()
            found[str(path.relative_to(book.folder))] = (oct(path.stat().st_mode), content)
    return found


def test_results_do_not_depend_on_the_caller(tmp_path):
    usual = results(SampleBook(tmp_path / "book"), tmp_path / "temporary", USUAL_MASK)
    (tmp_path / HOSTILE_FOLDER).mkdir(parents=True)
    hostile = results(SampleBook(tmp_path / HOSTILE_FOLDER / "book"), tmp_path / "temporary", HOSTILE_MASK, **HOSTILE)
    assert "_build/html/index.html" in usual
    assert [name for name in usual.keys() | hostile.keys() if usual.get(name) != hostile.get(name)] == []


@pytest.fixture
def book(tmp_path):
    return SampleBook(tmp_path / "book")


def make(book: SampleBook, target: str, *settings: str, **environment: str) -> subprocess.CompletedProcess:
    """Make a target from another folder, without setting up."""
    shutil.copy(ROOT / "Makefile", book.folder)
    return subprocess.run(
        ["make", "-s", "-o", "setup", "-C", book.folder, target, f"PYTHON={sys.executable}", *settings],
        cwd="/",
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


def test_make_works_from_another_folder_whatever_python_is_told(book, tmp_path):
    (tmp_path / "yaml.py").write_text("raise RuntimeError('the caller has another one')\n")
    told = {"PYTHONPATH": str(tmp_path), "PYTHONSAFEPATH": "1", "PYTHONOPTIMIZE": "2", "PYTEST_ADDOPTS": "--no-such"}
    result = make(book, "refresh", "NB=book/en/index.ipynb", **told)
    assert (result.returncode, result.stderr) == (0, ""), result.stderr
    result = make(book, "test", **told)
    assert " passed" in result.stdout and "error" not in result.stdout + result.stderr, result.stdout + result.stderr


@pytest.mark.parametrize("target, setting", [("new", "NAME"), ("new", "PART"), ("questions", "NAME"), ("check", "NB")])
def test_make_takes_what_it_is_asked_for_from_the_command_line_alone(book, target, setting):
    shutil.copy(ROOT / "Makefile", book.folder)
    plan = ["make", "-n", "-o", "setup", target]
    inherited = subprocess.run(
        plan, cwd=book.folder, capture_output=True, text=True, env={**os.environ, setting: "mine"}
    )
    given = subprocess.run([*plan, f"{setting}=mine"], cwd=book.folder, capture_output=True, text=True)
    assert "mine" not in inherited.stdout and "mine" in given.stdout


SETTINGS = {
    "no port": ("serve ", "nothing is not a port number (0 to 65535): say make serve PORT=8000"),
    "a word for a port": ("serve eight", "eight is not a port number (0 to 65535): say make serve PORT=8000"),
    "other digits": ("serve ８０", "８０ is not a port number (0 to 65535): say make serve PORT=8000"),
    "too large a port": ("serve 65536", "65536 is not a port number (0 to 65535): say make serve PORT=8000"),
    "no site": ("serve 0", "the book is not built yet: run make book, or make serve, which builds it"),
    "a word for a number": ("audit x", "x is not a number of Lighthouse runs; say RUNS=5"),
    "no notebook": ("refresh missing.ipynb", "missing.ipynb: No such file or directory; nothing was stored"),
    "a folder": ("refresh book", "book: Is a directory; nothing was stored"),
}


@pytest.mark.parametrize("fault", SETTINGS)
def test_a_bad_setting_gets_one_line(book, fault):
    command, words = SETTINGS[fault]
    process = book.start("-m", "bookkit", *command.split(" "), PYTHONUTF8="1")
    output, _ = process.communicate()
    assert process.returncode == 1
    assert output.splitlines()[-1].removeprefix("error: ") == words, output
    assert len([line for line in output.splitlines() if " ... " not in line]) == 1, output


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "the following arguments are required: COMMAND (see python -m bookkit --help)"),
        (["serve"], "the following arguments are required: port (see python -m bookkit serve --help)"),
        (["refresh", "--all"], "unrecognized arguments: --all (see python -m bookkit --help)"),
    ],
)
def test_bad_arguments_get_one_line(book, arguments, words):
    process = book.start("-m", "bookkit", *arguments)
    assert process.communicate()[0] == f"error: {words}\n" and process.returncode == 2


@pytest.mark.parametrize(
    "variable, value",
    [
        ("GITHUB_REPOSITORY", "foo"),
        ("GITHUB_REPOSITORY", "owner/two words"),
        ("GITHUB_SERVER_URL", "github.com"),
        ("SITE_URL", "foo"),
        ("SITE_URL", "https://"),
        ("SITE_URL", "http://[::1"),
        ("SITE_URL", "https://example.org/a?b"),
        ("SITE_URL", 'https://example.org/"book"/'),
    ],
)
def test_what_is_no_address_is_named(variable, value):
    with pytest.raises(BookError, match=f"^{variable} is {re.escape(value)}, which is no"):
        Addresses.from_environment({variable: value})


def test_the_site_of_an_owner_is_at_the_root():
    assert Addresses.from_environment({"GITHUB_REPOSITORY": "Me/me.github.io"}).site == "https://me.github.io/"
    assert Addresses.from_environment({"GITHUB_REPOSITORY": "Me/book"}).site == "https://me.github.io/book/"
    assert Addresses.from_environment({"SITE_URL": "http://[::1]:80/x"}).site == "http://[::1]:80/x/"


def sources(book: SampleBook) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in (book.folder / "book").rglob("*") if path.is_file()}


@pytest.mark.parametrize("command", LIMITS)
def test_a_full_disk_loses_nothing(book, command):
    """A stand-in for it: no file may be larger than what the command has to write."""
    book.write("index", page(new_code_cell("print('x' * 60_000)", id="prints")), ("en",))
    before = sources(book)
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMITS[command]},) * 2); {RUN}"
    process = book.start("-c", limited, command, PYTHONDONTWRITEBYTECODE="1")
    output = failure(process)
    assert "File too large" in output.splitlines()[-1], output
    assert sources(book) == before
    assert not (book.folder / "_build/html").exists()


INTERRUPTED = {
    "refresh": "1/2 book/en/index.ipynb ... interrupted\n",
    "build": "interrupted\n",
    "check book/en/index.ipynb": "interrupted\n",
    "new half": "interrupted\n",
    "gradients": "interrupted\n",
}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("command", INTERRUPTED)
def test_an_interrupted_command_ends_its_children_and_leaves_nothing(tmp_path, command, number):
    book = SampleBook(tmp_path / "book", seconds=60)
    book.write("index", page(new_code_cell("import time; time.sleep(50)", id="sleeps")))
    if command.startswith("new"):
        begin_parts(book)
    before = sources(book)
    process = book.start("-m", "bookkit", *command.split())
    children = started_by(process)
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert output.endswith(INTERRUPTED[command]) and "Traceback" not in output, output
    assert process.returncode == 130
    psutil.wait_procs(children, timeout=5)
    assert [child for child in children if child.is_running()] == []
    assert sources(book) == before
    assert not (book.folder / "_build/html").exists()


def begin_parts(book: SampleBook) -> None:
    """Give the book what a new chapter needs: a part that it goes into, and a cell that it copies."""
    settings = new_code_cell("import time; time.sleep(50)", id="figure-settings")
    book.write("index", page(settings))
    book.write("first", page(new_code_cell("1", id="one")))
    parts = "parts:\n- caption: C\n  numbered: true\n  chapters:\n  - file: book/en/first\n"
    (book.folder / "_toc.yml").write_text(f"format: jb-book\nroot: book/en/index\n{parts}", encoding="utf-8")


# Where Ctrl-C may come while a file is written: what is called, and whether the file has its new text then.
MOMENTS = {"os.fdopen": False, "Path.chmod": False, "Path.replace": False, "after": True}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_file_is_the_old_one_or_the_new_one_whenever_its_writing_is_interrupted(tmp_path, monkeypatch, moment):
    path = tmp_path / "file"
    path.write_text("old")

    replace = Path.replace

    def interrupted(*arguments):
        if moment == "after":
            replace(*arguments)
        raise KeyboardInterrupt

    owner = project.os if moment == "os.fdopen" else project.Path
    monkeypatch.setattr(owner, "replace" if moment == "after" else moment.partition(".")[2], interrupted)
    with pytest.raises(KeyboardInterrupt):
        project.write_whole(b"new", path)
    monkeypatch.undo()
    assert path.read_text() == ("new" if MOMENTS[moment] else "old")
    assert list(tmp_path.iterdir()) == [path]


def test_a_command_waits_for_another_one_that_is_about_to_write(book):
    record = book.folder / "book/data/agreed.json"
    with (book.folder / "book/data/glossary.yml").open(), waiting(book.folder / "book/data"):
        process = book.start("-m", "bookkit", "agree")
        with pytest.raises(subprocess.TimeoutExpired):
            process.communicate(timeout=3)
        before = record.read_bytes()
        book.write("index", page(new_code_cell("y = 2", id="second")))
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert record.read_bytes() != before
    assert json.loads(record.read_text("utf-8"))["index.ipynb"] == {"second": ["y = 2", "y = 2"]}


@contextlib.contextmanager
def waiting(folder: Path):
    """Hold the lock that commands take before they write."""
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


def test_commands_at_once_tear_nothing_and_lose_no_edit(book):
    """`refresh` twice, `agree` and pytest on one page, which is saved by its author meanwhile."""
    path = book.folder / "book/en/index.ipynb"
    slow = new_code_cell("import time; time.sleep(1); print(time.localtime().tm_year)", id="slow")
    book.write("index", page(slow))
    refreshed = [book.start("-m", "bookkit", "refresh", "book/en/index.ipynb") for _ in range(2)]
    checked = book.check("book/en/index.ipynb")
    agreed = book.start("-m", "bookkit", "agree")
    output = [process.communicate()[0] for process in (*refreshed, checked, agreed)]
    assert read(path).cells[0].outputs[0].text == "2025\n", output
    assert all("Traceback" not in text and "not a valid notebook" not in text for text in output), output
    assert agreed.returncode == 0
    refreshing = book.start("-m", "bookkit", "refresh", "book/en/index.ipynb")
    started_by(refreshing)
    edited = path.read_bytes().replace(b"sleep(1)", b"sleep(2)")
    path.write_bytes(edited)
    words = "book/en/index.ipynb: was saved while its cells ran, and is left as it was saved; run it again"
    assert words in failure(refreshing) and path.read_bytes() == edited


def test_a_new_chapter_keeps_what_was_written_while_it_was_executed(book):
    begin_parts(book)
    code = """
from nbformat.v4 import new_notebook
from bookkit import contents
from bookkit.checks import new
def edit(*chapter):
    contents.TOC.write_text("# An edit.\\n" + contents.TOC.read_text().replace("# An edit.\\n", ""))
    return new_notebook()
new.executed = edit
new.main("half")
"""
    output, _ = book.start("-c", code).communicate()
    toc = (book.folder / "_toc.yml").read_text("utf-8")
    assert toc.startswith("# An edit.\n") and toc.endswith("  - file: book/en/half\n"), output


def test_what_a_killed_command_leaves_is_told(book):
    before = sources(book)
    book.write("index", page(new_code_cell("import time; time.sleep(50)", id="sleeps")), ("en",))
    process = book.start("-m", "bookkit", "refresh", "book/en/index.ipynb")
    children = started_by(process)
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []
    assert [path for path in sources(book) if path not in before] == []
    # Killed between two system calls, it leaves what it was about to rename.
    (book.folder / "book/en/tmpkilled.tmp").write_text("half")
    what = "book/en/tmpkilled.tmp: is no page, and nothing else may be there; remove it"
    assert failure(book.start("-m", "bookkit", "build")) == f"error: {what}\n"


def started_by(process: subprocess.Popen) -> list[psutil.Process]:
    """Wait until a command has started others, and return these."""
    end = time.monotonic() + 30
    while not (children := psutil.Process(process.pid).children(recursive=True)):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.1)
    time.sleep(1)
    return children + psutil.Process(process.pid).children(recursive=True)


def test_serve_serves_until_it_is_stopped(book):
    (book.folder / "_build/html").mkdir(parents=True)
    (book.folder / "_build/html/index.html").write_text("a page")
    process = book.start("-m", "bookkit", "serve", "0")
    address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
    assert urlopen(address).read() == b"a page"
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=10) == ("\n", None) and process.returncode == 0


def test_a_command_under_nohup_outlives_its_terminal(book):
    (book.folder / "_build/html").mkdir(parents=True)
    (book.folder / "_build/html/index.html").write_text("a page")
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        process = book.start("-m", "bookkit", "serve", "0")
    finally:
        signal.signal(signal.SIGHUP, before)
    address = re.search(r"http://127\.0\.0\.1:\d+/", process.stdout.readline())[0]
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=1)
    assert urlopen(address).read() == b"a page"
    process.terminate()
    assert process.communicate(timeout=10) == ("\n", None)
