"""A word of the glossary that is used before it is explained is told."""

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from bookkit.checks import order
from bookkit.project import CHINESE, ENGLISH


def early(*texts, edition=ENGLISH):
    """Return what is told of a page with these texts, on which the section `checking-kinks` explains "kink"."""
    cells = [new_markdown_cell(text, id=f"text-{number}") for number, text in enumerate(texts)]
    return list(order.early(new_notebook(cells=[*cells, new_code_cell("kink = 1")]), edition, set()))


SECTION = "(checking-kinks)=\n## The section\n\nA kink is this."
EARLY = ["There are two kinks.", "A kink. Then a *kink*.", "A kink, and [kink](#checking-kinks).", "Mini-kink"]
IN_TIME = [
    "A pen in place of a pencil, and then *in place*.",
    "`kink` and $kink$ are no words, and kinky is another one.",
    "A [kink](#checking-kinks). Then a kink.",
    "A *kink* is this. Then a kink.",
    "Two **kinks** are these.",
    "A kink (a place where the slope jumps).",
    "# A kink\n\nThere is a kink.",
]


@pytest.mark.parametrize("text", EARLY)
def test_a_word_that_comes_too_early_is_told(text):
    [line] = early(text, SECTION)
    assert line.startswith("cell text-0: says 'kink', which checking-kinks explains later; ")


@pytest.mark.parametrize("text", IN_TIME)
def test_a_word_that_is_explained_in_time_is_not_told(text):
    assert early(text, SECTION) == [] and early(SECTION, "A kink.") == []


def test_of_a_word_within_another_one_nothing_is_told():
    [line] = early("The head gradient is 1.")
    assert "'head gradient'" in line


def test_chinese_words_are_found():
    [line] = early("函数有折点。", "(checking-kinks)=\n## 一节\n\n折点。", edition=CHINESE)
    assert "'折点'" in line
    assert early("这里的折点（kink）是斜率跳变的点。折点。", edition=CHINESE) == []


@pytest.mark.parametrize("text, told", [(SECTION, 0), ("A *kink* is this.", 0), ("A [kink](#checking-kinks).", 1)])
def test_what_a_page_explains_the_next_one_may_use_and_not_what_it_links(text, told):
    explained = set()
    pages = [new_notebook(cells=[new_markdown_cell(text, id="text")]) for text in (text, "A kink.")]
    assert len([line for page in pages for line in order.early(page, ENGLISH, explained)]) == told
