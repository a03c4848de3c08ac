"""The files that are written by hand beside the pages: each mistake is told in one line."""

from types import SimpleNamespace

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from sample_book import SampleBook, failure

from bookkit import contents, words
from bookkit.checks import vocabulary
from bookkit.project import ENGLISH, name


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Copies of the files, {path in the book: path of the copy}, which the tools read instead."""
    copies = {}
    for module, attribute in (
        (contents, "CONFIG"), (contents, "OTHERWISE"), (contents, "TOC"), (words, "GLOSSARY"), (words, "INDEX"),
        (words, "THREADS"),
        (words, "REJECTED"),
    ):  # fmt: skip
        original = getattr(module, attribute)
        copy = tmp_path / original.name
        copy.write_text(original.read_text(encoding="utf-8"), encoding="utf-8")
        monkeypatch.setattr(module, attribute, copy)
        copies[name(original)] = copy
    return copies


# What is planted: file, old text, new text, the line told.
FAULTS = {
    "an entry without a word": (
        "book/data/glossary.yml",
        "- en: accumulate\n  zh: 累加\n",
        "- en: accumulate\n",
        "glossary.yml: line 5: 'zh' is a required property; mend it",
    ),
    "a misspelt key": (
        "book/data/glossary.yml",
        "see: gradients-accumulate\n  in_english: To add",
        "sea: gradients-accumulate\n  in_english: To add",
        "Additional properties are not allowed ('sea' was unexpected); mend it",
    ),
    "a list for a word": (
        "book/data/glossary.yml",
        "zh: 累加",
        "zh: [累加]",
        "glossary.yml: line 6: zh: ['累加'] is not of type 'string'; mend it",
    ),
    "a word that stands twice": (
        "book/data/glossary.yml",
        "- en: alias\n",
        "- en: accumulate\n",
        "glossary.yml: line 17: accumulate stands twice; remove one",
    ),
    "a key that stands twice": (
        "book/data/index.yml",
        '  "asnumpy, asscalar"',
        '  "grad": [gradients-record]\n  "asnumpy, asscalar"',
        "is not YAML (grad stands twice); mend it",
    ),
    "a day that is none": (
        "book/data/glossary.yml",
        "zh: 累加",
        "zh: 2024-13-45",
        "glossary.yml: line 6 is not YAML (month must be in 1..12); mend it",
    ),
    "a word that is no regular expression": (
        "book/data/rejected.yml",
        '"作用域": ',
        '"(作用域": ',
        "'(作用域' is no regular expression (missing ), unterminated subpattern at position 0); mend it",
    ),
    "a word without another one": (
        "book/data/rejected.yml",
        '"作用域": 上下文管理器',
        '"作用域":',
        "作用域: None is not of type 'string'; mend it",
    ),
    "a label for labels": (
        "book/data/index.yml",
        '"grad_req": [gradients-accumulate, ts-doubled, ts-unfrozen]',
        '"grad_req": gradients-accumulate',
        "functions grad_req: 'gradients-accumulate' is not of type 'array'; mend it",
    ),
    "a thread without its section": (
        "book/data/threads.yml",
        "  see: ts-unfrozen\n",
        "",
        "'see' is a required property; mend it",
    ),
    "a thread that stands twice": (
        "book/data/threads.yml",
        "mxnet/issues/17925",
        "mxnet/issues/9712",
        "threads.yml: line 11: apache/mxnet #17925 stands twice; remove one",
    ),
    "a state that is none": (
        "book/data/threads.yml",
        "  now: the same\n  see: ts-unfrozen",
        "  now: mended\n  see: ts-unfrozen",
        "now: 'mended' is not one of",
    ),
    "execution by the build": (
        "_config.yml",
        'execute_notebooks: "off"',
        'execute_notebooks: "auto"',
        "_config.yml: line 8: execute execute_notebooks: 'off' was expected; mend it",
    ),
    "a misspelt key of the configuration": (
        "_config.yml",
        "execute:\n",
        "exceute:\n",
        "_config.yml: line 1: 'exceute' is not one of",
    ),
    "an icon that is not there": (
        "_config.yml",
        "favicon: theme/static/favicon.svg",
        "favicon: theme/static/icon.svg",
        "html favicon: there is no theme/static/icon.svg; mend the name",
    ),
    "a part without a Chinese name": (
        "theme/zh.yml",
        "  Reference: 参考\n",
        "  References: 参考\n",
        "has no Chinese name; add it",
    ),
    "a name without a part": (
        "theme/zh.yml",
        "  Reference: 参考\n",
        "  Reference: 参考\n  Extras: 附录\n",
        "is called 'Extras'; remove it, or mend it",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_mistake_is_told_in_one_line(files, fault):
    file, old, new, expected = FAULTS[fault]
    good = files[file].read_text(encoding="utf-8")
    assert good.count(old) == 1
    files[file].write_text(good.replace(old, new), encoding="utf-8")
    lines = [*contents.misconfigured(), *words.malformed()] or contents.unused()
    assert any(expected in line for line in lines), lines
    assert all((str(files[file]) in line and ": line " in line) or "captions" in line for line in lines), lines


TOCS = {
    "a tab": ("root:\tbook/en/index\n\tchapters: 1\n", "line 3 is not YAML (found a tab character that"),
    "an alias": ("root: &a book/en/index\nchapters:\n  - file: *a\n", "*a stands for another part; write that out"),
    "aliases that grow": ("root: &a [x]\nparts: &b [*a, *a]\nchapters: [*b, *b]\n", "*a stands for another part"),
    "an address": ("root: book/en/index\nchapters:\n  - url: https://example.org\n", "('url' was unexpected)"),
    "a pattern": ("root: book/en/index\nchapters:\n  - glob: book/en/*\n", "('glob' was unexpected)"),
    "another title": (
        "root: book/en/index\nchapters:\n  - file: book/en/gradients\n    title: Slopes\n",
        "line 4: chapters: Additional properties are not allowed ('title' was unexpected)",
    ),
    "a name with a blank": ("root: book/en/My Page\n", "line 2: root: 'book/en/My Page' does not match"),
    "a page elsewhere": ("root: book/en/../index\n", "line 2: root: 'book/en/../index' does not match"),
    "a list for a key": ("? [root]\n: x\n", "line 2 is not YAML (a key is no word)"),
}


@pytest.mark.parametrize("fault", TOCS)
def test_what_the_contents_may_not_say_is_told(files, fault):
    text, words = TOCS[fault]
    files["_toc.yml"].write_text(f"format: jb-book\n{text}", encoding="utf-8")
    told = "\n".join(contents.strays())
    assert words in told and all(line.startswith(f"{files['_toc.yml']}: ") for line in told.splitlines()), told


def test_what_is_no_page_is_told(tmp_path):
    for file in ("a.ipynb", "a.md", "b.md", "data.csv", "tmpx.tmp", ".ipynb_checkpoints"):
        (tmp_path / file).touch()
    pages, lines = contents.pages_of(SimpleNamespace(folder=tmp_path))
    assert list(pages) == ["a", "b"]
    assert lines == [
        f"{tmp_path}/a.md: a.ipynb has the same address; rename one, or remove it",
        f"{tmp_path}/data.csv: is no page, and nothing else may be there; remove it",
        f"{tmp_path}/tmpx.tmp: is no page, and nothing else may be there; remove it",
    ]


def test_another_number_in_an_explanation_is_told():
    entry = {"en": "pair", "zh": "一对", "in_english": "It has 2 parts.", "in_chinese": "由 3 部分組成。"}
    told = "\n".join(vocabulary.unlike(entry))
    assert "glossary.yml: pair: the Chinese lacks the number 2" in told
    assert "the characters 組 are not simplified Chinese" in told


def section(text, output=""):
    cells = [new_markdown_cell(text, id="one")]
    if output:
        cells.append(new_code_cell("x", id="two", outputs=[new_output("stream", text=output)]))
    return new_notebook(cells=cells)


def test_a_section_ends_where_the_next_one_begins():
    found = vocabulary.sections(
        section("# Title\n\n(a)=\n## One\n\nfirst\n\n### Part\n\nsecond\n\n(b)=\n## Two\n", "third")
    )
    assert "second" in found["a"] and "third" not in found["a"] and "third" in found["b"]


def test_an_entry_that_leads_astray_is_told():
    texts = {"a": vocabulary.plain("The *in-place* change"), "b": "detach"}
    assert list(vocabulary.lost("here", ["In place"], "a", texts, ENGLISH)) == []
    assert list(vocabulary.lost("here", ["detach"], "a", texts, ENGLISH)) == [
        "here: the section a of book/en/ does not say 'detach' (it is in b); mend either"
    ]
    assert list(vocabulary.lost("here", ["detach"], "c", texts, ENGLISH)) == [
        "here: no section of book/en/ has the label c; mend it"
    ]


def test_an_entry_in_quotes_is_told_with_its_line(files, monkeypatch):
    glossary = files["book/data/glossary.yml"]
    text = glossary.read_text(encoding="utf-8")
    glossary.write_text(text.replace("- en: accumulate\n", '- en: "accumulate"\n'), encoding="utf-8")
    monkeypatch.setattr(vocabulary, "GLOSSARY", glossary)
    first, *_ = vocabulary.astray(ENGLISH, {})
    assert (
        first == f"{glossary}: line 5: accumulate: no section of book/en/ has the label gradients-accumulate; mend it"
    )


def test_a_rejected_word_is_seen(tmp_path):
    entry = {"en": "tape", "zh": "记录带", "see": "a", "instead of": ["磁带"]}
    assert not list(vocabulary.rejected(entry, tmp_path, "记录带"))
    [line] = vocabulary.rejected(entry, tmp_path, "一条磁带。")
    assert line.endswith("says 磁带 where the glossary has 记录带: …一条磁带。…")


def test_a_word_that_the_book_does_not_use_is_seen(tmp_path, monkeypatch):
    monkeypatch.setattr(vocabulary, "read_rejected", lambda: {"(?<!隐藏)单元(?!格)": "代码单元格"})
    assert not list(vocabulary.unwanted(tmp_path, "隐藏单元和代码单元格"))
    [line] = vocabulary.unwanted(tmp_path, "看下面的单元。")
    assert line.endswith("says 单元, which this book does not; say 代码单元格: …看下面的单元。…")


def test_a_title_without_its_brackets_is_seen(tmp_path):
    titles = {"gradients.ipynb": "梯度"}
    right = "见《[梯度](gradients.ipynb)》一章和[导数](gradients.ipynb)。\n| [梯度](gradients.ipynb) | 表格 |"
    assert not list(vocabulary.unbracketed(tmp_path, right, titles))
    [line] = vocabulary.unbracketed(tmp_path, "见[梯度](gradients.ipynb)一章。", titles)
    assert line.endswith("write 《[梯度](gradients.ipynb)》")


def test_another_name_for_a_page_is_seen(tmp_path):
    titles = {"gradients.ipynb": "Gradients", "words.md": "术语", "#a": "术语"}
    right = "See [Gradients](gradients.ipynb), [the first one](gradients.ipynb), [Here](#a) and 《[术语](words.md)》."
    assert not list(vocabulary.misnamed(tmp_path, right, titles))
    wrongs = {"[Slopes](gradients.ipynb)": "Gradients", "《[词](words.md)》": "术语", "《[词](#a)》": "术语"}
    for wrong, title in wrongs.items():
        [line] = vocabulary.misnamed(tmp_path, f"See {wrong}.", titles)
        assert line.endswith(f"its title is {title!r}")


def test_a_section_that_is_on_another_page_is_seen(tmp_path):
    titles = {"gradients.ipynb": "梯度", "words.md": "术语", "#a": "术语"}
    right = (
        "见《术语》中的[一节](#a)。《梯度》讲过。[一节](#a)在后面。《梯度》《术语》的[一节](#a)。《某书》见[一节](#a)。"
    )
    assert not list(vocabulary.misplaced(tmp_path, right, titles))
    [line] = vocabulary.misplaced(tmp_path, "《梯度》一章也讲到[一节](#a)。", titles)
    assert line.endswith("says that #a is in '梯度'; it is in '术语'")


def test_a_misspelt_message_is_told(monkeypatch):
    index = {"functions": {"retain_graph": ["gradients-record"]}, "errors": {"Cannot diferentiate": "gradients-errors"}}
    monkeypatch.setattr(vocabulary, "read_index", lambda: index)
    monkeypatch.setattr(vocabulary, "read_glossary", list)
    texts = {"gradients-record": "retain_graph", "gradients-errors": "cannot differentiate node"}
    [line] = vocabulary.astray(ENGLISH, texts)
    assert "the section gradients-errors of book/en/ does not say 'Cannot diferentiate'" in line


def test_a_thread_whose_answer_is_elsewhere_is_told(monkeypatch):
    threads = words.read_threads()
    moved, lost = {**threads[0], "page": "gradients"}, {**threads[0], "see": "ts-nowhere"}
    monkeypatch.setattr(vocabulary, "read_threads", lambda: [threads[0], moved, lost])
    lines = [line.split(": ", 3)[-1] for line in vocabulary.unanswered(ENGLISH)]
    assert lines == [
        "the page gradients of book/en/ has no section ts-shared-constant (it is on error-messages); mend it",
        "the page error-messages of book/en/ has no section ts-nowhere (no page has it); mend it",
    ]


def test_the_build_tells_of_them(tmp_path):
    book = SampleBook(tmp_path)
    path = book.folder / "book/data/glossary.yml"
    path.write_text(path.read_text(encoding="utf-8").replace("pinyin: leijia", "pinyin: 3"), encoding="utf-8")
    (book.folder / "theme/zh.yml").write_text("title: 书\nauthor: 作者\ncaptions: {}\n", encoding="utf-8")
    output = failure(book.start("-m", "bookkit", "build"))
    assert output == "error: book/data/glossary.yml: line 7: pinyin: 3 is not of type 'string'; mend it\n"
