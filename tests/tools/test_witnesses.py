"""What a text says is checked like an output: a number or a formula without a witness, or with a wrong one, is told."""

import copy

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sample_book import SampleBook, failure, page

from bookkit.checks.prose import claims, report, witnesses

TEXT = f"""\
The slope of $x^2$ at 3 is 0.75, see [issue 314](https://example.org/issues/314), in MXNet {claims.version()}.

$$y = x^2, \\qquad y' = 2x .$$

It was 1994, and from 7 to 8 it falls by −1, twice: −1. Its slope is $2x$, its type float32, its $n$ is $x_1$.

| `x` | 9 |
|---|---|
| $1 + 1 = 2$ | 512 |"""
VALUES = {
    "3": "written('code')[1]",
    "1994": {"reason": "a year"},
    "7 8": "[7, start + 1]",
    "-1 -1": "7 - 8",
    "9": "9 if 'x = 3' in code('code') and page.x == 3 else 0",
}
FORMULAS = {"y = x^2, \\qquad y' = 2x": "same(diff(x**2, x), 2 * x)", "1 + 1 = 2": "1 + 1 == 2"}
CODE = 'start = 7\nx = 3  # of 41\nprint("[0.75 512]", "float32")'
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>0.5</text></svg>'
ALT = "A line from 0.5 up to minus 1."


def notebook() -> NotebookNode:
    """Return a page on which everything has a witness, of one kind or another."""
    shown = new_output("stream", text="[0.75 512] float32\n")
    figure = new_output("display_data", {"image/svg+xml": SVG, "text/plain": "<Figure size 480x300>"})
    drawn = {"mystnb": {"image": {"alt": ALT}}, "values": {"-1": "-1 * end"}}
    facts = copy.deepcopy({"values": VALUES, "formulas": FORMULAS})
    return page(
        new_markdown_cell("# Start", id="start"),
        new_markdown_cell(TEXT, id="title", metadata=facts),
        new_code_cell(CODE, id="code", outputs=[shown]),
        new_code_cell("end = 1.0", id="figure", outputs=[figure], metadata=drawn),
    )


def test_each_claim_rests_on_what_it_should():
    found = claims.read(notebook())
    assert found.lines == [] and list(claims.unwitnessed(found)) == []
    rests: dict[str, set] = {}
    for claim in found.claims:
        rests.setdefault(claim.rests_on, set()).add(claim.said)
    assert rests == {
        claims.COMPUTED: {"3", "7", "8", "-1", "9", "y = x^2, \\qquad y' = 2x .", "1 + 1 = 2"},
        claims.SHOWN: {"0.75", "512", "float32", "0.5", "x^2", "2x"},
        claims.REASON: {"1994"},
        claims.LINK: {"314"},
        claims.VERSION: {claims.version()},
    }


# What is changed in the text: old, new, and what is said about it.
SLIPS = {
    "a number that an output shows": ("0.75", "0.76", "its text says 0.76: no cell next to it shows it"),
    "a number that an expression gives": (" 3 ", " 4 ", "metadata values: '3': its text does not say 3"),
    "one of two that are equal": ("twice: −1", "twice: 1", "'-1 -1': its text does not say -1"),
    "a number in a table": ("| 512", "| 521", "its text says 521"),
    "a number that only a comment has": ("0.75", "41", "its text says 41"),
    "a number with a reason": ("1994", "1995", "its text says 1995"),
    "a number of a link": ("[issue 314]", "[issue 315]", "its text says 315"),
    "a version": (f"MXNet {claims.version()}", "MXNet 1.8.0", "its text says 1.8.0"),
    "a type": ("float32", "float64", "its text says float64"),
    "an exponent": ("y = x^2", "y = x^3", "formula says y = x^3"),
    "a coefficient": ("$2x$", "$3x$", "formula says 3x"),
    "a sign of a formula": ("1 + 1 = 2", "1 - 1 = 2", "its text has no formula '1 + 1 = 2'"),
    "a formula that stands elsewhere": ("$x^2$", "$x^4$", "formula says x^4"),
    "a number that is gone": (" at 3", "", "'3': its text does not say 3"),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_each_slip_is_seen(slip):
    old, new, words = SLIPS[slip]
    changed = notebook()
    assert changed.cells[1].source.count(old) == 1
    changed.cells[1].source = changed.cells[1].source.replace(old, new)
    lines = claims.complaints(changed)
    assert any(words in line and line.startswith("cell title: ") for line in lines), lines


def test_a_number_of_an_alternative_text_is_seen():
    slips = ("0.5", "0.6", "its alternative text says 0.6"), ("minus 1", "1", "values: '-1': its text does not say -1")
    for old, new, words in slips:
        changed = notebook()
        changed.cells[3].metadata.mystnb.image.alt = ALT.replace(old, new)
        assert any(line.startswith("cell figure: ") and words in line for line in claims.complaints(changed))


def test_a_number_is_not_found_where_its_like_is_shown_as_well():
    changed = notebook()
    changed.cells[2].outputs[0].text += "0.76\n"
    [line] = claims.complaints(changed)
    assert line.startswith("cell title: its text says 0.75: no cell next to it shows it, or one shows its like as well")


@pytest.fixture
def price(tmp_path, monkeypatch):
    """A Markdown page with a table that a command wrote, and the file of its witnesses."""
    (tmp_path / "witnesses.yml").write_text('price: {values: {"16": "constant(\'gradients.oracles.SMALL\')"}}')
    monkeypatch.setattr(report, "WITNESSES", tmp_path / "witnesses.yml")
    table = "% The table is written by `make x`.\n\n| 41 |\n|---|\n\n% End of the table.\n"
    (tmp_path / "price.md").write_text(f"# Price\n\nIt is 16.\n\n{table}\nThat is all.\n")
    return tmp_path / "price.md"


def test_a_page_without_code_has_its_witnesses_in_a_file(price):
    assert list(report.complaints(price, price)) == []
    price.write_text(price.read_text().replace("16", "17"))
    lines = [line.split("cell page: ")[1] for line in report.complaints(price, price)]
    assert lines[0].startswith("metadata values: '16': its text does not say 16")
    assert lines[1].startswith("its text says 17: no cell next to it shows it")
    assert len(lines) == 2  # the witness is still true of what it names


def test_a_witness_of_a_page_without_code_is_evaluated(price):
    report.WITNESSES.write_text('price: {values: {"16": "constant(\'gradients.oracles.SMALL\') + 1"}}')
    [line] = report.complaints(price, price)
    assert line.endswith("cell page: 16: constant('gradients.oracles.SMALL') + 1 gives 17; mend the text or it")


def test_a_witness_of_no_page_is_told(price):
    [line] = report.strays()
    assert line.endswith("witnesses.yml: line 1: price is no Markdown page with values or formulas; mend it")


# What is written into the metadata, and what is said about it.
MALFORMED = {
    "no mapping": ({"values": ["3"]}, "metadata values: '' has another form than"),
    "a reason of blanks": ({"values": {"3": {"reason": " "}}}, "metadata values: '3' has another form than"),
    "no expression": ({"values": {"3": "3 +"}}, "metadata values: '3 +' is no Python expression (invalid syntax"),
    "the same again": ({"values": {"3 4": "[3, 4]"}}, "metadata values: '3 4': [3, 4] says it again and shows nothing"),
    "always true": ({"formulas": {"1 + 1 = 2": "True"}}, "'1 + 1 = 2': True says it again and shows nothing"),
    "a number as value": ({"values": {"3": 3}}, "metadata values: '3' has another form than"),
    "a formula without a witness": ({"formulas": {"1 + 1 = 2": ""}}, "formulas: '1 + 1 = 2' has another form than"),
}


@pytest.mark.parametrize("fault", MALFORMED)
def test_malformed_metadata_is_told(fault):
    metadata, words = MALFORMED[fault]
    changed = notebook()
    changed.cells[1].metadata.update(metadata)
    assert any(words in line for line in claims.complaints(changed)), claims.complaints(changed)


def test_witnesses_of_one_edition_alone_are_told():
    english, chinese = notebook().cells[1], notebook().cells[1]
    assert list(witnesses.unlike(english, chinese)) == []
    chinese.metadata["formulas"] = {"y=x^2,\\; y'=2x": FORMULAS["y = x^2, \\qquad y' = 2x"], "1+1=2": "True"}
    chinese.metadata["values"] = {key: value for key, value in VALUES.items() if key != "9"}
    assert list(witnesses.unlike(english, chinese)) == [
        "metadata values: '9' is not alike in both editions; mend one",
        "metadata formulas: '1 + 1 = 2' is not alike in both editions; mend one",
    ]


# What evaluation finds: the witness that is changed, and what is said about it.
UNTRUE = {
    "a wrong value": ("values", "3", "4", "3: 4 gives 4; mend the text or it"),
    "a value too exact": ("values", "9", "9.01", "9: 9.01 gives 9.01"),
    "too few values": ("values", "7 8", "[7, 8, 9]", "7 8: [7, 8, 9] gives 7 8 9"),
    "truth for a number": ("values", "3", "True", "3: True gives True"),
    "an untrue formula": ("formulas", "1 + 1 = 2", "1 + 1 == 3", "1 + 1 = 2: 1 + 1 == 3 is 'False', and not True"),
    "a formula that is not said to be true": ("formulas", "1 + 1 = 2", "1 + 1", "1 + 1 is '2', and not True"),
    "a name that is not there": ("values", "3", "page.nothing", "page.nothing fails: AttributeError: "),
    "code that is not there": ("formulas", "1 + 1 = 2", "'x = 4' in code('code')", "is 'False', and not True"),
    "a cell that is not there": ("values", "3", "shown('nothing')[0]", "fails: KeyError: 'nothing'"),
}


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return SampleBook(tmp_path_factory.mktemp("prose"), seconds=120)


@pytest.mark.slow
def test_true_witnesses_pass_with_the_notebook(book):
    book.write("true", executed())
    output, _ = (process := book.check("book/en/true.ipynb", "book/zh/true.ipynb", "-v")).communicate()
    assert process.returncode == 0 and "book/en/true.ipynb::text PASSED" in output, output
    assert "book/zh/true.ipynb::text PASSED" in output


@pytest.mark.slow
def test_witnesses_that_are_not_true_are_told(book):
    for number, (key, said, expression, _) in enumerate(UNTRUE.values()):
        changed = executed()
        changed.cells[1].metadata[key][said] = expression
        book.write(f"untrue-{number}", changed, ("en",))
    output = failure(book.check(*(f"book/en/untrue-{number}.ipynb" for number in range(len(UNTRUE)))))
    for number, (*_, words) in enumerate(UNTRUE.values()):
        assert any(
            line.startswith(f"book/en/untrue-{number}.ipynb: cell title: ") and words in line
            for line in output.splitlines()
        ), f"{words}: {output}"
    assert f"{len(UNTRUE)} failed" in output


@pytest.mark.slow
def test_the_text_is_not_asked_without_the_cells_or_after_an_error(book):
    book.write("alone", executed(), ("en",))
    output = failure(book.check("book/en/alone.ipynb::text"))
    assert "book/en/alone.ipynb: text: the cells have not run; run the whole notebook" in output
    broken = executed()
    broken.cells[2].source = "1 / 0"
    book.write("broken", broken, ("en",))
    output = failure(book.check("book/en/broken.ipynb", "-rs"))
    assert "1 failed" in output and "ZeroDivisionError" in output
    assert "a cell has not done what it should: book/en/broken.ipynb: cell code" in output


def executed() -> NotebookNode:
    """Return the page without its figure, which needs matplotlib."""
    result = notebook()
    del result.cells[3]
    return result
