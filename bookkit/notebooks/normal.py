"""The one form in which executed notebooks are stored."""

import nbformat
from nbformat import NotebookNode

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3", "file_extension": ".py"}
# What of a cell's metadata is the book's, and not of the program that edited it.
KEPT = ("tags", "mystnb", "ignore-reason")


def normalise(notebook: NotebookNode) -> NotebookNode:
    """Bring an executed notebook into the form in which it is stored, in place.

    Metadata of the machine and of the run goes; streams of one name that follow
    each other are joined; a traceback is cut down to the error's own message.
    """
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    for cell in notebook.cells:
        cell.metadata = {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}
        if cell.cell_type != "code":
            cell.pop("attachments", None)
            continue
        outputs: list[NotebookNode] = []
        for output in cell.outputs:
            if output.output_type == "stream":
                if outputs and outputs[-1].get("name") == output.name:
                    outputs[-1].text += output.text
                    continue
            elif output.output_type == "error":
                output.traceback = [f"{output.ename}: {output.evalue}"]
            outputs.append(output)
        cell.outputs = outputs
    return notebook
