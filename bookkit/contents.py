"""The table of contents and the configuration of each edition.

_toc.yml and _config.yml are those of the English edition; theme/zh.yml has what the
Chinese one has otherwise.
"""

from pathlib import Path
from typing import Any

import yaml
from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

from bookkit.project import EDITIONS, ENGLISH, ROOT, BookError, Edition, name

TOC, CONFIG, OTHERWISE = ROOT / "_toc.yml", ROOT / "_config.yml", ROOT / "theme" / "zh.yml"


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds; raise BookError with one clear line if it cannot be read."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BookError(f"{name(path)}: line {line} is not YAML ({error.problem}); mend it") from None
    except OSError as error:
        raise BookError(f"{name(path)}: {error.strerror}; mend it") from None


def pages() -> list[str]:
    """Return the names of the pages, in the order of the book."""
    read_yaml(TOC)
    try:
        return [entry.removeprefix(ENGLISH.place) for entry in parse_toc_yaml(TOC)]
    except MalformedError as error:
        raise BookError(f"{name(TOC)}: {error}; mend it") from None


def strays() -> list[str]:
    """Return a line for each page of an edition that is not there, or that _toc.yml does not name."""
    try:
        named = pages()
    except BookError as error:
        return [str(error)]
    lines = []
    for edition in EDITIONS:
        there = {path.stem: path for path in edition.folder.iterdir() if path.suffix in (".ipynb", ".md")}
        for page in named:
            if page not in there:
                lines.append(
                    f"{name(TOC)}: names {page}, and {edition.place} has no such page; mend the name, or write the page"
                )
        for page, path in sorted(there.items()):
            if page not in named:
                lines.append(
                    f"{name(path)}: no line of {name(TOC)} names it; add `- file: {ENGLISH.place}{page}` there"
                )
    return lines


def merged(base: Any, other: Any) -> Any:
    """Return `base` with the values of `other`, mappings merged."""
    if isinstance(base, dict) and isinstance(other, dict):
        return {**base, **{key: merged(base.get(key), value) for key, value in other.items()}}
    return other


def configuration(edition: Edition) -> dict:
    """Return the configuration of an edition for Jupyter Book, its paths absolute."""
    config = read_yaml(CONFIG)
    if edition != ENGLISH:
        config = merged(config, {key: value for key, value in read_yaml(OTHERWISE).items() if key != "captions"})
    config["html"]["favicon"] = str(ROOT / config["html"]["favicon"])
    sphinx = config["sphinx"]
    sphinx["local_extensions"] = {extension: str(ROOT / path) for extension, path in sphinx["local_extensions"].items()}
    options = sphinx["config"]
    options["language"] = edition.language
    for key in ("html_static_path", "templates_path"):
        options[key] = [str(ROOT / path) for path in options[key]]
    return config


def table_of_contents(edition: Edition) -> dict:
    """Return the table of contents of an edition, for a build whose source is the root or else the edition's folder."""
    toc = read_yaml(TOC)
    if edition == ENGLISH:
        return toc
    captions = read_yaml(OTHERWISE)["captions"]

    def translated(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {k: translated(v, k) for k, v in value.items()}
        if isinstance(value, list):
            return [translated(item) for item in value]
        if key in ("root", "file"):
            return value.removeprefix(ENGLISH.place)
        return captions[value] if key == "caption" else value

    return translated(toc)
