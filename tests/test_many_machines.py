"""The processes that the chapter "Gradients on many machines" starts: none outlives its cell, none is heard outside."""

import json
import os
import re
import signal
import time
from pathlib import Path
from uuid import uuid4

import pytest
from jupyter_client.manager import start_new_kernel

from bookkit.notebooks.files import read
from bookkit.project import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes in /proc"),
]

CELLS = {cell.id: cell.source for cell in read(ROOT / "book/en/many-machines.ipynb").cells}
BEGIN = CELLS["push-run"].split('BEGIN = """')[1].split('"""')[0]
WAITING = "import time; print('worker', flush=True); time.sleep(300)"
LONG = 120  # seconds, on a machine that has much else to do


class Page:
    """A kernel that has run the cells with `run_roles`; all processes below it carry a mark."""

    def __init__(self):
        self.mark = uuid4().hex
        self.manager, self.client = start_new_kernel(kernel_name="python3", env={**os.environ, "MARK": self.mark})
        self.said = ""
        for name in ("imports", "roles-safety", "roles-start", "roles-fork", "roles-helper", "roles-ask", "roles-run"):
            self.run(CELLS[name])
        self.kernel, self.helper = json.loads(self.run("print([os.getpid(), helper.pid])"))

    def call(self, program, settings):
        return f"print(json.dumps(vars(run_roles({program!r}, **{settings!r}))))"

    def start(self, program):
        """Begin a run that its limit does not end as long as a test takes."""
        self.client.execute(self.call(program, {"timeout": 10 * LONG}), stop_on_error=False)
        wait_for(lambda: len(self.roles_left()) == 4)

    def run(self, code):
        """Run a cell and return what it says."""
        self.said = ""
        answer = self.client.execute_interactive(code, timeout=LONG, output_hook=self.hear)
        assert answer["content"]["status"] == "ok", answer["content"]
        return self.said

    def hear(self, message):
        self.said += message["content"].get("text", "")

    def roles(self, program, **settings):
        return json.loads(self.run(self.call(program, settings)))

    def processes(self):
        """Return those that carry the mark, which is in their environment from the first moment, and are no zombies."""
        found = set()
        for folder in Path("/proc").iterdir():
            try:
                if f"MARK={self.mark}".encode() in Path(folder, "environ").read_bytes():
                    found.add(int(folder.name))
            except (OSError, ValueError):
                continue
        return found

    def roles_left(self):
        return self.processes() - {self.kernel, self.helper}

    def works(self):
        return self.roles("print('again')", workers=1)["said"] == "again"

    def close(self):
        self.client.stop_channels()
        if self.manager.has_kernel:
            self.manager.shutdown_kernel(now=True)
        for process in self.processes():  # only those of a test that has failed
            os.kill(process, signal.SIGKILL)


@pytest.fixture
def page():
    page = Page()
    yield page
    page.close()


@pytest.fixture(scope="module")
def kept_page():
    """A page for tests after which it is as it was before."""
    page = Page()
    yield page
    page.close()


def wait_for(condition):
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_no_process_outlives_a_run(kept_page):
    assert kept_page.roles("print('worker 0')", workers=1)["ends"] == [0]
    assert kept_page.processes() == {kept_page.kernel, kept_page.helper}


def test_a_worker_that_hangs_is_ended_at_the_limit(kept_page):
    start = time.monotonic()
    assert kept_page.roles(WAITING, timeout=3)["ends"] == ["SIGALRM", "SIGALRM"]
    assert time.monotonic() - start < LONG / 2
    assert not kept_page.roles_left()


def test_no_process_outlives_an_interrupt(page):
    page.start(WAITING)
    page.manager.interrupt_kernel()
    wait_for(lambda: page.processes() == {page.kernel})
    assert page.works()


def test_no_process_outlives_the_kernel(page):
    page.start(WAITING)
    page.manager.signal_kernel(signal.SIGKILL)
    wait_for(lambda: not page.processes())


def test_no_process_outlives_the_helper(page):
    page.start(WAITING)
    os.kill(page.helper, signal.SIGKILL)
    wait_for(lambda: page.processes() == {page.kernel})
    assert page.works()


def test_no_process_that_was_started_plainly_outlives_an_interrupt(page):
    cell = CELLS["plain-run"]
    page.run(f"SAFETY = SAFETY.replace('{{timeout}}', '{10 * LONG}')")
    page.client.execute(f"hello = {WAITING!r}\n" + cell[cell.index("with ") :], stop_on_error=False)
    wait_for(lambda: len(page.roles_left()) == 3)
    page.manager.interrupt_kernel()
    wait_for(lambda: not page.roles_left())
    assert page.works()


@pytest.mark.parametrize("cell", ["push-run", "dead-run"])
def test_a_fork_does_what_a_role_does_that_is_started_plainly(page, cell):
    page.run(CELLS["push-run"].split("push =")[0])
    forked = page.run(CELLS[cell])
    page.run("forked = False")
    assert page.run(CELLS[cell]) == forked != ""


def test_the_port_is_kept_for_the_scheduler(page):
    page.run("""
with surroundings(1, 1) as common, socket.socket() as stranger, socket.socket() as scheduler:
    address = "127.0.0.1", int(common["DMLC_PS_ROOT_PORT"])
    try:
        stranger.bind(address)
    except OSError:
        pass
    else:
        raise AssertionError("anybody gets the port")
    scheduler.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as ZeroMQ does
    scheduler.bind(address)
    scheduler.listen()
""")


def listening(process):
    """Return the addresses, as /proc writes them, at which a process listens."""
    sockets = set()
    for file in Path(f"/proc/{process}/fd").iterdir():
        try:
            sockets.add(str(file.readlink()))
        except OSError:
            continue
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                yield fields[1].split(":")[0]


def test_nothing_listens_beyond_the_loopback_address(page):
    page.start(BEGIN + "time.sleep(300)")
    heard = []

    def all_listen():
        heard[:] = [[*listening(process)] for process in page.roles_left()]
        return len(heard) == 4 and all(heard)

    wait_for(all_listen)
    assert {address for addresses in heard for address in addresses} == {"0100007F"}


# What the chapter says and does not show, since it takes long.

COMES_BACK = """
import sys
pulled = nd.zeros(2)
store.init("w", pulled)
if "AGAIN" not in os.environ:
    store.push("w", nd.ones(2))
    store.pull("w", out=pulled)
    pulled.wait_to_read()
    if rank == 1:
        program = "import time; time.sleep(9)\\n" + os.environ["PROGRAM"]
        os.execve(sys.executable, [sys.executable, "-c", program], dict(os.environ, AGAIN="yes"))
store.push("w", nd.ones(2) * 10)
store.pull("w", out=pulled)
print(me, pulled.asnumpy())
"""


def test_a_new_process_takes_the_place_of_a_dead_one(kept_page):
    program = BEGIN + COMES_BACK
    heartbeat = {"PS_HEARTBEAT_INTERVAL": "1", "PS_HEARTBEAT_TIMEOUT": "5"}
    run = kept_page.roles(program, timeout=LONG, PROGRAM=program, **heartbeat)
    assert run["said"].splitlines() == ["worker 0 of 2: [20. 20.]", "worker 1 of 2: [20. 20.]"]


def test_too_small_a_number_loses_a_worker(kept_page):
    run = kept_page.roles(BEGIN.replace("store =", "signal.alarm(20)\nstore =") + "print(me)", DMLC_NUM_WORKER="1")
    assert run["said"] == "worker 0 of 1:"
    assert sorted(run["ends"], key=str) == [0, "SIGALRM"]


@pytest.mark.parametrize("wait", [True, False])
def test_what_is_not_sent_at_the_end_is_never_sent(kept_page, wait):
    program = """
store.init(0, nd.zeros(1))
if rank == 0:
    signal.alarm(15)
    store.push(0, nd.ones(1))
    pulled = nd.zeros(1)
    store.pull(0, out=pulled)
    print(me, pulled.asnumpy())
else:
    signal.alarm(30)
    big = nd.ones((1000, 1000))
    for _ in range(5):
        big = nd.dot(big, big) / 1000
    store.push(0, big[0, :1])
"""
    run = kept_page.roles(BEGIN + program + ("    nd.waitall()" if wait else ""))
    assert run["said"] == ("worker 0 of 2: [2.]" if wait else "")


def test_heartbeats_end_no_waiting(kept_page):
    program = """
store.init(0, nd.zeros(1))
if rank == 1:
    os.kill(os.getpid(), signal.SIGKILL)
signal.alarm(12)
store.push(0, nd.ones(1))
pulled = nd.zeros(1)
store.pull(0, out=pulled)
print(pulled.asnumpy())
"""
    run = kept_page.roles(BEGIN + program, PS_HEARTBEAT_INTERVAL="1", PS_HEARTBEAT_TIMEOUT="2")
    assert run["said"] == ""
    assert sorted(run["ends"]) == ["SIGALRM", "SIGKILL"]


def test_two_messages_on_one_line_of_a_log_are_two():
    message = "push=1, head=0, data_type={ UINT64 OTHER INT32 } Body: data_size=8 data_size=64 data_size=4"
    got, sent = f"13 => 8. Meta: request=1, {message}", f"? => 13. Meta: request=0, {message}"
    names = {"re": re}
    exec(CELLS["bytes-run"].split("counted =")[0], names)
    for log in (f"van.cc:419: {got}\nvan.cc:394: {sent}\n", f"van.cc:419: {got}van.cc:394: {sent}\n\n", got + sent):
        assert names["bytes_of"](log, 64) == (64, 64)
