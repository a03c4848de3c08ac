"""What watches the cells from inside their kernel, from before the first of them.

Another date and another name of the machine, no network, no writing in the book, and an eye on random numbers:
what a generator without a seed gives may be right in the rounded output 97 times in 100.
"""

import atexit
import ctypes
import datetime
import fcntl
import logging
import os
import platform
import random
import re
import socket
import subprocess
import sys
import threading
import time
import timeit
import traceback
from collections.abc import Callable
from pathlib import Path
from types import FrameType, ModuleType, TracebackType
from typing import Any, ClassVar, NamedTuple

found: list[str] = []


def complain(words: str) -> None:
    if words not in found:
        found.append(words)


def complaints() -> list[str]:
    """Return what is to be said about the cell that has just run."""
    for generator in Generator.all:
        generator.look()
    Threads.look()
    Children.look()
    lines = [*found]
    found.clear()
    return lines


def called_by_a_cell() -> bool:
    """Tell whether code of a cell called the function that asks, and not a library."""
    return sys._getframe(2).f_globals.get("__name__") == "__main__"


def done_by_a_cell() -> bool:
    """Tell whether what happens now is done by a cell, itself or through a library, but for what an import does."""
    cell, own = sys.modules["__main__"].__dict__, globals()
    frame = sys._getframe(1)
    while frame:
        if frame.f_globals is cell:
            return True
        asked = frame.f_globals is own and frame.f_code.co_name == "<module>"  # of the project, between cells
        if asked or frame.f_globals.get("__name__") == "importlib._bootstrap":
            return False
        frame = frame.f_back  # type: ignore[assignment]
    return False


# The day and the machine


def set_clock(date: str, speed: int) -> None:
    """Let the clock go on from a date, at a speed."""
    sys.modules["pytest"] = None  # type: ignore[assignment]  # or time_machine would import it
    import time_machine

    del sys.modules["pytest"]
    # Of a date with a time zone time_machine would make the zone of the process.
    begin = datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.UTC).timestamp()
    travelled = time_machine.travel(begin).start()
    travelled.time_ns = faster(travelled.time_ns, speed)  # type: ignore[method-assign]
    # What time_machine leaves out.
    asctime = time.asctime
    time.asctime = lambda moment=None: asctime(moment or time.localtime())
    time.ctime = lambda seconds=None: asctime(time.localtime(seconds))


CLOCKS = ("perf_counter", "monotonic", "process_time", "thread_time")


def faster(clock: Callable, speed: int, always: bool = False) -> Callable:
    """Return a clock that runs at another speed: for cells, and not for what else is in the process."""
    begin = clock()

    def read() -> Any:
        return begin + (clock() - begin) * speed if always or asked_by_a_cell("time_machine") else clock()

    return read


def asked_by_a_cell(*between: str) -> bool:
    """Tell whether it is a cell that asks, itself or through nothing but the modules `between`."""
    frame = sys._getframe(1)
    while frame.f_back and (frame.f_globals is globals() or frame.f_globals.get("__name__") in between):
        frame = frame.f_back
    return frame.f_globals is sys.modules["__main__"].__dict__


def set_speed(speed: int) -> None:
    """Let clocks run so fast for cells that what was measured is another number even when it is rounded."""
    measure = faster(time.perf_counter, speed, always=True)
    for function in (timeit.Timer.__init__, timeit.timeit, timeit.repeat):
        default = function.__defaults__ or ()
        function.__defaults__ = tuple(measure if value is timeit.default_timer else value for value in default)
    for name in (*CLOCKS, *(f"{name}_ns" for name in CLOCKS)):
        setattr(time, name, faster(getattr(time, name), speed))


class Version(NamedTuple):
    major: int
    minor: int
    micro: int
    releaselevel: str
    serial: int


def set_machine(host: str, processors: int) -> None:
    """Make another machine of this one: its name, where the system did not do it, its versions and its processors."""
    uname = os.uname
    socket.gethostname = lambda: host
    os.uname = lambda: os.uname_result([host if i in (1, 2, 3) else part for i, part in enumerate(uname())])
    platform.__dict__["_uname_cache"] = None
    # Of the version the two first numbers are the book's; of the last one, and of who built it, nothing may be told.
    sys.version = re.sub(r"^(\d+\.\d+)\.\S+ \([^,)]*", rf"\1.{len(host)} ({host}", sys.version)
    sys.version_info = Version(*sys.version_info)._replace(micro=len(host))  # type: ignore[assignment]
    os.cpu_count = lambda: processors
    os.sched_getaffinity = lambda pid: {*range(processors)}


# Network and files

# Events of Python's audit, and which of their arguments says where to.
NETWORK = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
    "socket.gethostbyaddr": 0,
    "socket.getnameinfo": 0,
}
LOOPBACK = re.compile(r"|localhost|127\..*|::1|0\.0\.0\.0|::")


def forbid_network(event: str, arguments: tuple) -> None:
    """Let a call of the network fail that leaves this machine."""
    target = arguments[NETWORK[event]]
    host = target[0] if isinstance(target, tuple) else target
    if isinstance(host, bytes):
        host = host.decode(errors="replace")
    # A socket in the file system has an address that is no pair.
    if host is None or (NETWORK[event] == 1 and not isinstance(target, tuple)):
        return
    if not LOOPBACK.fullmatch(host):
        complain(f"asks the network for {host}; work with what is in the book")
        raise PermissionError(f"no network: {host}")


# Events that change a file or a folder, and which of their arguments name it.
CHANGING: dict[str, tuple[int, ...]] = {
    **dict.fromkeys(("os.chmod", "os.chown", "os.mkdir", "os.remove", "os.rmdir", "os.truncate", "os.utime"), (0,)),
    **dict.fromkeys(("os.setxattr", "os.removexattr", "shutil.rmtree"), (0,)),
    **dict.fromkeys(("os.link", "os.symlink", "shutil.copyfile", "shutil.copytree"), (1,)),
    **dict.fromkeys(("os.rename", "shutil.move"), (0, 1)),
}
OF_A_LINK = {"os.remove", "os.rename", "os.link", "os.symlink"}  # what they change is the link and not its target
LISTING = {"os.listdir", "os.scandir"}
STARTING = {"subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.startfile", "pty.spawn"}
# Where Python, its packages and their libraries are. What is there is no file of one author.
SYSTEM = ("/usr", "/lib", "/lib32", "/lib64", "/System", "/Library", "/dev", "/proc/self")


def lies_in(path: Path, folders: list[str]) -> bool:
    return any(map(path.is_relative_to, folders))


class Files:
    """Which files a cell may read and which it may change; whatever else it asks for is told, and refused."""

    def __init__(self, forbidden: list[str], own: list[str], folder: str):
        self.forbidden, self.own = forbidden, own
        places = (sys.prefix, sys.base_prefix, *filter(None, sys.path))
        self.readable = [*own, os.path.realpath(folder), *SYSTEM, *map(os.path.realpath, places)]

    @staticmethod
    def real(path: Any, of_a_link: bool = False) -> Path | None:
        """Return where a path leads; None if it is a descriptor, which was opened before."""
        if not isinstance(path, (str, bytes, os.PathLike)):
            return None
        given = Path(os.fsdecode(path))
        real = os.path.realpath
        return Path(real(given.parent), given.name) if of_a_link else Path(real(given))

    def write(self, path: Path | None) -> None:
        if path is None or lies_in(path, [*self.own, "/dev"]) or {"__pycache__", "site-packages"} & {*path.parts}:
            return
        if lies_in(path, self.forbidden) or done_by_a_cell():
            complain(f"writes to {path.name}, which is not its own; write in a temporary folder")
            raise PermissionError(f"not a file of this cell: {path.name}")

    def read(self, path: Path | None) -> None:
        if path is not None and not lies_in(path, self.readable) and done_by_a_cell():
            complain(f"reads {path.name or path}, which other machines do not have; make in the notebook what it needs")
            raise PermissionError(f"not a file of the book: {path.name}")

    def hear(self, event: str, arguments: tuple) -> None:
        if event == "open":
            path = self.real(arguments[0])
            self.write(path) if arguments[2] & (os.O_WRONLY | os.O_RDWR) else self.read(path)
        elif event in CHANGING:
            for number in CHANGING[event]:
                self.write(self.real(arguments[number], event in OF_A_LINK))
        elif event in LISTING:
            self.read(self.real("." if arguments[0] is None else arguments[0]))


# What runs before a program of Python that a cell starts: this guard, which leaves it no name and no traceback.
CHILD = """\
__import__("sys").modules["_bookkit"] = __import__("types").ModuleType("_bookkit")
exec({guard!r}, __import__("sys").modules["_bookkit"].__dict__)
__import__("sys").modules["_bookkit"].begin_below({guard!r}, {settings!r})
exec(compile({program!r}, "<string>", "exec"))
"""


class Children:
    """Programs of Python that stand in a cell: they run under the same guard, and say at their end what is wrong."""

    folder: ClassVar[Path]  # a file of complaints for each of them
    below: ClassVar[bool] = False  # whether this process is one of them

    @classmethod
    def watch(cls, guard: str, settings: dict[str, Any]) -> None:
        cls.folder = Path(settings["allowed"][0], "children")
        cls.folder.mkdir(exist_ok=True)
        make = subprocess.Popen.__init__

        def init(self: subprocess.Popen, args: Any, *others: Any, **options: Any) -> None:
            given = args
            if cls.is_in_the_cell(args) and done_by_a_cell():
                child = CHILD.format(guard=guard, settings=settings, program=args[2])
                args = [*args[:2], child, *args[3:]]
            make(self, args, *others, **options)
            self.args = given

        subprocess.Popen.__init__ = init  # type: ignore[method-assign]

    @staticmethod
    def is_in_the_cell(command: Any) -> bool:
        """Tell whether a command is `[sys.executable, "-c", program]`."""
        return isinstance(command, (list, tuple)) and [*command[:2]] == [sys.executable, "-c"] and len(command) > 2

    @classmethod
    def look(cls) -> None:
        for file in sorted(cls.folder.iterdir()):
            for line in file.read_text(encoding="utf-8").splitlines():
                complain(line)
            file.unlink()

    @classmethod
    def tell(cls) -> None:
        if lines := complaints():
            Path(cls.folder, str(os.getpid())).write_text("\n".join(lines), encoding="utf-8")


def begin_below(guard: str, settings: dict[str, Any]) -> None:
    """Watch in a process that a cell has started."""

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        trace = trace and trace.tb_next
        sys.__excepthook__(kind, error.with_traceback(trace), trace)

    sys.excepthook = excepthook
    Children.below = True
    begin(guard=guard, **settings)
    atexit.register(Children.tell)


def forbid_processes(event: str, arguments: tuple) -> None:
    """Tell of a program that a cell starts, which has another clock and network; let it end none but its own.

    A program of Python below the kernel may fork itself: its forks are under the same guard, and tell at their end.
    """
    # Python's own os.spawnv and its kin fork, and what the fork would tell is lost.
    spawned = event == "os.fork" and sys._getframe(2).f_code.co_name == "_spawnvef"
    started = event in STARTING and not Children.is_in_the_cell(arguments[1:2] and arguments[1])
    if (spawned or started) and done_by_a_cell():
        complain("starts a program, whose output other machines do not have; do it in Python")
    elif event == "os.fork" and not Children.below and sys._getframe(2).f_globals.get("__name__") == "__main__":
        complain("forks its kernel, which would be there twice; use multiprocessing")
        raise PermissionError("no fork of the kernel")
    elif event in ("os.kill", "os.killpg") and arguments[0] != os.getpid() and done_by_a_cell():
        try:
            os.waitid(os.P_PID if event == "os.kill" else os.P_PGID, arguments[0], os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except (OSError, ValueError):
            complain("sends a signal to a process that it has not started; leave it alone")
            raise PermissionError("not a process of this cell") from None


def forbid(files: Files) -> None:
    def hook(event: str, arguments: tuple) -> None:
        if event == "open" or event in CHANGING or event in LISTING:
            files.hear(event, arguments)
        elif event in NETWORK:
            forbid_network(event, arguments)
        elif event.startswith(("os.", "pty.", "subprocess.")):
            forbid_processes(event, arguments)

    sys.addaudithook(hook)


# Threads


class Threads:
    """Those that go on when their cell has ended: what they print then is in no output, or in that of another cell."""

    started: ClassVar[set[threading.Thread]] = set()  # by cells themselves
    told: ClassVar[set[int]] = set()

    @classmethod
    def watch(cls) -> None:
        start = threading.Thread.start

        def started(self: threading.Thread) -> None:
            start(self)
            if called_by_a_cell():
                cls.started.add(self)

        threading.Thread.start = started  # type: ignore[method-assign]

    @classmethod
    def look(cls) -> None:
        running = {thread.ident or 0 for thread in cls.started if thread.is_alive()}
        running |= {thread for thread, frame in sys._current_frames().items() if cls.is_in_a_cell(frame)}
        running -= {threading.get_ident()}
        if running - cls.told:
            complain("leaves a thread running; wait for its end in the same cell, with join")
        cls.started.clear()
        cls.told = running

    @staticmethod
    def is_in_a_cell(frame: FrameType) -> bool:
        cell = sys.modules["__main__"].__dict__
        return any(found.f_globals is cell for found, _ in traceback.walk_stack(frame))


# Random numbers


class Generator:
    """A generator whose state tells whether it was used before it was given a seed."""

    all: ClassVar["list[Generator]"] = []

    def __init__(self, state: Callable[[], Any], complaint: str):
        self.state, self.complaint = state, complaint
        self.seeded = False
        self.last = state()
        self.all.append(self)

    def look(self) -> None:
        if not self.seeded and self.state() != self.last:
            complain(self.complaint)
            self.last = self.state()

    def begin_anew(self) -> None:
        """Hold for unseeded what Python has just given a new state."""
        self.seeded = False
        self.last = self.state()

    def seeding(self, original: Callable) -> Callable:
        """Wrap a function that gives the generator a seed, or a state."""

        def seed(*arguments: Any, **options: Any) -> Any:
            self.look()
            result = original(*arguments, **options)
            self.seeded = any(value is not None for value in (*arguments, *options.values()))
            self.last = self.state()
            return result

        return seed


def watch_python() -> None:
    generator = Generator(random.getstate, "draws from random before it has a seed; call random.seed first")
    random.seed = generator.seeding(random.seed)
    random.setstate = generator.seeding(random.setstate)
    if Children.below:  # where programs may fork themselves, and Python gives each fork another state
        os.register_at_fork(before=generator.look, after_in_child=generator.begin_anew)
    make = random.Random.__init__

    def init(self: random.Random, x: Any = None) -> None:
        if x is None and type(self) is random.Random and called_by_a_cell():
            complain("makes a random.Random without a seed; give it one")
        make(self, x)

    random.Random.__init__ = init  # type: ignore[method-assign]
    watch_system()


def watch_system() -> None:
    """Tell of the randomness of the operating system, which `secrets`, `uuid` and random.SystemRandom draw from."""
    urandom = os.urandom

    def drawn(size: int) -> bytes:
        if asked_by_a_cell("random", "secrets", "uuid"):
            complain("draws from the operating system, which takes no seed; use random, with a seed")
        return urandom(size)

    os.urandom = random.__dict__["_urandom"] = drawn


def watch_numpy(load: Callable, mtrand: Any) -> None:
    load(mtrand)

    def state() -> tuple:
        name, keys, *rest = mtrand.get_state()
        return name, keys.tobytes(), *rest

    generator = Generator(state, "draws from numpy.random before it has a seed; call numpy.random.seed first")
    mtrand.seed = generator.seeding(mtrand.seed)
    mtrand.set_state = generator.seeding(mtrand.set_state)
    bit_generator: Any = sys.modules["numpy.random.bit_generator"]
    entropy = random.Random().getrandbits  # NumPy's own one would be told as well: it asks the operating system

    def randbits(bits: int) -> int:
        if called_by_a_cell():
            complain("makes a generator of numpy.random without a seed; give it one")
        return entropy(bits)

    bit_generator.randbits = randbits


# Operators of MXNet that draw; Dropout does so while training alone.
DRAWING = re.compile(
    r"_?(random|sample)_(?!pdf).*|_?shuffle|uniform|normal|_(npx__)?image_random_.*|_contrib_dgl_.*_sample|"
    r"_npi_(bernoulli|choice|exponential|gamma|gumbel|logistic|multinomial|normal|pareto|powerd|random_randint|"
    r"rayleigh|shuffle|uniform|weibull)(_n)?"
)
DROPOUT = re.compile(r"Dropout|_npx_dropout")


class MXNet:
    """MXNet's generator, which shows no state: what draws from it is seen where Python calls the library."""

    def __init__(self, library: ctypes.CDLL):
        self.library = library
        self.seeded = False
        self.graphs: dict[int, tuple[bool, bool]] = {}  # by handle: whether they draw, whether they draw in training
        self.names: dict[int, str] = {}
        for function in ("MXRandomSeed", "MXRandomSeedContext"):
            self.wrap(function, self.seed)
        for function in (
            "MXCreateCachedOpEx",
            "MXExecutorBindEX",
            "MXExecutorSimpleBindEx",
            "MXExecutorSimpleBindEx64",
        ):
            self.wrap(function, self.make)
        self.wrap("MXImperativeInvokeEx", self.invoke)
        for function in ("MXInvokeCachedOpEx", "MXExecutorForward"):
            self.wrap(function, self.evaluate)

    def wrap(self, function: str, look: Callable[..., None]) -> None:
        original = getattr(self.library, function)

        def wrapped(*arguments: Any) -> int:
            if self.seeded:
                return original(*arguments)
            # A graph has its handle only after it was made.
            if look == self.make:
                result = original(*arguments)
                look(*arguments)
                return result
            look(*arguments)
            return original(*arguments)

        setattr(self.library, function, wrapped)

    def seed(self, *arguments: Any) -> None:
        self.seeded = True

    def invoke(self, handle: Any, *arguments: Any) -> None:
        if not self.names:
            self.list_operators()
        name = self.names.get(handle.value, "")
        self.judge(bool(DRAWING.fullmatch(name)), bool(DROPOUT.fullmatch(name)))

    def make(self, symbol: Any, *arguments: Any) -> None:
        """Keep whether a graph draws."""
        text = ctypes.c_char_p()
        self.library.MXSymbolSaveToJSON(symbol, ctypes.byref(text))
        operators = re.findall(r'"op": "(\w+)"', (text.value or b"").decode())
        handle = arguments[-1]._obj.value
        self.graphs[handle] = any(map(DRAWING.fullmatch, operators)), any(map(DROPOUT.fullmatch, operators))

    def evaluate(self, handle: Any, *arguments: Any) -> None:
        self.judge(*self.graphs.get(handle.value, (False, False)))

    def judge(self, draws: bool, draws_in_training: bool) -> None:
        training = ctypes.c_bool()
        if draws_in_training:
            self.library.MXAutogradIsTraining(ctypes.byref(training))
        if draws or training.value:
            complain("draws from MXNet's generator before it has a seed; call mx.random.seed first")

    def list_operators(self) -> None:
        count, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
        self.library.MXListAllOpNames(ctypes.byref(count), ctypes.byref(names))
        for name in names[: count.value]:
            handle = ctypes.c_void_p()
            self.library.NNGetOpHandle(name, ctypes.byref(handle))
            # One operator has several names; one that draws tells it in each.
            self.names.setdefault(handle.value or 0, name.decode())


def watch_mxnet(load: Callable, base: ModuleType) -> None:
    load(base)
    MXNet(base._LIB)


def watch_torch(load: Callable, torch: Any) -> None:
    load(torch)
    drawn = torch.default_generator.get_state
    generator = Generator(
        lambda: drawn().tolist(), "draws from torch's generator before it has a seed; call torch.manual_seed first"
    )
    for name in ("manual_seed", "seed", "set_rng_state"):
        seed = generator.seeding(getattr(torch, name))
        setattr(torch, name, seed)
        setattr(torch.random, name, seed)


def watch_spawned(load: Callable, popen: Any) -> None:
    """Tell of processes of multiprocessing that begin from nothing: no event of Python's audit does."""
    load(popen)
    launch = popen.Popen._launch

    def launched(self: Any, process: Any) -> None:
        if done_by_a_cell():
            complain("starts a process that begins from nothing, with another clock; use a context of the method fork")
        launch(self, process)

    popen.Popen._launch = launched


def load_fonts(load: Callable, font_manager: ModuleType) -> None:
    """Let one kernel alone look for the machine's fonts, in silence."""
    import matplotlib

    logger = logging.getLogger(font_manager.__name__)
    with Path(matplotlib.get_cachedir(), "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        logger.setLevel(logging.ERROR)
        load(font_manager)
        logger.setLevel(logging.NOTSET)


class Loading:
    """A finder of modules that has a word in the loading of some."""

    modules: ClassVar[dict[str, Callable[[Callable, Any], None]]] = {
        "numpy.random.mtrand": watch_numpy,
        "mxnet.base": watch_mxnet,
        "torch": watch_torch,
        "matplotlib.font_manager": load_fonts,
        **dict.fromkeys(("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver"), watch_spawned),
    }

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        if name not in self.modules:
            return None
        specs = (finder.find_spec(name, path, target) for finder in sys.meta_path if finder is not self)
        spec: Any = next(filter(None, specs), None)
        if spec:
            load, around = spec.loader.exec_module, self.modules[name]
            spec.loader.exec_module = lambda module: around(load, module)
        return spec


def watch_imports() -> None:
    """Have a word in the loading of modules from now on, if this process has not before it was forked."""
    if not any(isinstance(finder, Loading) for finder in sys.meta_path):
        sys.meta_path.insert(0, Loading())


def begin(
    guard: str, date: str, host: str, processors: int, speed: int, folders: list[str], allowed: list[str], folder: str
) -> None:
    """Watch from now on: nobody may write below `folders`, and cells nowhere but below `allowed`.

    Cells may read what is below `allowed` and in `folder`, that of the notebook, and what belongs to Python.
    `guard` is the text of this module, for what they start.
    """
    settings = {"date": date, "host": host, "processors": processors, "speed": speed}
    Children.watch(guard, {**settings, "folders": folders, "allowed": allowed, "folder": folder})
    set_clock(date, speed)
    set_speed(speed)
    set_machine(host, processors)
    watch_python()
    watch_imports()
    Threads.watch()
    forbid(Files(folders, allowed, folder))
