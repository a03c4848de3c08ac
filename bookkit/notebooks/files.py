"""Reading and writing the notebooks of the book."""

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from bookkit.project import EDITIONS, BookError, name, write_whole

CONFLICT = re.compile(r"<{7} \w|>{7} \w")
HALF = re.compile(r"[\ud800-\udfff]")  # JSON can say it, and no file can hold it
VERSION = ("nbformat", "nbformat_minor")
MAX_OUTPUT = 200_000  # characters that one cell may write; the largest figure has a sixth of it


def without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of JSON; raise ValueError for a key that stands twice, of which Python keeps the last."""
    if twins := [key for key, times in Counter(key for key, _ in pairs).items() if times > 1]:
        raise ValueError(f"the key {twins[0]} stands twice in one place; remove one")
    return dict(pairs)


def text_of(path: Path | str) -> str:
    """Return the text of a file, which must be one: of a pipe nobody would see the end."""
    path = Path(path)
    if path.exists() and not path.is_file() and not path.is_dir():
        raise ValueError("is no file; put the notebook there, or remove it")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"is no text in UTF-8 ({error.reason} at byte {error.start}); store it as UTF-8") from None


def find_notebooks() -> list[Path]:
    """Return the paths of all notebooks of the book, sorted."""
    return sorted(path for edition in EDITIONS for path in edition.folder.glob("*.ipynb"))


def read(path: Path | str) -> NotebookNode:
    """Read a notebook; raise BookError with one clear line if it is none."""
    try:
        text = text_of(path)
        content = json.loads(text, object_pairs_hook=without_twins)
        version, minor = (content.get(key) if isinstance(content, dict) else None for key in VERSION)
        if version != 4 or type(minor) is not int or minor < 5:  # cells have no ids there
            found, needed = (version, 4) if version != 4 else (f"4.{minor!r}", 4.5)
            advice = f".venv/bin/jupyter nbconvert --to notebook --inplace {name(path)}"
            raise ValueError(f"nbformat {found} where {needed} is needed; convert it: {advice}")
        if half := HALF.search(json.dumps(content, ensure_ascii=False)):
            raise ValueError(f"holds {half[0]!r}, half a character; remove it")
        notebook = nbformat.reader.reads(text)
        # nbformat.validate would give new ids to cells whose ids are equal.
        for error in nbformat.validator.iter_validate(notebook):
            raise error
    except OSError as error:
        reason = error.strerror
    except json.JSONDecodeError as error:
        conflict = CONFLICT.search(text)
        if conflict:
            line = text.count("\n", 0, conflict.start()) + 1
            reason = f"not a valid notebook: line {line} is the mark of a merge conflict; resolve it"
        else:
            reason = f"not a valid notebook: line {error.lineno} is not JSON ({error.msg}); mend it"
    except nbformat.ValidationError as error:
        cell = re.search(r"instance\['cells'\]\[(\d+)\]", str(error))
        place = f"cell {content['cells'][int(cell[1])].get('id', cell[1])}: " if cell else ""
        reason = f"{place}not a valid notebook: {str(error).splitlines()[0][:200]}; mend it"
    except Exception as error:
        what = str(error) or type(error).__name__
        reason = f"not a valid notebook: {what}{'' if ';' in what else '; mend it'}"
    else:
        return notebook
    raise BookError(f"{name(path)}: {reason}")


def unusable(usable: Collection[str] = ()) -> Iterator[str]:
    """Yield a line for each page of the book that cannot be read, and for each cell whose outputs are a flood.

    Pages of which it is known that they are usable are not read.
    """
    for path in sorted(path for edition in EDITIONS for path in edition.folder.glob("*.md")):
        if name(path) in usable:
            continue
        try:
            text_of(path)
        except ValueError as error:
            yield f"{name(path)}: {error}"
    for path in find_notebooks():
        if name(path) in usable:
            continue
        try:
            cells = read(path).cells
        except BookError as error:
            yield str(error)
            continue
        for cell in cells:
            size = len(repr(cell.get("outputs", "")))
            if size > MAX_OUTPUT:
                reason = f"stores {size:,} characters (at most {MAX_OUTPUT:,})"
                advice = f"print less, then run `make refresh NB={name(path)}`"
                yield f"{name(path)}: cell {cell.get('id')}: {reason}; {advice}"


def in_one_line(error: NotebookNode) -> str:
    """Return the line of a cell's error that says what happened; MXNet's own errors say it last."""
    lines = error.evalue.strip().splitlines() or [""]
    line = lines[-1 if lines[0].startswith("Traceback") else 0]
    return line if line.startswith(error.ename) else f"{error.ename}: {line}"


def write(notebook: NotebookNode, path: Path | str) -> None:
    """Write the notebook to `path`, or leave what is there."""
    write_whole((nbformat.writes(notebook) + "\n").encode(), path)
