"""What the site lets a reader do with a page: open an answer, go through a figure step by step."""

import threading
from functools import partial
from http.server import ThreadingHTTPServer

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output
from sample_book import SampleBook
from sample_book import page as notebook_of

from bookkit.conventions import PREDICT
from bookkit.project import EDITIONS
from bookkit.site import pdf
from bookkit.site.serve import Handler
from theme.extensions import steps

pytestmark = [pytest.mark.browser, pytest.mark.site, pytest.mark.slow]

# A square for each step, with a second part in the second one, and a circle that is always there.
DRAWING = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="30pt" viewBox="0 0 90 30"><g id="figure_1">
<circle cx="85" cy="25" r="4"/>
<g id="step-1"><rect x="0" width="10" height="10"/></g><g id="step-2"><rect x="20" width="10" height="10"/></g>
<g id="step-2-label"><rect x="40" width="10" height="10"/></g><g id="step-3"><rect x="60" width="10" height="10"/></g>
</g></svg>"""
MIDDLES = [(5, 5), (25, 5), (45, 5), (65, 5), (85, 25)]
SHOWN = [
    [True, False, False, False, True],
    [True, True, True, False, True],
    [True, True, True, True, True],
]
WORDS = {"en": ("Next", "Previous", "Step {} of 3"), "zh": ("下一步", "上一步", "第 {} 步，共 3 步")}
DRAW = """async ([address, points]) => {
    const image = new Image();
    image.src = address;
    await image.decode();
    const [canvas, scale] = [document.createElement("canvas"), 4 / 3];
    [canvas.width, canvas.height] = [120, 40];
    const pen = canvas.getContext("2d");
    pen.drawImage(image, 0, 0);
    return points.map(([x, y]) => pen.getImageData(x * scale, y * scale, 1, 1).data[3] > 128);
}"""


def drawn(identifier):
    alt = {"mystnb": {"image": {"alt": "Three squares and a circle."}}}
    output = new_output("display_data", {"image/svg+xml": DRAWING})
    return new_code_cell("draw()", id=identifier, metadata=alt, outputs=[output])


def printed(source, identifier):
    return new_code_cell(source, id=identifier, outputs=[new_output("stream", name="stdout", text=f"{identifier}\n")])


def interactive(edition):
    """Return a page with a question that is answered, one that is not, and the same figure twice."""
    ask = PREDICT[edition]
    return notebook_of(
        new_markdown_cell("# Interaction\n\nA paragraph.", id="title"),
        new_markdown_cell(f"## First\n\nSome text.\n\n**{ask}** What is it?", id="question"),
        printed("print('answer')", "answer"),
        new_markdown_cell("It is this.", id="explanation"),
        printed("print('example')", "example"),
        new_markdown_cell(f"**{ask}** What does the figure show?", id="question-of-a-figure"),
        drawn("answer-figure"),
        new_markdown_cell("A figure.", id="text"),
        drawn("figure"),
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The site of a small book, with the page `interaction`."""
    book = SampleBook(tmp_path_factory.mktemp("interaction"))
    (book.folder / "book/data/glossary.yml").write_text("[]\n", encoding="utf-8")
    (book.folder / "book/data/index.yml").write_text("functions: {}\nerrors: {}\n", encoding="utf-8")
    book.write("index", notebook_of(new_markdown_cell("# Index\n\nA paragraph.", id="title"), printed("1", "one")))
    for edition in EDITIONS:
        book.write("interaction", interactive(edition), (edition.name,))
    book.write_toc("interaction")
    process = book.start("-m", "bookkit", "build")
    output, _ = process.communicate()
    assert process.returncode == 0, output
    return book.folder / "_build" / "html"


@pytest.fixture(scope="module")
def sample(root):
    """The address of the site of the small book."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=root)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(params=[edition.name for edition in EDITIONS])
def page(request, browser, sample):
    """The page `interaction`, in either edition."""
    page = browser.new_page()
    wrong = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(f"{sample}/book/{request.param}/interaction.html")
    page.edition = request.param
    yield page
    page.close()
    assert not wrong, wrong


def test_the_answer_to_a_question_is_folded_and_nothing_else(page):
    folded = page.locator("details")
    assert folded.count() == 2 and not page.locator("details[open]").count()
    assert page.get_by_text("answer", exact=True).first.is_hidden()
    assert page.get_by_text("example", exact=True).first.is_visible()
    assert page.locator(".cell_input").first.is_visible()


def test_an_answer_opens_by_keys(page):
    page.locator("summary").first.focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("answer", exact=True).first.is_visible()
    page.keyboard.press("Space")
    assert page.get_by_text("answer", exact=True).first.is_hidden()


def test_the_handle_speaks_the_language_of_the_page(page):
    said = {"en": "Say what you expect, then open", "zh": "先说出你的预期，再展开"}
    assert page.locator("summary").first.inner_text().strip() == said[page.edition]


@pytest.mark.parametrize("scripts", [True, False])
def test_on_paper_every_answer_is_open(browser, sample, scripts):
    context = browser.new_context(java_script_enabled=scripts)
    page = context.new_page()
    page.goto(f"{sample}/book/en/interaction.html")
    page.emulate_media(media="print")
    if scripts:
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    # Of what is not open Chromium tells no text.
    assert page.locator(".prediction .cell_output pre").bounding_box()["height"] > 5
    assert page.locator(".prediction .cell_output img").bounding_box()["height"] > 5
    assert not page.locator("summary, .step-controls").filter(visible=True).count()
    context.close()


def addresses(page):
    return [
        image.split("/")[-1] for image in page.locator("figure.steps img").evaluate_all("all => all.map(i => i.src)")
    ]


def test_a_figure_goes_step_by_step_and_alone(page):
    following, previous, count = WORDS[page.edition]
    figure = page.locator("figure.steps").last
    said = figure.get_by_role("status")
    [_, whole] = [address.partition("#")[0] for address in addresses(page)]
    for step in (1, 2, 3, 3):  # a button at its end takes the focus still, and does nothing
        assert said.inner_text() == count.format(step) and addresses(page)[1] == f"{whole}#show-{step}"
        assert addresses(page)[0].endswith("#show-1")
        assert page.evaluate(DRAW, [figure.locator("img").evaluate("i => i.src"), MIDDLES]) == SHOWN[step - 1]
        figure.get_by_role("button", name=following, exact=True).click(force=True)
    figure.get_by_role("button", name=previous, exact=True).click(force=True)
    assert said.inner_text() == count.format(2)


def test_arrow_keys_go_through_a_figure(page):
    *_, count = WORDS[page.edition]
    figure = page.locator("figure.steps").last
    said = figure.get_by_role("status")
    figure.get_by_role("button").last.focus()
    for key, step in (("ArrowRight", 2), ("ArrowRight", 3), ("ArrowRight", 3), ("ArrowLeft", 2), ("Enter", 3)):
        page.keyboard.press(key)
        assert said.inner_text() == count.format(step), key
    assert figure.get_by_role("button").last.get_attribute("aria-disabled") == "true"
    assert page.evaluate("document.activeElement.tagName") == "BUTTON"


def test_on_paper_a_figure_is_whole(page):
    assert all("#show-1" in address for address in addresses(page))
    page.wait_for_function("[...document.images].some(image => image.naturalWidth)")  # the reader sees the figure
    before = "dispatchEvent(new Event('beforeprint')), [...document.images].map(image => [image.src, image.complete])"
    # It must be there at once: the browser prints what it has.
    assert all("#" not in address and complete for address, complete in page.evaluate(before))
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert all("#show-1" in address for address in addresses(page))


def test_without_scripts_a_figure_is_whole(browser, sample):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{sample}/book/en/interaction.html")
    assert not any("#" in address for address in addresses(page))
    assert not page.locator(".step-controls").filter(visible=True).count()
    context.close()


@pytest.mark.parametrize("edition", EDITIONS, ids=lambda edition: edition.name)
def test_the_printed_book_has_neither_handles_nor_buttons(root, edition, monkeypatch):
    monkeypatch.setattr(pdf.contents, "pages", lambda: ["index", "interaction"])
    article = pdf.read_chapters(root, edition)["interaction"]
    assert len(article.select(".cell_output > img")) == 2 and len(article.select(".cell_output pre")) == 2
    assert not article.select("details, summary, figure, button, output")


def test_a_drawing_in_steps_says_of_each_what_it_hides():
    assert steps.last_step(DRAWING) == 3
    made = steps.with_targets(DRAWING)
    assert "#show-2:target ~ * #step-3" in made and "#show-2:target ~ * #step-2" not in made
    assert made.replace(made[made.index("<style>") : made.index('<g id="figure_1">')], "") == DRAWING
