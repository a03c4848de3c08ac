"""Plant faults in copies of the notebooks and see whether the checks catch each one.

A fault in what is stored needs no kernel: nbval runs each notebook once, and what the kernel
said is kept. pytest's items for the changed cells hear it again, and if they do not object,
the rules for notebooks look at the whole notebook. A fault in the code is executed, by a fork
of a process that has come as far as its cell, until an output is not the stored one; then
nbval is asked. If no output ever differs, the change is no fault: it is listed, not counted.

Prints caught / planted for each kind of fault, and the faults that nobody caught. Exits with
1 if there are such.
"""

import ast
import collections
import contextlib
import copy
import gc
import io
import multiprocessing
import os
import random
import re
import signal
import sys
import tempfile
import time
import tokenize
import traceback
from pathlib import Path

import nbformat
import pytest
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_code_cell, new_notebook, new_output, output_from_msg
from nbval.plugin import NbCellError, comment_markers

from bookkit.checks import editions
from bookkit.notebooks import files, rules
from bookkit.notebooks.kernel import CELL_TIMEOUT
from bookkit.notebooks.normal import normalise
from bookkit.project import CHINESE, ENGLISH, ROOT, BookError, name

HANG = 10  # seconds of a processor after which a cell with a fault, or behind one, is stopped
NO_EFFECT, CAUGHT, SURVIVED, BROKEN = range(4)
# Plugins of pytest that change what code does which runs inside pytest, or that leave files or words.
UNWANTED = ["warnings", "logging", "faulthandler", "cacheprovider"]
# The comments that make nbval look away; as tags they are written in lower case with hyphens.
IGNORE = [comment for comment, effect in comment_markers.items() if effect in ("skip", ("check", False))]
OPERATORS = {"+": "-", "-": "+", "*": "/", "/": "*", "<": ">", ">": "<", "==": "!=", "!=": "==", "<=": ">="}


# Faults in one code cell. Each function yields (words, changed copy of the cell).


def changed(cell, **values):
    """Return a copy of a cell with other values."""
    result = copy.deepcopy(cell)
    result.update(copy.deepcopy(values))
    return result


def replaced(cell, number, *outputs):
    """Return a copy of a cell with other outputs in the place of output `number`."""
    return changed(cell, outputs=[*cell.outputs[:number], *outputs, *cell.outputs[number + 1 :]])


def tagged(cell, tag):
    result = copy.deepcopy(cell)
    result.metadata["tags"] = sorted({*rules.tags(cell), tag})
    return result


def texts(cell):
    """Yield (words, holder, key) for each text in the outputs of a cell; holder[key] is the text."""
    for number, output in enumerate(cell.outputs, start=1):
        for key in {"text", "evalue"} & set(output):
            yield f"output {number}, {key}", output, key
        for key in output.get("data", {}):
            yield f"output {number}, {key}", output.data, key
        for line in range(len(output.get("traceback", []))):
            yield f"output {number}, traceback", output.traceback, line


def rewritten(cell, pattern, replacement):
    """Replace the first match of a pattern in one text of the outputs after the other."""
    for place, (words, holder, key) in enumerate(texts(cell)):
        text = re.sub(pattern, replacement, holder[key], count=1)
        if text != holder[key]:
            result = copy.deepcopy(cell)
            _, holder, key = list(texts(result))[place]
            holder[key] = text
            yield words, result


def other_digit(match):
    return str((int(match[0]) + 1) % 10)


def last_digit(cell):
    yield from rewritten(cell, r"[0-9](?=[^0-9]*\Z)", other_digit)


def first_digit(cell):
    yield from rewritten(cell, r"[0-9]", other_digit)


def sign_flipped(cell):
    yield from rewritten(cell, r"-(?=[0-9])", "")
    yield from rewritten(cell, r"(?<![\w.-])(?=[0-9])", "-")


def path_altered(cell):
    """Change the last digit of one path of a figure after the other."""
    for number, output in enumerate(cell.outputs):
        svg = output.get("data", {}).get("image/svg+xml", "")
        for path in re.finditer(r'<path [^>]*?\bd="[^"]*?([0-9])[^0-9"]*"', svg):
            result = copy.deepcopy(cell)
            digit = str((int(path[1]) + 1) % 10)
            result.outputs[number].data["image/svg+xml"] = svg[: path.start(1)] + digit + svg[path.end(1) :]
            yield f"output {number + 1}, character {path.start(1)}", result


def output_removed(cell):
    for number in range(len(cell.outputs)):
        yield f"output {number + 1}", replaced(cell, number)


def output_added(cell):
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


def outputs_swapped(cell):
    for number in range(len(cell.outputs) - 1):
        order = list(cell.outputs)
        order[number : number + 2] = reversed(order[number : number + 2])
        yield f"outputs {number + 1} and {number + 2}", changed(cell, outputs=order)


def count_cleared(cell):
    yield "of the cell", changed(cell, execution_count=None)
    for number, output in enumerate(cell.outputs):
        if output.output_type == "execute_result":
            yield f"of output {number + 1}", replaced(cell, number, changed(output, execution_count=None))


def outputs_cleared(cell):
    yield "the count kept", changed(cell, outputs=[])
    yield "the count cleared", changed(cell, outputs=[], execution_count=None)


def error_to_result(cell):
    for number, output in enumerate(cell.outputs):
        if output.output_type == "error":
            count, text = cell.execution_count, output.evalue
            result = replaced(cell, number, new_output("execute_result", {"text/plain": text}, execution_count=count))
            yield f"output {number + 1}", result
            yield f"output {number + 1}, the tag dropped", changed(result, metadata={})


def result_to_error(cell):
    for number, output in enumerate(cell.outputs):
        if output.output_type != "error":
            text = rules.output_text(output).strip()
            error = new_output("error", ename="Error", evalue=text, traceback=[f"Error: {text}"])
            result = replaced(cell, number, error)
            yield f"output {number + 1}", result
            yield f"output {number + 1}, the tag added", tagged(result, "raises-exception")


def raises_tag(cell):
    yield "", tagged(cell, "raises-exception")


def ignore_tag(cell):
    for comment in IGNORE:
        tag = comment.lower().replace("_", "-")
        yield tag, tagged(cell, tag)
        yield f"# {comment}", changed(cell, source=f"# {comment}\n{cell.source}")


def code_changed(cell):
    """Change one number, name, operator or string without Chinese of the code after the other."""
    lines = cell.source.split("\n")
    python = "\n".join("#" + line[1:] if line.startswith("%") else line for line in lines) + "\n"
    for token in tokenize.generate_tokens(io.StringIO(python).readline):
        new = {tokenize.NUMBER: token.string + "1", tokenize.NAME: token.string + "_"}.get(token.type)
        new = new or OPERATORS.get(token.string)
        if token.type == tokenize.STRING and not editions.HAN.search(token.string):
            new = token.string[:-1] + "_" + token.string[-1]
        if new:
            row, start = token.start
            line = lines[row - 1]
            source = [*lines[: row - 1], line[:start] + new + line[token.end[1] :], *lines[row:]]
            yield f"line {row}, {token.string} -> {new}", changed(cell, source="\n".join(source))


STORED = {
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
}
CONSTANT = "constant in the code changed"
ALONE = "Chinese code changed alone"
KINDS = [*STORED, CONSTANT, ALONE]


def stored_faults(notebook):
    """Yield (kind, place, words, {cell id: changed cell}) for all faults in what a notebook stores."""
    cells = rules.code_cells(notebook)
    for cell in cells:
        for kind, plant in STORED.items():
            for words, fault in plant(cell):
                if fault != cell:
                    yield kind, f"cell {cell.id}", words, {cell.id: fault}
    for one, other in zip(cells, cells[1:]):
        if as_seen(one.outputs) != as_seen(other.outputs):
            fault = {one.id: changed(one, outputs=other.outputs), other.id: changed(other, outputs=one.outputs)}
            for cell in fault.values():
                for output in cell.outputs:
                    if output.output_type == "execute_result":
                        output.execution_count = cell.execution_count
            yield "outputs swapped", f"cell {one.id}", f"with those of {other.id}", fault
    cleared = {cell.id: changed(cell, outputs=[], execution_count=None) for cell in cells}
    yield "all outputs cleared", "the notebook", "the counts too", cleared


# The project's checks.


class Replay:
    """Stands in for a kernel: whatever is executed, it says `messages`."""

    def __init__(self, messages):
        self.messages = iter(messages)
        self.msg_id = messages[-1]["parent_header"]["msg_id"]

    def is_alive(self):
        return True

    def execute_cell_input(self, source, allow_stdin=None):
        return self.msg_id

    def await_reply(self, msg_id, timeout=None):
        pass

    def await_idle(self, msg_id, timeout):
        pass

    def get_message(self, stream, timeout=None):
        return next(self.messages)


class Checks:
    """What a session of pytest and the rules say about a notebook."""

    def __init__(self, session, folder):
        self.session = session
        self.folder = Path(folder)

    def collect(self, path):
        """Return the file and the items that pytest makes of a notebook."""
        [file] = self.session.config.hook.pytest_collect_file(file_path=path, parent=self.session)
        return file, list(file.collect())

    def record(self, path):
        """Let pytest run a notebook as it is; return {cell id: messages of the kernel}."""
        file, items = self.collect(path)
        recorded = {item.cell.id: [] for item in items}
        listen = file.get_kernel_message

        def listen_and_note(timeout=None, stream="iopub"):
            message = listen(timeout, stream)
            recorded[item.cell.id].append(message)
            return message

        file.get_kernel_message = listen_and_note
        file.setup()
        try:
            for item in items:
                item.runtest()
        except NbCellError as error:
            raise BookError(f"{name(path)}: cell {item.cell.id}: {error}, and no fault is planted yet") from None
        finally:
            file.teardown()
        return recorded

    def reject_cells(self, cells, messages):
        """Tell whether an item of pytest fails if the kernel says messages[cell id]."""
        path = self.folder / "changed.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        file, items = self.collect(path)
        for item in items:
            file.kernel = Replay(messages[item.cell.id])
            try:
                item.runtest()
            except (NbCellError, BookError):
                return True
            except pytest.skip.Exception:
                pass
        return False

    def reject(self, notebook, fault, messages):
        """Tell whether anything fails for a notebook with the cells of a fault, {cell id: cell}, in it."""
        if self.reject_cells(list(fault.values()), messages):
            return True
        mutant = copy.copy(notebook)
        mutant.cells = [fault.get(cell.id, cell) for cell in notebook.cells]
        return any(True for rule in rules.RULES for _ in rule(mutant))


# The execution of changed code.


class Publisher(DisplayPublisher):
    def publish(self, data, metadata=None, **options):
        self.shell.say("display_data", data=data, metadata=metadata or {})


class Hook(DisplayHook):
    def write_output_prompt(self):
        pass

    def write_format_data(self, format_dict, md_dict=None):
        self.shell.say("execute_result", data=format_dict, metadata=md_dict or {}, execution_count=None)

    def finish_displayhook(self):
        pass


class Stream(io.TextIOBase):
    def __init__(self, shell, stream):
        self.shell = shell
        self.stream = stream

    def write(self, text):
        self.shell.say("stream", name=self.stream, text=text)
        return len(text)


class Shell(InteractiveShell):
    """IPython without a kernel's threads, so that it can be forked; it says what a kernel would say."""

    display_pub_class = Publisher
    displayhook_class = Hook

    def enable_gui(self, gui=None):
        pass

    def showtraceback(self, *arguments, **options):
        pass

    def showsyntaxerror(self, *arguments, **options):
        pass

    def say(self, msg_type, **content):
        header = {"msg_type": msg_type}
        self.messages.append({**header, "header": header, "content": content, "parent_header": {"msg_id": "shell"}})

    def run(self, source):
        """Execute a cell and return the messages."""
        self.messages = []
        with contextlib.redirect_stdout(Stream(self, "stdout")), contextlib.redirect_stderr(Stream(self, "stderr")):
            result = self.run_cell(source)
        if error := result.error_before_exec or result.error_in_exec:
            self.say("error", ename=type(error).__name__, evalue=str(error), traceback=[])
        self.say("status", execution_state="idle")
        return self.messages


def as_seen(outputs):
    """Return outputs in normal form, without counts: equal if and only if readers see the same."""
    cell = new_code_cell(outputs=copy.deepcopy(outputs))
    normalise(new_notebook(cells=[cell]))
    return [{key: value for key, value in output.items() if key != "execution_count"} for output in cell.outputs]


def as_executed(messages):
    """Return the outputs of which messages tell, in the same form."""
    return as_seen([output_from_msg(message) for message in messages if message["msg_type"] != "status"])


def constants_changed(source):
    """Yield (words, changed source) for each number and each True or False in Python source."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            old = node.value
            if isinstance(old, bool):
                node.value = not old
            elif isinstance(old, int):
                node.value = old + 1
            else:
                node.value = old * 1.5 or 1.0
            yield f"line {node.lineno}, {old} -> {node.value:.15g}", ast.unparse(tree)
            node.value = old


def in_child(work, log):
    """Return work() as a forked child computes it; a number below zero if a signal ended the child."""
    child = os.fork()
    if not child:
        try:
            os._exit(work())
        except BaseException:
            log.write_text(traceback.format_exc())
            os._exit(BROKEN)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if code == BROKEN:
        raise RuntimeError(log.read_text())
    return code


def run_on(checks, shell, cells, source):
    """Execute `source` for the first cell, and then the other cells as they are, until an output differs."""
    for cell, code in zip(cells, [source, *(cell.source for cell in cells[1:])]):
        # Either signal ends the process. Only a cell that waits for something is left to the clock on the wall.
        signal.setitimer(signal.ITIMER_PROF, HANG)
        signal.alarm(CELL_TIMEOUT)
        messages = shell.run(code)
        if as_executed(messages) != as_seen(cell.outputs):
            return CAUGHT if checks.reject_cells([cell], {cell.id: messages}) else SURVIVED
    return NO_EFFECT


# The work for one notebook. Each function yields (verdict, kind, place, words).


def sample(faults, most, path):
    """Return at most `most` faults, (kind, ...), of each kind, by lots that fall anew when the notebook changes."""
    if most is None:
        return faults
    groups = collections.defaultdict(list)
    for fault in faults:
        groups[fault[0]].append(fault)
    lots = random.Random(path.read_text(encoding="utf-8"))
    return [fault for group in groups.values() for fault in lots.sample(group, min(most, len(group)))]


def judge_stored(checks, path, most):
    notebook = files.read(path)
    if found := rules.complaints(notebook):
        raise BookError(f"{name(path)}: {found[0]}")
    messages = checks.record(path)
    for kind, place, words, fault in sample(list(stored_faults(notebook)), most, path):
        yield CAUGHT if checks.reject(notebook, fault, messages) else SURVIVED, kind, place, words


def judge_code(checks, path, most):
    os.environ["OMP_NUM_THREADS"] = "1"  # MXNet survives a fork, threads of OpenMP do not
    os.chdir(path.parent)
    shell = Shell.instance()
    cells = rules.code_cells(files.read(path))
    sources = [ast.unparse(ast.parse(shell.transform_cell(cell.source))) for cell in cells]
    faults = [(CONSTANT, place, *fault) for place, source in enumerate(sources) for fault in constants_changed(source)]
    chosen = sample(faults, most, path)
    for number, (cell, source) in enumerate(zip(cells, sources)):
        gc.freeze()  # or each child would copy the memory that its garbage collector looks through
        for words, fault in [fault[2:] for fault in chosen if fault[1] == number]:
            verdict = in_child(lambda: run_on(checks, shell, cells[number:], fault), checks.folder / "log")
            # Below zero the cell crashed or did not end: pytest tells of a dead kernel and of a late cell.
            yield CAUGHT if verdict < 0 else verdict, CONSTANT, f"cell {cell.id}", words
        if number == len(cells) // 2:
            # The proof that a fork computes what the notebook computes.
            if in_child(lambda: run_on(checks, shell, cells[number:], source), checks.folder / "log") != NO_EFFECT:
                raise BookError(f"{name(path)}: from cell {cell.id} on, a fork has other outputs without a fault")
        if as_executed(shell.run(source)) != as_seen(cell.outputs):
            raise BookError(f"{name(path)}: cell {cell.id}: other outputs, and no fault is planted yet")


def judge_alone(checks, path, most):
    pages = files.read(path), files.read(ENGLISH.folder / path.name)
    pairs = list(zip(*map(rules.code_cells, pages)))
    faults = [(ALONE, *fault, english) for chinese, english in pairs for fault in code_changed(chinese)]
    for kind, words, fault, english in sample(faults, most, path):
        found = list(editions.compare(new_notebook(cells=[english]), new_notebook(cells=[fault])))
        yield CAUGHT if found else SURVIVED, kind, f"cell {fault.id}", words


JUDGES = {"code": judge_code, "stored": judge_stored, "alone": judge_alone}


def enter(session):
    """Begin a process that judges within a session of pytest."""
    global current
    current = session
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MXNet writes there when a cell fails


def judge(task):
    """Return a task, (path, judge, most), and the verdicts of its judge."""
    path, what, most = task
    with tempfile.TemporaryDirectory() as folder:
        return task, list(JUDGES[what](Checks(current, folder), path, most))


class Plugin:
    """Makes a session of pytest judge mutants instead of running tests."""

    def __init__(self, tasks):
        self.tasks = tasks
        self.counts = {kind: collections.Counter() for kind in KINDS}
        self.lines = collections.defaultdict(list)
        self.error = "pytest did not come to the end; it said why"

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self, session):
        start = time.perf_counter()
        try:
            # A process for each task, because MXNet and IPython cannot start anew.
            with multiprocessing.get_context("fork").Pool(None, enter, [session], maxtasksperchild=1) as pool:
                for done, ((path, what, _), results) in enumerate(pool.imap_unordered(judge, self.tasks), start=1):
                    now = f"{time.perf_counter() - start:4.0f} s, {done} of {len(self.tasks)}"
                    print(f"{now}: {name(path)}, {what}: {len(results)}", file=sys.stderr)
                    for verdict, kind, place, words in results:
                        self.counts[kind][verdict] += 1
                        self.lines[verdict].append(f"{name(path)}: {place}: {kind}{words and ': '}{words}")
            self.error = None
        except BookError as error:
            self.error = error
        return True


def main(arguments, most=None):
    """Judge the notebooks named, or all; `most` limits the faults of each kind in each notebook."""
    paths = [Path(argument).resolve() for argument in arguments] or files.find_notebooks()
    chinese = [path for path in paths if path.parent == CHINESE.folder]
    tasks = [(path, "code", most) for path in paths if path not in chinese]  # the longest first
    tasks += [(path, "stored", most) for path in paths] + [(path, "alone", most) for path in chinese]
    plugin = Plugin(tasks)
    options = ["-s", "-qq", "-n0", *(f"-pno:{unwanted}" for unwanted in UNWANTED)]
    with contextlib.redirect_stdout(sys.stderr):
        pytest.main([*options, "-c", ROOT / "pyproject.toml", ROOT / "book"], [plugin])
    if plugin.error:
        raise BookError(str(plugin.error))
    for kind, count in plugin.counts.items():
        print(f"{kind:30}{count[CAUGHT]:6} / {count[CAUGHT] + count[SURVIVED]}")
    for verdict, words in [(NO_EFFECT, "changes of code changed no output and do not count"), (SURVIVED, "survived")]:
        print(f"\n{len(plugin.lines[verdict])} {words}", *sorted(plugin.lines[verdict]), sep="\n")
    return 1 if plugin.lines[SURVIVED] else 0
