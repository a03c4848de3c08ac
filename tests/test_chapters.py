"""What a chapter is, and what may be published: each rule is seen to fail."""

import copy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output, new_raw_cell

from bookkit.notebooks import chapters, published, template
from bookkit.notebooks.cells import code_cells
from bookkit.notebooks.normal import normalise
from bookkit.notebooks.rules import complaints
from bookkit.project import EDITIONS, ENGLISH, name

PAGES = [path for edition in EDITIONS for path in sorted(edition.folder.glob("*.md"))]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_a_markdown_page_holds_what_may_be_published(path, tell):
    tell(published.of_a_page(path))


def chapter(edition=ENGLISH):
    """Return the template of a chapter, as if it had been executed."""
    notebook = template.chapter("doubles", edition, new_code_cell("x = 1", id="figure-settings"))
    for number, cell in enumerate(code_cells(notebook), start=1):
        cell.execution_count = number
        if cell.id == "first-run":
            cell.outputs = [new_output("execute_result", {"text/plain": "[2. 4. 6.]"}, execution_count=number)]
        if cell.id == "drawing":
            cell.outputs = [new_output("display_data", {"image/svg+xml": "<svg/>"})]
    return normalise(notebook)


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_the_template_has_no_complaints(edition):
    assert complaints(chapter(edition)) == []


def replaced(cell_id, old, new):
    def change(notebook):
        [cell] = [cell for cell in notebook.cells if cell.id == cell_id]
        assert old in cell.source
        cell.source = cell.source.replace(old, new)

    return change


def without(*ids):
    def change(notebook):
        notebook.cells = [cell for cell in notebook.cells if cell.id not in ids]

    return change


def moved(cell_id, to):
    def change(notebook):
        [cell] = [cell for cell in notebook.cells if cell.id == cell_id]
        notebook.cells.remove(cell)
        notebook.cells.insert(to, cell)

    return change


def raw_solution(notebook):
    for number, cell in enumerate(notebook.cells):
        if cell.id == "ex-1-code":
            notebook.cells[number] = new_raw_cell("2 * x", id=cell.id)


def second_solution(notebook):
    [place] = [number for number, cell in enumerate(notebook.cells) if cell.id == "ex-1-end"]
    text = ":::{solution-start} doubles-ex-1\n:::\n\nOr otherwise.\n\n:::{solution-end}\n:::"
    notebook.cells.insert(place + 1, new_markdown_cell(text, id="otherwise"))


def adding(source):
    def change(notebook):
        notebook.cells.append(new_markdown_cell(source, id="one-more"))

    return change


NINE = "\n".join(f"- line {number}" for number in range(9))
FAULTS = {
    "no title": (replaced("title", "# Doubles", "Doubles"), "does not begin with the title"),
    "no promise": (replaced("title", "You will be able to", "Aims"), "does not say 'You will be able to'"),
    "nothing needed": (replaced("title", "**You need**", "Needs"), "does not say 'You need'"),
    "no running time": (replaced("title", "**Running time**", "Time"), "does not say 'Running time'"),
    "no practice": (replaced("practice", "## In practice", "## Elsewhere"), "has no section 'In practice'"),
    "no summary": (without("summary"), "has no section 'Summary'"),
    "a subsection for a section": (replaced("reading", "## ", "### "), "has no section 'Further reading'"),
    "another order": (moved("summary", 1), "has its last sections in another order (Summary, In practice"),
    "a section behind the last": (
        adding("## Afterwards\n\nOne."),
        "has other sections between or behind its last ones (Afterwards); move them before 'In practice'",
    ),
    "a section between the last": (
        replaced("next", "## What's next", "## Answers\n\nNone.\n\n## What's next"),
        "has other sections between or behind its last ones (Answers); move them before 'In practice'",
    ),
    "two summaries": (adding("## Summary\n\n- One."), "has the section 'Summary' 2 times; make them one"),
    "a long summary before another": (
        lambda notebook: adding("## Summary\n\n- One.")(notebook) or replaced("summary", "- One", NINE)(notebook),
        "its summary has 9 lines (at most 5)",
    ),
    "a long summary behind another": (
        adding(f"## Summary\n\n{NINE}"),
        "its summary has 9 lines (at most 5)",
    ),
    "a long summary": (
        replaced("summary", "- One", "- one\n- two\n- three\n- four\n- five\n- One"),
        "its summary has 6 lines (at most 5)",
    ),
    "four exercises": (without("ex-5", "ex-5-start", "ex-5-code", "ex-5-end"), "has 4 exercises (at least 5)"),
    "a question in light type": (
        replaced("first", "**Predict.** What", "Predict: what"),
        "cell first: asks 'Predict: what is the last entry of `x + ' in another form",
    ),
    "a question with a colon": (replaced("first", "**Predict.**", "**Predict:**"), "in another form"),
    "a question in the middle": (replaced("first", "**Predict.** What", "Now. **Predict** what"), "in another form"),
    "a question in Chinese, otherwise": (
        replaced("first", "**Predict.** What", "**先猜一猜：** what"),
        "in another form",
    ),
    "a question and more": (replaced("first", "`x + x`?", "`x + x`?\n\nIt is 6."), "the last paragraph of the cell"),
    "a question without an answer": (without("first-run"), "no code cell with an output follows"),
    "a question to a cell that shows nothing": (
        lambda notebook: next(cell for cell in notebook.cells if cell.id == "first-run").update(outputs=[]),
        "no code cell with an output follows",
    ),
    "too long": (replaced("first-read", "It is 6.", "word " * 9_990), "minutes to read (at most 45)"),
    "no drawing": (without("drawing"), "has no drawing"),
    "no reason": (
        lambda notebook: notebook.cells[0].metadata.update({"no-chapter": " "}),
        "metadata no-chapter gives no reason",
    ),
    "a reason elsewhere": (
        lambda notebook: notebook.cells[1].metadata.update({"no-chapter": "why"}),
        "only the first cell can",
    ),
    "no label": (replaced("ex-1", ":label: doubles-ex-1\n", ""), "cell ex-1: its exercise has no label"),
    "the label twice": (replaced("ex-1", "ex-1", "ex-2"), "exercise doubles-ex-2: its label stands twice"),
    "no solution": (without("ex-1-start", "ex-1-end"), "exercise doubles-ex-1: has no solution that runs"),
    "no code": (without("ex-1-code"), "exercise doubles-ex-1: has no solution that runs"),
    "a raw cell for code": (raw_solution, "exercise doubles-ex-1: has no solution that runs"),
    "code as text": (
        lambda notebook: raw_solution(notebook) or replaced("ex-1", "What", "```python\n2 * x\n```\n\nWhat")(notebook),
        "exercise doubles-ex-1: has no solution that runs",
    ),
    "the solution first": (
        moved("ex-1", 14),
        "solution doubles-ex-1: belongs to no exercise of this notebook before it",
    ),
    "a solution in one cell": (
        replaced("ex-1-start", "solution-start", "solution"),
        "cell ex-1-start: a solution in one cell holds no code that runs",
    ),
    "two solutions": (second_solution, "solution doubles-ex-1: stands twice; remove one"),
    "no end": (without("ex-1-end"), "solution doubles-ex-1: does not end before the next begins"),
    "no end at all": (without("ex-5-end"), "solution doubles-ex-5: does not end; add solution-end"),
    "an end too many": (
        adding(":::{solution-end}\n:::"),
        "cell one-more: ends a solution that has not begun",
    ),
}
NO_QUESTIONS = ["Predict mode is the default.", "`Predict` it.", "We predicted it.", "牛顿法从一个猜测出发。"]
SPELLINGS = {"backticks": "```", "more colons": "::::"}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_of_a_chapter_is_seen(fault):
    change, words = FAULTS[fault]
    notebook = copy.deepcopy(chapter())
    change(notebook)
    assert any(words in line for line in complaints(notebook)), complaints(notebook)


@pytest.mark.parametrize("text", NO_QUESTIONS)
def test_what_asks_nothing_is_no_question(text):
    assert list(chapters.predictions(new_notebook(cells=[new_markdown_cell(text, id="one")]))) == []


def test_what_an_exercise_asks_is_no_question():
    notebook = chapter()
    replaced("ex-1", "What is", "Predict: what is")(notebook)
    assert complaints(notebook) == []


@pytest.mark.parametrize("fence", SPELLINGS.values(), ids=SPELLINGS)
def test_an_exercise_is_found_in_any_spelling(fence):
    notebook = chapter()
    for cell in notebook.cells:
        if cell.id.startswith("ex-1") and cell.cell_type == "markdown":
            cell.source = cell.source.replace(":::", fence)
    assert complaints(notebook) == []
    replaced("ex-1", ":label: doubles-ex-1\n", "")(notebook)
    assert any("cell ex-1: its exercise has no label" in line for line in complaints(notebook))


def test_a_page_that_says_why_is_no_chapter():
    notebook = new_notebook(cells=[new_markdown_cell("# Title", id="title", metadata={"no-chapter": "a list"})])
    assert list(chapters.chapter(notebook)) == []
    del notebook.cells[0].metadata["no-chapter"]
    assert len(list(chapters.chapter(notebook))) == 10


REFUSED = {
    "a script": ("<script>alert(1)</script>", "holds HTML"),
    "a script in a line": ("One <script>alert(1)</script> two", "holds HTML"),
    "an event handler": ('One <b onclick="run()">word</b>.', "holds HTML"),
    "an event handler of an allowed element": ("One<br onclick='run()'>two", "holds HTML"),
    "a frame": ('<iframe src="https://example.org"></iframe>', "holds HTML"),
    "an image in HTML": ('<img src="https://example.org/a.png">', "holds HTML"),
    "a comment": ("<!-- to do -->", "holds HTML"),
    "HTML in an exercise": (":::{exercise} One\n:label: one\n\n<b>word</b>\n:::", "holds HTML"),
    "HTML in a list": ("- one\n\n  <div>two</div>", "holds HTML"),
    "a link that runs": ("[here](javascript:alert(1))", "holds what is no link"),
    "a link that runs, in HTML": ('<a href="javascript:alert(1)">here</a>', "holds HTML"),
    "a link without scheme": ("[here](//example.org/x)", "which leads nowhere"),
    "a link to a file": ("[here](/etc/passwd)", "which leads nowhere"),
    "an ftp link": ("[here](ftp://example.org)", "which leads nowhere"),
    "a foreign image": ("![a cat](https://example.org/cat.png)", "shows the image https://example.org/cat.png"),
    "an image by reference": ("![a cat][cat]\n\n[cat]: cat.png", "shows the image cat.png"),
    "a figure": (":::{figure} cat.png\n:::", "uses the directive figure"),
    "raw HTML by directive": ("```{raw} html\n<b>x</b>\n```", "uses the directive raw"),
    "reStructuredText": ("```{eval-rst}\n.. raw:: html\n```", "uses the directive eval-rst"),
    "another file": ("```{include} /etc/passwd\n```", "uses the directive include"),
    "a role": ("{download}`x`", "uses the role download"),
    "settings": ("---\nhtml_meta:\n  x: y\n---\n\n# Title", "begins with settings"),
    "an undefined footnote": ("One[^1] two.", "has the footnote [^1] defined nowhere"),
    "a conflict": ("one\n<<<<<<< HEAD\ntwo\n=======\nthree\n>>>>>>> theirs", "mark of a merge conflict (<<<<<<<)"),
    "a column without a name": ("| | b |\n|---|---|\n| 1 | 2 |", "has a table with a column that has no name"),
    "a last column without a name": ("| a | |\n|---|:-:|\n| 1 | 2 |", "has a table with a column that has no name"),
    "a fraction of one size": (r"$\tfrac{1}{2}$", "writes \\tfrac"),
    "a conflict of three": ("one\n||||||| base\ntwo", "mark of a merge conflict (|||||||)"),
}  # fmt: skip
ALLOWED = [
    "One<br>two, <kbd>Ctrl</kbd>, H<sub>2</sub>O",
    "One[^1] two.\n\n[^1]: A note.",
    "Title\n=======\n\n`<script>` and `![a](b)` and `[^1]` are code.",
    "```html\n<script>alert(1)</script>\n```",
    "[a](other.ipynb#x) [b](#label) [c](https://example.org) <https://example.org>",
    "| a | b |\n|---|---|\n| | 2 |",
    "$a <b> c$ and {math}`x`",
]


@pytest.mark.parametrize("fault", REFUSED)
def test_what_must_not_be_published_is_seen(fault, tmp_path):
    text, words = REFUSED[fault]
    notebook = new_notebook(cells=[new_markdown_cell(text, id="one")])
    assert any(line.startswith("cell one: ") and words in line for line in published.published(notebook)), text
    (tmp_path / "page.md").write_text(text, encoding="utf-8")
    assert any(": line " in line and words in line for line in published.of_a_page(tmp_path / "page.md"))


@pytest.mark.parametrize("text", ALLOWED)
def test_what_may_be_published_is_not_refused(text):
    assert list(published.wrong(text)) == []


def test_a_raw_cell_is_refused():
    notebook = new_notebook(cells=[new_raw_cell("<script/>", id="one")])
    assert list(published.published(notebook)) == [
        "cell one: is raw, and would be published as it is; make it code or Markdown"
    ]
