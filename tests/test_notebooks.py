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
    if path.read_bytes() != written.encode():  # line ends included
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
            new_markdown_cell("# Title", id="title", metadata={"no-chapter": "a page for the rules of all pages"}),
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
    "a fact about gradients that nothing derives": (
        lambda notebook: (
            notebook.metadata.kernelspec.update(name="frameworks"),
            notebook.cells[1].metadata.update({"not-derived": {"calls": [0], "reason": "no"}}),
        ),
        "metadata not-derived is held against nothing where other frameworks run",
    ),
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
        "asks for the kernel 'julia-1.9', and the book runs on python3 or frameworks",
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
    "HTML": (
        lambda notebook: notebook.cells[1].outputs[0].data.update({"text/html": "<b>1</b>"}),
        "stores text/html",
    ),
    "something said of an output": (
        lambda notebook: notebook.cells[3].outputs[0].metadata.update({"isolated": True}),
        "says isolated of itself",
    ),
    "colours": (set_in(1, outputs=[new_output("stream", text="\x1b[31mred\x1b[0m\n")]), "an output holds '\\x1b'"),
    "a bell": (set_in(1, outputs=[new_output("stream", text="\a\n")]), "an output holds '\\x07'"),
    "carriage returns in the source": (set_in(1, source="x\r\ny"), "lines end with a carriage return"),
    "a pasted image": (set_in(0, attachments={"a.png": {"image/png": "iVBO"}}), "holds a pasted image (a.png)"),
    "metadata that nothing reads": (
        set_in(1, metadata={"differs-with-engines": "why"}),
        "nothing reads metadata differs-with-engines",
    ),
    "a fact without a reason": (set_in(1, metadata={"differs-with-engine": True}), "gives no reason"),
    "a reason of blanks": (set_in(1, metadata={"differs-with-engine": " "}), "gives no reason"),
    "a reason for nothing": (set_in(1, metadata={"ignore-reason": "why"}), "says why its output is not checked"),
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
    "a command of the shell": (set_in(1, source="!date"), "uses a magic of IPython or a command of the shell"),
    "a cell of the shell": (set_in(1, source="%%bash\ndate"), "uses a magic of IPython or a command of the shell"),
    "a magic that measures": (set_in(1, source="x = %timeit -o 1"), "uses a magic of IPython"),
    "a magic that runs": (set_in(1, source="%run other.py"), "uses a magic of IPython"),
    "a command by a function": (set_in(1, source="get_ipython().system('date')"), "uses a magic of IPython"),
    "help": (set_in(1, source="print?"), "uses a magic of IPython"),
    "a space without width": (set_in(0, source="# Ti\u200btle"), "cell title: holds the character '\\u200b'"),
    "a text turned around": (
        set_in(1, outputs=[new_output("stream", text="\u202e21\n")]),
        "cell result: holds the character '\\u202e', which nobody sees",
    ),
    "a space that is another one": (set_in(1, source="x = '1\u00a02'"), "holds the character '\\xa0'"),
    "a digit of full width": (set_in(1, source="x = '１'"), "holds １, a digit or letter of full width; write 1"),
    "an output that the site hides": (
        lambda notebook: notebook.cells[3].metadata.mystnb.update(remove_code_outputs=True),
        "metadata mystnb says more than the alternative text",
    ),
    "a word for what the site knows": (set_in(1, metadata={"mystnb": "hide"}), "metadata mystnb says more"),
    "a folder of this Python": (
        set_in(1, outputs=[new_output("stream", text='File "/usr/lib/python3.11/threading.py", line 7\n')]),
        "names a folder of one machine ('/usr/lib/python3.11/threading.py')",
    ),
    "NumPy's clock": (
        set_in(1, source="np.datetime64('now')"),
        "asks NumPy what day it is; write the date that is meant",
    ),
    "NumPy's day": (set_in(1, source="np.array(\"today\",\n'datetime64')"), "asks NumPy what day it is"),
    "the null device": (set_in(1, source="profiler.set_config(filename=os.devnull)"), "the system's null device"),
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
    "solutions changed over": (
        lambda notebook: notebook.cells.insert(5, new_markdown_cell(":::{exercise} Two\n:label: two\n:::", id="two")),
        "solution one: follows the exercise two; put it behind its own",
    ),
    "a solution without exercise": (lambda notebook: notebook.cells.pop(4), "belongs to no exercise"),
}


SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">%s</svg>'
FIGURES = {
    "a script": ("<script>1</script>", "the element script"),
    "a script in another name space": (
        '<script xmlns="http://purl.org/dc/elements/1.1/">1</script>',
        "the element script",
    ),
    "an event": ('<path onload="1"/>', "the attribute onload"),
    "HTML": ("<foreignObject/>", "the element foreignObject"),
    "a picture": ('<image xlink:href="https://example.org/a.png"/>', "the element image"),
    "a link": ('<a href="https://example.org"/>', "the element a"),
    "a foreign part": ('<use xlink:href="a.svg#b"/>', "a link to 'a.svg#b'"),
    "a script as link": ('<use href="javascript:1"/>', "a link to 'javascript:1'"),
    "a foreign clip": ('<g clip-path="url(https://example.org/a.svg#b)"/>', "clip-path='url(https"),
    "a fetched style": ('<g style="fill: url(//example.org/a)"/>', "style='fill: url(//example.org/a)'"),
    "an escaped style": ('<g style="fill: \\75rl(//example.org)"/>', "style='fill: "),
    "a style that moves": ('<g style="position: fixed"/>', "the style 'position: fixed'"),
    "an import": ("<style>@import url(//example.org)</style>", "the style sheet '@import"),
    "an import after all": ("<style>*{fill: red} @import 'a'</style>", 'the style sheet "*{fill: red} @import'),
    "animation": ('<set attributeName="href" to="javascript:1"/>', "the element set"),
    "no XML": ("<g>", "what no reader of XML takes"),
}
TEXTS = {
    "an entity": ('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;</svg>', "instructions or declarations of its own"),
    "an entity that grows": ('<!DOCTYPE svg [<!ENTITY a "b">]><svg>&a;&a;</svg>', "what no reader of XML takes"),
    "a style sheet": ('<?xml-stylesheet href="//example.org/a.css"?><svg/>', "instructions"),
}


@pytest.mark.parametrize("fault", [*FIGURES, *TEXTS])
def test_what_a_figure_may_not_hold_is_refused(fault):
    text, words = (SVG % FIGURES[fault][0], FIGURES[fault][1]) if fault in FIGURES else TEXTS[fault]
    notebook = copy.deepcopy(good_notebook())
    notebook.cells[3].outputs[0].data["image/svg+xml"] = text
    assert any(f"its figure holds {words}" in line for line in complaints(notebook)), complaints(notebook)


STEPS = {
    "a gap": (["step-1", "step-3"], "the steps 1, 3, which do not go on from 1"),
    "no first": (["step-2", "step-3"], "the steps 2, 3, which do not go on from 1"),
    "one alone": (["step-1", "step-1-label"], "the steps 1, which do not go on from 1"),
    "another spelling": (["step-1", "step_2"], "the id step_2, which is neither"),
    "no number": (["step-1", "step-2", "step-last"], "the id step-last, which is neither"),
}


def in_steps(ids):
    notebook = copy.deepcopy(good_notebook())
    notebook.cells[3].outputs[0].data["image/svg+xml"] = SVG % "".join(f'<g id="{name}"/>' for name in ids)
    return complaints(notebook)


@pytest.mark.parametrize("fault", STEPS)
def test_steps_that_the_site_could_not_show_are_refused(fault):
    ids, words = STEPS[fault]
    assert any(f"its figure has {words}" in line for line in in_steps(ids)), in_steps(ids)


def test_a_figure_in_steps_has_no_complaints():
    assert in_steps(["axes_1", "step-1", "step-2", "step-2-label", "step-3"]) == []


def test_a_good_notebook_has_no_complaints():
    assert complaints(good_notebook()) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_seen(fault):
    change, words = FAULTS[fault]
    notebook = copy.deepcopy(good_notebook())
    change(notebook)
    assert any(words in line for line in complaints(notebook)), complaints(notebook)
