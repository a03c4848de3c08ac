"""Sphinx extension: the quiz of a chapter stands after its summary.

Each answer is a <details> that says, once it is opened, whether it is right and why: it needs no script.
"""

from pathlib import Path

from docutils import nodes

from bookkit.project import CHINESE, ENGLISH, Edition
from bookkit.quizzes import CODE, quiz_of, read_quiz
from theme.extensions.editions import edition_of

SAID = {
    ENGLISH: (
        "Quiz",
        "Decide, then open your answer: it says whether it is right, and why.",
        "Right.",
        "Not this one.",
    ),
    CHINESE: ("小测验", "先选定答案，再点开它：它会说对不对，以及为什么。", "正确。", "不对。"),
}
BEFORE_THE_CONTENTS = 400  # of the page are collected
LAST = 2  # sections behind it: what's next, and further reading


class Answer(nodes.General, nodes.Element):
    """An answer of a quiz."""


class Choice(nodes.General, nodes.TextElement):
    """What stands in an answer that is not opened."""


def text(said: str, kind: type[nodes.TextElement] = nodes.paragraph, verdict: str = "") -> nodes.TextElement:
    """Return a node of a text in which code stands between backticks, with a verdict before it."""
    result = kind()
    if verdict:
        result += [nodes.strong(verdict, verdict), nodes.Text(" ")]
    for number, part in enumerate(said.split(CODE)):
        if part:
            result += nodes.literal(part, part) if number % 2 else nodes.Text(part)
    return result


def question_of(question: dict, edition: Edition) -> nodes.list_item:
    item = nodes.list_item()
    item += text(question["question"][edition.name])
    if code := question.get("code"):
        item += nodes.literal_block(code.rstrip(), code.rstrip(), language="python")
    _, _, right, wrong = SAID[edition]
    for answer in question["answers"]:
        verdict = right if answer.get("right") else wrong
        choice = text(answer["answer"][edition.name], Choice)
        item += Answer("", choice, text(answer["why"][edition.name], verdict=verdict), classes=["quiz-answer"])
    return item


def section_of(questions: list[dict], edition: Edition) -> nodes.section:
    title, how, _, _ = SAID[edition]
    items = nodes.enumerated_list(
        "", *(question_of(question, edition) for question in questions), enumtype="arabic", suffix="."
    )
    return nodes.section(
        "", nodes.title(title, title), text(how), items, ids=["quiz"], names=["quiz"], classes=["quiz"]
    )


def add_quiz(app, doctree):
    edition = edition_of(app.config)
    page = Path(app.env.docname).name
    if not quiz_of(page).exists():
        return
    app.env.note_dependency(str(quiz_of(page)))
    sections = [node for node in doctree.findall(nodes.section) if isinstance(node.parent.parent, nodes.document)]
    if len(sections) > LAST:
        last = sections[-LAST]
        last.parent.insert(last.parent.index(last), section_of(read_quiz(page), edition))


def visit_answer(translator, node):
    translator.body.append(translator.starttag(node, "details"))


def depart_answer(translator, node):
    translator.body.append("</details>\n")


def visit_choice(translator, node):
    translator.body.append("<summary>")


def depart_choice(translator, node):
    translator.body.append("</summary>\n")


def setup(app):
    app.add_node(Answer, html=(visit_answer, depart_answer))
    app.add_node(Choice, html=(visit_choice, depart_choice))
    app.connect("doctree-read", add_quiz, priority=BEFORE_THE_CONTENTS)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
