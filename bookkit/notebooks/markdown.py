"""What stands in a Markdown text, as the parser of the website reads it.

A directive or a role is found in any spelling: with colons or backticks, with its
options as a block or as lines, inside another one or in a list.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from myst_parser.config.main import MdParserConfig
from myst_parser.parsers.mdit import create_md_parser

from bookkit.contents import CONFIG, read_yaml

# Directives whose body is no Markdown, and those whose argument is no text for readers.
MATH = {"math"}
CODE = {"code", "code-block", "code-cell", "sourcecode", "parsed-literal", "raw", "eval-rst"}
NO_TITLE = MATH | CODE | {"solution", "solution-start", "solution-end", "figure", "image", "include"}
TEXT_OPTIONS = {"alt", "caption"}
DIRECTIVE = re.compile(r"\{([^}]+)\}\s*(.*)")
OPTION = re.compile(r":([\w-]+):(?: +(.*))?")

BLOCKS = {
    "heading_open": "heading",
    "myst_target": "label",
    "math_block": "formula",
    "math_block_label": "formula",
    "amsmath": "formula",
    "html_block": "html",
    "code_block": "listing",
    "myst_line_comment": "comment",
    "front_matter": "settings",
    "table_open": "table",
    "tr_open": "row",
    "list_item_open": "item",
    "footnote_reference_open": "footnote",
}
INLINES = {
    "text": "prose",
    "code_inline": "code",
    "math_inline": "formula",
    "math_inline_double": "formula",
    "html_inline": "html",
}


@dataclass(frozen=True)
class Piece:
    """A piece of a text; a piece of the kind "paragraph" is followed by all that stands in it."""

    kind: str
    text: str
    line: int
    name: str = ""  # of a directive, a role or an option; the language of a listing; the level of a heading


@cache
def parser() -> MarkdownIt:
    """Return the parser that the website has, with the extensions that _config.yml names."""
    extensions = read_yaml(CONFIG)["parse"]["myst_enable_extensions"]
    return create_md_parser(MdParserConfig(enable_extensions=set(extensions)), RendererHTML)


@lru_cache(maxsize=5000)  # many rules read the same cells
def pieces(text: str, line: int = 1) -> tuple[Piece, ...]:
    """Return the pieces of a Markdown text in their order; `line` is the number of its first line."""
    return tuple(parsed(text, line))


def parsed(text: str, line: int) -> Iterator[Piece]:
    at = line
    for token in parser().parse(text):
        at = line + token.map[0] if token.map else at
        if token.type in ("fence", "colon_fence"):
            yield from in_fence(token, at)
        elif token.type == "inline":
            yield Piece("paragraph", token.content, at)
            for child in token.children or []:
                yield from in_line(child, at)
        elif kind := BLOCKS.get(token.type):
            yield Piece(kind, token.content, at, token.tag)


def in_line(token: Token, line: int) -> Iterator[Piece]:
    """Yield what a token within a paragraph stands for."""
    if kind := INLINES.get(token.type):
        yield Piece(kind, token.content, line)
    elif token.type == "myst_role":
        name = token.meta["name"]
        yield Piece("formula" if name in MATH else "role", token.content, line, name)
    elif token.type == "link_open":
        yield Piece("link", str(token.attrs["href"]), line)
    elif token.type == "image":
        yield Piece("image", str(token.attrs["src"]), line)
        yield Piece("prose", token.content, line)


def in_fence(token: Token, line: int) -> Iterator[Piece]:
    """Yield what a fence holds: a listing, a formula, or a directive and what stands in it."""
    found = DIRECTIVE.fullmatch(token.info.strip())
    if not found:
        yield Piece("listing", token.content, line, token.info.strip())
        return
    name, title = found.groups()
    yield Piece("directive", title if name in NO_TITLE else "", line, name)
    if name not in NO_TITLE:
        yield from pieces(title, line)
    options, body, skipped = split_options(token.content)
    for key, value in options.items():
        if key in TEXT_OPTIONS:
            yield from pieces(value, line)
        else:
            yield Piece("option", value, line, key)
    if name in MATH:
        yield Piece("formula", body, line, name)
    elif name in CODE:
        yield Piece("listing", body, line, title)
    else:
        yield from pieces(body, line + 1 + skipped)


def split_options(content: str) -> tuple[dict[str, str], str, int]:
    """Return the options of a directive, its body, and how many lines the options take."""
    lines = content.split("\n")
    if lines[0].strip() == "---" and "---" in lines[1:]:
        end = lines.index("---", 1)
        pairs = [line.partition(":") for line in lines[1:end] if line.strip()]
        return {key.strip(): value.strip() for key, _, value in pairs}, "\n".join(lines[end + 1 :]), end + 1
    options: dict[str, str] = {}
    for number, line in enumerate(lines):
        found = OPTION.fullmatch(line.strip())
        if not found:
            return options, "\n".join(lines[number:]), number
        options[found[1]] = found[2] or ""
    return options, "", len(lines)
