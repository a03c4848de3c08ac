"""The Chinese edition says what the English one says: cell by cell, up to the words."""

import io
import re
import tokenize
from difflib import unified_diff

import pytest
import yaml
from nbformat.v4 import new_markdown_cell, new_notebook

import agree
import glossary
import notebooks
from notebooks import name
from test_notebooks import tell

ENGLISH = notebooks.ROOT / "book"
CHINESE = ENGLISH / "zh"
PAGES = [path.name for path in agree.pages()]
HAN = re.compile(r"[\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
# What both editions must have alike in a Markdown cell, and how to find it.
MARKS = {
    "headings": r"^(#+) ",
    "labels": r"^\(([\w-]+)\)=$",
    "exercises": r"^:label: (\S+)$",
    "directives": r"^(:::\S*)",
    "links": r"\]\(([^)]+)\)",
}


def without_code(text):
    return re.sub(r"`[^`\n]+`", "", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def formulas(text):
    """Return the formulas of a text, words inside \\text{} taken out, sorted."""
    found = re.findall(r"\$\$.*?\$\$|\$[^$\n]+\$", without_code(text), re.DOTALL)
    return sorted(re.sub(r"\s+", "", re.sub(r"\\text\{[^}]*\}", "", formula)) for formula in found)


def tokens_of(code):
    """Return the tokens of a cell's code, comments and line breaks that mean nothing left out."""
    code = "\n".join("pass" + line if line.startswith("%") else line for line in code.split("\n"))
    try:
        found = list(tokenize.generate_tokens(io.StringIO(code + "\n").readline))
    except (tokenize.TokenError, SyntaxError):
        return []
    return [token for token in found if token.type not in (tokenize.COMMENT, tokenize.NL)]


def strings(code):
    """Return the string literals of a cell's code, without the spaces that align columns."""
    return {re.sub(r" +(?=[\"'])", "", token.string) for token in tokens_of(code) if token.type == tokenize.STRING}


def skeleton(code):
    """Return the tokens of a cell's code; of strings only the replacement fields stay."""
    tokens = []
    for token in tokens_of(code):
        if token.type == tokenize.STRING:
            is_format = "f" in token.string[: token.string.index(token.string[-1])].lower()
            fields = re.findall(r"\{([^{}:!]+)", token.string) if is_format else []
            if tokens and isinstance(tokens[-1], list):  # strings side by side are one
                tokens[-1] += fields
            else:
                tokens.append(fields)
        else:
            tokens.append(token.string.strip() or token.type)
    return tokens or code


def result(cell):
    """Return what a cell's outputs have besides words: kinds, errors and numbers."""
    return [
        (
            output.output_type,
            sorted(output.get("data", {})),
            output.get("ename"),
            NUMBER.findall(output.get("text") or output.get("data", {}).get("text/plain", "")),
        )
        for output in cell.outputs
    ]


def compare(english, chinese):
    """Yield a line for each difference between two editions of one notebook."""
    ids = [cell.id for cell in english.cells], [cell.id for cell in chinese.cells]
    if ids[0] != ids[1]:
        yield f"cells differ, or their order: {sorted(set(ids[0]) ^ set(ids[1]))}"
        return
    for one, other in zip(english.cells, chinese.cells):
        if one.cell_type != other.cell_type:
            yield f"cell {one.id}: is {one.cell_type} in English, {other.cell_type} in Chinese"
            continue
        if one.metadata.get("tags") != other.metadata.get("tags"):
            yield f"cell {one.id}: other tags"
        if one.cell_type == "code":
            if skeleton(one.source) != skeleton(other.source):
                yield f"cell {one.id}: code differs beyond comments and strings"
            for string in sorted(strings(other.source) - strings(one.source)):
                if not HAN.search(string):
                    yield f"cell {one.id}: the string {string} is neither Chinese nor the English one"
            if result(one) != result(other):
                yield f"cell {one.id}: outputs differ beyond words"
            continue
        for what, pattern in MARKS.items():
            found = [sorted(re.findall(pattern, cell.source, re.MULTILINE)) for cell in (one, other)]
            if found[0] != found[1]:
                yield f"cell {one.id}: other {what}: {found[0]} and {found[1]}"
        if formulas(one.source) != formulas(other.source):
            yield f"cell {one.id}: other formulas"


def read(path):
    """Return a page as a notebook; a Markdown page is one cell of it."""
    if path.suffix == ".ipynb":
        return notebooks.read(path)
    if not path.exists():
        raise notebooks.BookError(f"{name(path)}: is missing; write the page, in both editions")
    return new_notebook(cells=[new_markdown_cell(path.read_text(encoding="utf-8"), id="page")])


@pytest.mark.parametrize("page", PAGES)
def test_chinese_page_matches_the_english_one(page):
    tell([f"{name(CHINESE / page)}: {line}" for line in compare(read(ENGLISH / page), read(CHINESE / page))])


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
    english, chinese = (notebooks.read(ENGLISH / f"{page}.ipynb") for _ in range(2))
    [cell] = [cell for cell in chinese.cells if cell.id == cell_id]
    assert old in cell.source
    cell.source = cell.source.replace(old, new)
    assert any(words in line for line in compare(english, chinese))


def test_a_changed_output_is_seen():
    english, chinese = (notebooks.read(ENGLISH / "index.ipynb") for _ in range(2))
    chinese.cells[1].outputs[0].data["text/plain"] = "[13.]"
    assert any("outputs differ" in line for line in compare(english, chinese))


def test_chinese_keeps_up_with_english():
    now = {path.name: agree.digests(path) for path in agree.pages()}
    agreed = agree.read_record()
    found = [f"book/zh/{page}: cell {cell}: the English text has changed" for page, cell in agree.stale(now, agreed)]
    advice = "Look whether these Chinese cells still say the same, change them where not, then run `make agree`:"
    tell([advice, *found] if found else [])
    if agreed != now:
        tell(["book/zh/agreed.json names cells that are gone: run `make agree`"])


def test_a_torn_record_is_named(tmp_path):
    assert agree.read_record(tmp_path / "nothing.json") == {}
    (tmp_path / "torn.json").write_text('{\n<<<<<<< HEAD\n "a": {}\n')
    with pytest.raises(notebooks.BookError, match="agreed.json: line 2 is not JSON"):
        agree.read_record(tmp_path / "torn.json")


def test_a_changed_english_text_is_seen(tmp_path):
    agreed = {"gradients.ipynb": agree.digests(ENGLISH / "gradients.ipynb")}
    notebook = notebooks.read(ENGLISH / "gradients.ipynb")
    [cell] = [cell for cell in notebook.cells if cell.id == "nudge-read"]
    cell.source += " One more sentence."
    notebooks.write(notebook, tmp_path / "gradients.ipynb")
    now = {"gradients.ipynb": agree.digests(tmp_path / "gradients.ipynb")}
    assert list(agree.stale(now, agreed)) == [("gradients.ipynb", "nudge-read")]


def words(path):
    """Return all text of a page on one line."""
    return " ".join(" ".join(cell.source for cell in read(path).cells if cell.cell_type == "markdown").split())


def misuses(entry, english, chinese):
    """Yield what is wrong with the use of a glossary entry in the texts {page: text} of the editions."""
    [page] = [page for page, text in english.items() if f"({entry['see']})=" in text]
    if entry["en"].lower() not in english[page].lower():
        yield f"book/{page} explains {entry['en']!r} and does not use the word"
    if entry["zh"] not in chinese[page]:
        yield f"book/zh/{page} explains {entry['zh']} and does not use the word"
    for other in entry.get("instead of", []):
        for page, text in chinese.items():
            if other in text:
                at = text.index(other)
                yield f"book/zh/{page} says {other} where the glossary has {entry['zh']}: …{text[max(0, at - 12) : at + 20]}…"


def test_both_editions_use_the_words_of_the_glossary():
    english, chinese = ({page: words(folder / page) for page in PAGES} for folder in (ENGLISH, CHINESE))
    tell([line for entry in glossary.read() for line in misuses(entry, english, chinese)])


def test_a_rejected_word_is_seen():
    entry = {"en": "tape", "zh": "记录带", "see": "a", "instead of": ["磁带"]}
    assert not list(misuses(entry, {"p": "(a)= the tape"}, {"p": "记录带"}))
    assert len(list(misuses(entry, {"p": "(a)="}, {"p": "磁带"}))) == 3


def test_tables_of_contents_are_alike():
    """But for the captions."""
    english, chinese = (
        re.sub("(caption:).*|(?<= )book/", r"\1", (folder / "_toc.yml").read_text(encoding="utf-8")).splitlines()
        for folder in (notebooks.ROOT, CHINESE)
    )
    tell(list(unified_diff(english, chinese, "_toc.yml", "book/zh/_toc.yml", lineterm="")))


def test_configurations_are_alike():
    """Everything but the words, the paths and what only Chinese needs is the same."""
    english = (notebooks.ROOT / "_config.yml").read_text(encoding="utf-8").replace("book/_", "../_")
    english, chinese = map(yaml.safe_load, (english, (CHINESE / "_config.yml").read_text(encoding="utf-8")))
    for configuration in (english, chinese):
        for key in ("title", "author"):
            configuration.pop(key)
    del chinese["sphinx"]["local_extensions"]["chinese"]
    options = chinese["sphinx"]["config"]
    for option in ("language", "smartquotes", "template_bridge", "nb_code_prompt_show", "nb_code_prompt_hide"):
        del options[option]
    for option in ("togglebutton_hint", "togglebutton_hint_hide"):
        del options[option]
    del options["html_theme_options"]["search_bar_text"]
    tell(
        [
            f"_config.yml and book/zh/_config.yml: differ in {key}: {english.get(key)} and {chinese.get(key)}"
            for key in sorted({*english, *chinese})
            if english.get(key) != chinese.get(key)
        ]
    )
