"""Record that the Chinese text of every cell says what the English one says now.

book/data/agreed.json holds, for every English cell, a digest of its text as it was when
somebody last looked at both editions. A cell whose text has changed since is stale, and
the tests name it.
"""

import hashlib
import json

from bookkit.notebooks.files import read
from bookkit.project import DATA, ENGLISH, BookError, write_whole

RECORD = DATA / "agreed.json"


def pages():
    """Return the paths of all English pages, sorted."""
    return sorted([*ENGLISH.folder.glob("*.ipynb"), *ENGLISH.folder.glob("*.md")])


def digests(path):
    """Return {cell id: digest of its text and alternative text} of a page; a Markdown page is one cell."""
    if path.suffix == ".md":
        texts = {"page": path.read_text(encoding="utf-8")}
    else:
        texts = {
            cell.id: cell.source + cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
            for cell in read(path).cells
        }
    return {cell: hashlib.sha256(text.encode()).hexdigest()[:8] for cell, text in texts.items()}


def read_record(path=RECORD):
    """Return {page: {cell id: digest}} as agreed on, {} before the first time; raise BookError if it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except json.JSONDecodeError as error:
        raise BookError(
            f"book/data/agreed.json: line {error.lineno} is not JSON; "
            "of a merge conflict keep either side, and look at the cells that the tests then name"
        ) from None


def stale(now, agreed):
    """Yield (page, cell) for each English cell whose text is not the one agreed on."""
    for page, cells in now.items():
        for cell, digest in cells.items():
            if agreed.get(page, {}).get(cell) != digest:
                yield page, cell


def main() -> int:
    now = {path.name: digests(path) for path in pages()}
    for page, cell in stale(now, read_record()):
        print(f"book/zh/{page}: cell {cell}: agreed")
    write_whole((json.dumps(now, indent=1) + "\n").encode(), RECORD)
    return 0
