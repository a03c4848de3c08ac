"""What a notebook of this book must look like, where nbval would not notice.

Every rule takes a notebook (nbformat 4 node) and yields complaints, each of them
"cell ID: what is wrong; what to do". `complaints` runs them all.
"""

import ast
import copy
import re

from IPython.core.inputtransformer2 import TransformerManager

from bookkit.notebooks.files import CONFLICT
from bookkit.notebooks.normal import KERNELSPEC, normalise

MAX_CODE_LINES = 30
MAX_CODE_WIDTH = 79
MAX_MARKDOWN_LINES = 45
MAX_OUTPUT_LINES = 40
TAGS = {"raises-exception", "hide-input", "hide-cell", "hide-output", "nbval-ignore-output"}
MACHINE = re.compile(r"/(?:home|root|Users|tmp|work|opt)/\w|[A-Z]:\\\\|site-packages|ipykernel_\d|\bat 0x[0-9a-f]{6,}")
# What IPython keeps of earlier cells: In, Out, _, __, _i, _3, _i3 ...
HISTORY = re.compile(r"In|Out|_{1,3}|_i{1,3}|_i?\d+|_[iod]h")
NATIVE_LOG = re.compile(r"^\[\d\d:\d\d:\d\d\] .*$", re.MULTILINE)
NBVAL_COMMENT = re.compile(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", re.IGNORECASE)


def code_cells(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def output_text(output):
    """Return all text of an output, its traceback and every kind of data included."""
    parts = [output.get("text", ""), output.get("ename", ""), output.get("evalue", "")]
    parts += output.get("traceback", [])
    parts += output.get("data", {}).values()
    return "\n".join(str(part) for part in parts)


def executed(notebook):
    # nbval never compares a cell that has no execution count and no output.
    for number, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != number:
            yield (
                f"cell {cell.id}: execution count is {cell.execution_count} where {number} is due; run `make refresh`"
            )
        for output in cell.outputs:
            if output.get("execution_count", number) != number:
                yield f"cell {cell.id}: its result bears another count; run `make refresh`"


def not_empty(notebook):
    for cell in notebook.cells:
        if not cell.source.strip():
            yield f"cell {cell.id}: is empty; remove it"
        # nbval does not see an output that holds no data.
        if not all(output_text(output).strip() for output in cell.get("outputs", [])):
            yield f"cell {cell.id}: has an output that says nothing; run `make refresh`"


def normal_form(notebook):
    # nbval looks neither at metadata nor at tracebacks.
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != KERNELSPEC["name"]:
        yield f"asks for the kernel {kernel!r}, and the book runs on {KERNELSPEC['name']}; run `make refresh`"
    normal = normalise(copy.deepcopy(notebook))
    for key in ("metadata", "nbformat_minor"):
        if notebook[key] != normal[key]:
            yield f"the notebook's {key} is not in normal form; run `make refresh`"
    for cell, good in zip(notebook.cells, normal.cells, strict=True):
        if cell != good:
            yield f"cell {cell.id}: is not in normal form; run `make refresh`"


def ids(notebook):
    seen = set()
    for cell in notebook.cells:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cell.id):
            yield f"cell {cell.id}: the id is no lower-case slug; give it one that says what it does"
        if cell.id in seen:
            yield f"cell {cell.id}: the id stands twice; rename one"
        seen.add(cell.id)


def errors_are_announced(notebook):
    # nbval lets a raises-exception cell pass that neither raises nor stores an error.
    for cell in code_cells(notebook):
        kinds = [output.output_type for output in cell.outputs]
        if "raises-exception" in tags(cell):
            if kinds.count("error") != 1 or kinds[-1] != "error":
                yield f"cell {cell.id}: is tagged raises-exception and stores no error as its last output; drop the tag or raise"
        elif "error" in kinds:
            yield f"cell {cell.id}: stores an error without the tag raises-exception; mend the cell or tag it"


def output_order(notebook):
    # nbval ignores the kind of an output and the order of outputs of different kinds.
    for cell in code_cells(notebook):
        kinds = [output.output_type for output in cell.outputs]
        streams = [output.name for output in cell.outputs if output.output_type == "stream"]
        if len(set(streams)) > 1:
            yield f"cell {cell.id}: writes to stdout and stderr; split it in two cells"
        if kinds.count("execute_result") > 1 or "execute_result" in kinds[:-1]:
            yield f"cell {cell.id}: its result is not its last output; run `make refresh`"
        for output in cell.outputs:
            if output.output_type == "display_data" and "image/svg+xml" not in output.data:
                yield f"cell {cell.id}: displays something that is no SVG figure; print it or make it the cell's result"
            if output.output_type == "execute_result" and "image/svg+xml" in output.data:
                yield f"cell {cell.id}: its result is a figure; end the cell with plt.show()"


def figures(notebook):
    # nbval does not compare PNG and JPEG.
    for cell in code_cells(notebook):
        kinds = {kind for output in cell.outputs for kind in output.get("data", {})}
        for kind in sorted(kinds - {"text/plain", "text/html", "image/svg+xml"}):
            yield f"cell {cell.id}: stores {kind}, which is not compared; draw as SVG (see the cell figure-settings)"
        alt = cell.metadata.get("mystnb", {}).get("image", {}).get("alt", "")
        if "image/svg+xml" in kinds and len(alt) < 20:
            yield f"cell {cell.id}: its figure has no alternative text; say what is seen in metadata mystnb.image.alt"
        if alt and "image/svg+xml" not in kinds:
            yield f"cell {cell.id}: has alternative text and no figure; remove it"


def known_tags(notebook):
    for cell in notebook.cells:
        for tag in sorted(tags(cell) - TAGS):
            yield f"cell {cell.id}: tag {tag} is not used in this book; remove it"
        if "nbval-ignore-output" in tags(cell) and not cell.metadata.get("ignore-reason"):
            yield f"cell {cell.id}: its output is not checked and nobody says why; compare it, or give metadata ignore-reason"
        if cell.cell_type == "code" and NBVAL_COMMENT.search(cell.source):
            yield f"cell {cell.id}: a comment tells nbval to look away; remove it"


def no_machine(notebook):
    for cell in notebook.cells:
        for text in [cell.source] + [output_text(output) for output in cell.get("outputs", [])]:
            found = MACHINE.search(text)
            if found:
                yield f"cell {cell.id}: names something of one machine ({found[0]!r}); take it out"


def no_history(notebook):
    # nbval executes without history: there In, Out and _ are not what they are in `make refresh`.
    for cell in code_cells(notebook):
        try:
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
        except SyntaxError:
            continue  # such a cell raises, and so another rule looks at it
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and HISTORY.fullmatch(node.id):
                yield f"cell {cell.id}: reads {node.id}, which nbval's kernel does not keep; give the value a name"


def comparable(notebook):
    for cell in code_cells(notebook):
        for text in map(output_text, cell.outputs):
            # nbval's kernel does not hear what C++ code writes.
            if found := NATIVE_LOG.search(text):
                yield f"cell {cell.id}: stores a line of MXNet's log ({found[0][:60]!r}); avoid what makes it log"
            # nbval takes what stands before a carriage return away.
            if "\r" in text:
                yield f"cell {cell.id}: overwrites what it wrote, which is not compared; print without \\r"


def merged(notebook):
    for cell in notebook.cells:
        for text in [cell.source] + [output_text(output) for output in cell.get("outputs", [])]:
            if found := CONFLICT.search(text):
                yield f"cell {cell.id}: holds the mark of a merge conflict ({found[0][:7]}); resolve it"
                break


def a_screen(notebook):
    for cell in notebook.cells:
        lines = cell.source.splitlines()
        most = MAX_CODE_LINES if cell.cell_type == "code" else MAX_MARKDOWN_LINES
        if len(lines) > most:
            yield f"cell {cell.id}: {len(lines)} lines are more than a screen ({most}); split it"
        if cell.cell_type == "code":
            widest = max(map(len, lines), default=0)
            if widest > MAX_CODE_WIDTH:
                yield f"cell {cell.id}: a line of {widest} characters (at most {MAX_CODE_WIDTH}); break it"
            if lines and lines[-1].rstrip().endswith(";"):
                yield f"cell {cell.id}: ends with ';', which nbval's kernel does not obey; write plt.show() or _ ="
            for output in cell.outputs:
                text = output.get("text") or output.get("data", {}).get("text/plain", "")
                if len(text.splitlines()) > MAX_OUTPUT_LINES:
                    yield f"cell {cell.id}: an output of {len(text.splitlines())} lines (at most {MAX_OUTPUT_LINES}); print less"


def exercises(notebook):
    """Each exercise is followed by one solution that holds code."""
    source = "\n".join(
        cell.source if cell.cell_type == "markdown" else f"<code of {cell.id}>" for cell in notebook.cells
    )
    labels = re.findall(r"^:::\{exercise\}.*\n:label: (\S+)", source, re.MULTILINE)
    solutions = dict(
        re.findall(r"^:::\{solution-start\} (\S+)\n(.*?)^:::\{solution-end\}", source, re.MULTILINE | re.DOTALL)
    )
    for label in labels:
        if "<code of " not in solutions.get(label, ""):
            yield f"exercise {label}: has no solution that runs; add solution-start, code and solution-end"
    for label in sorted(set(solutions) - set(labels)):
        yield f"solution {label}: belongs to no exercise of this notebook; mend the label"


RULES = [
    executed,
    not_empty,
    normal_form,
    ids,
    errors_are_announced,
    output_order,
    figures,
    known_tags,
    no_machine,
    no_history,
    comparable,
    merged,
    a_screen,
    exercises,
]


def complaints(notebook):
    """Return what every rule has to say about the notebook, as a list of lines."""
    return [line for rule in RULES for line in rule(notebook)]
