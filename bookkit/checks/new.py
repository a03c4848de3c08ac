"""Begin a chapter: its page in both editions, executed, entered in _toc.yml; it follows every rule of the book."""

import re
import tempfile
from pathlib import Path

import yaml
from nbformat import NotebookNode

from bookkit import contents
from bookkit.checks import agreement
from bookkit.notebooks import files, template
from bookkit.notebooks.refresh import execute
from bookkit.project import EDITIONS, ENGLISH, BookError, Edition, alone, name, write_whole

SLUG = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LEFT = """\
Written: {pages}, and a line of {toc}.
What is left to you: its text; a link in the list of README.md; on the first page a sentence, and a row of the
plan; the words that it explains in book/data/glossary.yml and book/data/index.yml; a quiz in book/data/quizzes/,
and looks at answers in book/data/answers/; `make gradients` when it has a gradient, `make agree` when both
editions say the same."""


def refuse_bad_names(chapter: str) -> None:
    if not SLUG.fullmatch(chapter):
        raise BookError(f"{chapter!r} is no name for a page; say for example `make new NAME=jacobian-products`")
    if chapter in contents.TAKEN:
        raise BookError(f"the site has a page {chapter} of its own; choose another name")
    if chapter in contents.pages():
        raise BookError(f"{name(contents.TOC)}: names {chapter} already; choose another name")
    for edition in EDITIONS:
        for suffix in (".ipynb", ".md"):
            path = edition.folder / (chapter + suffix)
            if path.exists():
                raise BookError(f"{name(path)}: is there already; choose another name, or remove it")


def chapters_of(part: str) -> yaml.SequenceNode:
    """Return the list of the pages of a part in _toc.yml; without a name, of the last part with numbered chapters."""
    contents.read_yaml(contents.TOC)
    toc = yaml.compose(contents.TOC.read_text(encoding="utf-8"), yaml.CSafeLoader)
    found = {}
    for key, value in toc.value if toc else []:
        for entry in value.value if key.value == "parts" else []:
            part_ = {key.value: value for key, value in entry.value}
            if "caption" in part_ and isinstance(part_.get("chapters"), yaml.SequenceNode):
                found[part_["caption"].value] = part_
    if not part:
        numbered = [caption for caption, its in found.items() if "numbered" in its]
        part = numbered[-1] if numbered else ""
    if part not in found:
        which = f"has no part {part!r}" if part else "has no part with numbered chapters"
        known = f"say one of {', '.join(found)} with PART=…" if found else "add a part with a caption and a chapter"
        raise BookError(f"{name(contents.TOC)}: {which}; {known}")
    return found[part]["chapters"]


def with_line(text: str, chapters: yaml.SequenceNode, chapter: str) -> str:
    """Return the text of _toc.yml with one line more; comments stay where they are."""
    advice = f"{name(contents.TOC)}: line {chapters.start_mark.line + 1}: write each chapter on a line of its own"
    last = chapters.value[-1]
    if chapters.flow_style or last.flow_style or not isinstance(last, yaml.MappingNode):
        raise BookError(f"{advice}: `- file: …`")
    lines = (text if text.endswith("\n") else f"{text}\n").splitlines(keepends=True)
    end = max(value.end_mark.line for _, value in last.value)
    indent = lines[last.start_mark.line][: last.start_mark.column].split("-")[0]
    lines.insert(end + 1, f"{indent}- file: {ENGLISH.place}{chapter}\n")
    whole = "".join(lines)
    if listed(whole) != {*listed(text), f"{ENGLISH.place}{chapter}"}:
        raise BookError(f"{advice}: `- file: …`, and nothing else below it")
    return whole


def listed(text: str) -> set[str]:
    """Return the files of all chapters that a text of _toc.yml names; none of what is no YAML."""
    try:
        parts = contents.parsed(text)["parts"]
        return {entry["file"] for part in parts for entry in part["chapters"]}
    except (yaml.YAMLError, KeyError, TypeError):
        return set()


def figure_settings(edition: Edition) -> NotebookNode:
    """Return the cell that is the same in every chapter."""
    for path in sorted(edition.folder.glob("*.ipynb")):
        for cell in files.read(path).cells:
            if cell.id == "figure-settings":
                return cell
    raise BookError(f"{edition.place}: no page has a cell figure-settings to copy; write it in one of them")


def executed(chapter: str, edition: Edition) -> NotebookNode:
    """Return the notebook of a new chapter with its outputs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{chapter}.ipynb"
        files.write(template.chapter(chapter, edition, figure_settings(edition)), path)
        try:
            return execute(path)
        except BookError as error:
            raise BookError(str(error).replace(str(path), f"{edition.place}{path.name}")) from None


def main(chapter: str, part: str = "") -> int:
    """Begin a chapter, or leave everything as it is."""
    refuse_bad_names(chapter)
    chapters_of(part)
    agreement.read_record()
    notebooks = {edition.folder / f"{chapter}.ipynb": executed(chapter, edition) for edition in EDITIONS}
    with alone():
        enter(chapter, part, notebooks)
    print(LEFT.format(pages=" and ".join(map(name, notebooks)), toc=name(contents.TOC)))
    return 0


def enter(chapter: str, part: str, notebooks: dict[Path, NotebookNode]) -> None:
    """Write a chapter that was executed, into a book that may have changed meanwhile."""
    refuse_bad_names(chapter)
    before = contents.TOC.read_bytes()
    toc = with_line(before.decode(), chapters_of(part), chapter)
    agreed = agreement.read_record()
    try:
        for path, notebook in notebooks.items():
            files.write(notebook, path)
        write_whole(toc.encode(), contents.TOC)
        page = f"{chapter}.ipynb"
        agreed[page] = agreement.paired(*(agreement.cells(edition.folder / page) for edition in EDITIONS))
        write_whole(agreement.written(agreed).encode(), agreement.RECORD)
    except BaseException:
        for path in notebooks:
            path.unlink(missing_ok=True)
        write_whole(before, contents.TOC)
        raise
