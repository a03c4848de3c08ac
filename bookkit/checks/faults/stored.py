"""Faults in what a notebook stores: its outputs, counts and tags."""

import copy
import itertools
import re
from collections.abc import Callable, Iterator
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbval.plugin import comment_markers

from bookkit.checks.faults.cells import as_seen, changed, replaced, tagged
from bookkit.notebooks.cells import code_cells, output_text

# The comments that make nbval look away; as tags they are written in lower case with hyphens.
IGNORE = [comment for comment, effect in comment_markers.items() if effect in ("skip", ("check", False))]

Faults = Iterator[tuple[str, NotebookNode]]  # words, and a changed copy of the cell


def texts(cell: NotebookNode) -> Iterator[tuple[str, Any, Any]]:
    """Yield (words, holder, key) for each text in the outputs of a cell; holder[key] is the text."""
    for number, output in enumerate(cell.outputs, start=1):
        for key in {"text", "evalue"} & set(output):
            yield f"output {number}, {key}", output, key
        for key in output.get("data", {}):
            yield f"output {number}, {key}", output.data, key
        for line in range(len(output.get("traceback", []))):
            yield f"output {number}, traceback", output.traceback, line


def rewritten(cell: NotebookNode, pattern: str, replacement: str | Callable[[re.Match], str]) -> Faults:
    """Replace the first match of a pattern in one text of the outputs after the other."""
    for place, (words, holder, key) in enumerate(texts(cell)):
        text = re.sub(pattern, replacement, holder[key], count=1)
        if text != holder[key]:
            result = copy.deepcopy(cell)
            _, holder, key = list(texts(result))[place]
            holder[key] = text
            yield words, result


def other_digit(match: re.Match) -> str:
    return str((int(match[0]) + 1) % 10)


def last_digit(cell: NotebookNode) -> Faults:
    yield from rewritten(cell, r"[0-9](?=[^0-9]*\Z)", other_digit)


def first_digit(cell: NotebookNode) -> Faults:
    yield from rewritten(cell, r"[0-9]", other_digit)


def sign_flipped(cell: NotebookNode) -> Faults:
    yield from rewritten(cell, r"-(?=[0-9])", "")
    yield from rewritten(cell, r"(?<![\w.-])(?=[0-9])", "-")


def path_altered(cell: NotebookNode) -> Faults:
    """Change the last digit of one path of a figure after the other."""
    for number, output in enumerate(cell.outputs):
        svg = output.get("data", {}).get("image/svg+xml", "")
        for path in re.finditer(r'<path [^>]*?\bd="[^"]*?([0-9])[^0-9"]*"', svg):
            result = copy.deepcopy(cell)
            digit = str((int(path[1]) + 1) % 10)
            result.outputs[number].data["image/svg+xml"] = svg[: path.start(1)] + digit + svg[path.end(1) :]
            yield f"output {number + 1}, character {path.start(1)}", result


def output_removed(cell: NotebookNode) -> Faults:
    for number in range(len(cell.outputs)):
        yield f"output {number + 1}", replaced(cell, number)


def output_added(cell: NotebookNode) -> Faults:
    for number, output in enumerate(cell.outputs):
        yield f"output {number + 1} twice", replaced(cell, number, output, output)
    for words, output in [
        ("a text", new_output("stream", text="1\n")),
        ("an empty text", new_output("stream")),
        ("a result", new_output("execute_result", {"text/plain": "1"}, execution_count=cell.execution_count)),
        ("an empty result", new_output("execute_result", execution_count=cell.execution_count)),
    ]:
        yield f"{words} at the start", changed(cell, outputs=[output, *cell.outputs])
        yield f"{words} at the end", changed(cell, outputs=[*cell.outputs, output])


def outputs_swapped(cell: NotebookNode) -> Faults:
    for number in range(len(cell.outputs) - 1):
        order = list(cell.outputs)
        order[number : number + 2] = reversed(order[number : number + 2])
        yield f"outputs {number + 1} and {number + 2}", changed(cell, outputs=order)


def count_cleared(cell: NotebookNode) -> Faults:
    yield "of the cell", changed(cell, execution_count=None)
    for number, output in enumerate(cell.outputs):
        if output.output_type == "execute_result":
            yield f"of output {number + 1}", replaced(cell, number, changed(output, execution_count=None))


def outputs_cleared(cell: NotebookNode) -> Faults:
    yield "the count kept", changed(cell, outputs=[])
    yield "the count cleared", changed(cell, outputs=[], execution_count=None)


def error_to_result(cell: NotebookNode) -> Faults:
    for number, output in enumerate(cell.outputs):
        if output.output_type == "error":
            count, text = cell.execution_count, output.evalue
            result = replaced(cell, number, new_output("execute_result", {"text/plain": text}, execution_count=count))
            yield f"output {number + 1}", result
            yield f"output {number + 1}, the tag dropped", changed(result, metadata={})


def result_to_error(cell: NotebookNode) -> Faults:
    for number, output in enumerate(cell.outputs):
        if output.output_type != "error":
            text = output_text(output).strip()
            error = new_output("error", ename="Error", evalue=text, traceback=[f"Error: {text}"])
            result = replaced(cell, number, error)
            yield f"output {number + 1}", result
            yield f"output {number + 1}, the tag added", tagged(result, "raises-exception")


def raises_tag(cell: NotebookNode) -> Faults:
    yield "", tagged(cell, "raises-exception")


def ignore_tag(cell: NotebookNode) -> Faults:
    for comment in IGNORE:
        tag = comment.lower().replace("_", "-")
        yield tag, tagged(cell, tag)
        yield f"# {comment}", changed(cell, source=f"# {comment}\n{cell.source}")


def script_added(cell: NotebookNode) -> Faults:
    script = "<script>document.title = 1</script>"
    for number, output in enumerate(cell.outputs):
        if "data" in output:
            yield (
                f"output {number + 1}",
                replaced(cell, number, changed(output, data={**output.data, "text/html": script})),
            )
    yield "at the end", changed(cell, outputs=[*cell.outputs, new_output("display_data", {"text/html": script})])


def line_ends(cell: NotebookNode) -> Faults:
    yield from rewritten(cell, r"(?<!\r)\n", "\r\n")


def colour_added(cell: NotebookNode) -> Faults:
    yield from rewritten(cell, r"\S+", lambda match: f"\x1b[31m{match[0]}\x1b[0m")


STORED: dict[str, Callable[[NotebookNode], Faults]] = {
    "last digit": last_digit,
    "first digit": first_digit,
    "sign flipped": sign_flipped,
    "output removed": output_removed,
    "output added": output_added,
    "outputs swapped": outputs_swapped,
    "execution count cleared": count_cleared,
    "all outputs cleared": outputs_cleared,
    "error stored as a result": error_to_result,
    "result stored as an error": result_to_error,
    "path of a figure altered": path_altered,
    "tag raises-exception added": raises_tag,
    "tag to ignore added": ignore_tag,
    "script in an output": script_added,
    "line ends of Windows in an output": line_ends,
    "colour in an output": colour_added,
}


def stored_faults(notebook: NotebookNode) -> Iterator[tuple[str, str, str, dict[str, NotebookNode]]]:
    """Yield (kind, place, words, {cell id: changed cell}) for all faults in what a notebook stores."""
    cells = code_cells(notebook)
    for cell in cells:
        for kind, plant in STORED.items():
            for words, fault in plant(cell):
                if fault != cell:
                    yield kind, f"cell {cell.id}", words, {cell.id: fault}
    for one, other in itertools.pairwise(cells):
        if as_seen(one.outputs) != as_seen(other.outputs):
            both = {one.id: changed(one, outputs=other.outputs), other.id: changed(other, outputs=one.outputs)}
            for cell in both.values():
                for output in cell.outputs:
                    if output.output_type == "execute_result":
                        output.execution_count = cell.execution_count
            yield "outputs swapped", f"cell {one.id}", f"with those of {other.id}", both
    cleared = {cell.id: changed(cell, outputs=[], execution_count=None) for cell in cells}
    yield "all outputs cleared", "the notebook", "the counts too", cleared
