"""The Chinese edition says what the English one says: cell by cell, up to the words."""

import copy

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from bookkit.checks import agreement
from bookkit.checks.editions import compare, compare_texts, read
from bookkit.project import CHINESE, ENGLISH, BookError, name

PAGES = [path.name for path in agreement.pages()]


@pytest.mark.parametrize("page", PAGES)
def test_chinese_page_matches_the_english_one(page, tell):
    tell(
        [
            f"{name(CHINESE.folder / page)}: {line}"
            for line in compare(read(ENGLISH.folder / page), read(CHINESE.folder / page))
        ]
    )


def figure(*labels):
    svg = "<svg>" + "".join(f"<text x='1'>{label}</text>" for label in labels) + "</svg>"
    return new_output("display_data", {"image/svg+xml": svg, "text/plain": "<Figure size 480x300>"})


def editions():
    """Return a small page in English and in Chinese, with something of each kind that both must have alike."""
    code = '''def double(x):
    """{}"""
    return 2.0 * x  # {}


print(f"{} {{double(3)}}", "float64")'''
    texts = [
        "(doubles)=\n## Twice 1.5\n\nIn September, `x` becomes $2x$, about −3, in {} and [here](other.ipynb).",
        "(doubles)=\n## 1.5 的两倍\n\n在 9 月，`x` 变成 $2x$，大约 −3，见{}和[这里](other.ipynb)。",
    ]
    asks = [
        ":::{exercise} Half of 8\n:label: doubles-ex\n\nWhat is half of 8?\n\n```{math}\ny = 4x\n```\n:::",
        ":::{exercise} 8 的一半\n:label: doubles-ex\n\n8 的一半是多少？\n\n```{math}\ny = 4x\n```\n:::",
    ]
    tables = [
        f"{table}\n\n```python\ny = 5 * x  # {remark}\n```\n\n```text\nplain\n```"
        for table, remark in (
            ("| What you see | Value |\n|---|---|\n| `left` side | 7 |\n| `right` side | {math}`z^2` |", "five times"),
            ("| 你看到的 | 值 |\n|---|---|\n| `left` 一侧 | 7 |\n| `right` 一侧 | {math}`z^2` |", "五倍"),
        )
    ]
    words = [
        ("Return 2 times x.", "two times 2", "doubled", "A line that rises to 6.", ["rises 6", "step 1"]),
        ("返回 2 乘以 x。", "两倍，即 2 倍", "加倍", "一条上升到 6 的直线。", ["升到 6", "第 1 步"]),
    ]
    for text, ask, table, (doc, remark, said, alt, labels) in zip(texts, asks, tables, words, strict=True):
        drawing = {"mystnb": {"image": {"alt": alt}}}
        printed = new_output("stream", text=f"{said} 6.0 float64\n")
        yield new_notebook(
            cells=[
                new_markdown_cell(text.replace("{}", "{math}`w`"), id="title"),
                new_code_cell(code.format(doc, remark, said), id="code", execution_count=1, outputs=[printed]),
                new_code_cell("draw()", id="figure", metadata=drawing, execution_count=2, outputs=[figure(*labels)]),
                new_markdown_cell(ask, id="ask"),
                new_markdown_cell(table, id="table"),
                new_markdown_cell("Three words remain, and all of them say 3 things.", id="left")
                if said == "doubled"
                else new_markdown_cell("还剩三句话，说的是 3 件事。", id="left"),
            ]
        )


# What is planted in one edition alone: cell, old text, new text, words of the complaint.
ENGLISH_CHANGED = {
    "a number": ("title", "−3", "−4", "lacks the number -4"),
    "a sign": ("title", "−3", "3", "lacks the number 3"),
    "a number of the title": ("title", "1.5", "1.6", "lacks the number 1.6"),
    "a number in a docstring": ("code", "Return 2", "Return 7", "lacks the number 7"),
    "a month": ("title", "September", "October", "the English does not say the number 9"),
    "an inline code": ("title", "`x`", "`y`", "the Chinese lacks `y`"),
    "a paragraph more": ("left", "Three", "One more.\n\nThree", "other paragraphs, rows or items: 1 paragraphs"),
    "a formula in a role": ("title", "`w`", "`v`", "other formulas"),
}
CHINESE_CHANGED = {
    "a number in the code": ("code", "2.0", "4.0", "code differs"),
    "a name in the code": ("code", "double(3)", "treble(3)", "code differs"),
    "a string that is no text": ("code", "float64", "float32", "neither Chinese nor"),
    "a heading's level": ("title", "## ", "### ", "other headings"),
    "a label": ("title", "(doubles)", "(twice)", "other labels"),
    "a formula": ("title", "$2x$", "$3x$", "other formulas"),
    "a formula in a directive": ("ask", "4x", "5x", "other formulas"),
    "a formula in a role": ("table", "z^2", "z^3", "other formulas"),
    "a link": ("title", "other.ipynb", "index.ipynb", "other links"),
    "an exercise": ("ask", "doubles-ex", "other-ex", "other exercises"),
    "a number": ("title", "−3", "−4", "lacks the number -3"),
    "a number that is not said": ("left", "还剩三句话", "还剩 4 句话", "the English does not say the number 4"),
    "a number of an exercise's title": ("ask", "8 的一半\n", "9 的一半\n", "lacks the number 8"),
    "a number in a comment": ("code", "即 2 倍", "即 5 倍", "does not say the number 5"),
    "an inline code": ("title", "`x`", "`y`", "the English does not say `y`"),
    "a name with a number": ("left", "说的是", "float64 说的是", "the English does not say the number float64"),
    "an entry of a table": ("table", "| 7 |", "| 8 |", "lacks the number 7"),
    "a code in a table": ("table", "`left`", "`right`", "lacks `left`"),
    "rows changed over": ("table", "`left` 一侧 | 7 |\n| `right`", "`right` 一侧 | 7 |\n| `left`", "lacks `left`"),
    "a row less": ("table", "| `left` 一侧 | 7 |\n", "", "other paragraphs, rows or items: 1 rows"),
    "a listing": ("table", "plain\n", "plane\n", "another listing"),
    "the code of a listing": ("table", "5 * x", "6 * x", "code differs"),
    "a comment of a listing": ("table", "五倍", "five times over", "is left in English"),
    "a docstring": ("code", "返回 2 乘以 x。", "Return 2 times x.", "is left in English"),
    "a comment": ("code", "两倍，即 2 倍", "that is 2 times as much", "is left in English"),
    "a comment less": ("code", "  # 两倍，即 2 倍", "", "1 comments in English, 0 in Chinese"),
    "a cell": ("left", "还剩三句话，说的是 3 件事。", "Three words say 3 things.", "is left in English"),
    "a number in the words of a formula": ("left", "3 件事", "3 件事，$\\text{第 4 件}$", "other formulas"),
    "traditional characters": ("left", "还剩三句话", "還剩三句話", "the characters 話還 are not simplified Chinese"),
    "full width": ("left", "3 件", "３ 件", "does not say the number ３"),
    "raw HTML": ("left", "还剩", "<b>还</b>剩", "other HTML"),
}  # fmt: skip


def planted(notebook, cell_id, old, new):
    notebook = copy.deepcopy(notebook)
    [cell] = [cell for cell in notebook.cells if cell.id == cell_id]
    assert cell.source.count(old) == 1, cell.source
    cell.source = cell.source.replace(old, new)
    return notebook


@pytest.mark.parametrize(
    "english, chinese, words",
    [
        ("It takes 3 s.", "用时 3 毫秒。", "the Chinese says 3 in ms where the English says it in s"),
        ("It takes 3 GB.", "占用 3 MB。", "the Chinese says 3 in MB where the English says it in GB"),
        ("It takes 3 ms and 5 seconds.", "用时 5 毫秒，再加 3 秒。", "the Chinese says 5 in ms"),
        ("$x \\text{ for 2 steps}$", "$x \\text{，共 3 步}$", "other formulas: ['x2'] and ['x3']"),
    ],
)
def test_another_quantity_is_seen(english, chinese, words):
    assert any(words in line for line in compare_texts(english, chinese))
    assert list(compare_texts(english, english.replace("It takes", "用时").replace("and", "与"))) == []


@pytest.mark.parametrize("key, form", [("ignore-reason", "{}"), ("not-derived", {"calls": [0], "reason": "{}"})])
def test_a_reason_that_readers_are_told_is_translated(key, form):
    found = []
    for reason in ("it is a measurement", "这是测量结果"):
        english, chinese = editions()
        fact = reason if form == "{}" else {**form, "reason": reason}
        chinese.cells[1].metadata[key] = fact
        found.append([line for line in compare(english, chinese) if "left in English" in line])
    assert found == [["cell code: the reason 'it is a measurement' in its metadata is left in English"], []]


def test_a_good_translation_has_no_complaints():
    english, chinese = editions()
    assert list(compare(english, chinese)) == []


@pytest.mark.parametrize("fault", CHINESE_CHANGED)
def test_a_change_of_the_chinese_alone_is_seen(fault):
    english, chinese = editions()
    *change, words = CHINESE_CHANGED[fault]
    lines = list(compare(english, planted(chinese, *change)))
    assert any(words in line and line.startswith(f"cell {change[0]}: ") for line in lines), lines


@pytest.mark.parametrize("fault", ENGLISH_CHANGED)
def test_a_change_of_the_english_alone_is_seen(fault):
    english, chinese = editions()
    *change, words = ENGLISH_CHANGED[fault]
    lines = list(compare(planted(english, *change), chinese))
    assert any(words in line and line.startswith(f"cell {change[0]}: ") for line in lines), lines


def test_a_field_of_a_string_is_seen():
    english, chinese = editions()
    lines = list(compare(english, planted(chinese, "code", "{double(3)}", "{double(4)}")))
    assert any("code differs" in line for line in lines), lines


def set_alt(cell, text):
    cell.metadata.mystnb.image.alt = text


def set_output(cell, output):
    cell.outputs = [output]


BESIDE_THE_SOURCE = {
    "an output": (1, lambda cell: set_output(cell, new_output("stream", text="加倍 7.0 float64\n")), "outputs differ"),
    "a label's number": (2, lambda cell: set_output(cell, figure("升到 7", "第 1 步")), "outputs differ"),
    "a label in English": (2, lambda cell: set_output(cell, figure("rises up to 6", "第 1 步")), "left in English"),
    "a number of the alternative text": (2, lambda cell: set_alt(cell, "一条上升到 5 的直线。"), "lacks the number 6"),
    "an alternative text in English": (2, lambda cell: set_alt(cell, "A line rising to 6."), "text is left in English"),
    "the tags": (1, lambda cell: cell.metadata.update(tags=["hide-input"]), "other tags"),
    "a cell's type": (0, lambda cell: cell.update(cell_type="raw"), "is markdown in English, raw in Chinese"),
    "a cell's id": (0, lambda cell: cell.update(id="other"), "cells differ, or their order: ['other', 'title']"),
}


@pytest.mark.parametrize("fault", BESIDE_THE_SOURCE)
def test_a_difference_beside_the_source_is_seen(fault):
    english, chinese = editions()
    number, change, words = BESIDE_THE_SOURCE[fault]
    change(chinese.cells[number])
    lines = list(compare(english, chinese))
    assert any(words in line for line in lines), lines


def test_outputs_that_no_run_compares_may_differ():
    english, chinese = editions()
    for notebook in (english, chinese):
        notebook.cells[1].metadata.update(tags=["nbval-ignore-output"])
    set_output(chinese.cells[1], new_output("stream", text="加倍 7.0 float64\n"))
    assert not list(compare(english, chinese))


def test_a_markdown_page_is_compared(tmp_path):
    pages = []
    for edition, text in (("en", "# Prices\n\nIt costs 3."), ("zh", "# 价格\n\n价格是 4。")):
        (tmp_path / edition).mkdir()
        pages.append(tmp_path / edition / "prices.md")
        pages[-1].write_text(text, encoding="utf-8")
    lines = list(compare(*map(read, pages)))
    assert [line.split(":")[1] for line in lines] == [
        " the Chinese lacks the number 3",
        " the English does not say the number 4",
    ]


def test_the_record_is_of_these_texts(tell):
    found = [change.told() for change in agreement.changes(agreement.texts(), agreement.read_record())]
    advice = "Read both editions of these cells, change what does not say the same, then run `make agree`:"
    tell([advice, *found] if found else [])


NOW = {"page.ipynb": {"one": ["A first line.\nIt says 3.", "第一行。\n说的是 3。"]}}
STALE = {
    "the English text": (
        0,
        "A first line.\nIt says three.",
        ["en -It says 3.", "en +It says three.", "zh  说的是 3。"],
    ),
    "the Chinese text": (1, "第一行。\n说的是三。", ["zh -说的是 3。", "zh +说的是三。", "en  It says 3."]),
}


@pytest.mark.parametrize("side", STALE)
def test_a_change_is_shown_beside_the_other_edition(side):
    number, text, expected = STALE[side]
    changed = copy.deepcopy(NOW)
    changed["page.ipynb"]["one"][number] = text
    [change] = agreement.changes(changed, NOW)
    told = change.told().splitlines()
    assert told[0] == f"page.ipynb: cell one: {side} has changed"
    assert all(f"  {line}" in told for line in expected), told


def test_a_new_cell_and_a_cell_that_is_gone_are_told():
    assert [change.cell for change in agreement.changes(NOW, {})] == ["one"]
    [change] = agreement.changes({}, NOW)
    assert change.told().startswith("page.ipynb: cell one: both texts have changed\n  en -A first line.")
    assert list(agreement.changes(NOW, NOW)) == []


def test_the_glossary_and_the_titles_are_recorded():
    texts = agreement.texts()
    assert texts["glossary.yml"]["tape"][0].startswith("tape: ") and texts["_config.yml"]["title"]


def test_a_record_is_read_as_it_was_written(tmp_path):
    (tmp_path / "agreed.json").write_text(agreement.written(NOW), encoding="utf-8")
    assert agreement.read_record(tmp_path / "agreed.json") == NOW


TORN = {
    "a conflict": ('{\n<<<<<<< HEAD\n "a": {}\n', "line 2 is not JSON; of a merge conflict keep either side"),
    "digests": ('{"page.ipynb": {"one": "1234abcd"}}', "is no record of texts"),
    "a list": ("[1]", "is no record of texts"),
    "another encoding": ('{"page.ipynb": {"one": ["é", "é"]}}', "is no text in UTF-8; of a merge conflict"),
}


@pytest.mark.parametrize("fault", TORN)
def test_a_torn_record_is_named(tmp_path, fault):
    assert agreement.read_record(tmp_path / "nothing.json") == {}
    text, words = TORN[fault]
    (tmp_path / "agreed.json").write_text(text, encoding="latin-1")
    with pytest.raises(BookError, match=f"agreed.json: {words}"):
        agreement.read_record(tmp_path / "agreed.json")
