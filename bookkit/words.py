"""The words of the book, those that it does not use, its index, and the reports that it answers: book/data/."""

import re
from collections.abc import Iterator
from pathlib import Path

from bookkit.contents import TEXT, TEXTS, line_of, misfits, read_yaml
from bookkit.project import DATA, BookError, name

GLOSSARY, INDEX, THREADS, REJECTED = (DATA / f"{stem}.yml" for stem in ("glossary", "index", "threads", "rejected"))

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
REJECTED_SCHEMA = {"type": "object", "additionalProperties": TEXT}
THREADS_SCHEMA = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["thread", "at", "en", "zh", "now", "see", "page"],
        "additionalProperties": False,
        "properties": {
            "thread": TEXT,
            "at": {"type": "string", "pattern": "^https://"},
            "en": TEXT,
            "zh": CHINESE_TEXT,
            "now": {"enum": ["the same", "right", "not tried"]},
            "see": LABEL,
            "page": LABEL,
        },
    },
}


def malformed() -> list[str]:
    """Return a line for each mistake in the form of these files, and for each word or thread that stands twice."""
    files: dict[Path, dict] = {
        GLOSSARY: GLOSSARY_SCHEMA,
        INDEX: INDEX_SCHEMA,
        THREADS: THREADS_SCHEMA,
        REJECTED: REJECTED_SCHEMA,
    }
    if lines := [line for path, schema in files.items() for line in misfits(path, schema)]:
        return lines
    lines = [*no_patterns()]
    threads: set[str] = set()
    for number, thread in enumerate(read_threads()):
        if thread["at"] in threads:
            lines.append(
                f"{name(THREADS)}: line {line_of(THREADS, number)}: {thread['thread']} stands twice; remove one"
            )
        threads.add(thread["at"])
    seen: set[str] = set()
    for number, entry in enumerate(read_yaml(GLOSSARY)):
        for word in (entry["en"], entry["zh"]):
            if word.lower() in seen:
                lines.append(f"{name(GLOSSARY)}: line {line_of(GLOSSARY, number)}: {word} stands twice; remove one")
            seen.add(word.lower())
    return lines


def no_patterns() -> Iterator[str]:
    """Yield a line for each rejected word that is no regular expression."""
    for pattern in read_yaml(REJECTED):
        try:
            re.compile(pattern)
        except re.error as error:
            line = line_of(REJECTED, pattern)
            yield f"{name(REJECTED)}: line {line}: {pattern!r} is no regular expression ({error}); mend it"


def read_rejected() -> dict[str, str]:
    """Return {regular expression of a word that the Chinese edition does not use: what it says instead}."""
    if lines := misfits(REJECTED, REJECTED_SCHEMA):
        raise BookError("\n".join(lines))
    return read_yaml(REJECTED)


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


def read_threads() -> list[dict[str, str]]:
    """Return the threads that the book answers, in the order of the file; raise BookError if they are malformed."""
    if lines := misfits(THREADS, THREADS_SCHEMA):
        raise BookError("\n".join(lines))
    return read_yaml(THREADS)
