"""What may be in the stored outputs of a notebook: all else is refused, for it would be published."""

import re
from collections.abc import Callable, Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring
from nbformat import NotebookNode

from bookkit.conventions import STEP
from bookkit.notebooks.cells import alternative_text, code_cells, output_text

MAX_OUTPUT_LINES = 40
SVG = "image/svg+xml"
SAID = {"needs_background"}  # by matplotlib, of a figure
NATIVE_LOG = re.compile(r"^\[\d\d:\d\d:\d\d\] .*$", re.MULTILINE)
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")

# What matplotlib writes into a figure. Names count whatever their name space: the page's HTML knows none.
ELEMENTS = {
    *("svg", "g", "defs", "style", "clipPath", "path", "rect", "circle", "line", "polyline", "polygon", "use"),
    *("text", "tspan", "title", "desc"),
    *("metadata", "RDF", "Work", "Agent", "type", "format", "creator"),
}
ATTRIBUTES = {
    *("id", "style", "type", "width", "height", "viewBox", "version", "transform", "clip-path", "href", "resource"),
    *("d", "x", "y", "cx", "cy", "r", "x1", "y1", "x2", "y2", "points", "rx", "ry"),
}
STYLE = re.compile(
    r"(fill|stroke|font|opacity|text)(-\w+)*|clip-path|writing-mode|white-space|baseline-shift|isolation|mix-blend-mode"
)
STYLE_SHEET = re.compile(r"\s*\*\s*\{([^{}]*)\}\s*")
ID = re.compile(r'\bid="([^"]*)"')
INTERNAL = re.compile(r"#[\w.-]+")
FOREIGN = re.compile(r"url\((?!['\"]?#[\w.-]+['\"]?\))|[\\@<>]|expression|script:|/\*", re.IGNORECASE)
WORK = "http://purl.org/dc/dcmitype/StillImage"  # the one address in it, which nobody follows
PROLOGUE = re.compile(r"<\?(?!xml\s)|<!DOCTYPE[^>]*\[", re.IGNORECASE)


def local(name: str) -> str:
    return name.rpartition("}")[2]


def wrong_style(text: str) -> Iterator[str]:
    for declaration in filter(str.strip, text.split(";")):
        key, _, value = declaration.partition(":")
        if not STYLE.fullmatch(key.strip()) or FOREIGN.search(value):
            yield f"the style {declaration.strip()[:60]!r}"


def wrong_attribute(name: str, value: str) -> Iterator[str]:
    if local(name) not in ATTRIBUTES:
        yield f"the attribute {local(name)}"
    elif local(name) == "href" and not INTERNAL.fullmatch(value):
        yield f"a link to {value[:60]!r}"
    elif (local(name) == "resource" and value != WORK) or FOREIGN.search(value):
        yield f"{local(name)}={value[:60]!r}"
    elif local(name) == "style":
        yield from wrong_style(value)


def wrong_element(element: Element) -> Iterator[str]:
    if local(element.tag) not in ELEMENTS:
        yield f"the element {local(element.tag)}"
    if local(element.tag) == "style":
        sheet = STYLE_SHEET.fullmatch(element.text or "")
        yield from wrong_style(sheet[1]) if sheet else [f"the style sheet {(element.text or '')[:60]!r}"]
    for name, value in element.attrib.items():
        yield from wrong_attribute(name, value)


def wrong_steps(text: str) -> Iterator[str]:
    """Yield what is wrong with the ids by which the site shows a figure in steps."""
    ids = [found for found in ID.findall(text) if "step" in found.lower()]
    yield from (
        f"the id {found}, which is neither step-1 nor step-1-name" for found in ids if not STEP.fullmatch(found)
    )
    numbers = sorted({int(match[1]) for found in ids if (match := STEP.fullmatch(found))})
    if numbers and (len(numbers) == 1 or numbers != list(range(1, len(numbers) + 1))):
        yield f"the steps {', '.join(map(str, numbers))}, which do not go on from 1 one by one, to 2 at least"


def wrong_in_svg(text: str) -> Iterator[str]:
    """Yield all that a figure may not hold: what runs, what is fetched, and what matplotlib does not write."""
    if PROLOGUE.search(text):
        yield "instructions or declarations of its own"
    try:
        root = fromstring(text)
    except (ParseError, DefusedXmlException) as error:
        yield f"what no reader of XML takes ({str(error) or type(error).__name__})"
        return
    for element in root.iter():
        yield from wrong_element(element)


# Rules


def kinds(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            for kind in sorted(set(output.get("data", {})) - {"text/plain", SVG}):
                yield f"cell {cell.id}: stores {kind}, which no page may hold; print, or draw as figure-settings does"
            for key in sorted(set(output.get("metadata", {})) - SAID):
                yield f"cell {cell.id}: its output says {key} of itself, which nothing reads; display it without"


def order(notebook: NotebookNode) -> Iterator[str]:
    # nbval ignores the kind of an output and the order of outputs of different kinds.
    for cell in code_cells(notebook):
        kinds = [output.output_type for output in cell.outputs]
        streams = [output.name for output in cell.outputs if output.output_type == "stream"]
        if len(set(streams)) > 1:
            yield f"cell {cell.id}: writes to stdout and stderr; split it in two cells"
        if kinds.count("execute_result") > 1 or "execute_result" in kinds[:-1]:
            yield f"cell {cell.id}: its result is not its last output; run `make refresh`"
        for output in cell.outputs:
            if output.output_type == "display_data" and SVG not in output.data:
                yield f"cell {cell.id}: displays something that is no SVG figure; print it or make it the cell's result"
            if output.output_type == "execute_result" and SVG in output.data:
                yield f"cell {cell.id}: its result is a figure; end the cell with plt.show()"


def figures(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        drawn = [output.data[SVG] for output in cell.outputs if SVG in output.get("data", {})]
        alt = alternative_text(cell)
        if drawn and len(alt) < 20:
            yield f"cell {cell.id}: its figure has no alternative text; say what is seen in metadata mystnb.image.alt"
        if alt and not drawn:
            yield f"cell {cell.id}: has alternative text and no figure; remove it"
        for wrong in dict.fromkeys(line for text in drawn for line in wrong_steps(text)):
            yield f"cell {cell.id}: its figure has {wrong}; mend what set_gid is given"
        for wrong in dict.fromkeys(line for text in drawn for line in wrong_in_svg(text)):
            yield f"cell {cell.id}: its figure holds {wrong}, which no figure may; draw it with matplotlib alone"


def comparable(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        for text in map(output_text, cell.outputs):
            # nbval's kernel does not hear what C++ code writes.
            if found := NATIVE_LOG.search(text):
                yield f"cell {cell.id}: stores a line of MXNet's log ({found[0][:60]!r}); avoid what makes it log"
            # nbval takes what stands before a carriage return away.
            if "\r" in text:
                yield f"cell {cell.id}: overwrites what it wrote, which is not compared; print without \\r"
            if found := CONTROL.search(text):
                yield f"cell {cell.id}: an output holds {found[0]!r}, which no page shows; print without colours"


def lines(notebook: NotebookNode) -> Iterator[str]:
    for cell in code_cells(notebook):
        for output in cell.outputs:
            count = len((output.get("text") or output.get("data", {}).get("text/plain", "")).splitlines())
            if count > MAX_OUTPUT_LINES:
                yield f"cell {cell.id}: an output of {count} lines (at most {MAX_OUTPUT_LINES}); print less"


RULES: list[Callable[[NotebookNode], Iterator[str]]] = [kinds, order, figures, comparable, lines]
