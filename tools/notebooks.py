"""Re-execute the book's notebooks and store their outputs in one normal form.

    python tools/notebooks.py [NOTEBOOK ...]

A notebook that fails is left as it was and named; the others are still done.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parent.parent
CELL_TIMEOUT = 120  # seconds

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3", "file_extension": ".py"}


def find_notebooks():
    """Return the paths of all notebooks of the book, sorted."""
    return sorted(
        path
        for path in (ROOT / "book").rglob("*.ipynb")
        if not {"_build", ".ipynb_checkpoints"} & set(path.parts)
    )


def read(path):
    """Read a notebook; raise ValueError with one clear line if it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
        if notebook.nbformat != 4:
            raise ValueError(f"nbformat {notebook.nbformat} where 4 is needed")
        nbformat.validate(notebook)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise ValueError(f"{path}: not a valid notebook ({reason})") from None
    return notebook


def normalise(notebook):
    """Bring an executed notebook into the form in which it is stored, in place.

    Metadata of the machine and of the run goes; streams of one name that follow
    each other are joined; a traceback is cut down to the error's own message.
    """
    notebook.nbformat_minor = 5
    notebook.metadata = nbformat.from_dict({"kernelspec": KERNELSPEC, "language_info": LANGUAGE})
    for cell in notebook.cells:
        keep = ("tags", "mystnb", "ignore-reason")
        cell.metadata = {key: cell.metadata[key] for key in keep if cell.metadata.get(key)}
        if cell.cell_type != "code":
            cell.pop("attachments", None)
            continue
        outputs = []
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


def execute(path):
    """Run every cell of the notebook at `path` and return it in normal form."""
    notebook = read(path)
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT,
        kernel_name=KERNELSPEC["name"],
        resources={"metadata": {"path": str(Path(path).parent)}},
    )
    running = {}
    client.on_cell_execute = lambda cell, cell_index: running.update(id=cell.get("id", cell_index))
    try:
        client.execute()
    except CellExecutionError as error:
        raise ValueError(f"{path}: cell {running['id']}: {error.ename}: {error.evalue}") from None
    except CellTimeoutError:
        raise ValueError(f"{path}: cell {running['id']}: not done after {CELL_TIMEOUT} s") from None
    except DeadKernelError:
        raise ValueError(f"{path}: cell {running['id']}: the kernel died") from None
    return normalise(notebook)


def write(notebook, path):
    """Write the notebook to `path` in one step, so that no half file is ever left."""
    handle, temporary = tempfile.mkstemp(dir=Path(path).parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(nbformat.writes(notebook) + "\n")
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def main(arguments):
    paths = [Path(argument) for argument in arguments] or find_notebooks()
    failures = []
    for number, path in enumerate(paths, start=1):
        start = time.perf_counter()
        print(f"{number}/{len(paths)} {os.path.relpath(path)} ... ", end="", flush=True)
        try:
            write(execute(path), path)
            print(f"{time.perf_counter() - start:.1f} s")
        except ValueError as error:
            print("failed, left as it was")
            failures.append(str(error))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
