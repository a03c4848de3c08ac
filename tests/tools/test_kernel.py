"""The executor of notebooks: its limits, what it hides from cells, and what it says about them."""

import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from bookkit.notebooks import kernel as executor
from bookkit.notebooks.forks import ForkServer
from bookkit.notebooks.kernel import CellError, Kernel, StoppedError
from bookkit.notebooks.world import STORED
from bookkit.project import ROOT

pytestmark = pytest.mark.slow

SEED = "before it has a seed; call"
SYSTEM = "draws from the operating system, which takes no seed; use random, with a seed"
# Cells that follow each other in one kernel, and what is said of each.
PYTHON = [
    ("import random\n_ = random.random()", f"draws from random {SEED} random.seed first"),
    ("random.seed()\n_ = random.random()", f"draws from random {SEED} random.seed first"),
    ("_ = random.Random()", "makes a random.Random without a seed; give it one"),
    ("_ = random.Random(1).random()", None),
    ("_ = random.choice([1, 2])\nrandom.seed(1)", f"draws from random {SEED} random.seed first"),
    ("_ = random.random()", None),
    ("_ = random.SystemRandom().random()", SYSTEM),
    ("import uuid\n_ = uuid.uuid4()", SYSTEM),
    ("import secrets\n_ = secrets.randbelow(2)", SYSTEM),
    ("import tempfile\n_ = tempfile.mkdtemp()", None),
    ("import numpy as np", None),
    ("_ = np.random.rand()", f"draws from numpy.random {SEED} numpy.random.seed first"),
    ("_ = np.random.default_rng()", "makes a generator of numpy.random without a seed; give it one"),
    ("_ = np.random.default_rng(1).random()", None),
    ("from numpy.random import seed\nseed(1)\n_ = np.random.rand()", None),
]
UNSEEDED = f"draws from MXNet's generator {SEED} mx.random.seed first"
MXNET = [
    ("import mxnet as mx\nfrom mxnet import gluon\nx = mx.nd.ones((1, 3))\nnet = gluon.nn.Dense(2)", None),
    ("_ = mx.nd.random.uniform()", UNSEEDED),
    ("_ = mx.np.random.normal()", UNSEEDED),
    ("_ = mx.nd.shuffle(x)", UNSEEDED),
    ("net.initialize()\n_ = net(x)", UNSEEDED),
    ("drop = gluon.nn.HybridSequential()\ndrop.add(gluon.nn.Dropout(0.5))\ndrop.initialize()\n_ = drop(x)", None),
    ("with mx.autograd.record():\n    _ = drop(x)", UNSEEDED),
    ("drop.hybridize()\n_ = drop(x)", None),
    ("with mx.autograd.record():\n    _ = drop(x)", UNSEEDED),
    ("_ = mx.sym.random.uniform(shape=(2,)).bind(mx.cpu(), {}).forward()", UNSEEDED),
    ("mx.random.seed(1)\n_ = mx.nd.random.uniform()", None),
    ("with mx.autograd.record():\n    _ = drop(x)", None),
]
WORLD = [
    ("import os, socket\nopen('left.txt', 'w').close()", "leaves left.txt behind; write in a temporary folder"),
    ("os.makedirs('~/a'.replace('~', os.environ['HOME']))", "leaves ~/a behind; write in a temporary folder"),
    ("open(page, 'a')", "writes to page.txt, which is not its own; write in a temporary folder"),
    ("open('page.txt', 'a')", "writes to page.txt, which is not its own; write in a temporary folder"),
    ("print(open('page.txt').read())", None),
    ("import tempfile\n_ = tempfile.mkdtemp()", None),
    ("socket.create_connection(('192.0.2.1', 80))", "asks the network for 192.0.2.1; work with what is in the book"),
    (
        "import urllib.request\ntry:\n    urllib.request.urlopen('http://example.org')\nexcept OSError:\n    pass",
        "asks the network for example.org; work with what is in the book",
    ),
    (
        """
server = socket.create_server(('127.0.0.1', 0))
client = socket.create_connection(server.getsockname())
client.send(b'x')
assert server.accept()[0].recv(1) == b'x'
""",
        None,
    ),
]

READS = "which other machines do not have; make in the notebook what it needs"
WRITES = "which is not its own; write in a temporary folder"
PROGRAM = "starts a program, whose output other machines do not have; do it in Python"
SPAWNED = "starts a process that begins from nothing, with another clock; use a context of the method fork"
THREAD = "leaves a thread running; wait for its end in the same cell, with join"
OUTSIDE = [
    ("import os, subprocess, sys, threading, time\nroot = os.sep", None),
    ("open(os.path.join(os.path.dirname(page), '..', 'outside.txt'))", f"reads outside.txt, {READS}"),
    ("import numpy as np\nnp.fromfile(os.path.join(root, 'proc', 'cpuinfo'))", f"reads cpuinfo, {READS}"),
    ("os.listdir(root)", f"reads /, {READS}"),
    ("os.chdir(root)", None),
    ("os.listdir()", f"reads /, {READS}"),
    ("os.chdir(os.environ['HOME'])", None),
    ("open(os.path.join(root, 'tmp', 'bookkit-test'), 'w')", f"writes to bookkit-test, {WRITES}"),
    ("os.remove(page)", f"writes to page.txt, {WRITES}"),
    ("os.rename(page, 'mine.txt')", f"writes to page.txt, {WRITES}"),
    ("os.truncate(page, 0)", f"writes to page.txt, {WRITES}"),
    ("import shutil\nshutil.rmtree(os.path.dirname(page), ignore_errors=True)", "writes to {folder}, " + WRITES),
    ("_ = subprocess.run(['date'])", PROGRAM),
    ("_ = os.system('true')", PROGRAM),
    ("_ = os.spawnvp(os.P_WAIT, 'true', ['true'])", PROGRAM),
    ("import multiprocessing\nspawn = multiprocessing.get_context('spawn')", None),
    ("process = spawn.Process(target=time.time)\nprocess.start()\nprocess.join()", SPAWNED),
    ("fork = multiprocessing.get_context('fork').Process(target=time.time)\nfork.start()\nfork.join()", None),
    ("os.fork()", "forks its kernel, which would be there twice; use multiprocessing"),
    ("os.kill(os.getppid(), 0)", "sends a signal to a process that it has not started; leave it alone"),
    ("threading.Timer(2, print, ['late']).start()", THREAD),
    ("time.sleep(2.5)", None),
    ("import _thread\ndef wait(): time.sleep(2)\n_ = _thread.start_new_thread(wait, ())\ntime.sleep(0.5)", THREAD),
    ("time.sleep(2.5)", None),
    ("thread = threading.Thread(target=wait)\nthread.start()\nthread.join()", None),
    (
        "shown = display(1, display_id='a')\nshown.update(2)",
        "says update_display_data, which no notebook stores; print, or draw as figure-settings does",
    ),
    (
        "from IPython.display import clear_output\nclear_output()",
        "says clear_output, which no notebook stores; print, or draw as figure-settings does",
    ),
    ("python = [sys.executable, '-c']", None),
    ("_ = subprocess.run([*python, f'open({page!r})'])", None),
    ("_ = subprocess.run([*python, 'import os; os.listdir(os.sep)'])", f"reads /, {READS}"),
    ("_ = subprocess.run([*python, 'import random; random.random()'])", f"draws from random {SEED} random.seed first"),
    ("_ = subprocess.run([*python, 'import os; os.system(\"true\")'])", PROGRAM),
    ("_ = subprocess.run([*python, 'import os\\nif os.fork(): os.wait()'])", None),
    ("_ = subprocess.run([*python, 'import os\\nos.fork() and os.wait() or os.listdir(os.sep)'])", f"reads /, {READS}"),
    ("drawn = 'import os, random; random.seed(1); os.fork() and os.wait() or random.random()'", None),
    ("_ = subprocess.run([*python, drawn])", f"draws from random {SEED} random.seed first"),
    ("done = subprocess.run([*python, '1 / 0'], capture_output=True, text=True)", None),
    ("assert done.stderr.splitlines()[1].endswith('line 1, in <module>') and done.stderr.count('\\n') == 3", None),
    ("assert done.args == [*python, '1 / 0']", None),
    ("assert b'NameError' in subprocess.run([*python, 'sys'], capture_output=True).stderr", None),
    ("done = subprocess.run([*python, 'import time; print(time.time())'], capture_output=True, text=True)", None),
    ("assert float(done.stdout) > 1.9e9", None),
    # What honest cells do.
    ("import tempfile\nwith tempfile.TemporaryDirectory() as d:\n    os.mkdir(d + '/a')\n    os.listdir(d)", None),
    ("import json, mxnet as mx\nd = mx.gluon.data.ArrayDataset(mx.nd.arange(4))", None),
    ("assert len(list(mx.gluon.data.DataLoader(d, batch_size=2, num_workers=1))) == 2", None),
]


@pytest.fixture
def kernel(tmp_path):
    (tmp_path / "page.txt").write_text("read me")
    kernel = Kernel(tmp_path, timeout=60)
    yield kernel
    if kernel.is_alive():
        kernel.stop()


def ended(pid):
    """Tell whether a process ends within seconds; who should bury it may leave it a zombie."""
    for _ in range(50):
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.1)
    return False


def errors(messages):
    return [message["content"]["evalue"] for message in messages if message["msg_type"] == "error"]


@pytest.mark.parametrize("cells", [PYTHON, MXNET, WORLD, OUTSIDE], ids=["random", "mxnet", "world", "outside"])
def test_what_is_not_the_notebooks_own_is_told(kernel, tmp_path, cells):
    kernel.run(f"page = {str(tmp_path / 'page.txt')!r}", store_history=True)
    for code, words in cells:
        try:
            said = errors(kernel.run(code, store_history=True)) or None
        except CellError as error:
            (said,) = error.args
        assert said == (words and words.replace("{folder}", tmp_path.name)), code
    assert [path.name for path in tmp_path.iterdir()] == ["page.txt"]


def test_a_complaint_is_no_end(kernel):
    with pytest.raises(CellError):
        kernel.run("open('left.txt', 'w').close()", store_history=True)
    assert errors(kernel.run("1 / 0", store_history=True)) == ["division by zero"]


def test_a_cell_that_eats_memory_is_stopped(kernel, monkeypatch):
    monkeypatch.setattr(executor, "MAX_MEMORY", 0.3)
    with pytest.raises(StoppedError, match=r"takes more than 0.3 GB of memory; make it smaller"):
        kernel.run("eaten = []\nwhile len(eaten) < 900: eaten.append(b'1' * 1_000_000)", store_history=True)
    assert not kernel.is_alive()


def test_memory_below_the_kernel_counts(kernel, monkeypatch):
    monkeypatch.setattr(executor, "MAX_MEMORY", 0.3)
    hold = "import time; held = b'1' * 400_000_000; time.sleep(60)"
    code = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {hold!r}])"
    with pytest.raises(StoppedError, match=r"takes more than 0.3 GB of memory"):
        kernel.run(code, store_history=True)


def test_the_world_goes_with_the_kernel(kernel):
    root = kernel.world.root
    with pytest.raises(CellError, match="starts a program"):
        kernel.run("import subprocess, sys\nchild = subprocess.Popen(['sleep', '600'])", store_history=True)
    child = kernel.ask("import __main__\n__main__.child.pid")
    assert root.exists()
    kernel.stop()
    assert not root.exists()
    assert ended(child)


def test_kernels_of_one_run_share_a_list_of_fonts(tmp_path):
    found = []
    for _ in range(2):
        kernel = Kernel(tmp_path)
        kernel.run("import matplotlib.pyplot", store_history=True)
        kernel.stop()
        found.append({path.name: path.stat().st_mtime_ns for path in executor.this_run().fonts.glob("fontlist*")})
    assert len(found[0]) == 1 and found[0] == found[1]


def test_threads_that_ask_at_once_begin_one_run(tmp_path, monkeypatch):
    begun = []

    def fonts():
        begun.append(tmp_path)
        time.sleep(0.5)
        return tmp_path

    monkeypatch.setattr(executor, "_runs", [])
    monkeypatch.setattr(executor, "fonts_of_this_run", fonts)
    monkeypatch.setattr(executor, "start_forks", lambda *_: None)
    with ThreadPoolExecutor(2) as pool:
        runs = [each.result() for each in [pool.submit(executor.this_run) for _ in range(2)]]
    assert begun == [tmp_path] and runs[0] is runs[1]


def test_code_of_the_project_is_unseen(tmp_path):
    kernel = Kernel(tmp_path, startup="from bookkit import project\nseen = []\nimport __main__")
    try:
        kernel.run("x = 3\nnames = [*globals()]", store_history=True)
        assert kernel.ask("seen.append(__main__.x)\nprint('unheard')\n{'seen': seen, 'root': project.ROOT.name}")[
            "seen"
        ] == [3]
        assert not {"seen", "project", "ask"} & set(kernel.ask("__main__.names"))
        messages = kernel.run("import bookkit", store_history=True)
        assert errors(messages) == ["No module named 'bookkit'"]
        assert [m["content"]["execution_count"] for m in messages if m["msg_type"] == "execute_input"] == [2]
        with pytest.raises(RuntimeError, match="ZeroDivisionError: division by zero"):
            kernel.ask("1 / 0")
        assert kernel.ask("seen") == [3]
    finally:
        kernel.stop()


def test_the_kernel_has_no_network_where_the_system_allows_that(kernel):
    with socket.create_server(("127.0.0.1", 0)) as server:
        code = f"import socket\nsocket.create_connection({server.getsockname()!r}, timeout=5)"
        said = errors(kernel.run(code, store_history=True))
    if not said:
        pytest.skip("this system gives a process no network of its own: Python's own calls alone are watched")
    assert "refused" in said[0]


needs_forks = pytest.mark.skipif(sys.platform != "linux", reason="kernels are forked on Linux alone")


@needs_forks
def test_compared_kernels_are_forks_and_stored_ones_are_not(kernel, tmp_path):
    imported = "'mxnet' in __import__('sys').modules"
    assert kernel.ask(imported)
    stored = Kernel(tmp_path, place=STORED)
    try:
        assert not stored.ask(imported)
    finally:
        stored.stop()


@needs_forks
def test_forks_do_not_meet(kernel, tmp_path):
    listen = "import random, socket\nserver = socket.create_server(('127.0.0.1', 0))\nport = server.getsockname()[1]"
    kernel.run(listen, store_history=True)
    port = kernel.ask("import __main__\n__main__.port")
    other = Kernel(tmp_path)
    try:
        connect = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=5)"
        said = errors(other.run(connect, store_history=True))
        assert {*map(other.world.environment.get, ("HOME", "TMPDIR"))} == {
            *other.ask("[os.environ[n] for n in ('HOME', 'TMPDIR')]")
        }
    finally:
        other.stop()
    with socket.socket() as outside:
        if outside.connect_ex(("127.0.0.1", port)) == 0:
            pytest.skip("this system gives a process no network of its own")
    assert said and "refused" in said[0]


def test_a_kernel_that_cannot_be_forked_begins_from_nothing(tmp_path, monkeypatch):
    run = executor.Run(executor.this_run().fonts, ForkServer(b"\0nobody listens here"))
    monkeypatch.setattr(executor, "_runs", [run])
    kernel = Kernel(tmp_path)
    try:
        assert not kernel.km.forked
        assert not errors(kernel.run("1 + 1", store_history=True))
    finally:
        kernel.stop()


@needs_forks
def test_who_asks_for_nothing_ends_no_kernel(kernel, tmp_path):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(executor.this_run().forks.address)
    other = Kernel(tmp_path)
    try:
        assert other.km.forked and kernel.ask("'alive'") == "alive"
    finally:
        other.stop()


ASK = """
import os, socket, sys
os.setuid(65534)
connection = socket.socket(socket.AF_UNIX)
connection.connect(bytes.fromhex(sys.argv[1]))
try:
    connection.sendall(b'{"folder": "/", "environment": {}, "arguments": []}\\n')
    print(connection.recv(100))
except ConnectionError:
    print(b"")
"""


@needs_forks
@pytest.mark.skipif(sys.platform != "linux" or os.getuid() != 0, reason="only root can be another user")
def test_another_user_gets_no_kernel(kernel):
    address = executor.this_run().forks.address.hex()
    answer = subprocess.run([sys.executable, "-c", ASK, address], capture_output=True, text=True, cwd="/")
    assert answer.stdout == "b''\n", answer


@needs_forks
def test_forks_end_with_the_command_that_is_killed(tmp_path):
    code = "from bookkit.notebooks.kernel import Kernel\nprint(Kernel('.').process.pid, flush=True)\ninput()"
    command = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT)
    kernel = int(command.stdout.readline())
    server = psutil.Process(kernel).parent()
    assert server.ppid() == command.pid
    command.kill()
    command.communicate()
    assert ended(server.pid) and ended(kernel)
