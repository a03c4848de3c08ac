"""The words of the book and the entries of its index: book/data/glossary.yml and book/data/index.yml."""

from bookkit.contents import TEXT, TEXTS, line_of, misfits, read_yaml
from bookkit.project import DATA, BookError, name

GLOSSARY, INDEX = DATA / "glossary.yml", DATA / "index.yml"

LABEL = {"type": "string", "pattern": r"^[\w-]+$"}
CHINESE_TEXT = {"type": "string", "pattern": "[\u4e00-\u9fff]"}
GLOSSARY_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["en", "zh", "pinyin", "see", "in_english", "in_chinese"],
        "additionalProperties": False,
        "properties": {
            "en": TEXT,
            "zh": TEXT,
            "pinyin": {"type": "string", "pattern": "^[a-zü-]+$"},
            "see": LABEL,
            "instead of": TEXTS,
            "in_english": TEXT,
            "in_chinese": CHINESE_TEXT,
        },
    },
}
INDEX_SCHEMA = {
    "type": "object",
    "required": ["functions", "errors"],
    "additionalProperties": False,
    "properties": {
        "functions": {
            "type": "object",
            "additionalProperties": {"type": "array", "items": LABEL, "minItems": 1, "uniqueItems": True},
        },
        "errors": {"type": "object", "additionalProperties": LABEL},
    },
}


def malformed() -> list[str]:
    """Return a line for each mistake in the form of glossary and index, and for each word that stands twice."""
    if lines := [*misfits(GLOSSARY, GLOSSARY_SCHEMA), *misfits(INDEX, INDEX_SCHEMA)]:
        return lines
    seen: set[str] = set()
    for number, entry in enumerate(read_yaml(GLOSSARY)):
        for word in (entry["en"], entry["zh"]):
            if word.lower() in seen:
                lines.append(f"{name(GLOSSARY)}: line {line_of(GLOSSARY, number)}: {word} stands twice; remove one")
            seen.add(word.lower())
    return lines


def read_glossary() -> list[dict]:
    """Return the entries of the glossary, sorted by their English words; raise BookError if they are malformed."""
    if lines := misfits(GLOSSARY, GLOSSARY_SCHEMA):
        raise BookError("\n".join(lines))
    return sorted(read_yaml(GLOSSARY), key=lambda entry: entry["en"].lower())


def read_index() -> dict[str, dict]:
    """Return {"functions": {entry: labels}, "errors": {message: label}}; raise BookError if they are malformed."""
    if lines := misfits(INDEX, INDEX_SCHEMA):
        raise BookError("\n".join(lines))
    return read_yaml(INDEX)
