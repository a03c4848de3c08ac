"""The quizzes that close the chapters: their form, their looks, and that no wrong answer passes for a right one."""

import nbformat
import pytest
import yaml
from bs4 import BeautifulSoup
from nbclient import NotebookClient

from bookkit import questions, quizzes
from bookkit.checks.quizzes import untrue
from bookkit.notebooks.chapters import is_chapter
from bookkit.notebooks.files import find_notebooks, read
from bookkit.notebooks.kernel import Kernel
from bookkit.project import EDITIONS, ENGLISH, ROOT, BookError, name

PAGES = sorted(path.stem for path in quizzes.QUIZZES.glob("*.yml"))


def test_the_quizzes_have_the_form_that_is_asked(tell):
    assert PAGES
    tell(quizzes.malformed())


@pytest.mark.parametrize("path", find_notebooks(), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_chapter_has_a_quiz(path):
    if is_chapter(read(path)) and not quizzes.quiz_of(path.stem).exists():
        pytest.fail(
            f"{name(path)}: is a chapter without a quiz; write {name(quizzes.quiz_of(path.stem))}", pytrace=False
        )


@pytest.fixture
def quiz(tmp_path, monkeypatch):
    """A function that puts a changed quiz in the place of the book's, and returns the mistakes that are found."""
    monkeypatch.setattr(quizzes, "QUIZZES", tmp_path)

    def changed(change):
        content = yaml.safe_load((ROOT / "book/data/quizzes/head-gradients.yml").read_text(encoding="utf-8"))
        change(content)
        (tmp_path / "head-gradients.yml").write_text(yaml.safe_dump(content, allow_unicode=True), encoding="utf-8")
        return "\n".join(quizzes.malformed())

    return changed


WRONG = {
    "no right answer": (lambda quiz: quiz[0]["answers"][1].pop("right"), "has 0 right answers"),
    "two right answers": (lambda quiz: quiz[0]["answers"][0].update(right=True), "has 2 right answers"),
    "one explanation short": (lambda quiz: quiz[1]["answers"][0].pop("why"), "'why' is a required property"),
    "one language short": (lambda quiz: quiz[1]["question"].pop("zh"), "'zh' is a required property"),
    "nothing verified": (lambda quiz: quiz[4].pop("proof"), "is verified by nothing"),
    "two of a kind": (lambda quiz: quiz[0].update(kind="why"), "has not one question of each kind"),
    "four questions": (lambda quiz: quiz.pop(), "has not one question of each kind"),
    "another answer than is shown": (
        lambda quiz: quiz[0]["answers"][1]["answer"].update(zh="`[2.0, 4.1]`"),
        "the right answer (zh) does not say what the code shows",
    ),
    "a part of what is said": (
        lambda quiz: quiz[0]["answers"][1]["answer"].update(zh="1" + quiz[0]["shows"].strip()),
        "the right answer (zh) does not say what the code shows",
    ),
    "a wrong answer that is shown": (
        lambda quiz: quiz[0]["answers"][0]["answer"].update(en=f"`{quiz[0]['shows'].strip()}`."),
        "a wrong answer (en) is what the code shows",
    ),
    "the same answer twice": (
        lambda quiz: quiz[0]["answers"][0]["answer"].update(en="`[20.0, 4.0]`"),
        "two answers (en) are the same",
    ),
    "open code": (lambda quiz: quiz[1]["question"].update(en="What is `x?"), "a mark of code is open"),
}


@pytest.mark.parametrize("change, found", WRONG.values(), ids=WRONG)
def test_a_malformed_quiz_is_told(quiz, change, found):
    assert found in quiz(change)


def test_a_quiz_of_no_page_is_told(quiz, tmp_path):
    (tmp_path / "nothing.yml").write_text("[]")
    assert "nothing.yml: is the quiz of no page" in quiz(lambda content: None)


@pytest.mark.slow
def test_a_wrong_answer_is_found_in_the_kernel(tmp_path):
    kernel = Kernel(tmp_path)
    asked = [
        {"kind": "number", "code": "print(1 + 1)", "shows": "2"},
        {"kind": "number", "code": "print(1 + 1)", "shows": "3"},
        {"kind": "why", "unseen": "a = 1", "proof": "a == 1"},
        {"kind": "why", "proof": "a == 2"},
        {"kind": "fault", "code": "1 / 0", "shows": "ZeroDivisionError: division by zero"},
        {"kind": "why", "unseen": "nothing", "proof": "True"},
    ]
    lines = untrue(asked, kernel)
    kernel.stop()
    assert [line.split(":")[0] for line in lines] == ["question 2 (number)", "question 4 (why)", "question 6 (why)"]


@pytest.mark.site
@pytest.mark.slow
@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
@pytest.mark.parametrize("page", PAGES)
def test_a_quiz_stands_on_its_page_and_is_folded(site, page, edition):
    text = (site / edition.place / f"{page}.html").read_text(encoding="utf-8")
    found = BeautifulSoup(text, "html.parser")
    due = quizzes.read_quiz(page)
    answers = found.select("#quiz details.quiz-answer:not([open]) > summary")
    assert len(found.select("#quiz > ol > li")) == 5
    assert [answer.get_text() for answer in answers] == [
        answer["answer"][edition.name].replace("`", "") for question in due for answer in question["answers"]
    ]
    sections = [section["id"] for section in found.select("article > section > section[id]")]
    assert sections.index("quiz") == len(sections) - 3
    assert found.select("#pst-page-toc-nav a[href='#quiz'], .page-toc a[href='#quiz'], nav a[href='#quiz']")


def test_the_questions_and_answers_of_a_chapter_are_exported(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(questions, "FOLDER", tmp_path)
    assert questions.main("head-gradients") == 0
    solution = "class Tariff(autograd.Function)"
    for edition in EDITIONS:
        asked, answered = (
            nbformat.read(tmp_path / f"head-gradients{what}-{edition.name}.ipynb", as_version=4)
            for what in ("", "-answers")
        )
        texts = [[cell.source for cell in notebook.cells] for notebook in (asked, answered)]
        for notebook, sources in zip((asked, answered), texts, strict=True):
            nbformat.validate(notebook)
            assert sum(text.startswith("**") for text in sources) == 12  # seven exercises, and the quiz
            assert not any("](#" in text or ":::" in text for text in sources)
        assert not any(cell.get("outputs") for cell in asked.cells)
        assert not any(solution in text for text in texts[0])
        assert sum(solution in text for text in texts[1]) == 1
        assert sum("**1.**" in text and questions.SAID[edition][-1] in text for text in texts[1]) == 1
    assert ENGLISH.name in capsys.readouterr().out
    for page in ("nothing", "troubleshooting"):
        with pytest.raises(BookError, match="is no chapter"):
            questions.main(page)


def test_questions_that_somebody_has_worked_in_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(questions, "FOLDER", tmp_path)
    questions.main("head-gradients")
    questions.main("head-gradients")  # nobody has
    first, last = tmp_path / "head-gradients-en.ipynb", tmp_path / "head-gradients-answers-zh.ipynb"
    notebook = nbformat.read(last, as_version=4)
    notebook.cells[-1].source += "\n\nFor my class."
    nbformat.write(notebook, last)
    kept = last.read_bytes()
    first.unlink()
    with pytest.raises(BookError, match="has been changed since it was written"):
        questions.main("head-gradients")
    assert last.read_bytes() == kept and not first.exists()


@pytest.mark.parametrize("page", ["head-gradients", "gradients"])  # in the second one, code of the quiz raises
def test_the_questions_run_and_show_what_the_answers_show(page):
    asked, answered = questions.questions_of(page, ENGLISH), questions.answers_of(page, ENGLISH)
    NotebookClient(asked, kernel_name="python3").execute()
    due = {cell.source: shown(cell) for cell in answered.cells if cell.get("outputs")}
    found = {cell.source: shown(cell) for cell in asked.cells if cell.get("outputs") and cell.source in due}
    assert len(found) >= 8 and all(due[source] == text for source, text in found.items())


def shown(cell):
    """Return the text of the outputs of a cell."""
    return [output.get("text") or output.get("data", {}).get("text/plain") for output in cell.outputs]
