"""The words of the book and the entries of its index: book/data/glossary.yml and book/data/index.yml."""

from bookkit.contents import read_yaml
from bookkit.project import DATA

GLOSSARY, INDEX = DATA / "glossary.yml", DATA / "index.yml"


def read_glossary() -> list[dict]:
    """Return the entries of the glossary, sorted by their English words."""
    return sorted(read_yaml(GLOSSARY), key=lambda entry: entry["en"].lower())


def read_index() -> dict[str, dict]:
    """Return {"functions": {entry: labels}, "errors": {message: label}}."""
    return read_yaml(INDEX)
