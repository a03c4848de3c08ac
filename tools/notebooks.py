"""Re-execute the book's notebooks and store their outputs in one normal form.

    python tools/notebooks.py [NOTEBOOK ...]

A notebook that fails is left as it was and named; the others are still done.
"""

import json
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbformat.v4 import output_from_msg

from kernel import MAX_OUTPUT, Kernel, Stopped

ROOT = Path(__file__).resolve().parent.parent
CONFLICT = re.compile(r"<{7} \w|>{7} \w")

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
OUTPUTS = {"stream", "display_data", "execute_result", "error"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3", "file_extension": ".py"}


def find_notebooks():
    """Return the paths of all notebooks of the book, sorted."""
    return sorted(
        path
        for path in (ROOT / "book").rglob("*.ipynb")
        if not {"_build", ".ipynb_checkpoints"} & set(path.parts)
    )


class BookError(ValueError):
    """What an author can mend, in lines that name the file, the cell where there is one, and what to do."""


def name(path):
    """Return the path as it is named in messages: below the book's root where it lies there."""
    path = Path(path).resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


def read(path):
    """Read a notebook; raise BookError with one clear line if it is none."""
    try:
        text = Path(path).read_text(encoding="utf-8")
        content = json.loads(text)
        version = content.get("nbformat") if isinstance(content, dict) else None
        if version != 4:
            advice = f".venv/bin/jupyter nbconvert --to notebook --inplace {name(path)}"
            raise ValueError(f"nbformat {version} where 4 is needed; convert it: {advice}")
        notebook = nbformat.reader.reads(text)
        nbformat.validate(notebook)
    except OSError as error:
        reason = error.strerror
    except json.JSONDecodeError as error:
        conflict = CONFLICT.search(text)
        if conflict:
            line = text.count("\n", 0, conflict.start()) + 1
            reason = f"not a valid notebook: line {line} is the mark of a merge conflict; resolve it"
        else:
            reason = f"not a valid notebook: line {error.lineno} is not JSON ({error.msg}); mend it"
    except nbformat.ValidationError as error:
        cell = re.search(r"instance\['cells'\]\[(\d+)\]", str(error))
        place = f"cell {content['cells'][int(cell[1])].get('id', cell[1])}: " if cell else ""
        reason = f"{place}not a valid notebook: {str(error).splitlines()[0][:200]}; mend it"
    except Exception as error:
        reason = f"not a valid notebook: {str(error) or type(error).__name__}"
    else:
        return notebook
    raise BookError(f"{name(path)}: {reason}")


def unusable():
    """Yield a line for each file of the book that is no notebook, and for each cell whose outputs are a flood."""
    for path in find_notebooks():
        try:
            cells = read(path).cells
        except BookError as error:
            yield str(error)
            continue
        for cell in cells:
            size = len(repr(cell.get("outputs", "")))
            if size > MAX_OUTPUT:
                reason = f"stores {size:,} characters (at most {MAX_OUTPUT:,})"
                advice = f"print less, then run `make refresh NB={name(path)}`"
                yield f"{name(path)}: cell {cell.get('id')}: {reason}; {advice}"


def in_one_line(error):
    """Return the line of a cell's error that says what happened; MXNet's own errors say it last."""
    lines = error.evalue.strip().splitlines() or [""]
    line = lines[-1 if lines[0].startswith("Traceback") else 0]
    return line if line.startswith(error.ename) else f"{error.ename}: {line}"


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
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    try:
        kernel = Kernel(Path(path).resolve().parent)
    except Stopped as reason:
        raise BookError(f"{name(path)}: {reason}") from None
    try:
        for number, cell in enumerate(cells, start=1):
            heard = kernel.run(cell.source, store_history=True)
            cell.execution_count = number
            cell.outputs = [output_from_msg(message) for message in heard if message["msg_type"] in OUTPUTS]
            for output in cell.outputs:
                if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                    raise Stopped(f"{in_one_line(output)}; mend the cell, or tag it raises-exception")
    except Stopped as reason:
        raise BookError(f"{name(path)}: cell {cell.get('id', number)}: {reason}") from None
    finally:
        if kernel.is_alive():
            kernel.stop()
    return normalise(notebook)


def write(notebook, path):
    """Write the notebook to `path`, or leave what is there."""
    write_whole((nbformat.writes(notebook) + "\n").encode(), path)


def write_whole(content, path):
    """Write bytes to `path` in one step, so that no half file is ever left."""
    handle, temporary = tempfile.mkstemp(dir=Path(path).parent, suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
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
        except BookError as error:
            print("failed, left as it was")
            failures.append(str(error))
    for failure in failures:
        print(failure, file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
