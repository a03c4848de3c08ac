"""The site in a real browser: what no look at its files can show."""

import pytest

from bookkit.notebooks.files import read

pytestmark = [pytest.mark.browser, pytest.mark.site, pytest.mark.slow]

LAID_OUT = "!document.documentElement.classList.contains('sections-wait')"
OUT_OF_REACH = """[...document.querySelectorAll("div.math > math")].some(
    (formula) => formula.getBoundingClientRect().left < formula.parentNode.getBoundingClientRect().left)"""
# What a page moves while it loads, by the measure of Chromium; a table finds its widths as its rows arrive.
WATCH_SHIFTS = """
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const { value, sources } of list.getEntries())
            if (!sources.some(({ node }) => (node?.parentElement ?? node)?.closest("tr, td, th, tbody")))
                shifted += value;
    }).observe({ type: "layout-shift", buffered: true });
"""


def names(site):
    """Return the addresses of all pages, but for two at the root: index.html only leads to the first page, and
    404.html has addresses that hold where the site is published."""
    found = {str(path.relative_to(site)) for path in site.rglob("*.html") if "_sources" not in path.parts}
    return sorted(found - {"index.html", "404.html"})


@pytest.mark.parametrize("start, end, label", [("en", "zh", "中文"), ("zh", "en", "English")])
def test_the_language_switch_works_from_the_keyboard(page, address, start, end, label):
    page.goto(f"{address}/book/{start}/control-flow.html")
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.classList.contains('language-switch')"):
            break
    assert page.evaluate("document.activeElement.innerText") == label
    page.keyboard.press("Enter")
    page.wait_for_url(f"{address}/book/{end}/control-flow.html")


FOCUSED = """() => {
    const element = document.activeElement;
    if (element === document.body) return null;
    element.dataset.reached = "";
    const title = element.closest(".admonition-title") || element;  // that of an exercise bears the ring of its button
    const ringed = [[element, ""], [title, "::before"]].some(([place, part]) => {
        const { outlineStyle, boxShadow } = getComputedStyle(place, part);
        return outlineStyle !== "none" || boxShadow !== "none";
    });
    const seen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    const { top, bottom, height } = element.getBoundingClientRect();
    const near = (top > -1 && bottom < innerHeight + 1) || height > innerHeight;
    return ringed && seen && near ? "" : element.outerHTML.slice(0, 200);
}"""
NOT_REACHED = """[...document.querySelectorAll("a[href], button, summary, input")]
    .filter((element) => element.checkVisibility({ visibilityProperty: true }) && element.dataset.reached !== "")
    .map((element) => element.outerHTML.slice(0, 200))"""


@pytest.mark.parametrize("width", [1280, 390])
def test_keys_reach_every_control_and_show_where_they_are(page, address, width):
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"{address}/book/en/control-flow.html")
    page.wait_for_function(LAID_OUT)
    page.add_style_tag(content="* { transition: none !important; scroll-behavior: auto !important }")
    page.keyboard.press("Tab")
    while (lost := page.evaluate(FOCUSED)) is not None:
        assert not lost
        page.keyboard.press("Tab")
    assert not page.evaluate(NOT_REACHED)


# They are hidden until all are there. Where a page has none, nothing is missing.
BUTTONS = """document.querySelector(".header-article-items__end")
    ?.checkVisibility({ visibilityProperty: true }) ?? true"""


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_scrolls_sideways_or_moves_or_asks_another_host(page, site, address, width):
    page.set_viewport_size({"width": width, "height": 950})
    page.add_init_script(WATCH_SHIFTS)
    for number, name in enumerate(names(site), start=width):
        # Every page is opened in both, at one width in the one and at the other width in the other.
        schemes = ["light", "dark"] if number % 4 < 2 else ["dark", "light"]
        page.emulate_media(color_scheme=schemes[0])
        page.goto(f"{address}/{name}", wait_until="load")
        page.wait_for_function(LAID_OUT)  # until then a wide block further down does not count
        assert page.evaluate("shifted") < 0.005, f"{name} moves while it loads"
        assert page.evaluate(BUTTONS), f"{name}: the buttons at its top are not shown"
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        for scheme in schemes:
            page.emulate_media(color_scheme=scheme)
            page.wait_for_function(f"document.documentElement.dataset.theme === '{scheme}'")
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"{name} is {over} pixels wider than a window of {width}, {scheme}"
            assert not page.evaluate(OUT_OF_REACH), f"{name}: the left end of a formula is out of reach"


def test_a_figure_is_drawn_for_its_theme(browser, address):
    """Dark lines on a light page, light lines on a dark one, and nothing behind them."""
    for scheme, is_dark in (("light", False), ("dark", True)):
        page = browser.new_page(color_scheme=scheme)
        page.goto(f"{address}/book/en/gradients.html")
        style = "getComputedStyle(document.querySelector('.cell_output img'))"
        assert page.evaluate(f"{style}.backgroundColor") == "rgba(0, 0, 0, 0)"
        assert ("invert(1)" in page.evaluate(f"{style}.filter")) == is_dark
        page.close()


REFUSES = """Object.defineProperty(window, "localStorage", {
    configurable: true, get() { throw new DOMException("denied", "SecurityError"); } });"""


def test_a_browser_that_keeps_nothing_shows_all_the_same(browser, address):
    context = browser.new_context(color_scheme="dark")
    context.add_init_script(REFUSES)
    page = context.new_page()
    page.goto(f"{address}/book/en/own-autograd.html")
    page.wait_for_function("document.querySelectorAll('button.copybtn').length > 20")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    figure = page.locator("figure, .cell_output", has=page.locator("button", has_text="Next")).first
    figure.get_by_role("button", name="Next").click()
    figure.get_by_text("Step 2 of").wait_for()
    context.close()


PREVENTS = """(button, keys) => !button.dispatchEvent(
    new KeyboardEvent("keydown", { key: "ArrowLeft", bubbles: true, cancelable: true, ...keys }))"""


def test_an_arrow_key_turns_a_figure_and_with_alt_the_page(page, address):
    page.goto(f"{address}/book/en/own-autograd.html")
    button = page.get_by_role("button", name="Next").first
    assert button.evaluate(PREVENTS, {}) and not button.evaluate(PREVENTS, {"altKey": True})


def test_what_the_theme_says_on_a_chinese_page_is_chinese(page, address):
    page.goto(f"{address}/book/zh/gradients.html?highlight=梯度")
    page.locator("span.highlighted").first.wait_for(state="attached")
    link = page.locator(".highlight-link a")
    assert link.inner_text() == "隐藏搜索结果"
    assert page.locator("[aria-label='Toggle hidden content']").count() == 0
    link.click()
    page.wait_for_function("!document.querySelector('span.highlighted')")


def place(page, label):
    """Return how far below the upper edge of the window an element is, in pixels."""
    return page.evaluate("label => document.getElementById(label).getBoundingClientRect().top", label)


def test_a_link_arrives_at_its_section(page, address):
    for label in ("gradients-several", "exercises", "gradients-update", "gradients-nudge", "further-reading"):
        if label == "gradients-several":
            page.goto(f"{address}/book/en/gradients.html#{label}")
        else:
            page.evaluate("label => { location.hash = label; }", label)
        page.wait_for_timeout(200)
        assert 0 <= place(page, label) < 200, label


def test_a_long_page_shows_its_top_first_and_forgets_no_place(page, address):
    # Not every browser holds the reader's place when something above it grows.
    page.add_init_script("""
        document.addEventListener("readystatechange", () => {
            window.waited ??= document.documentElement.className;
            document.body.style.overflowAnchor = "none";
        });
        if (location.search)
            addEventListener("DOMContentLoaded", () => document.querySelector("a[href='#exercises']").click());
    """)
    page.goto(f"{address}/book/en/gradients.html")
    assert page.evaluate("waited") == "sections-wait"
    page.wait_for_function(LAID_OUT)
    page.locator("#further-reading").scroll_into_view_if_needed()
    before = place(page, "further-reading")
    page.reload()
    assert page.evaluate("waited") == ""
    page.wait_for_function(
        f"Math.abs(document.getElementById('further-reading').getBoundingClientRect().top - {before}) < 2"
    )
    for way in ("?at-once", "#exercises"):
        page.goto("about:blank")
        page.goto(f"{address}/book/en/gradients.html{way}")
        page.wait_for_function(LAID_OUT)
        page.wait_for_timeout(200)
        assert 0 <= place(page, "exercises") < 200, way


def test_on_paper_a_page_is_light_and_open(page, address):
    page.emulate_media(color_scheme="dark")
    page.goto(f"{address}/book/en/gradients.html")
    folded = page.locator("details.hide").first
    solution = page.locator(".solution .cell_output").first

    def looks():
        theme = page.evaluate("document.documentElement.dataset.theme")
        return theme, folded.get_attribute("open"), solution.is_visible()

    assert looks() == ("dark", None, False)
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert looks() == ("light", "", True)
    assert (
        not page.locator("summary, button, .run-this-page, .bd-sidebar, .prev-next-area").filter(visible=True).count()
    )
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert looks() == ("dark", None, False)


def test_without_scripts_everything_can_be_read(browser, address):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{address}/book/zh/gradients.html")
    for what in (
        "article h1",
        "math",
        ".cell_input pre",
        ".cell_output pre:not(details *)",
        ".solution .cell_output",
        "nav.bd-links a",
    ):
        assert page.locator(what).first.is_visible(), what
    answer = page.locator(".prediction details").first  # folded, and unfolded without a script
    assert not answer.locator("pre").first.is_visible()
    answer.locator("summary").click()
    assert answer.locator("pre").first.is_visible()
    assert page.locator(".solution .cell_output").last.is_visible()
    page.locator(".prev-next-area a.right-next").click()
    assert page.url.endswith("/zh/checking-gradients.html")
    context.close()


def test_it_works_from_the_file_system(browser, site, watch):
    context = browser.new_context()
    page, wrong = watch(context, "file:///")
    page.goto(f"{(site / 'book/en/gradients.html').as_uri()}")
    assert page.evaluate("document.documentElement.dataset.theme") == "light"
    page.goto(f"{(site / 'search.html').as_uri()}?q=retain_graph")
    page.wait_for_selector("#search-results li a")
    context.close()
    # A browser does not let a page read its neighbours here: the results come without excerpts.
    assert not [
        error for error in wrong if "fetch" not in error.lower() and "file:" not in error and "ERR_FAILED" not in error
    ], wrong


@pytest.mark.parametrize("width", [1280, 390])
def test_a_reader_walks_through_the_book(browser, address, watch, width):
    context = browser.new_context(
        viewport={"width": width, "height": 800},
        permissions=["clipboard-read", "clipboard-write"],
        color_scheme="light",
    )
    page, wrong = watch(context, address)
    page.goto(f"{address}/index.html")
    page.wait_for_url("**/book/en/index.html")
    page.locator("article a", has_text="Gradients").first.click()
    page.wait_for_url("**/book/en/gradients.html")

    page.locator("button.theme-switch-button").first.click()  # from automatic, which is light here
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"

    solution = page.locator(".solution.dropdown").first
    assert not solution.locator(".cell_output").first.is_visible()
    solution.locator("summary, .toggle-button, .admonition-title").last.click()
    assert solution.locator(".cell_output").first.is_visible()

    cell = page.locator(".cell_input").nth(2)
    cell.scroll_into_view_if_needed()
    cell.hover()
    cell.locator("button.copybtn").click()
    page.wait_for_function("navigator.clipboard.readText()")
    assert page.evaluate("navigator.clipboard.readText()").strip() == cell.locator("pre").inner_text().strip()

    with page.expect_download() as download:
        page.locator(".run-this-page a").first.click()
    notebook = read(download.value.path())
    assert notebook.cells[0].source.startswith("# Gradients")

    page.locator("a.language-switch").click()
    page.wait_for_url("**/zh/gradients.html")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    page.locator(".prev-next-area a.right-next").click()
    page.wait_for_url("**/zh/checking-gradients.html")
    if width < 992:
        page.locator("button.primary-toggle").first.click()
    page.locator("nav.bd-links a", has_text="控制流").first.click()
    page.wait_for_url("**/zh/control-flow.html")

    page.keyboard.press("Control+k")
    page.keyboard.type("折点")
    page.keyboard.press("Enter")
    page.locator("#search-results li a").first.click()
    page.wait_for_load_state()
    context.close()
    assert not wrong, wrong
