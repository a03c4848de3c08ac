"""The Chinese edition says what the English one says: cell by cell, up to the words."""

import pytest

from bookkit.checks import agreement
from bookkit.checks.editions import compare, misuses, read, words
from bookkit.notebooks import files
from bookkit.project import CHINESE, ENGLISH, BookError, name
from bookkit.words import read_glossary

PAGES = [path.name for path in agreement.pages()]


@pytest.mark.parametrize("page", PAGES)
def test_chinese_page_matches_the_english_one(page, tell):
    tell(
        [
            f"{name(CHINESE.folder / page)}: {line}"
            for line in compare(read(ENGLISH.folder / page), read(CHINESE.folder / page))
        ]
    )


FAULTS = {
    "a number in the code": ("gradients", "first-gradient", "3.0", "4.0", "code differs"),
    "a name in the code": ("gradients", "first-gradient", "backward", "detach", "code differs"),
    "a field in a string": ("gradients", "nudge-run", "{slope:", "{step:", "code differs"),
    "a string that is no text": ("gradients", "swell", "float64", "float32", "neither Chinese nor"),
    "a heading's level": ("gradients", "exercises", "## ", "### ", "other headings"),
    "a label": ("gradients", "tape-intro", "gradients-tape", "tape", "other labels"),
    "a formula": ("gradients", "nudge", "y = 2x^2", "y = 3x^2", "other formulas"),
    "a link": ("gradients", "next", "control-flow.ipynb", "index.ipynb", "other links"),
    "an exercise": ("gradients", "ex-guess", ":label: gradients", ":label: other", "other exercises"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_difference_is_seen(fault):
    page, cell_id, old, new, words = FAULTS[fault]
    english, chinese = (files.read(ENGLISH.folder / f"{page}.ipynb") for _ in range(2))
    [cell] = [cell for cell in chinese.cells if cell.id == cell_id]
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    assert any(words in line for line in compare(english, chinese))


def test_a_changed_output_is_seen():
    english, chinese = (files.read(ENGLISH.folder / "index.ipynb") for _ in range(2))
    chinese.cells[1].outputs[0].data["text/plain"] = "[13.]"
    assert any("outputs differ" in line for line in compare(english, chinese))


def test_chinese_keeps_up_with_english(tell):
    now = {path.name: agreement.digests(path) for path in agreement.pages()}
    agreed = agreement.read_record()
    found = [
        f"book/zh/{page}: cell {cell}: the English text has changed" for page, cell in agreement.stale(now, agreed)
    ]
    advice = "Look whether these Chinese cells still say the same, change them where not, then run `make agree`:"
    tell([advice, *found] if found else [])
    if agreed != now:
        tell(["book/data/agreed.json names cells that are gone: run `make agree`"])


def test_a_torn_record_is_named(tmp_path):
    assert agreement.read_record(tmp_path / "nothing.json") == {}
    (tmp_path / "torn.json").write_text('{\n<<<<<<< HEAD\n "a": {}\n')
    with pytest.raises(BookError, match="agreed.json: line 2 is not JSON"):
        agreement.read_record(tmp_path / "torn.json")


def test_a_changed_english_text_is_seen(tmp_path):
    agreed = {"gradients.ipynb": agreement.digests(ENGLISH.folder / "gradients.ipynb")}
    notebook = files.read(ENGLISH.folder / "gradients.ipynb")
    [cell] = [cell for cell in notebook.cells if cell.id == "nudge-read"]
    cell.source += " One more sentence."
    files.write(notebook, tmp_path / "gradients.ipynb")
    now = {"gradients.ipynb": agreement.digests(tmp_path / "gradients.ipynb")}
    assert list(agreement.stale(now, agreed)) == [("gradients.ipynb", "nudge-read")]


def test_both_editions_use_the_words_of_the_glossary(tell):
    english, chinese = ({page: words(folder / page) for page in PAGES} for folder in (ENGLISH.folder, CHINESE.folder))
    tell([line for entry in read_glossary() for line in misuses(entry, english, chinese)])


def test_a_rejected_word_is_seen():
    entry = {"en": "tape", "zh": "记录带", "see": "a", "instead of": ["磁带"]}
    assert not list(misuses(entry, {"p": "(a)= the tape"}, {"p": "记录带"}))
    assert len(list(misuses(entry, {"p": "(a)="}, {"p": "磁带"}))) == 3
