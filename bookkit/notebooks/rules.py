"""What a notebook of this book must look like, where nbval would not notice.

Every rule takes a notebook (nbformat 4 node) and yields complaints, each of them
"cell ID: what is wrong; what to do". `complaints` runs them all. What may be in an
output stands in outputs.py, what a chapter is in chapters.py, what a text may hold in published.py.
"""

import ast
import copy
import re
from collections.abc import Callable, Iterator

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

from bookkit.notebooks import catalogue, chapters, outputs
from bookkit.notebooks.cells import GRADIENTS, REASONS, alternative_text, code_cells, output_text, tags
from bookkit.notebooks.files import CONFLICT
from bookkit.notebooks.interpreters import BOOK, INTERPRETERS, interpreter_of, kernel_name
from bookkit.notebooks.normal import losses, normalise
from bookkit.notebooks.published import odd_character, published

Complaints = Iterator[str]

MAX_CODE_LINES = 30
MAX_CODE_WIDTH = 79
MAX_MARKDOWN_LINES = 45
TAGS = {"raises-exception", "hide-input", "hide-cell", "hide-output", "beside", "nbval-ignore-output"}
MACHINE = re.compile(
    r"/(?:home|root|Users|tmp|work|opt|var/folders)/\w|[A-Z]:\\\\|site-packages|ipykernel_\d|\bat 0x[0-9a-f]{6,}"
)
# Where something lies on this machine, as an output names it; addresses on the web have a host before it.
FOLDER = re.compile(r"(?<![\w./:])/(?:[\w.-]+/)+[\w.-]+")
MAGICS = {"matplotlib", "config"}
# What IPython keeps of earlier cells: In, Out, _, __, _i, _3, _i3 ...
HISTORY = re.compile(r"In|Out|_{1,3}|_i{1,3}|_i?\d+|_[iod]h")
# NumPy reads a clock of its own where it is given one of these words for a date; no other date reaches it.
NULL_DEVICE = re.compile(r"\bdevnull\b|/dev/null\b")  # MXNet's profiler removes the file that it is about to write
NUMPYS_CLOCK = re.compile(r"""\bdatetime64\b(?s:.*)["'](?:now|today)["']|["'](?:now|today)["'](?s:.*)\bdatetime64\b""")
NBVAL_COMMENT = re.compile(r"#\s*(NBVAL_|PYTEST_VALIDATE_)", re.IGNORECASE)


def executed(notebook: NotebookNode) -> Complaints:
    # nbval never compares a cell that has no execution count and no output.
    for number, cell in enumerate(code_cells(notebook), start=1):
        if cell.execution_count != number:
            yield (
                f"cell {cell.id}: execution count is {cell.execution_count} where {number} is due; run `make refresh`"
            )
        for output in cell.outputs:
            if output.get("execution_count", number) != number:
                yield f"cell {cell.id}: its result bears another count; run `make refresh`"


def not_empty(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        if not cell.source.strip():
            yield f"cell {cell.id}: is empty; remove it"
        # nbval does not see an output that holds no data.
        if not all(output_text(output).strip() for output in cell.get("outputs", [])):
            yield f"cell {cell.id}: has an output that says nothing; run `make refresh`"


def normal_form(notebook: NotebookNode) -> Complaints:
    # nbval looks neither at metadata nor at tracebacks.
    kernel = kernel_name(notebook)
    if kernel not in INTERPRETERS:
        known = " or ".join(INTERPRETERS)
        yield f"asks for the kernel {kernel!r}, and the book runs on {known}; run `make refresh`"
    normal = normalise(copy.deepcopy(notebook))
    for key in ("metadata", "nbformat_minor"):
        if notebook[key] != normal[key]:
            yield f"the notebook's {key} is not in normal form; run `make refresh`"
    for cell, good in zip(notebook.cells, normal.cells, strict=True):
        if cell != good:
            yield f"cell {cell.id}: is not in normal form; run `make refresh`"


def ids(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", cell.id):
            yield f"cell {cell.id}: the id is no lower-case slug; give it one that says what it does"


def errors_are_announced(notebook: NotebookNode) -> Complaints:
    # nbval lets a raises-exception cell pass that neither raises nor stores an error.
    for cell in code_cells(notebook):
        kinds = [output.output_type for output in cell.outputs]
        if "raises-exception" in tags(cell):
            if kinds.count("error") != 1 or kinds[-1] != "error":
                yield (
                    f"cell {cell.id}: is tagged raises-exception and stores no error as its last output; "
                    "drop the tag or raise"
                )
        elif "error" in kinds:
            yield f"cell {cell.id}: stores an error without the tag raises-exception; mend the cell or tag it"


def known_tags(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        for tag in sorted(tags(cell) - TAGS):
            yield f"cell {cell.id}: tag {tag} is not used in this book; remove it"
        if "nbval-ignore-output" in tags(cell) and not cell.metadata.get("ignore-reason"):
            yield (
                f"cell {cell.id}: its output is not checked and nobody says why; "
                "compare it, or give metadata ignore-reason"
            )
        if cell.cell_type == "code" and NBVAL_COMMENT.search(cell.source):
            yield f"cell {cell.id}: a comment tells nbval to look away; remove it"


def reasons(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        for key in REASONS:
            reason = cell.metadata.get(key, "-")
            if not isinstance(reason, str) or not reason.strip():
                yield f"cell {cell.id}: metadata {key} gives no reason; say in words why it stands there"
        if "ignore-reason" in cell.metadata and "nbval-ignore-output" not in tags(cell):
            yield f"cell {cell.id}: says why its output is not checked, and it is; remove metadata ignore-reason"


def gradients_that_are_derived(notebook: NotebookNode) -> Complaints:
    if interpreter_of(notebook) is BOOK:
        return
    for cell in code_cells(notebook):
        for key in GRADIENTS:
            if key in cell.metadata:
                yield f"cell {cell.id}: metadata {key} is held against nothing where other frameworks run; remove it"


def line_ends(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        if "\r" in cell.source:
            yield f"cell {cell.id}: its lines end with a carriage return; let the editor end them as Unix does"


def no_machine(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        for text in [cell.source] + [output_text(output) for output in cell.get("outputs", [])]:
            if found := MACHINE.search(text):
                yield f"cell {cell.id}: names something of one machine ({found[0]!r}); take it out"
        for output in cell.get("outputs", []):
            if (found := FOLDER.search(output_text(output))) and "image/svg+xml" not in output.get("data", {}):
                yield f"cell {cell.id}: names a folder of one machine ({found[0]!r}); take it out"


def no_clock(notebook: NotebookNode) -> Complaints:
    for cell in code_cells(notebook):
        if NUMPYS_CLOCK.search(cell.source):
            yield f"cell {cell.id}: asks NumPy what day it is; write the date that is meant"


def no_null_device(notebook: NotebookNode) -> Complaints:
    for cell in code_cells(notebook):
        if NULL_DEVICE.search(cell.source):
            advice = "a library may put a file in its place; write in a temporary folder"
            yield f"cell {cell.id}: gives a library the system's null device to write to: {advice}"


def magics(notebook: NotebookNode) -> Complaints:
    """Only those that set up figures: the others time, read, or run what is not in the notebook."""
    for cell in code_cells(notebook):
        try:
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
        except SyntaxError:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and node.id == "get_ipython" and not allowed_magic(tree, node):
                yield f"cell {cell.id}: uses a magic of IPython or a command of the shell; write it in Python"
                break


def allowed_magic(tree: ast.AST, name: ast.Name) -> bool:
    """Tell whether a name in the tree is the beginning of `get_ipython().run_line_magic("matplotlib", …)`."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Call(func=found), attr="run_line_magic"),
                args=[ast.Constant(value=magic), *_],
            ) if found is name:
                return magic in MAGICS
    return False


def characters(notebook: NotebookNode) -> Complaints:
    """What nobody sees can turn the order of a text around, or part a word for the search."""
    for cell in notebook.cells:
        texts = [alternative_text(cell), *map(output_text, cell.get("outputs", []))]
        if cell.cell_type == "code":
            texts.append(cell.source)  # published.py looks at Markdown
        yield from dict.fromkeys(f"cell {cell.id}: {found}" for found in map(odd_character, texts) if found)


def settings_of_the_site(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        said = cell.metadata.get("mystnb", {})
        if said and said != {"image": {"alt": alternative_text(cell)}}:
            yield f"cell {cell.id}: metadata mystnb says more than the alternative text (image.alt); remove the rest"


def no_history(notebook: NotebookNode) -> Complaints:
    # nbval executes without history: there In, Out and _ are not what they are in `make refresh`.
    for cell in code_cells(notebook):
        try:
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
        except SyntaxError:
            continue  # such a cell raises, and so another rule looks at it
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and HISTORY.fullmatch(node.id):
                yield f"cell {cell.id}: reads {node.id}, which nbval's kernel does not keep; give the value a name"


def merged(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        for text in [cell.source] + [output_text(output) for output in cell.get("outputs", [])]:
            if found := CONFLICT.search(text):
                yield f"cell {cell.id}: holds the mark of a merge conflict ({found[0][:7]}); resolve it"
                break


def a_screen(notebook: NotebookNode) -> Complaints:
    for cell in notebook.cells:
        lines = cell.source.splitlines()
        most = MAX_CODE_LINES if cell.cell_type == "code" else MAX_MARKDOWN_LINES
        if len(lines) > most:
            yield f"cell {cell.id}: {len(lines)} lines are more than a screen ({most}); split it"


def code_lines(notebook: NotebookNode) -> Complaints:
    for cell in code_cells(notebook):
        lines = cell.source.splitlines()
        widest = max(map(len, lines), default=0)
        if widest > MAX_CODE_WIDTH:
            yield f"cell {cell.id}: a line of {widest} characters (at most {MAX_CODE_WIDTH}); break it"
        if lines and lines[-1].rstrip().endswith(";"):
            yield f"cell {cell.id}: ends with ';', which nbval's kernel does not obey; write plt.show() or _ ="


RULES: list[Callable[[NotebookNode], Complaints]] = [
    losses,
    executed,
    not_empty,
    normal_form,
    ids,
    errors_are_announced,
    known_tags,
    reasons,
    gradients_that_are_derived,
    line_ends,
    no_machine,
    no_clock,
    no_null_device,
    magics,
    characters,
    settings_of_the_site,
    no_history,
    merged,
    a_screen,
    code_lines,
    published,
    *chapters.RULES,
    *catalogue.RULES,
    *outputs.RULES,
]


def complaints(notebook: NotebookNode) -> list[str]:
    """Return what every rule has to say about the notebook."""
    return [line for rule in RULES for line in rule(notebook)]
