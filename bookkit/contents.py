"""The table of contents and the configuration of each edition.

_toc.yml and _config.yml are those of the English edition; theme/zh.yml has what the
Chinese one has otherwise.
"""

import copy
import functools
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft7Validator, ValidationError
from sphinx_external_toc.parsing import MalformedError, parse_toc_yaml

from bookkit.project import EDITIONS, ENGLISH, ROOT, BookError, Edition, name

TOC, CONFIG, OTHERWISE = ROOT / "_toc.yml", ROOT / "_config.yml", ROOT / "theme" / "zh.yml"


# What the tools rely on. Whatever else stands in _config.yml is for Jupyter Book and Sphinx.
KNOWN = {
    "title", "author", "copyright", "logo", "exclude_patterns", "only_build_toc_files", "execute", "parse", "html",
    "latex", "launch_buttons", "repository", "bibtex_bibfiles", "sphinx",
}  # fmt: skip
TEXT = {"type": "string", "minLength": 1}
TEXTS = {"type": "array", "items": TEXT}
CONFIG_SCHEMA = {
    "type": "object",
    "required": ["title", "author", "only_build_toc_files", "execute", "parse", "html", "sphinx"],
    "propertyNames": {"enum": sorted(KNOWN)},
    "properties": {
        "title": TEXT,
        "author": TEXT,
        "only_build_toc_files": {"const": True},
        "execute": {"required": ["execute_notebooks"], "properties": {"execute_notebooks": {"const": "off"}}},
        "parse": {"required": ["myst_enable_extensions"], "properties": {"myst_enable_extensions": TEXTS}},
        "html": {"required": ["favicon"], "properties": {"favicon": TEXT}},
        "sphinx": {
            "required": ["local_extensions", "config"],
            "properties": {
                "local_extensions": {"type": "object", "additionalProperties": TEXT},
                "config": {
                    "type": "object",
                    "required": ["html_static_path", "templates_path"],
                    "properties": {"html_static_path": TEXTS, "templates_path": TEXTS},
                },
            },
        },
    },
}
OTHERWISE_SCHEMA = {
    "type": "object",
    "required": ["title", "author", "captions"],
    "propertyNames": {"enum": sorted(KNOWN | {"captions"})},
    "properties": {
        "title": TEXT,
        "author": TEXT,
        "captions": {"type": "object", "additionalProperties": TEXT},
        "sphinx": {"type": "object"},
    },
}


# A page has its title in its own first line, and stands below the English edition.
PAGE = {"type": "string", "pattern": f"^{ENGLISH.place}[a-z0-9]+(-[a-z0-9]+)*$"}
CHAPTERS = {
    "type": "array",
    "minItems": 1,
    "items": {
        "type": "object",
        "required": ["file"],
        "additionalProperties": False,
        "properties": {"file": PAGE},
    },
}
PART = {"numbered": {"type": ["boolean", "integer"]}, "chapters": CHAPTERS}
TOC_SCHEMA = {
    "type": "object",
    "required": ["format", "root"],
    "additionalProperties": False,
    "properties": {
        "format": {"const": "jb-book"},
        "root": PAGE,
        "options": {"type": "object", "additionalProperties": False, "properties": {"numbered": PART["numbered"]}},
        **PART,
        "parts": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["chapters"],
                "additionalProperties": False,
                "properties": {"caption": TEXT, **PART},
            },
        },
    },
}
TAKEN = ("genindex", "robots", "search")  # names of pages that the site has beside those of the book
UNSEEN = {".ipynb_checkpoints", "__pycache__", ".DS_Store"}  # what editors and systems leave, and git ignores


class Loader(yaml.CSafeLoader):
    """Refuses a key that stands twice, of which YAML itself would keep the last; tells the line of an impossible value.

    It has libyaml read, in a tenth of the time that YAML written in Python takes.
    """

    def construct_object(self, node, deep=False):
        try:
            return super().construct_object(node, deep)
        except ValueError as error:  # of what looks like a date or a number, and is none
            raise yaml.constructor.ConstructorError(problem=str(error), problem_mark=node.start_mark) from None

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem="a key is no word", problem_mark=key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    problem=f"{key.value} stands twice", problem_mark=key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


@functools.cache
def parsed(text: str) -> Any:
    """Return what a text in YAML holds, in which nothing stands for another part."""
    for event in yaml.parse(text, Loader):
        if isinstance(event, yaml.AliasEvent):
            mark: Any = event.start_mark  # libyaml's, of which the types know nothing
            problem = f"*{event.anchor} stands for another part; write that out"
            raise yaml.composer.ComposerError(problem=problem, problem_mark=mark)
    return yaml.load(text, Loader)


def read_yaml(path: Path) -> Any:
    """Return what a YAML file holds; raise BookError with one clear line if it cannot be read."""
    try:
        return copy.deepcopy(parsed(path.read_text(encoding="utf-8")))
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BookError(f"{name(path)}: line {line} is not YAML ({error.problem}); mend it") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BookError(f"{name(path)}: is no text in UTF-8 ({str(error).splitlines()[0]}); mend it") from None
    except OSError as error:
        raise BookError(f"{name(path)}: {error.strerror}; mend it") from None


@functools.cache
def composed(text: str) -> yaml.Node | None:
    return yaml.compose(text, yaml.CSafeLoader)


def line_of(path: Path, *keys: str | int) -> int:
    """Return the number of the line of a YAML file on which the item with these keys begins, as far as they lead."""
    node = composed(path.read_text(encoding="utf-8"))
    line = node.start_mark.line if node else 0
    for key in keys:
        if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
            node = node.value[key]
        else:
            pairs = node.value if isinstance(node, yaml.MappingNode) else []
            found = [(name_, value) for name_, value in pairs if name_.value == key]
            if not found:
                break
            line, node = found[0][0].start_mark.line, found[0][1]
            continue
        line = node.start_mark.line
    return line + 1


def place_of(error: ValidationError) -> str:
    """Return the keys under which a mistake is, as a message begins with them."""
    keys = " ".join(key for key in error.absolute_path if isinstance(key, str))
    return f"{keys}: " if keys else ""


def misfits(path: Path, schema: dict) -> list[str]:
    """Return a line for each part of a YAML file that is not as its schema has it."""
    try:
        content = read_yaml(path)
    except BookError as error:
        return [str(error)]
    return [
        f"{name(path)}: line {line_of(path, *error.absolute_path)}: {place_of(error)}{error.message[:160]}; mend it"
        for error in sorted(
            Draft7Validator(schema).iter_errors(content), key=lambda error: list(map(str, error.absolute_path))
        )
    ]


def misconfigured() -> list[str]:
    """Return a line for each mistake in _config.yml and theme/zh.yml, and for each part that has no Chinese name."""
    if lines := [*misfits(CONFIG, CONFIG_SCHEMA), *misfits(OTHERWISE, OTHERWISE_SCHEMA)]:
        return lines
    config = read_yaml(CONFIG)
    folders = [ROOT / folder for folder in config["sphinx"]["config"]["html_static_path"]]
    for keys in (("html", "favicon"), ("sphinx", "config", "html_static_path"), ("sphinx", "config", "templates_path")):
        value = config
        for key in keys:
            value = value[key]
        lines += missing(keys, [value] if isinstance(value, str) else value, [ROOT])
    for key in ("html_css_files", "html_js_files"):
        lines += missing(("sphinx", "config", key), config["sphinx"]["config"].get(key, []), folders)
    for extension, folder in config["sphinx"]["local_extensions"].items():
        file = f"{extension.replace('.', '/')}.py"
        lines += missing(("sphinx", "local_extensions", extension), [file], [ROOT / folder])
    return lines + untranslated()


def missing(keys: tuple[str, ...], files: list[str], folders: list[Path]) -> list[str]:
    """Return a line for each file that _config.yml names under these keys and that is in none of the folders."""
    return [
        f"{name(CONFIG)}: line {line_of(CONFIG, *keys)}: {' '.join(keys)}: there is no {file}; mend the name"
        for file in files
        if not any((folder / file).exists() for folder in folders)
    ]


def captions() -> list[str]:
    """Return the captions of the parts of the book; none where _toc.yml cannot be read, which strays() tells."""
    try:
        toc = read_yaml(TOC)
    except BookError:
        return []
    parts = toc.get("parts", []) if isinstance(toc, dict) else []
    return [part["caption"] for part in parts if isinstance(part, dict) and part.get("caption")]


def untranslated() -> list[str]:
    """Return a line for each part of the book that has no Chinese name."""
    translated = read_yaml(OTHERWISE)["captions"]
    return [
        f"{name(OTHERWISE)}: captions: the part {part!r} of {name(TOC)} has no Chinese name; add it"
        for part in captions()
        if part not in translated
    ]


def unused() -> list[str]:
    """Return a line for each Chinese name of a part that is not there."""
    return [
        f"{name(OTHERWISE)}: line {line_of(OTHERWISE, 'captions', caption)}: "
        f"no part of {name(TOC)} is called {caption!r}; remove it, or mend it"
        for caption in read_yaml(OTHERWISE)["captions"]
        if caption not in captions()
    ]


def pages() -> list[str]:
    """Return the names of the pages, in the order of the book."""
    read_yaml(TOC)
    try:
        if lines := misfits(TOC, TOC_SCHEMA):
            parse_toc_yaml(TOC)  # which tells better what is missing
            raise BookError("\n".join(lines))
        return [entry.removeprefix(ENGLISH.place) for entry in parse_toc_yaml(TOC)]
    except MalformedError as error:
        raise BookError(f"{name(TOC)}: {error}; mend it") from None


def of_pages(folder: Path, schema: dict, what: str) -> tuple[dict[Path, Any], list[str]]:
    """Return what the files of a folder hold, one a page, and a line for each that belongs to no page or is malformed.

    `what` says what a file is, as in "is the quiz".
    """
    known, found, lines = pages(), {}, []
    for path in sorted(folder.glob("*")):
        if path.suffix != ".yml" or path.stem not in known:
            lines.append(f"{name(path)}: {what} of no page; rename it after its page, or remove it")
        elif wrong := misfits(path, schema):
            lines += wrong
        else:
            found[path] = read_yaml(path)
    return found, lines


def of_page(path: Path, schema: dict) -> list:
    """Return what such a file holds, nothing if it is not there; raise BookError if it is malformed."""
    if not path.exists():
        return []
    if lines := misfits(path, schema):
        raise BookError("\n".join(lines))
    return read_yaml(path)


def pages_of(edition: Edition) -> tuple[dict[str, Path], list[str]]:
    """Return the pages that lie in the folder of an edition by their names, and a line for all else that does."""
    found: dict[str, Path] = {}
    lines = []
    for path in sorted(edition.folder.iterdir()):
        if path.name in UNSEEN:
            continue
        if path.suffix not in (".ipynb", ".md"):
            lines.append(f"{name(path)}: is no page, and nothing else may be there; remove it")
        elif path.stem in found:
            lines.append(f"{name(path)}: {found[path.stem].name} has the same address; rename one, or remove it")
        else:
            found[path.stem] = path
    return found, lines


def strays() -> list[str]:
    """Return a line for each page of an edition that is not there, or that _toc.yml does not name."""
    try:
        named = pages()
    except BookError as error:
        return [str(error)]
    lines = [
        f"{name(TOC)}: names {page}, and the site has a page of its own of this name; give it another one"
        for page in named
        if page in TAKEN
    ]
    for edition in EDITIONS:
        there, others = pages_of(edition)
        lines += others
        for page in named:
            if page not in there:
                lines.append(
                    f"{name(TOC)}: names {page}, and {edition.place} has no such page; mend the name, or write the page"
                )
        for page, path in there.items():
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
