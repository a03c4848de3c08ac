"""Every command, target, path and file that a document names is there.

Documents are the READMEs and CONTRIBUTING.md, the pages, the docstrings, comments and messages of the
code, the scripts and the workflows. In Markdown only what is set as code, and links, are looked at.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path

import yaml

from bookkit import contents
from bookkit.checks.editions import read
from bookkit.notebooks.markdown import Piece, pieces
from bookkit.notebooks.published import FOOTNOTE
from bookkit.project import EDITIONS, ENGLISH, ROOT, Edition, name

README, GUIDE, OF_PARITY = ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "parity" / "README.md"
SOURCES = ("bookkit", "parity", "theme", "tests")
FOLDERS = (*SOURCES, "book", ".ci", ".github", ".binder", ".devcontainer", "LICENSES")
MADE = ("_build/", ".venv/")  # by commands: not there in a new clone
WORD = r"[a-z]+(?:-[a-z]+)*"
COMMENT = re.compile(r"(?:^|\s)#.*")
MAKE = re.compile(rf"\bmake((?: +{WORD}(?![\w=-]))+)")
COMMAND = re.compile(r"-m bookkit ([\w-]+)")
SUFFIX = re.compile(r".\.(?:py|md|yml|toml|json|ipynb|txt|in|sh|cff|css|js)$")
# A name that stands for many, or for one that the reader chooses, is no file.
PATTERN = re.compile(r"[*…<>{}$]")
TEXTS = {".py", ".md", ".yml", ".toml", ".json", ".ipynb", ".txt", ".in", ".sh", ".cff", ".css", ".js", ".html", ""}
NAMED = re.compile(rf"(?<![\w/.{{}}])(?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]*\w\.(?:py|md|yml|json|sh)\b")
QUOTED = re.compile(r"`([^`\n]+)`")


@cache
def targets() -> set[str]:
    """Return the targets of the Makefile."""
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


@cache
def files() -> list[Path]:
    """Return all files of the project that are text, what is made from them and hidden tools' folders left out."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name not in (".git", ".coverage")]
    for folder in FOLDERS:
        found += [path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(path for path in found if path.suffix in TEXTS)


@cache
def names() -> set[str]:
    return {path.name for path in files()}


def is_path(word: str, foreign: bool) -> bool:
    """Whether a word of a code names a file or folder of the project; `foreign` code may name other projects' files."""
    if PATTERN.search(word) or word.startswith(("http", "-", "/", *MADE)):
        return False
    if "/" in word and word.split("/")[0] in FOLDERS:
        return True
    return not foreign and bool(SUFFIX.search(word) or word.endswith("/"))


def missing_in(code: str, commands: Collection[str], near: Path = ROOT, foreign: bool = False) -> Iterator[str]:
    """Yield what a piece of code names and is not there."""
    for target in " ".join(MAKE.findall(COMMENT.sub("", code))).split():
        if target not in targets():
            yield f"`make {target}` is no target of the Makefile"
    for command in COMMAND.findall(code):
        if command not in commands:
            yield f"`python -m bookkit {command}` is no command"
    for word in re.split(r"[\s=\"',;()]+", code):
        word = word.split("::")[0].rstrip(".:")
        if is_path(word, foreign) and not ((ROOT / word).exists() or (near / word).exists() or word in names()):
            yield f"there is no {word}"


def in_markdown(found: list[Piece], commands: Collection[str], near: Path) -> Iterator[tuple[int, str]]:
    """Yield (line, what is missing) for the code and the links of a Markdown text."""
    for piece in found:
        if piece.kind in ("code", "listing"):
            yield from ((piece.line, what) for what in missing_in(piece.text, commands, near))
        elif piece.kind in ("link", "image") and not re.match(r"\w+:|#", piece.text):
            if not (near / piece.text.split("#")[0]).exists():
                yield piece.line, f"there is no {piece.text}"
        elif piece.kind == "prose" and FOOTNOTE.search(piece.text):
            yield piece.line, f"the footnote {piece.text.strip()[:40]!r} is defined nowhere"


def of_document(path: Path, commands: Collection[str]) -> list[str]:
    """Return a line for all that a document in Markdown names and that is not there."""
    found = list(pieces(path.read_text(encoding="utf-8")))
    return [f"{name(path)}: line {line}: {what}; mend it" for line, what in in_markdown(found, commands, path.parent)]


def of_page(path: Path, commands: Collection[str]) -> list[str]:
    """Return a line for each command or file of the project that a page names and that is not there."""
    lines = []
    for cell in read(path).cells:
        for piece in pieces(cell.source) if cell.cell_type == "markdown" else []:
            if piece.kind in ("code", "listing"):
                found = missing_in(piece.text, commands, foreign=True)
                lines += [f"{name(path)}: cell {cell.id}: {what}; mend it" for what in found]
    return lines


def of_source(path: Path, commands: Collection[str]) -> list[str]:
    """Return a line for all that the docstrings, comments and messages in code name and that is not there."""
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        code = [said for said in QUOTED.findall(text) if said.startswith(("make ", "python "))] + NAMED.findall(text)
        for what in dict.fromkeys(what for said in code for what in missing_in(said, commands)):
            lines.append(f"{name(path)}: line {number}: {what}; mend it")
    return lines


def of_script(path: Path, commands: Collection[str]) -> list[str]:
    """Return a line for each command or file that a script of the shell, or of Make, runs and that is not there."""
    lines = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        for what in missing_in(COMMENT.sub("", text), commands, foreign=True):
            lines.append(f"{name(path)}: line {number}: {what}; mend it")
    return lines


def is_script(path: Path) -> bool:
    return path.name == "Makefile" or path.read_bytes().startswith(b"#!")


def of_workflow(path: Path, commands: Collection[str]) -> list[str]:
    """Return a line for each command or file that a workflow runs and that is not there."""
    jobs = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values()
    runs = [step["run"] for job in jobs for step in job["steps"] if "run" in step]
    return [f"{name(path)}: {what}; mend it" for run in runs for what in missing_in(run, commands)]


def title(edition: Edition, page: str) -> str:
    """Return the title of a page."""
    [path] = [path for path in edition.folder.glob(f"{page}.*") if path.suffix in (".ipynb", ".md")]
    found = list(pieces(read(path).cells[0].source))
    at = next(number for number, piece in enumerate(found) if piece.kind == "heading")
    return found[at + 1].text


def chapters_listed(text: str) -> list[str]:
    """Return a line for each page that the README does not list as _toc.yml has it, with its title."""
    found = list(pieces(text))
    listed = {}
    for piece, following in pairwise(found):
        if piece.kind == "link" and piece.text.startswith(ENGLISH.place):
            listed[Path(piece.text).stem] = following.text
    due = {page: title(ENGLISH, page) for page in contents.pages() if page != contents.pages()[0]}
    lines = [
        f"{name(README)}: lists {page} as {listed.get(page, 'nothing')!r}, and its title is {said!r}; mend the list"
        for page, said in due.items()
        if listed.get(page) != said
    ]
    for page in listed:
        if page not in due:
            lines.append(f"{name(README)}: lists {page}, which {name(contents.TOC)} does not; remove it")
    if not lines and list(listed) != list(due):
        lines.append(f"{name(README)}: lists the pages in another order than {name(contents.TOC)}; mend the list")
    return lines


def line_ends() -> list[str]:
    """Return a line for each text of the project whose lines end as on Windows."""
    return [
        f"{name(path)}: its lines end with a carriage return; save it with the line ends of Unix"
        for path in files()
        if b"\r\n" in path.read_bytes()
    ]


def complaints(commands: Collection[str]) -> list[str]:
    """Return a line for all that the documents of the project name and that is not there."""
    lines = [line for path in (README, GUIDE, OF_PARITY) for line in of_document(path, commands)]
    for edition in EDITIONS:
        for path in sorted(edition.folder.iterdir()):
            lines += of_page(path, commands) if path.suffix in (".ipynb", ".md") else []
    for path in files():
        if path.suffix in (".py", ".sh") and not path.is_relative_to(ROOT / "tests"):  # tests name what is not there
            lines += of_source(path, commands)
        if is_script(path):
            lines += of_script(path, commands)
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        lines += of_workflow(path, commands)
    return [*lines, *chapters_listed(README.read_text(encoding="utf-8")), *line_ends()]
