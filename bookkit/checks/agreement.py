"""Record that the two editions of every cell say the same, as somebody saw who read both.

book/data/agreed.json holds both texts of every cell, of every entry of the glossary and of the
titles on the site, as they were when somebody last looked. Where one has changed since,
the tests show what changed, in which edition, beside the text of the other.

It holds the texts and not digests of them, so that the old text can be shown anywhere: in a
shallow clone, in an unpacked archive, after a rebase. Each cell is a line of the file,
and in the difference of a commit a reviewer sees all four texts.
"""

import difflib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bookkit.checks.editions import read
from bookkit.contents import CONFIG, OTHERWISE, read_yaml
from bookkit.notebooks.cells import alternative_text
from bookkit.project import CHINESE, DATA, ENGLISH, BookError, alone, name, write_whole
from bookkit.words import GLOSSARY, read_glossary

RECORD = DATA / "agreed.json"
Texts = dict[str, dict[str, list[str]]]  # {page: {cell: [English, Chinese]}}
SHOWN = 45  # lines of the other edition's text: a cell has no more


def pages() -> list[Path]:
    """Return the paths of all English pages, sorted."""
    return sorted([*ENGLISH.folder.glob("*.ipynb"), *ENGLISH.folder.glob("*.md")])


def cells(path: Path) -> dict[str, str]:
    """Return {cell id: its text and alternative text} of a page; a Markdown page is one cell."""
    return {cell.id: "\n".join(filter(None, [cell.source, alternative_text(cell)])) for cell in read(path).cells}


def paired(english: dict[str, str], chinese: dict[str, str]) -> dict[str, list[str]]:
    return {key: [english.get(key, ""), chinese.get(key, "")] for key in [*english, *(set(chinese) - set(english))]}


def texts() -> Texts:
    """Return all that is said in both editions, as it stands now."""
    found = {path.name: paired(cells(path), cells(CHINESE.folder / path.name)) for path in pages()}
    found[GLOSSARY.name] = {
        entry["en"]: [f"{entry['en']}: {entry['in_english']}", f"{entry['zh']}：{entry['in_chinese']}"]
        for entry in read_glossary()
    }
    config, otherwise = read_yaml(CONFIG), read_yaml(OTHERWISE)
    found[CONFIG.name] = {key: [config[key], otherwise[key]] for key in ("title", "author")}
    found[CONFIG.name] |= {key: [key, value] for key, value in otherwise["captions"].items()}
    return found


def read_record(path: Path = RECORD) -> Texts:
    """Return the texts as agreed on, {} before the first time; raise BookError if they cannot be read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        reason = f"line {error.lineno} is not JSON"
    except UnicodeDecodeError:
        reason = "is no text in UTF-8"
    else:
        lists = [pair for page in record.values() for pair in page.values()] if is_nested(record) else [None]
        if all(isinstance(pair, list) and [type(text) for text in pair] == [str, str] for pair in lists):
            return record
        reason = "is no record of texts"
    raise BookError(
        f"{name(path)}: {reason}; of a merge conflict keep either side, or else remove the file; "
        "look at the cells that the tests then name, and run `make agree`"
    )


def is_nested(record: object) -> bool:
    return isinstance(record, dict) and all(isinstance(page, dict) for page in record.values())


def written(record: Texts) -> str:
    """Return the record as it is stored: a line for each cell."""
    lines = []
    for page, found in record.items():
        entries = [
            f"  {json.dumps(cell, ensure_ascii=False)}: {json.dumps(pair, ensure_ascii=False)}"
            for cell, pair in found.items()
        ]
        lines.append(f" {json.dumps(page)}: {{\n" + ",\n".join(entries) + "\n }")
    return "{\n" + ",\n".join(lines) + "\n}\n"


@dataclass(frozen=True)
class Change:
    """A pair of texts of which at least one is not the one agreed on."""

    page: str
    cell: str
    old: list[str]
    new: list[str]

    def told(self) -> str:
        """Return what has changed, line by line, beside the text that should say the same."""
        changed = [old != new for old, new in zip(self.old, self.new, strict=True)]
        sides = [edition for edition, is_changed in zip((ENGLISH, CHINESE), changed, strict=True) if is_changed]
        which = (
            "both texts have" if len(sides) == 2 else f"the {'English' if sides == [ENGLISH] else 'Chinese'} text has"
        )
        lines = [f"{self.page}: cell {self.cell}: {which} changed"]
        for edition, old, new, is_changed in zip((ENGLISH, CHINESE), self.old, self.new, changed, strict=True):
            if is_changed:
                compared = difflib.unified_diff(old.splitlines(), new.splitlines(), n=0, lineterm="")
                shown = [line for line in compared if not line.startswith(("---", "+++", "@@"))]
            else:
                shown = [f" {line}" for line in new.splitlines()]
            lines += [f"  {edition.name} {line}" for line in shown[:SHOWN]]
        return "\n".join(lines)


def changes(now: Texts, agreed: Texts) -> Iterator[Change]:
    """Yield what is not as agreed on: a text of either edition, a cell that is new or gone."""
    for page in [*now, *(set(agreed) - set(now))]:
        old, new = agreed.get(page, {}), now.get(page, {})
        for cell in [*new, *(set(old) - set(new))]:
            before, after = old.get(cell, ["", ""]), new.get(cell, ["", ""])
            if before != after:
                yield Change(page, cell, before, after)


def main() -> int:
    """Record the texts as they stand now."""
    with alone():
        now = texts()
        try:
            agreed = read_record()
        except BookError:
            agreed = {}
        write_whole(written(now).encode(), RECORD)
    for change in changes(now, agreed):
        print(f"{change.page}: cell {change.cell}: agreed")
    return 0
