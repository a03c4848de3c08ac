"""What the commands do when something is wrong: one clear line, nothing lost."""

import json
import os
import socket
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sample_book import SampleBook, page

from bookkit.notebooks import refresh as refreshing
from bookkit.notebooks.files import read
from bookkit.project import ROOT

pytestmark = pytest.mark.slow


def run(*arguments):
    """Run a command of the book."""
    environment = {**os.environ, "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "bookkit", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=environment)


def test_serve_names_a_busy_port():
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        result = run("serve", str(port))
    assert result.returncode == 1
    assert result.stderr == f"error: port {port} is taken; choose another: make serve PORT={port + 1}\n"


@pytest.mark.parametrize("port", ["eight", "99999"])
def test_serve_refuses_what_is_no_port(port):
    result = run("serve", port)
    assert result.returncode == 1 and result.stderr.startswith(f"error: {port} is not a port number")


def refresh(path, cells=None, text=None):
    if text is None:
        text = nbformat.writes(new_notebook(cells=cells))
    path.write_text(text)
    return text, run("refresh", str(path))


def test_refresh_leaves_a_failing_notebook_as_it_was(tmp_path):
    path = tmp_path / "broken.ipynb"
    text, result = refresh(path, [new_code_cell("1 + 1", id="fine"), new_code_cell("1 / 0", id="division")])
    assert result.returncode == 1
    assert "broken.ipynb: cell division: ZeroDivisionError: division by zero" in result.stderr
    assert "Traceback" not in result.stderr
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_refresh_names_what_is_no_notebook(tmp_path):
    for text in ("{", '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}'):
        before, result = refresh(tmp_path / "broken.ipynb", text=text)
        assert result.returncode == 1
        assert "broken.ipynb: not a valid notebook" in result.stderr
        assert "Traceback" not in result.stderr
        assert (tmp_path / "broken.ipynb").read_text() == before


def test_refresh_stores_the_normal_form(tmp_path):
    path = tmp_path / "fine.ipynb"
    code = new_code_cell("print(1)\nprint(2)", id="prints", metadata={"collapsed": True})
    _, result = refresh(path, [code])
    assert result.returncode == 0, result.stderr
    cell = read(path).cells[0]
    assert cell.execution_count == 1 and cell.metadata == {}
    assert [output.text for output in cell.outputs] == ["1\n2\n"]


def test_refresh_overwrites_nothing_that_was_saved_meanwhile(tmp_path, monkeypatch, capsys):
    path = tmp_path / "edited.ipynb"
    text = nbformat.writes(new_notebook(cells=[new_code_cell("1", id="one")]))
    path.write_text(text)
    execute = refreshing.execute_cell

    def execute_and_edit(*arguments):
        execute(*arguments)
        path.write_text(f"{text}\n")

    monkeypatch.setattr(refreshing, "execute_cell", execute_and_edit)
    assert refreshing.main([str(path)]) == 1
    line = "was saved while its cells ran, and is left as it was saved; run it again\n"
    assert capsys.readouterr().err == f"{path}: {line}"
    assert path.read_text() == f"{text}\n"


def test_refresh_refuses_what_it_could_not_store(tmp_path):
    code = f"import subprocess\nsubprocess.run(['touch', '{tmp_path / 'executed'}'])"
    cells = [
        new_markdown_cell("![](attachment:a.png)", id="pasted", attachments={"a.png": {"image/png": "iVBO"}}),
        new_code_cell(code, id="same"),
        new_code_cell("1", id="other", metadata={"wrong-on-purpos": "why", "collapsed": True}),
    ]
    path = tmp_path / "losing.ipynb"
    notebook = new_notebook(cells=cells)
    notebook.cells[2].id = "same"
    text, result = refresh(path, text=json.dumps(notebook))
    assert result.returncode == 1 and result.stderr.splitlines() == [
        f"{path}: cell same: the id stands twice; rename one",
        f"{path}: cell pasted: holds a pasted image (a.png); draw it in a code cell, and remove it from this one",
        f"{path}: cell same: nothing reads metadata wrong-on-purpos; mend the name, or remove it",
    ]
    assert path.read_text() == text and list(tmp_path.iterdir()) == [path]


def test_refresh_keeps_links_and_modes(tmp_path):
    true, link = tmp_path / "true.ipynb", tmp_path / "link.ipynb"
    true.touch(mode=0o640)
    link.symlink_to(true)
    _, result = refresh(link, [new_code_cell("1", id="one")])
    assert result.returncode == 0, result.stderr
    assert link.is_symlink() and read(true).cells[0].execution_count == 1
    assert true.stat().st_mode & 0o777 == 0o640


# A matrix that needs no MXNet: a variant that changes an output and one that cannot be had.
MATRIX = """
import sys
from bookkit.checks import matrix
matrix.PROBE = "import os; print('zone:', os.environ.get('TZ')); print('locale: C')"
matrix.SETTINGS = [
    ("TZ=one", "zone: ", "one", ""),
    ("TZ=two", "zone: ", "two", ""),
    ("LC_ALL=xx", "locale: ", "xx", matrix.NO_LOCALE),
]
matrix.NAIVE = "TZ=two"
matrix.TIMES = 1
sys.exit(matrix.main())
"""


def test_matrix_names_what_differs_and_what_did_not_run(tmp_path):
    project = SampleBook(tmp_path)
    outputs = [new_output("stream", text="False\n")]
    announced = {"differs-with-engine": "it asks for the zone"}
    cells = [
        new_code_cell("import os; print(os.environ.get('TZ') == 'one')", id="zone", outputs=outputs),
        new_code_cell("print(os.environ['TZ'] == 'two')", id="engine", outputs=outputs, metadata=announced),
    ]
    project.write("index", page(*cells), ("en",))
    result = subprocess.run(
        [sys.executable, "-c", MATRIX],
        cwd=project.folder,
        env={**os.environ, "PYTEST_ADDOPTS": "-n0"},  # one notebook needs no second process
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1, result.stderr
    rows = {line[:48].strip(): line[48:] for line in result.stdout.splitlines()}
    assert rows["TZ=one"].startswith("DIFFERENT") and rows["TZ=one"].endswith("zone: one")
    assert "book/en/index.ipynb: cell zone: its outputs are not the stored ones" in result.stdout
    assert rows["TZ=two"].startswith("the same")
    assert rows["LC_ALL=xx"] == "not run: the locale is not installed (Debian: apt-get install locales-all)"
    assert rows["notebooks in another order"].startswith("the same")
    assert rows["once more, 1 of 1"].startswith("the same")


# What one run of the matrix says about a book, under an engine with which a cell comes out otherwise.
NAIVE = """
from bookkit.checks import matrix
matrix.NAIVE = "TZ=two"
print(matrix.run(matrix.NAIVE, ["book"]), end="")
"""
DIES = "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)\n"


@pytest.fixture
def announcing(tmp_path):
    """A book with a cell that says of itself that it comes out otherwise, and a text that is true."""
    project = SampleBook(tmp_path)
    announced = {"differs-with-engine": "it asks for the zone"}
    code = new_code_cell("import os; print(os.environ.get('TZ') == 'two')", id="engine", metadata=announced)
    code.outputs = [new_output("stream", text="False\n")]
    text = new_markdown_cell("# Page 7", id="title", metadata={"values": {"7": "7"}})
    project.write("index", page(text, code), ("en",))
    return project


def told(project):
    result = subprocess.run([sys.executable, "-c", NAIVE], cwd=project.folder, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_matrix_expects_what_announces_itself(announcing):
    assert told(announcing) == ""


def test_matrix_tells_of_a_text_that_is_not_true_under_another_engine(announcing):
    path = announcing.folder / "book/en/index.ipynb"
    true = path.read_text(encoding="utf-8")
    assert true.count('"7": "7"') == 1
    path.write_text(true.replace('"7": "7"', """"7": "7 - (page.os.environ['TZ'] == 'two')\""""), encoding="utf-8")
    assert "book/en/index.ipynb: cell title: " in told(announcing)


def test_matrix_tells_of_what_cannot_be_collected_under_another_engine(announcing):
    (announcing.folder / "book/test_faulty.py").write_text("1 / 0\n")
    assert "book/test_faulty.py:1: in <module>" in told(announcing)


def test_matrix_tells_of_a_run_that_was_killed(announcing):
    (announcing.folder / "book/conftest.py").write_text(DIES)
    assert told(announcing) == "pytest ended with -9\n"
