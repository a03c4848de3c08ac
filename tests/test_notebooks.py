"""The form of the notebooks: what nbval, which compares their outputs, lets pass."""

import copy

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bookkit import contents
from bookkit.notebooks.files import find_notebooks, read
from bookkit.notebooks.normal import normalise
from bookkit.notebooks.rules import complaints
from bookkit.project import EDITIONS, name

PATHS = find_notebooks()


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_notebook_follows_the_rules(path, tell):
    tell([f"{name(path)}: {line}" for line in complaints(read(path))])


@pytest.mark.parametrize("path", PATHS, ids=name)
def test_notebook_is_stored_as_refresh_writes_it(path, tell):
    written = nbformat.writes(read(path)) + "\n"
    if path.read_text(encoding="utf-8") != written:
        tell([f"{name(path)}: is not stored in normal form; run `make refresh NB={name(path)}`"])


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_figures_are_set_up_alike(edition, tell):
    settings = {}
    for path in edition.folder.glob("*.ipynb"):
        for cell in read(path).cells:
            if cell.id == "figure-settings":
                settings.setdefault(cell.source, []).append(name(path))
    assert settings
    if len(settings) > 1:
        tell([f"cell figure-settings: not the same in {paths}" for paths in settings.values()])


def test_toc_names_every_page_once(tell):
    tell(contents.strays())


def good_notebook():
    notebook = new_notebook(
        cells=[
            new_markdown_cell("# Title", id="title"),
            new_code_cell(
                "x",
                id="result",
                execution_count=1,
                outputs=[new_output("execute_result", {"text/plain": "1"}, execution_count=1)],
            ),
            new_code_cell(
                "1 / 0",
                id="failure",
                execution_count=2,
                metadata={"tags": ["raises-exception"]},
                outputs=[
                    new_output("error", ename="E", evalue="no", traceback=["E: no"]),
                ],
            ),
            new_code_cell(
                "draw()",
                id="figure",
                execution_count=3,
                metadata={"mystnb": {"image": {"alt": "A parabola and its tangent."}}},
                outputs=[new_output("display_data", {"image/svg+xml": "<svg/>"})],
            ),
            new_markdown_cell(":::{exercise} One\n:label: one\n:::", id="ask"),
            new_markdown_cell(":::{solution-start} one\n:::", id="answer"),
            new_code_cell("print()", id="answer-code", execution_count=4),
            new_markdown_cell(":::{solution-end}\n:::", id="answer-end"),
        ]
    )
    return normalise(notebook)


def set_in(index, **values):
    def change(notebook):
        notebook.cells[index].update(nbformat.from_dict(values))

    return change


def stream(kind):
    return new_output("stream", name=kind, text="1\n")


def drop_metadata(index):
    return set_in(index, metadata={})


FAULTS = {
    "not executed": (set_in(1, execution_count=None, outputs=[]), "execution count is None"),
    "a gap in the counts": (set_in(3, execution_count=7), "execution count is 7"),
    "a result with another count": (
        lambda notebook: notebook.cells[1].outputs[0].update(execution_count=9),
        "bears another count",
    ),
    "an empty cell": (set_in(0, source=" \n"), "is empty"),
    "an empty output": (
        lambda notebook: notebook.cells[6].outputs.append(new_output("execute_result", {}, execution_count=4)),
        "says nothing",
    ),
    "an unknown kernel": (
        lambda notebook: notebook.metadata.kernelspec.update(name="julia-1.9"),
        "asks for the kernel 'julia-1.9', and the book runs on python3",
    ),
    "metadata of a machine": (set_in(0, metadata={"collapsed": True}), "not in normal form"),
    "a notebook's metadata": (
        lambda notebook: notebook.metadata.language_info.update(version="3.11.7"),
        "metadata is not in normal form",
    ),
    "a whole traceback": (
        lambda notebook: notebook.cells[2].outputs[0].update(traceback=["line", "E: no"]),
        "not in normal form",
    ),
    "an id that says nothing": (set_in(0, id="A1_"), "no lower-case slug"),
    "an id that stands twice": (set_in(0, id="result"), "stands twice"),
    "an error that is not stored": (set_in(2, outputs=[stream("stdout")]), "stores no error"),
    "an error without its tag": (drop_metadata(2), "without the tag raises-exception"),
    "both streams": (set_in(1, outputs=[stream("stdout"), stream("stderr")]), "stdout and stderr"),
    "a result before its output": (
        lambda notebook: notebook.cells[1].outputs.append(stream("stdout")),
        "not its last output",
    ),
    "a displayed text": (
        set_in(1, outputs=[new_output("display_data", {"text/plain": "1"})]),
        "no SVG figure",
    ),
    "a figure as result": (
        lambda notebook: notebook.cells[3].outputs[0].update(output_type="execute_result"),
        "its result is a figure",
    ),
    "a JPEG": (
        lambda notebook: notebook.cells[3].outputs[0].data.update({"image/jpeg": "/9j/"}),
        "stores image/jpeg",
    ),
    "a PNG": (
        lambda notebook: notebook.cells[3].outputs[0].data.update({"image/png": "iVBO"}),
        "stores image/png",
    ),
    "a figure without alternative text": (drop_metadata(3), "no alternative text"),
    "alternative text without figure": (set_in(3, outputs=[]), "and no figure"),
    "a stray tag": (set_in(1, metadata={"tags": ["nbval-skip"]}), "tag nbval-skip"),
    "two tags for one error": (
        set_in(2, metadata={"tags": ["raises-exception", "nbval-raises-exception"]}),
        "tag nbval-raises-exception",
    ),
    "an output that nobody checks": (
        set_in(1, metadata={"tags": ["nbval-ignore-output"]}),
        "nobody says why",
    ),
    "a comment for nbval": (set_in(1, source="x  # NBVAL_IGNORE_OUTPUT"), "look away"),
    "a path in the source": (set_in(1, source="open('/home/me/x')"), "of one machine"),
    "an address in an output": (
        lambda notebook: notebook.cells[1].outputs[0].data.update({"text/plain": "<f at 0x7f00aa>"}),
        "of one machine",
    ),
    "a warning from a temporary file": (
        set_in(1, outputs=[new_output("stream", name="stderr", text="/tmp/ipykernel_7/1.py:1: UserWarning: no\n")]),
        "of one machine",
    ),
    "an earlier output": (set_in(1, source="Out[1] + 1"), "reads Out"),
    "an earlier input": (set_in(1, source="print(In)"), "reads In"),
    "the last output": (set_in(1, source="y = _ + 1"), "reads _,"),
    "an output by number": (set_in(1, source="_1"), "reads _1"),
    "a line of MXNet's log": (
        set_in(1, outputs=[new_output("stream", name="stderr", text="1\n[12:34:56] ../src/storage.cc:8: Using\n")]),
        "a line of MXNet's log ('[12:34:56] ../src/storage.cc:8: Using')",
    ),
    "a progress bar": (set_in(1, outputs=[new_output("stream", text="1 %\r2 %\n")]), "overwrites what it wrote"),
    "a conflict in the source": (set_in(0, source="# Title\n<<<<<<< HEAD\none\n"), "merge conflict (<<<<<<<)"),
    "a conflict in an output": (
        lambda notebook: notebook.cells[1].outputs[0].data.update({"text/plain": "1\n>>>>>>> theirs"}),
        "merge conflict (>>>>>>>)",
    ),
    "long code": (set_in(1, source="x\n" * 31), "more than a screen"),
    "wide code": (set_in(1, source="x" * 80), "a line of 80"),
    "a trailing semicolon": (set_in(1, source="plot();"), "ends with ';'"),
    "long text": (set_in(0, source="word\n\n" * 40), "more than a screen"),
    "long output": (
        lambda notebook: notebook.cells[1].outputs[0].data.update({"text/plain": "1\n" * 41}),
        "an output of 41 lines",
    ),
    "a solution without code": (lambda notebook: notebook.cells.pop(6), "no solution that runs"),
    "a solution without exercise": (lambda notebook: notebook.cells.pop(4), "belongs to no exercise"),
}


def test_a_good_notebook_has_no_complaints():
    assert complaints(good_notebook()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen(fault):
    change, words = FAULTS[fault]
    notebook = copy.deepcopy(good_notebook())
    change(notebook)
    assert any(words in line for line in complaints(notebook)), complaints(notebook)
