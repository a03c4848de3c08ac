"""The one form in which executed notebooks are stored."""

from collections import Counter
from collections.abc import Iterator

import nbformat
from nbformat import NotebookNode

from bookkit.notebooks.cells import EDITORS, FACTS
from bookkit.notebooks.interpreters import interpreter_of

LANGUAGE = {"name": "python", "pygments_lexer": "ipython3", "file_extension": ".py"}


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Bring an executed notebook into the form in which it is stored, in place.

    Metadata of the machine, of the editor and of the run goes; streams of one name that follow
    each other are joined; a traceback is cut down to the error's own message.
    """
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict({"kernelspec": interpreter_of(notebook).spec, "language_info": LANGUAGE})
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in FACTS if cell.metadata.get(key)}
        if cell.cell_type == "code":
            cell.outputs = joined(cell.outputs)
    return notebook


def joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    result: list[NotebookNode] = []
    for output in outputs:
        if output.output_type == "stream" and result and result[-1].get("name") == output.name:
            result[-1].text += output.text
            continue
        if output.output_type == "error":
            output.traceback = [f"{output.ename}: {output.evalue}"]
        result.append(output)
    return result


def losses(notebook: NotebookNode) -> Iterator[str]:
    """Yield a line for all that an author wrote and that no stored notebook can hold."""
    for identifier, times in Counter(cell.id for cell in notebook.cells).items():
        if times > 1:
            count = "twice" if times == 2 else f"{times} times"
            yield f"cell {identifier}: the id stands {count}; rename one"
    for cell in notebook.cells:
        if cell.get("attachments"):
            names = ", ".join(cell.attachments)
            yield f"cell {cell.id}: holds a pasted image ({names}); draw it in a code cell, and remove it from this one"
        for key in sorted(set(cell.metadata) - set(FACTS) - EDITORS):
            yield f"cell {cell.id}: nothing reads metadata {key}; mend the name, or remove it"
