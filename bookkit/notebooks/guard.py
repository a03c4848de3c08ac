"""What watches the cells from inside their kernel, from before the first of them.

Another date and another name of the machine, no network, no writing in the book, and an eye on random numbers:
what a generator without a seed gives may be right in the rounded output 97 times in 100.
"""

import ctypes
import datetime
import fcntl
import logging
import os
import platform
import random
import re
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

found: list[str] = []


def complain(words: str) -> None:
    if words not in found:
        found.append(words)


def complaints() -> list[str]:
    """Return what is to be said about the cell that has just run."""
    for generator in Generator.all:
        generator.look()
    lines = [*found]
    found.clear()
    return lines


def called_by_a_cell() -> bool:
    """Tell whether code of a cell called the function that asks, and not a library."""
    return sys._getframe(2).f_globals.get("__name__") == "__main__"


# The day and the machine


def set_clock(date: str) -> None:
    """Let the clock go on from a date."""
    sys.modules["pytest"] = None  # type: ignore[assignment]  # or time_machine would import it
    import time_machine

    del sys.modules["pytest"]
    # Of a date with a time zone time_machine would make the zone of the process.
    time_machine.travel(datetime.datetime.fromisoformat(date).replace(tzinfo=datetime.UTC).timestamp()).start()
    # What time_machine leaves out.
    asctime = time.asctime
    time.asctime = lambda moment=None: asctime(moment or time.localtime())
    time.ctime = lambda seconds=None: asctime(time.localtime(seconds))


def set_host(host: str) -> None:
    """Give the machine another name, where the system did not do it."""
    uname = os.uname
    socket.gethostname = lambda: host
    os.uname = lambda: os.uname_result([host if i == 1 else part for i, part in enumerate(uname())])
    platform.__dict__["_uname_cache"] = None


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


def forbid_writing(folders: list[str], allowed: list[str], path: Any, flags: int) -> None:
    """Let opening a file fail that is to be changed and lies in one of these folders."""
    if not isinstance(path, (str, bytes)) or not flags & (os.O_WRONLY | os.O_RDWR):
        return
    real = Path(os.path.realpath(os.fsdecode(path)))
    if {"__pycache__", "site-packages"} & set(real.parts) or any(map(real.is_relative_to, allowed)):
        return
    if any(map(real.is_relative_to, folders)):
        complain(f"writes to {real.name}, which is not its own; write in a temporary folder")
        raise PermissionError(f"not a file of this cell: {real.name}")


def forbid(folders: list[str], allowed: list[str]) -> None:
    def hook(event: str, arguments: tuple) -> None:
        if event == "open":
            forbid_writing(folders, allowed, arguments[0], arguments[2])
        elif event in NETWORK:
            forbid_network(event, arguments)

    sys.addaudithook(hook)


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
    make = random.Random.__init__

    def init(self: random.Random, x: Any = None) -> None:
        if x is None and type(self) is random.Random and called_by_a_cell():
            complain("makes a random.Random without a seed; give it one")
        make(self, x)

    random.Random.__init__ = init  # type: ignore[method-assign]


def watch_numpy(load: Callable, mtrand: Any) -> None:
    load(mtrand)

    def state() -> tuple:
        name, keys, *rest = mtrand.get_state()
        return name, keys.tobytes(), *rest

    generator = Generator(state, "draws from numpy.random before it has a seed; call numpy.random.seed first")
    mtrand.seed = generator.seeding(mtrand.seed)
    mtrand.set_state = generator.seeding(mtrand.set_state)
    bit_generator: Any = sys.modules["numpy.random.bit_generator"]
    entropy = bit_generator.randbits

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
        "matplotlib.font_manager": load_fonts,
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


def begin(date: str, host: str, folders: list[str], allowed: list[str]) -> None:
    """Watch from now on: cells may not write below `folders`, but for what is below `allowed`."""
    set_clock(date)
    set_host(host)
    watch_python()
    sys.meta_path.insert(0, Loading())
    forbid(folders, allowed)
