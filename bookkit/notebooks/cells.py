"""What is asked of a notebook and of its cells again and again."""

from nbformat import NotebookNode

# What of a cell's metadata is the book's: facts about the cell, and why each stands there.
FACTS = {
    "tags": "how nbval and Jupyter Book treat it",
    "mystnb": "the alternative text of its figure (image.alt)",
    "no-chapter": "why the page has not all that a chapter has (its first cell)",
    "entries-stand-alone": "why each entry of the page runs after the imports alone (its first cell)",
    "ignore-reason": "why its output is not compared",
    "differs-with-engine": "why its output is another one where MXNet's engine is not asynchronous",
    "wrong-on-purpose": "which of its gradients are not right, by number of the call, and why it shows them",
    "not-derived": "which of its gradients are not derived again, and why",
    "values": "what gives the numbers of its text, where no cell next to it shows them",
    "formulas": "what must be true if the formulas of its text are",
}
GRADIENTS = ("wrong-on-purpose", "not-derived")
SHOWN = ("ignore-reason", *GRADIENTS)  # whose reasons a reader is told
REASONS = ("no-chapter", "entries-stand-alone", "ignore-reason", "differs-with-engine")
# What editors keep there for themselves: it goes when a notebook is stored.
EDITORS = {
    *("collapsed", "deletable", "editable", "execution", "jupyter", "scrolled", "slideshow", "trusted"),
    *("ExecuteTime", "colab", "colab_type", "outputId", "jp-MarkdownHeadingCollapsed", "pycharm", "vscode"),
}


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell: NotebookNode) -> set[str]:
    return set(cell.metadata.get("tags", []))


def alternative_text(cell: NotebookNode) -> str:
    """Return what is said of a cell's figure to those who do not see it; "" where nothing is."""
    said = cell.metadata
    for key in ("mystnb", "image", "alt"):
        said = said.get(key, "") if isinstance(said, dict) else ""
    return said if isinstance(said, str) else ""


def shown_reasons(cell: NotebookNode) -> list[str]:
    """Return the reasons in a cell's metadata that a reader is told, on a live page or in a table."""
    found = [cell.metadata[key] for key in SHOWN if key in cell.metadata]
    return [str(fact.get("reason", "")) if isinstance(fact, dict) else str(fact) for fact in found]


def output_text(output: NotebookNode) -> str:
    """Return all text of an output, its traceback and every kind of data included."""
    parts = [output.get("text", ""), output.get("ename", ""), output.get("evalue", "")]
    parts += output.get("traceback", [])
    parts += output.get("data", {}).values()
    return "\n".join(str(part) for part in parts)
