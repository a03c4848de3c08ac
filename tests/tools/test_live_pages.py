"""What a reader meets on a live page: running, editing, errors, floods, a kernel that dies, a server that is gone."""

import re
import time

import pytest
from live_site import EXERCISE, LiveServer, cell, markup, stream, write_page
from nbformat.v4 import new_output

from bookkit.notebooks.kernel import MAX_MEMORY

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PATIENCE = 30  # seconds
ERROR = new_output("error", ename="ValueError", evalue="bad", traceback=["ValueError: bad"])
CELLS = [
    cell("start", "a = 1"),
    cell("add", "a += 1\nprint(a)", stream("2\n")),
    cell("raise", 'raise ValueError("bad")', ERROR, tags=["raises-exception"]),
    cell("wrong", "print('now')", stream("then\n")),
    cell("ignored", "print(id(a))", stream("1\n"), **{"ignore-reason": "an address"}),
    cell("last", "a * 10", new_output("execute_result", data={"text/plain": "20"}, execution_count=6)),
]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = tmp_path_factory.mktemp("site")
    write_page(site, "page", CELLS, more=EXERCISE.format(label="ex-one"))
    write_page(site, "page", CELLS, "zh")
    return site


def until(page, expression, patience=PATIENCE):
    """Wait until an expression is true in the page: its policy lets nothing evaluate there but this."""
    end = time.monotonic() + patience
    while not (value := page.evaluate(expression)):
        assert time.monotonic() < end, f"{expression}: {page.evaluate('document.body.innerText')}"
        page.wait_for_timeout(50)
    return value


WATCH_WORDS = """
    window.said = [];
    const watch = new MutationObserver((changes) => changes.forEach(({ target }) => said.push(target.textContent)));
    watch.observe(document.querySelectorAll(".live-said")[1], { childList: true });
"""


class Reader:
    """What somebody does on a page."""

    def __init__(self, page, live):
        self.page, self.live = page, live

    def open(self, name="en/page"):
        self.page.goto(f"{self.live.address}/book/{name}.html?token={self.live.token}")
        until(self.page, "document.querySelector('.live-bar')")
        return self

    def expect(self, *words):
        """Hold no error in the console for wrong that has one of these words."""
        self.wrong[:] = [line for line in self.wrong if not any(word in line for word in words)]

    def cell(self, number):
        return self.page.locator(".cell").nth(number)

    def press(self, number, name="Run"):
        self.cell(number).get_by_role("button", name=name).first.click()

    def write(self, number, code):
        self.cell(number).locator("pre:visible, .cm-content").first.click()
        until(self.page, "document.activeElement.matches('.cm-content')")
        assert self.cell(number).locator(".cm-content:focus").count()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(code)

    def said(self, number):
        return self.cell(number).locator(".live-said").inner_text()

    def shown(self, number):
        return self.cell(number).locator(".cell_output").inner_text()

    def state(self):
        return self.page.evaluate("document.querySelector('.live-bar').dataset.state")

    def wait(self, number, words, patience=PATIENCE):
        said = f"document.querySelectorAll('.cell')[{number}].querySelector('.live-said').innerText"
        until(self.page, f"{said}.includes({words!r})", patience)

    def wait_state(self, *states):
        until(self.page, f"{list(states)}.includes(document.querySelector('.live-bar')?.dataset.state)")


@pytest.fixture
def reader(browser, live, watch):
    context = browser.new_context(locale="en-GB")
    page, wrong = watch(context, live.address)
    page.set_default_timeout(PATIENCE * 1000)
    reader = Reader(page, live)
    reader.wrong = wrong
    yield reader
    context.close()
    assert not wrong, wrong


def test_what_stands_above_runs_first_and_the_reader_is_told(reader):
    reader.open()
    reader.page.evaluate(WATCH_WORDS)
    reader.press(1)
    reader.wait(1, "Same as in the book")
    assert "what stands above runs first: cell 1 of 1" in reader.page.evaluate("said")
    assert reader.said(0) == "Ran; shows nothing, as in the book" and reader.said(2) == ""
    assert reader.shown(1).strip() == "2"


def test_outputs_are_compared_with_the_book(reader):
    reader.open().press(5)
    reader.wait(5, "Same as in the book")
    assert reader.said(2) == "Same as in the book" and reader.shown(2).strip() == "ValueError: bad"
    assert reader.said(3) == "Not the same as in the book"
    assert reader.page.evaluate("document.querySelector('mark').textContent") == "now\n"
    assert reader.cell(3).locator("details").inner_text() == "What the book shows"
    assert reader.said(4) == "Not compared: an address"


def test_code_is_changed_kept_and_put_back(reader):
    reader.open().write(1, "a += 40\nprint(a)\n1 / 0")
    reader.page.keyboard.press("Control+Enter")
    reader.wait(1, "Stopped with an error")
    assert reader.shown(1).splitlines()[0] == "41" and "ZeroDivisionError: division by zero" in reader.shown(1)
    assert reader.cell(1).locator("summary").inner_text() == "Where it happened"
    reader.page.reload()
    until(reader.page, "document.querySelector('.cm-content')")
    assert "a += 40" in reader.cell(1).locator(".cm-content").inner_text()
    # What follows does not run, and says where it stopped.
    reader.press(3)
    reader.wait(3, "a cell above stopped with an error")
    reader.press(3, "Go to it")
    assert reader.page.evaluate("document.activeElement.ariaLabel") == "Run cell 2"
    reader.press(1, "Put the book's code back")
    reader.press(3)
    reader.wait(3, "Not the same as in the book. Cells were changed")
    reader.press(3, "Run all up to here")
    reader.page.get_by_role("button", name="Restart").click()
    reader.wait_state("restarted")
    reader.press(1)
    reader.wait(1, "Same as in the book")
    assert reader.page.evaluate("localStorage.length") == 0


def test_everything_is_done_with_the_keyboard_alone(reader):
    keys = reader.open().page.keyboard
    for _ in range(20):
        keys.press("Tab")
        if reader.page.evaluate("document.activeElement.textContent") == "Edit":
            break
    keys.press("Enter")
    until(reader.page, "document.activeElement.matches('.cm-content')")
    assert "Esc leaves the editor" in reader.page.inner_text("body")
    keys.press("Control+End")
    keys.type("\nif a:\nb = 3\nprint(b)")
    keys.press("Tab")
    keys.press("Shift+Tab")
    assert reader.cell(0).locator(".cm-content").inner_text() == "a = 1\nif a:\n    b = 3\n    print(b)"
    keys.press("Control+Enter")
    reader.wait(0, "Done")
    assert reader.shown(0).strip() == "3"
    assert reader.page.evaluate("document.activeElement.matches('.cm-content')")
    keys.press("Shift+Enter")
    assert reader.page.evaluate("document.activeElement.ariaLabel") == "Run cell 2"
    keys.press("Shift+Enter")
    assert reader.page.evaluate("document.activeElement.ariaLabel") == "Run cell 3"
    reader.wait(1, "Same as in the book")
    reader.cell(0).locator(".cm-content").focus()
    keys.press("Escape")
    assert reader.page.evaluate("document.activeElement.ariaLabel") == "Run cell 1"


def test_keys_pass_over_what_is_folded(reader, site):
    write_page(site, "folded", CELLS[:3])
    page = site / "book/en/folded.html"
    cell, text = markup(CELLS[1]), page.read_text(encoding="utf-8")
    assert cell in text
    page.write_text(text.replace(cell, f"<details><summary>Solution</summary>{cell}</details>"), encoding="utf-8")
    reader.open("en/folded").cell(0).locator(".live-run").focus()
    reader.page.keyboard.press("Shift+Enter")
    assert reader.page.evaluate("document.activeElement.ariaLabel") == "Run cell 3"
    reader.page.keyboard.press("Enter")
    reader.wait(2, "Same as in the book")


HIDDEN_BEHIND_THE_BAR = """() => {
    const bar = document.querySelector(".live-bar"), focused = document.activeElement;
    const [upper, { top, bottom }] = [bar.getBoundingClientRect().top, focused.getBoundingClientRect()];
    return !bar.contains(focused) && bottom > upper && top < innerHeight ? focused.outerHTML : "";
}"""


def test_the_bar_hides_nothing_that_keys_reach(reader):
    reader.page.set_viewport_size({"width": 390, "height": 300})
    reader.open()
    stops = 0
    while reader.page.keyboard.press("Tab") or not reader.page.evaluate("document.activeElement === document.body"):
        assert not reader.page.evaluate(HIDDEN_BEHIND_THE_BAR)
        stops += 1
    assert stops > 3 * len(CELLS)


def test_an_answer_is_tried_under_its_exercise(reader):
    reader.open().write(6, "print(a + 100)")
    reader.press(6)
    reader.wait(6, "Done")
    assert reader.shown(6).strip() == "102"


def test_a_loop_without_end_is_interrupted(reader):
    reader.open().write(0, "a = 1\nwhile True: pass")
    reader.press(0)
    reader.wait_state("busy")
    until(reader.page, "document.querySelector('.live-bar').innerText.match(/[12] s/)")
    reader.press(5)  # waits, and is given up with it
    reader.page.get_by_role("button", name="Interrupt").click()
    reader.wait(0, "Interrupted")
    assert reader.state() == "interrupted" and reader.said(5) == ""
    reader.write(0, "a = 1")
    reader.press(1)
    reader.wait(1, "Same as in the book")


def test_a_flood_is_cut(reader):
    reader.open().write(0, "while True: print('x' * 1000)")
    reader.press(0)
    # What the kernel wrote meanwhile comes first: 8 seconds where nobody else is at work.
    reader.wait(0, "Cut: it wrote more than 200000 characters", 3 * PATIENCE)
    reader.wait_state("interrupted")
    assert len(reader.shown(0)) < 210_000
    reader.write(0, "a = 1")
    reader.press(1)
    reader.wait(1, "Same as in the book")


def test_a_kernel_that_ends_is_told_and_begun_anew(reader):
    reader.open().write(1, "import os; os._exit(1)")
    reader.press(1)
    reader.wait(1, "Did not end")
    reader.wait_state("died")
    reader.press(1, "Put the book's code back")
    reader.press(1)
    reader.wait(1, "Same as in the book")


def test_a_cell_that_eats_memory_is_stopped(reader):
    reader.open().write(0, f"a = bytearray(b'1') * {int(MAX_MEMORY * 1e9 + 1e9)}\nimport time; time.sleep(60)")
    reader.press(0)
    reader.wait(0, "Did not end", 90)
    reader.wait_state("died")


def test_a_server_that_is_gone_is_told_and_comes_back(reader, live):
    reader.open().press(1)
    reader.wait(1, "Same as in the book")
    live.stop()
    reader.wait_state("gone")
    assert "The server does not answer" in reader.page.inner_text(".live-bar")
    assert reader.shown(1).strip() == "2"
    live.start(live.port)
    reader.wait_state("ended")
    reader.press(1)
    reader.wait(1, "Same as in the book")
    reader.expect("ERR_CONNECTION_REFUSED", "404")


def test_a_server_that_answers_slowly_is_asked_by_several_probes(reader, live):
    reader.open().press(1)
    reader.wait(1, "Same as in the book")
    reader.page.evaluate(
        "() => { const ask = fetch; window.fetch = async (...given) => {"
        " await new Promise(go => setTimeout(go, 5000)); return ask(...given); }; }"
    )
    live.stop()
    reader.wait_state("gone")
    live.start(live.port)
    reader.wait_state("ended")
    reader.page.wait_for_timeout(6000)  # for the probes that are still on their way
    reader.expect("ERR_CONNECTION_REFUSED", "404")


def test_what_was_asked_of_a_server_that_was_away_can_be_asked_again(reader, live):
    reader.open().press(1)
    reader.wait(1, "Same as in the book")
    live.stop()
    reader.wait_state("gone")
    reader.press(3)
    live.start(live.port)
    reader.wait_state("ended")
    reader.press(3)
    reader.wait(3, "Not the same as in the book")
    reader.expect("ERR_CONNECTION_REFUSED", "404")


def test_a_kernel_that_cannot_be_reached_is_told_and_can_be_tried_again(reader):
    """As behind a proxy that lets nothing through but plain requests."""
    is_shut = True
    channels = re.compile(r"/channels\b")
    reader.page.route_web_socket(channels, lambda socket: socket.close() if is_shut else socket.connect_to_server())
    reader.open().press(1)
    reader.wait_state("shut")
    assert "lets no WebSocket through" in reader.page.inner_text(".live-bar")
    is_shut = False
    reader.press(1)
    reader.wait(1, "Same as in the book")


def test_a_lost_login_is_told(reader, live):
    reader.open().press(1)
    reader.wait(1, "Same as in the book")
    live.stop()
    reader.wait_state("gone")
    reader.page.context.clear_cookies()
    live.start(live.port)
    reader.wait_state("refused")
    reader.expect("ERR_CONNECTION_REFUSED", "403")


def test_a_kernel_that_the_server_ended_unused_is_begun_anew(site, browser, watch):
    live = LiveServer(site, before="from bookkit.live import command\ncommand.IDLE, command.LOOK = 2, 1\n")
    context = browser.new_context(locale="en-GB")
    page, wrong = watch(context, live.address)
    reader = Reader(page, live).open()
    try:
        reader.press(1)
        reader.wait(1, "Same as in the book")
        until(page, "fetch('/api/kernels').then((answer) => answer.json()).then((kernels) => !kernels.length)")
        page.wait_for_timeout(5000)
        reader.press(3)
        reader.wait(3, "Not the same as in the book")
        assert reader.said(1) == "Same as in the book"  # it ran again, before that one
        assert [line for line in wrong if "404" not in line] == []
    finally:
        context.close()
        live.stop()


def test_a_cell_that_was_interrupted_has_not_run(reader):
    reader.open().write(0, "import time\nprint('on')\ntime.sleep(60)\na = 1")
    for _ in range(2):
        reader.press(1)
        until(
            reader.page, "document.querySelectorAll('.cell')[0].querySelector('.cell_output')?.innerText.includes('on')"
        )
        reader.page.get_by_role("button", name="Interrupt").click()
        reader.wait(0, "Interrupted")
        reader.wait_state("interrupted")


def test_what_is_asked_during_a_restart_runs_after_it(reader):
    reader.open().press(1)
    reader.wait(1, "Same as in the book")
    reader.wait_state("ready")
    reader.page.evaluate(
        "() => { const press = (words) => [...document.querySelectorAll('button')].find((button) =>"
        " (button.ariaLabel ?? button.textContent) === words).click(); press('Restart'); press('Run cell 2'); }"
    )
    reader.wait(1, "Same as in the book")
    assert reader.said(0) == "Ran; shows nothing, as in the book" and reader.shown(1).strip() == "2"


def test_code_is_not_put_back_while_it_runs(reader):
    reader.open().write(1, "import time\ntime.sleep(2)\nprint('mine')")
    reader.press(1)
    until(reader.page, "document.querySelectorAll('.live-said')[1].innerText === 'runs'")
    back = reader.cell(1).get_by_role("button", name="Put the book's code back")
    assert back.is_disabled()
    reader.wait(1, "Done")
    assert back.is_enabled() and reader.shown(1).strip() == "mine"


def test_the_focus_stays_when_its_button_goes(reader):
    reader.open().write(0, "while True: pass")
    reader.press(0)
    reader.wait_state("busy")
    reader.page.get_by_role("button", name="Interrupt").focus()
    reader.page.keyboard.press("Enter")
    reader.wait(0, "Interrupted")
    assert reader.page.evaluate("document.activeElement.closest('.live-bar') !== null")


def test_a_reload_in_the_middle_loses_nothing(reader):
    reader.open().write(0, "a = 1\nimport time; time.sleep(30)")
    reader.press(0)
    reader.wait_state("busy")
    reader.page.reload()
    until(reader.page, "document.querySelector('.cm-content')")
    assert "sleep(30)" in reader.cell(0).locator(".cm-content").inner_text()
    assert reader.state() == "left"
    reader.press(0, "Put the book's code back")
    reader.press(1)
    reader.wait(1, "Same as in the book")


def test_a_full_storage_is_told_once(reader):
    reader.open()
    reader.page.evaluate(
        "() => { Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }; }"
    )
    reader.write(0, "a = 2")
    reader.write(1, "a = 3")
    assert reader.page.locator(".live-full").all_inner_texts() == [
        "This browser has no room left to keep what you write: it is lost when you leave the page."
    ]


HOSTILE_CODE = """
from IPython.display import HTML, SVG, Javascript, display
display(HTML("<script>document.title = 'ran'</script><img src=x onerror=\\"document.title = 'ran'\\">"))
display(Javascript("document.title = 'ran'"))
display({"image/svg+xml": "<svg xmlns='http://www.w3.org/2000/svg' width='10pt' height='10pt' "
    "onload=\\"document.title = 'ran'\\"><script>parent.document.title = 'ran'</script><foreignObject>"
    "<img xmlns='http://www.w3.org/1999/xhtml' src='x' onerror=\\"parent.document.title = 'ran'\\"/></foreignObject>"
    "<a href='javascript:1'><text>t</text></a><image href='https://elsewhere.example/x.png'/></svg>"}, raw=True)
print("\\x1b[31m<b>red</b>\\x1b[0m\\x07 overwritten\\rtwo")
raise ValueError("<img src=x onerror=\\"document.title = 'ran'\\">")
"""


def test_what_a_kernel_sends_runs_nothing(reader):
    reader.open().write(0, HOSTILE_CODE)
    reader.press(0)
    reader.wait(0, "Stopped with an error")
    reader.page.wait_for_timeout(300)
    assert reader.page.title() == "Page"
    assert "two" in reader.shown(0) and "overwritten" not in reader.shown(0) and "<b>red" not in reader.shown(0)
    assert "ValueError: <img src=x" in reader.shown(0)
    assert reader.page.locator(".cell_output :is(b, script, svg, iframe, object)").count() == 0
    images = reader.page.evaluate("[...document.querySelectorAll('.cell_output img')].map((image) => image.src)")
    assert images and all(source.startswith(("blob:", "data:")) for source in images)


def test_two_tabs_do_not_disturb_each_other(reader, browser, watch):
    context = browser.new_context()
    other = Reader(watch(context, reader.live.address)[0], reader.live).open()
    reader.open().write(0, "a = 500")
    reader.press(0)
    reader.wait(0, "Done")
    other.press(1)
    other.wait(1, "Same as in the book")
    context.close()


def test_the_kernel_goes_with_its_page(reader):
    reader.open().press(1)
    reader.wait(1, "Same as in the book")
    count = "fetch('/api/kernels').then((answer) => answer.json()).then((kernels) => kernels.length)"
    before = reader.page.evaluate(count)
    reader.open()
    until(reader.page, f"{count}.then((count) => count === {before - 1})")


def test_the_chinese_page_speaks_chinese(reader):
    reader.open("zh/page").press(1, "运行")
    reader.wait(1, "与书中一致")
    text = reader.page.inner_text("main")
    for english in ("Run", "Edit", "Same", "Restart", "Ready"):
        assert english not in text, english


def test_what_was_put_back_can_be_taken_again(reader):
    reader.open().write(1, "print('mine')")
    reader.press(1, "Put the book's code back")
    assert "a += 1" in reader.cell(1).inner_text()
    reader.press(1, "Take my code again")
    assert reader.cell(1).locator(".cm-content").inner_text() == "print('mine')"
    reader.press(1)
    reader.wait(1, "Done")
    assert reader.shown(1).strip() == "mine"
    assert not reader.cell(1).get_by_role("button", name="Take my code again").is_visible()


def test_after_a_reload_the_reader_is_told_that_python_ended(reader):
    reader.open()
    assert reader.state() == "idle"
    reader.press(0)
    reader.wait(0, "Ran")
    reader.page.reload()
    reader.wait_state("left")
    reader.page.reload()
    reader.wait_state("idle")


def test_an_output_comes_into_view(reader):
    reader.open().write(1, "for n in range(40):\n    print(n)")
    reader.page.keyboard.press("Shift+Enter")
    reader.wait(1, "Done")
    bottom = "document.querySelectorAll('.cell')[1].querySelector('.cell_output').getBoundingClientRect().bottom"
    bar = "document.querySelector('.live-bar').getBoundingClientRect().top"
    assert reader.page.evaluate(f"{bottom} <= {bar} && {bottom} > 0")


def test_code_keeps_its_size_when_it_is_edited(reader):
    reader.open()
    size = "getComputedStyle(document.querySelectorAll('.cell')[1].querySelector('{}')).fontSize"
    before = reader.page.evaluate(size.format("pre"))
    reader.write(1, "a")
    assert reader.page.evaluate(size.format(".cm-content")) == before
