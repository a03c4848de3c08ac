"""Which derivatives MXNet's operators have: each call is tried, to the third order, and what comes out is judged.

An operator is judged where readers meet it, in the middle of a chain: of F = sin(f(sin x)) the gradient, the gradient
of a derivative in one direction, and that of one in two directions are compared with central differences of F.
All this runs in processes of its own. Where one of them ends or hangs, that is noted of the call, and another goes on.
"""

import contextlib
import multiprocessing
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import mxnet as mx
import numpy as np
from mxnet import autograd, gluon, nd

from bookkit.gradients.calls import CALLS, CONSTANTS, SHAPES, values
from bookkit.operators import ENDS, HANGS, OPERATORS, ORDERS, RAISES, RIGHT, WRONG, Found, written
from bookkit.project import BookError, alone, name, write_whole

AT_ONCE = 2  # processes
SECONDS = 20  # that a call may take
START = 60  # seconds that a process may take until it can be asked
WEIGHTS = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
# Of each order the step, and how far MXNet may be from differences that are made with it: some operators compute
# in float32 also where they are given float64, and none of these has a second derivative.
STEPS, TOLERANCES = (1e-2, 5e-3, 5e-3), (1e-4, 1e-6, 1e-5)
REFUSED = re.compile(r"Operator (\S+) is non-differentiable")
Verdicts = dict[str, str]


class Call:
    """A call of an operator in the middle of a chain, as a function of the arrays that it names."""

    def __init__(self, code: str):
        self.code = compile(code, code, "eval")
        named = self.code.co_names
        self.names = [each for each in dict.fromkeys(named) if each in SHAPES]
        self.given = {each: nd.array(CONSTANTS[each], dtype="float64") for each in named if each in CONSTANTS}
        self.is_random = any(word in code for word in ("Dropout", "random"))
        self.point = [values(each) for each in self.names]
        random = np.random.default_rng(len(code))
        self.directions = [[value * random.uniform(0.5, 1, value.shape) for value in self.point] for _ in ORDERS]
        self.head = random.uniform(0.5, 1, self(arrays(self.point)).shape)

    def __call__(self, inputs: Sequence[nd.NDArray]) -> nd.NDArray:
        if self.is_random:
            mx.random.seed(1)  # the same draw in each run
        named = {each: nd.sin(array) for each, array in zip(self.names, inputs, strict=True)}
        return nd.sin(eval(self.code, {**self.given, **named, "nd": nd, "loss": gluon.loss}))

    def value(self, point: Sequence[np.ndarray]) -> float:
        with autograd.train_mode():
            return float((self(arrays(point)).asnumpy() * self.head).sum())

    def derivatives(self) -> Iterator[float]:
        """Yield the derivative of each order by MXNet, along the first direction, the first two, all three."""
        inputs = arrays(self.point)
        for array in inputs:
            array.attach_grad()
        with autograd.record():
            heads, weights = [self(inputs)], arrays([self.head])
            for direction in self.directions:
                heads = autograd.grad(heads, inputs, weights, retain_graph=True, create_graph=True)
                yield sum(float((g.asnumpy() * d).sum()) for g, d in zip(heads, direction, strict=True))
                weights = arrays(direction)

    def by_differences(self, order: int) -> float:
        """Return the derivative along the first directions by central differences."""
        step = STEPS[order - 1]

        def along(point: list[np.ndarray], left: list[list[np.ndarray]]) -> float:
            if not left:
                return self.value(point)
            moved = {n: [p + n * step * d for p, d in zip(point, left[0], strict=True)] for n in WEIGHTS}
            return sum(weight * along(moved[n], left[1:]) for n, weight in WEIGHTS.items()) / step

        return along(self.point, self.directions[:order])


def arrays(of: Sequence[np.ndarray]) -> list[nd.NDArray]:
    return [nd.array(value, dtype="float64") for value in of]


def judge(code: str) -> Verdicts:
    """Return the verdict on each order, up to the first that is not right, and what MXNet says where it raises."""
    found: Verdicts = {}
    call = Call(code)
    derivatives = call.derivatives()
    for number, (order, tolerance) in enumerate(zip(ORDERS, TOLERANCES, strict=True), start=1):
        try:
            by_mxnet = next(derivatives)
        except Exception as error:
            return {**found, order: RAISES, "says": what_is_said(error)}
        expected = call.by_differences(number)
        found[order] = RIGHT if abs(by_mxnet - expected) <= tolerance * max(1e-3, abs(expected)) else WRONG
        if found[order] == WRONG:
            break
    return found


def what_is_said(error: Exception) -> str:
    """Return the operator that MXNet says it cannot differentiate, or the beginning of what else it says."""
    refused = REFUSED.search(str(error))
    return refused[1] if refused else str(error).strip().splitlines()[-1].removeprefix("MXNetError: ").split(",")[0]


def answer(asked: Connection) -> None:
    """Judge what is asked for, until nobody asks: what a process of its own does."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MXNet's warnings, and what it says when it dies
    with contextlib.suppress(EOFError):
        asked.send({})
        while True:
            code = asked.recv()
            try:
                asked.send(judge(code))
            except Exception as error:
                asked.send(BookError(f"bookkit/gradients/calls.py: {code}: does not run ({error}); mend it"))


class Process:
    """Judges calls in a process that may end or hang; then the next call has a new one."""

    def __init__(self) -> None:
        self.connection: Connection | None = None

    def start(self) -> Connection:
        self.connection, other = multiprocessing.Pipe()
        self.process = multiprocessing.get_context("spawn").Process(target=answer, args=(other,), daemon=True)
        self.process.start()
        other.close()
        if not (self.connection.poll(START) and self.connection.recv() == {}):
            raise BookError("a process in which operators are tried does not start")
        return self.connection

    def ask(self, code: str) -> Verdicts | BookError:
        connection = self.connection or self.start()
        try:
            connection.send(code)
            return connection.recv() if connection.poll(SECONDS) else {"first": HANGS}
        except EOFError:
            return {"first": ENDS}

    def judge(self, code: str) -> Verdicts:
        try:
            verdicts = self.ask(code)
        except ConnectionError:  # the process ended after its last answer: it has not read this call
            self.end()
            verdicts = self.ask(code)
        if isinstance(verdicts, BookError):
            raise verdicts
        if verdicts["first"] in (HANGS, ENDS):
            self.end()
        return verdicts

    def end(self) -> None:
        if self.connection:
            self.connection.close()
            self.process.kill()
            self.process.join()
            self.connection = None


def judge_all(codes: Sequence[str]) -> dict[str, Verdicts]:
    """Return {call: verdicts}; of some processes side by side each takes every other call."""

    def work(number: int) -> dict[str, Verdicts]:
        process = Process()
        try:
            return {code: process.judge(code) for code in codes[number::AT_ONCE]}
        finally:
            process.end()

    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = list(pool.map(work, range(AT_ONCE)))
    return {code: verdicts for part in parts for code, verdicts in part.items()}


def run() -> Found:
    """Return what is found of all calls, in their order."""
    found = judge_all([code for codes in CALLS.values() for code in codes])
    return {group: {code: found[code] for code in codes} for group, codes in CALLS.items()}


def differences(stored: Found, found: Found) -> list[str]:
    """Return a line for each call of which something else is stored than is found."""
    flat = [{code: verdicts for codes in of.values() for code, verdicts in codes.items()} for of in (stored, found)]
    codes = dict.fromkeys([*flat[0], *flat[1]])
    return [
        f"{name(OPERATORS)}: {code}: says {flat[0].get(code)}, a run gives {flat[1].get(code)}; run `make operators`"
        for code in codes
        if flat[0].get(code) != flat[1].get(code)
    ]


def main() -> int:
    """Write the file."""
    text = written(run())
    with alone():
        if not OPERATORS.exists() or OPERATORS.read_text(encoding="utf-8") != text:
            write_whole(text.encode(), OPERATORS)
            print(f"{name(OPERATORS)}: written; what the pages say of these operators may have changed")
    return 0
