"""The documents tell the truth about the project: what they name is there."""

import pytest

from bookkit.__main__ import COMMANDS
from bookkit.checks import documents, plan
from bookkit.project import EDITIONS, ENGLISH


def test_what_the_documents_name_is_there(tell):
    tell(documents.complaints(COMMANDS))


MISSING = {
    "a target": ("Run `make nothing` first.", "`make nothing` is no target of the Makefile"),
    "a second target": ("`make book nothing PORT=80`", "`make nothing` is no target of the Makefile"),
    "a target in a listing": ("Run\n\n    make nothing NB=x\n", "`make nothing` is no target of the Makefile"),
    "a target in a fence": ("```sh\nmake nothing\n```", "`make nothing` is no target of the Makefile"),
    "a command": ("`.venv/bin/python -m bookkit nothing`", "`python -m bookkit nothing` is no command"),
    "a file": ("See `bookkit/nothing.py`.", "there is no bookkit/nothing.py"),
    "a file's name": ("See `nothing.yml`.", "there is no nothing.yml"),
    "a folder": ("In `old-tools/` lies", "there is no old-tools/"),
    "a test": ("`pytest tests/test_nothing.py::test_it`", "there is no tests/test_nothing.py"),
    "an argument": ("`make refresh NB=book/en/nothing.ipynb`", "there is no book/en/nothing.ipynb"),
    "a link": ("[here](nothing.md)", "there is no nothing.md"),
    "an image": ("![here](theme/static/nothing.png)", "there is no theme/static/nothing.png"),
    "a footnote": ("Here[^1].", "the footnote 'Here[^1].' is defined nowhere"),
}
THERE = [
    "`make book` and `make refresh NB=book/en/gradients.ipynb`, `python -m bookkit build`",
    "`book/en/`, `_toc.yml`, `rules.py`, `.venv/bin/ruff`, `_build/html/index.html`, `book/*/*.md`, `linux/amd64`",
    "[here](CONTRIBUTING.md#rules) and [there](https://example.org/nothing.md) and [below](#below)",
    "we make nothing of it; tests/test_nothing.py is not set as code",
    "```sh\nmake book test  # make nothing of it\n```",
]


@pytest.mark.parametrize("fault", MISSING)
def test_what_is_not_there_is_told_with_its_line(fault, tmp_path, monkeypatch):
    text, words = MISSING[fault]
    document = tmp_path / "GUIDE.md"
    document.write_text(f"# Title\n\n{text}\n", encoding="utf-8")
    lines = documents.of_document(document, COMMANDS)
    assert len(lines) == 1 and words in lines[0] and ": line " in lines[0], lines


@pytest.mark.parametrize("text", THERE)
def test_what_is_there_is_not_told(text):
    found = documents.pieces(text)
    assert list(documents.in_markdown(list(found), COMMANDS, documents.ROOT)) == []


def test_a_page_may_name_files_of_other_projects(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("`python/mxnet/autograd.py`, `make nothing`, `bookkit/nothing.py`", encoding="utf-8")
    lines = documents.of_page(page, COMMANDS)
    assert len(lines) == 2 and all(": cell page: " in line for line in lines), lines


def test_code_is_read_for_what_its_words_name(tmp_path):
    source = tmp_path / "source.py"
    source.write_text(
        '"""See bookkit/nothing.py, book/data/index.yml."""\nprint("run `make nothing`")\n', encoding="utf-8"
    )
    assert [line.partition(": ")[2] for line in documents.of_source(source, COMMANDS)] == [
        "line 1: there is no bookkit/nothing.py; mend it",
        "line 2: `make nothing` is no target of the Makefile; mend it",
    ]


def test_a_script_is_read_for_what_it_runs(tmp_path):
    script = tmp_path / "run"
    script.write_text(
        "#!/bin/sh\n# make nothing\nmake book nothing  # make nothing\n.venv/bin/python bookkit/nothing.py\n"
    )
    assert documents.is_script(script)
    assert [line.partition(": ")[2] for line in documents.of_script(script, COMMANDS)] == [
        "line 3: `make nothing` is no target of the Makefile; mend it",
        "line 4: there is no bookkit/nothing.py; mend it",
    ]


def test_a_workflow_is_read_for_what_it_runs(tmp_path):
    workflow = tmp_path / "book.yml"
    workflow.write_text("jobs: {one: {steps: [{uses: x}, {run: .ci/nothing}, {run: make nothing}]}}\n")
    assert len(documents.of_workflow(workflow, COMMANDS)) == 2


@pytest.fixture
def two_pages(monkeypatch):
    monkeypatch.setattr(documents.contents, "pages", lambda: ["index", "one", "two"])
    monkeypatch.setattr(documents, "title", lambda edition, page: page.capitalize())


README = "[One](book/en/one.ipynb), [Two](book/en/two.md)"
LISTS = {
    "a page less": (", [Two](book/en/two.md)", "", "lists two as 'nothing', and its title is 'Two'"),
    "another title": ("[Two]", "[Second]", "lists two as 'Second', and its title is 'Two'"),
    "a page more": ("[Two]", "[Three](book/en/three.ipynb) [Two]", "lists three, which _toc.yml does not"),
    "another order": (README, "[Two](book/en/two.md) [One](book/en/one.ipynb)", "in another order than _toc.yml"),
}


def test_a_list_of_the_pages_is_right(two_pages):
    assert documents.chapters_listed(README) == []


@pytest.mark.parametrize("fault", LISTS)
def test_a_wrong_list_of_the_pages_is_told(two_pages, fault):
    old, new, words = LISTS[fault]
    assert any(words in line for line in documents.chapters_listed(README.replace(old, new)))


def test_the_title_of_a_page_is_its_first_heading():
    assert documents.title(ENGLISH, "cheat-sheet") == "Cheat sheet"


def test_line_ends_of_windows_are_told(tmp_path, monkeypatch):
    (tmp_path / "page.md").write_bytes(b"# Title\r\n")
    monkeypatch.setattr(documents, "files", lambda: [tmp_path / "page.md"])
    [line] = documents.line_ends()
    assert line.endswith("page.md: its lines end with a carriage return; save it with the line ends of Unix")


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_the_plan_on_the_first_page_is_as_the_chapters_are(edition, tell):
    tell(list(plan.complaints(edition)))


PLANS = {
    "an exercise more": (lambda page, exercises, needs: [(page, exercises + 1, needs)], "has 6 exercises, not 7"),
    "a need less": (lambda page, exercises, needs: [(page, exercises, set())], "says that it needs ['gradients'], and"),
    "a row less": (lambda page, exercises, needs: [], "mend the rows"),
}


@pytest.mark.parametrize("fault", PLANS)
def test_a_wrong_plan_is_told(monkeypatch, fault):
    rows = list(plan.listed(ENGLISH))
    change, words = PLANS[fault]
    assert rows[1][0] == "checking-gradients"
    monkeypatch.setattr(plan, "listed", lambda edition: [rows[0], *change(*rows[1]), *rows[2:]])
    [line] = plan.complaints(ENGLISH)
    assert line.startswith("book/en/index.ipynb: cell plan: ") and words in line
