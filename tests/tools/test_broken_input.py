"""What an author can do wrong gets one clear line, in a small book with the same configuration and hooks."""

import os
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sample_book import SECONDS, SampleBook, failure, page

from bookkit.notebooks.files import read
from bookkit.project import BookError

pytestmark = pytest.mark.slow

# Pages with one faulty cell each, and what is said about it by `pytest` and by `make refresh`.
DIED = "cell faulty: its kernel died; see whether it ends the process or runs out of memory"
FLOOD = "cell faulty: writes more than 200,000 characters; print less"
RAISED = "cell faulty: ValueError: no; mend the cell, or tag it raises-exception"
EXECUTED = {
    "endless": ("while True: pass", f"cell faulty: not done after {SECONDS} s; make it shorter"),
    "fatal": ("import os; os._exit(1)", DIED),
    "flood": ("while True: print('x' * 1000)", FLOOD),
    "large": ("'x' * 10_000_000", FLOOD),
    "raises": ("def check():\n    raise ValueError('no')\ncheck()", RAISED),
    "unseeded": (
        "import random\nround(random.random())",
        "cell faulty: draws from random before it has a seed; call random.seed first",
    ),
    "leaves": (
        "with open('left.txt', 'w') as file: file.write('1')",
        "cell faulty: leaves left.txt behind; write in a temporary folder",
    ),
}
# Cells of one page in which only a comparison with the stored outputs shows that something is wrong.
COMPARED = {
    "differs": ("print(2)", [new_output("stream", text="1\n")], "stdout stored:\n1\nstdout now:\n2\n"),
    "silent": ("1", [], "stored: nothing\nnow: execute_result text/plain\ntext now:\n1\n"),
    "kind": (
        "display(1)",
        [new_output("execute_result", {"text/plain": "1"}, execution_count=3)],
        "stored: execute_result text/plain\nnow: display_data text/plain\ntext stored:\n1\ntext now:\n1\n",
    ),
    "said": (
        "display({'text/plain': '1'}, raw=True, metadata={'isolated': True})",
        [new_output("display_data", {"text/plain": "1"})],
        "stored: display_data text/plain\nnow: display_data text/plain ('isolated', True)\n",
    ),
    "order": (
        "print(1); display(1)",
        [new_output("display_data", {"text/plain": "1"}), new_output("stream", text="1\n")],
        "stored: display_data text/plain, stdout\nnow: stdout, display_data text/plain\n",
    ),
    "long": ("for i in range(20_000): print(i)", [new_output("stream", text="7\n" * 40)], "stdout stored:\n7\n"),
}


@pytest.fixture
def project(tmp_path):
    return SampleBook(tmp_path)


def test_nothing_is_wrong_in_the_small_book(project):
    output, _ = project.check("-q", "--deselect=tests/test_notebooks.py::test_each_fault_is_seen").communicate()
    assert "passed" in output and "failed" not in output and "error" not in output.lower(), output


UNUSABLE = {
    "torn": ('{\n "cells": [\n', "not a valid notebook: line 3 is not JSON (Expecting value); mend it"),
    "merge": (
        '{\n<<<<<<< HEAD\n "cells": [],\n=======\n',
        "not a valid notebook: line 2 is the mark of a merge conflict; resolve it",
    ),
    "old": (
        '{"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": []}',
        (
            "not a valid notebook: nbformat 3 where 4 is needed; "
            "convert it: .venv/bin/jupyter nbconvert --to notebook --inplace book/en/old.ipynb"
        ),
    ),
    "without-ids": (
        '{"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": []}',
        (
            "not a valid notebook: nbformat 4.4 where 4.5 is needed; "
            "convert it: .venv/bin/jupyter nbconvert --to notebook --inplace book/en/without-ids.ipynb"
        ),
    ),
    "other": (
        (
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"id": "a", "cell_type": "raw", '
            '"metadata": {}, "source": "", "outputs": []}]}'
        ),
        "cell a: not a valid notebook: Additional properties are not allowed ('outputs' was unexpected); mend it",
    ),
    "swollen": (
        nbformat.writes(page(new_code_cell("1", id="flood", outputs=[new_output("stream", text="x" * 200_000)]))),
        (
            "cell flood: stores 200,057 characters (at most 200,000); "
            "print less, then run `make refresh NB=book/en/swollen.ipynb`"
        ),
    ),
}


@pytest.mark.parametrize("command", ["-m pytest", "-m bookkit build", "-m bookkit refresh"])
def test_a_notebook_with_which_nothing_can_be_done_is_named_once(project, command):
    for stem, (text, _) in UNUSABLE.items():
        project.write(stem, text, ["en"])
    project.write_toc(*UNUSABLE)
    output = failure(project.start(*command.split()))
    for stem, (_, words) in UNUSABLE.items():
        # What is stored is no matter where it is stored anew.
        due = 0 if stem == "swollen" and "refresh" in command else 1
        assert output.count(f"book/en/{stem}.ipynb: {words}\n") == due, output
        assert output.count(f"book/en/{stem}.ipynb:") == due, output


GOOD = nbformat.writes(page(new_markdown_cell("# Page", id="title"))).encode()
# What may lie in the place of a notebook: its bytes or how it is made, and what is said about it.
FILES = {
    "a mark at its beginning": (b"\xef\xbb\xbf" + GOOD, "line 1 is not JSON (Unexpected UTF-8 BOM"),
    "other bytes": (GOOD.decode().encode("utf-16"), "is no text in UTF-8 (invalid start byte at byte 0); store it"),
    "zeros": (b"\0" * 9, "line 1 is not JSON"),
    "nothing": (b"", "line 1 is not JSON"),
    "a key that stands twice": (GOOD.replace(b"{", b'{"cells": [],', 1), "the key cells stands twice in one place"),
    "half a character": (GOOD.replace(b"Page", b"\\ud800"), "holds '\\ud800', half a character; remove it"),
    "cells that are no list": (
        b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": {}}',
        "{} is not of type 'array'; mend it",
    ),
    "a word for a number": (GOOD.replace(b'minor": 5', b'minor": "5"'), "nbformat 4.'5' where 4.5 is needed"),
    "brackets": (b"[" * 100_000, "maximum recursion depth exceeded while decoding a JSON array"),
    "a pipe": (os.mkfifo, "is no file; put the notebook there, or remove it"),
    "a folder": (Path.mkdir, "Is a directory"),
    "a link to nothing": (lambda path: path.symlink_to("/nowhere"), "No such file or directory"),
    "a link to itself": (lambda path: path.symlink_to(path), "Too many levels of symbolic links"),
}


@pytest.mark.parametrize("fault", FILES)
def test_what_is_no_notebook_gets_one_line(tmp_path, fault):
    made, words = FILES[fault]
    path = tmp_path / "page.ipynb"
    path.write_bytes(made) if isinstance(made, bytes) else made(path)
    with pytest.raises(BookError) as told:
        read(path)
    assert str(told.value).startswith(f"{path}: ") and words in str(told.value), told.value
    assert str(told.value).count("\n") == 0


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """What `pytest` and `make refresh` say about a book in which many cells are wrong."""
    project = SampleBook(tmp_path_factory.mktemp("executed"))
    for stem, (code, _) in EXECUTED.items():
        project.write(stem, page(new_code_cell(code, id="faulty"), new_code_cell("pass", id="next")), ["en"])
    cells = [new_code_cell(code, id=cell, outputs=outputs) for cell, (code, outputs, _) in COMPARED.items()]
    project.write("compared", page(*cells), ["en"])
    paths = [f"book/en/{stem}.ipynb" for stem in EXECUTED]
    checked = project.check("-n2", "-rs", *paths, "book/en/compared.ipynb")
    refreshed = project.start("-m", "bookkit", "refresh", *paths)
    return [failure(process) for process in (checked, refreshed)]


@pytest.mark.parametrize("stem", EXECUTED)
def test_a_faulty_cell_is_named(executed, stem):
    for output in executed:
        assert output.count(f"book/en/{stem}.ipynb: {EXECUTED[stem][1]}\n") == 1, output


def test_the_lines_of_a_cell_that_raises_are_shown(executed):
    assert f"{RAISED}\nCell In[1], line 3\n" in executed[0]
    assert "----> 2     raise ValueError('no')\n" in executed[0]


@pytest.mark.parametrize("stem", ["endless", "fatal", "flood", "large"])
def test_what_follows_a_stopped_cell_does_not_run(executed, stem):
    assert f"follows book/en/{stem}.ipynb: cell faulty, which stopped the notebook" in executed[0]


def test_cells_that_miss_what_a_cell_before_them_defines_are_not_told(project):
    cells = {
        "imports": "import random\nimport nothing\nnames = 1\nrandom.seed(1)",
        "misses": "names",
        "unseeded": "round(random.random())",
        "announced": "1 / names",
        "other": "1 / 0",
    }
    notebook = page(*(new_code_cell(code, id=cell) for cell, code in cells.items()))
    error = {"ename": "ZeroDivisionError", "evalue": "division by zero"}
    notebook.cells[3].update(metadata={"tags": ["raises-exception"]}, outputs=[new_output("error", **error)])
    project.write("index", notebook, ["en"])
    output = failure(project.check("book/en/index.ipynb", "-rs"))
    assert "cell imports: ModuleNotFoundError: No module named 'nothing'; mend the cell" in output
    assert "cell other: ZeroDivisionError: division by zero; mend the cell" in output
    assert output.count("book/en/index.ipynb: cell imports, which raised an error") == 1
    assert "2 failed, 3 skipped" in output


@pytest.mark.parametrize("cell", COMPARED)
def test_a_difference_is_shown(executed, cell):
    line = (
        "its outputs are not the stored ones; if the new ones are right, run `make refresh NB=book/en/compared.ipynb`"
    )
    assert f"book/en/compared.ipynb: cell {cell}: {line}\n{COMPARED[cell][2]}" in executed[0]


def test_what_is_wrong_in_a_stored_notebook_is_named(project):
    figure = [new_output("display_data", {"image/svg+xml": "<svg/>"})]
    notebook = page(new_code_cell("draw()", id="drawing", outputs=figure), new_code_cell("1", id="rest"))
    notebook.metadata.kernelspec.name = "julia-1.9"
    notebook.cells[1].source = "1\n>>>>>>> theirs"
    project.write("wrong", notebook, ["en"])
    project.write_toc("wrnog")
    project.write("draft", page(new_markdown_cell("# Draft", id="title")), ["zh"])
    output = failure(project.check("tests", "-k", "rules or toc"))
    for line in [
        (
            "book/en/wrong.ipynb: asks for the kernel 'julia-1.9', and the book runs on python3 or frameworks; "
            "run `make refresh`"
        ),
        "book/en/wrong.ipynb: cell rest: holds the mark of a merge conflict (>>>>>>>); resolve it",
        (
            "book/en/wrong.ipynb: cell drawing: its figure has no alternative text; "
            "say what is seen in metadata mystnb.image.alt"
        ),
        "_toc.yml: names wrnog, and book/en/ has no such page; mend the name, or write the page",
        "_toc.yml: names wrnog, and book/zh/ has no such page; mend the name, or write the page",
        "book/en/wrong.ipynb: no line of _toc.yml names it; add `- file: book/en/wrong` there",
        "book/zh/draft.ipynb: no line of _toc.yml names it; add `- file: book/en/draft` there",
    ]:
        assert output.count(f"{line}\n") == 1, output
    built = failure(project.start("-m", "bookkit", "build"))
    assert built.removeprefix("error: ").splitlines() == [
        line for line in output.splitlines() if "_toc.yml" in line and "::" not in line
    ]


TOCS = {
    "a conflict": (
        "<<<<<<< HEAD\nroot: index\n",
        "line 2 is not YAML (mapping values are not allowed in this context); mend it",
    ),
    "no root": ("format: jb-book\n", "'root' key not found @ '/'; mend it"),
    "a page twice": (
        "format: jb-book\nroot: index\nchapters:\n  - file: index\n",
        "document file used multiple times: 'index'; mend it",
    ),
    "no toc": (None, "No such file or directory; mend it"),
}


@pytest.mark.parametrize("fault", TOCS)
def test_a_faulty_toc_is_named(project, fault):
    text, words = TOCS[fault]
    toc = project.folder / "_toc.yml"
    toc.write_text(text) if text else toc.unlink()
    assert failure(project.start("-m", "bookkit", "build")) == f"error: _toc.yml: {words}\n"


def test_a_page_that_the_site_has_itself_is_refused(project):
    """Or the search page would stand in its place."""
    project.write("search", page(new_markdown_cell("# Search", id="title")))
    project.write_toc("search")
    words = "_toc.yml: names search, and the site has a page of its own of this name; give it another one"
    assert failure(project.start("-m", "bookkit", "build")) == f"error: {words}\n"


PROBES = "def test_one(site): pass\ndef test_two(site): pass\n"


def test_a_site_that_cannot_be_built_is_told_once(project):
    project.write_toc("missing")
    (project.folder / "tests/test_probe.py").write_text(PROBES)
    output = failure(project.check("tests/test_probe.py", "-rs"))
    assert output.count("_toc.yml: names missing, and book/en/ has no such page") == 1
    assert "1 skipped, 1 error" in output and "not possible, for a reason told above" in output


def test_refresh_mends_the_name_of_the_kernel(project):
    notebook = page(new_code_cell("x = 1", id="only"))
    notebook.metadata.kernelspec.name = "julia-1.9"
    project.write("index", notebook)
    output, _ = project.start("-m", "bookkit", "refresh", "book/en/index.ipynb").communicate()
    assert read(project.folder / "book/en/index.ipynb").metadata.kernelspec.name == "python3", output


def test_a_kernel_that_does_not_start_is_told(project):
    (project.folder / "book/en/ipykernel_launcher.py").write_text("raise SystemExit(1)\n")  # found before the true one
    for output in (
        project.check("book/en/index.ipynb"),
        project.start("-m", "bookkit", "refresh", "book/en/index.ipynb"),
    ):
        output = failure(output)
        assert "no kernel starts; see what `" in output and "Cell In" not in output


def test_a_cell_without_its_predecessors_is_refused(project):
    for selection in (["book/en/index.ipynb::Cell 1"], ["book/en/index.ipynb", "-k", "second"]):
        output = failure(project.check(*selection))
        line = "book/en/index.ipynb: cell second: the cells before it have not run; "
        assert f"{line}run the whole notebook: pytest book/en/index.ipynb\n" in output


# What is not in the notebook: stored in one world, it is another thing in the next one.
FOREIGN = {
    "year": "import time; time.localtime().tm_year",
    "words": "time.ctime()[:3]",
    "zone": "time.strftime('%z')",
    "host": "import socket; socket.gethostname()",
    "system": "import platform; platform.node()",
    "user": "import getpass; getpass.getuser()",
    "home": "import os; os.path.expanduser('~')",
    "folder": "os.getcwd()",
    "process": "os.getpid()",
    "address": "id(object())",
    "hash": "hash('autograd')",
    "order": "list({'wx', 'yz', 'b', 'h'})",
    "temporary": "import tempfile; tempfile.gettempdir()",
    "width": "import shutil; shutil.get_terminal_size().columns",
    "python": "import sys; sys.version",
    "micro": "sys.version_info[:3]",
    "release": "platform.release()",
    "processors": "os.cpu_count()",
    "variables": "len(os.environ)",
    "elapsed": "begin = time.perf_counter()\n_x = [*range(1000)]\nround(time.perf_counter() - begin)",
    "seconds": "begin = time.time()\n_x = [*range(1000)]\nint(time.time() - begin)",
    "days": "from datetime import datetime\nbegin = datetime.now()\n(datetime.now() - begin).seconds > 0",
    "timed": "import timeit\nround(timeit.timeit('1', number=10))",
}


def test_what_is_not_in_the_notebook_cannot_be_in_its_outputs(project):
    cells = [new_code_cell(code, id=cell) for cell, code in FOREIGN.items()]
    project.write("foreign", page(*cells), ["en"])
    output, _ = project.start("-m", "bookkit", "refresh", "book/en/foreign.ipynb").communicate()
    assert "failed" not in output and all(cell.outputs for cell in read(project.folder / "book/en/foreign.ipynb").cells)
    output = failure(project.check("book/en/foreign.ipynb"))
    for cell in FOREIGN:
        assert f"book/en/foreign.ipynb: cell {cell}: its outputs are not the stored ones" in output, cell


def test_what_the_caller_has_set_reaches_no_cell(project):
    startup = project.folder / "ipython/profile_default/startup/settings.py"
    startup.parent.mkdir(parents=True)
    startup.write_text("print('hello')\n1 / 0\n")
    (startup.parent.parent / "ipython_config.py").write_text("c.InteractiveShell.ast_node_interactivity = 'all'\n")
    (project.folder / "matplotlibrc").write_text("figure.figsize: 1, 1\n")
    (project.folder / "modules").mkdir()
    (project.folder / "modules/foreign.py").touch()
    names = "{'MXNET_HOME', 'OMP_NUM_THREADS', 'PYTHONPATH', 'LANG'}"
    code = "from importlib.util import find_spec\nimport os, sys\n"
    code += f"sorted({names} & {{*os.environ}}), sys.warnoptions, find_spec('foreign')"
    outputs = [new_output("execute_result", {"text/plain": "([], [], None)"}, execution_count=1)]
    project.write("index", page(new_code_cell(code, id="environment", outputs=outputs)), ["en"])
    output, _ = project.check(
        "book/en/index.ipynb",
        IPYTHONDIR=str(project.folder / "ipython"),
        MPLCONFIGDIR=str(project.folder),
        PYTHONPATH=str(project.folder / "modules"),
        PYTHONWARNINGS="default",
        HOME="/nonexistent",
        JUPYTER_RUNTIME_DIR="/nonexistent",
        OMP_NUM_THREADS="1",
        MXNET_HOME="/nonexistent",
        LANG="xx",
        TZ="one",
    ).communicate()
    assert "1 passed" in output, output


def test_cells_are_given_what_is_asked_for(project):
    outputs = [new_output("execute_result", {"text/plain": "'a=b'"}, execution_count=1)]
    project.write("index", page(new_code_cell("import os; os.environ['GIVEN']", id="given", outputs=outputs)), ["en"])
    output, _ = project.check("book/en/index.ipynb", "--cell-environment=GIVEN=a=b").communicate()
    assert "1 passed" in output, output
    output = failure(project.check("book/en/index.ipynb", "--cell-environment=GIVEN"))
    assert "ERROR: --cell-environment=GIVEN sets nothing: write NAME=VALUE\n" in output


def test_another_version_than_that_of_the_lock_is_told_in_one_line(project):
    lock = (project.folder / "requirements.txt").read_text()
    assert "\nnumpy==1.23.5" in lock
    (project.folder / "requirements.txt").write_text(lock.replace("\nnumpy==1.23.5", "\nnumpy==1.22.0"))
    what = "installed is not what requirements.txt says: numpy 1.23.5 instead of 1.22.0"
    line = f"{what}; remove .venv and run `make setup`\n"
    assert f"ERROR: {line}" in failure(project.check("book/en/index.ipynb"))
    assert failure(project.start("-m", "bookkit", "refresh")) == f"error: {line}"


def test_a_script_in_an_output_is_refused_however_it_came_there(project):
    code = "from IPython.display import HTML\nHTML('<script>1</script>')"
    project.write("index", page(new_code_cell(code, id="script")))
    output, _ = project.start("-m", "bookkit", "refresh").communicate()
    assert "failed" not in output
    output = failure(project.check("tests", "-k", "rules"))
    for edition in ("en", "zh"):
        assert f"book/{edition}/index.ipynb: cell script: stores text/html, which no page may hold" in output


def test_line_ends_of_another_system_are_refused(project):
    path = project.folder / "book/zh/index.ipynb"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    output = failure(project.check("tests", "-k", "stored"))
    assert "book/zh/index.ipynb: is not stored in normal form; run `make refresh NB=book/zh/index.ipynb`" in output
    assert "book/en/index.ipynb: is not stored" not in output


def test_a_book_below_a_folder_named_build_is_executed(tmp_path):
    project = SampleBook(tmp_path / "_build")
    output, _ = project.check("book/en/index.ipynb").communicate()
    assert "2 passed" in output, output
    output, _ = project.start("-m", "bookkit", "refresh").communicate()
    assert "2/2" in output and "failed" not in output
    for edition in ("en", "zh"):
        (project.folder / "book" / edition / "index.ipynb").unlink()
    assert (
        failure(project.start("-m", "bookkit", "refresh")) == "error: no notebook is in book/en and book/zh; name one\n"
    )


def test_options_that_nbval_must_not_run_with_are_refused(project):
    output = failure(project.check("-oaddopts=", "--nbval-lax", "--nbval-sanitize-with=patterns", "-n2", "--dist=load"))
    for words in (
        "the outputs of the notebooks would not be compared",
        "without --nbval-current-env a notebook would choose its kernel itself",
        "a cell that never ends would run for 2000 s",
        "a sanitise file hides differences",
        "--dist=load would spread the cells of a notebook over several kernels",
    ):
        assert f"ERROR: {words}: " in output


# A stand-in for pytest-randomly.
RANDOMLY = "def pytest_collection_modifyitems(items):\n    items.reverse()\n"


def test_pytest_randomly_does_not_shuffle_cells(project):
    information = project.folder / "plugins/pytest_randomly-1.dist-info"
    information.mkdir(parents=True)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: pytest-randomly\nVersion: 1\n")
    (information / "entry_points.txt").write_text("[pytest11]\nrandomly = pytest_randomly\n")
    (project.folder / "plugins/pytest_randomly.py").write_text(RANDOMLY)
    output, _ = project.check("book/en/index.ipynb", PYTHONPATH="plugins").communicate()
    assert "2 passed" in output, output
    shuffled = failure(project.check("book/en/index.ipynb", "-prandomly", PYTHONPATH="plugins"))
    assert "book/en/index.ipynb: cell second: the cells before it have not run" in shuffled
