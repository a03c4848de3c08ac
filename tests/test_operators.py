"""Which derivatives MXNet's operators have: the file says what a run gives, and the judge is judged."""

import os
import signal
import threading

import numpy as np
import pytest
import sympy
from mxnet import autograd, nd

from bookkit import operators
from bookkit.gradients import orders
from bookkit.gradients.calls import CALLS
from bookkit.operators import ENDS, OPERATORS, RAISES, RIGHT, WRONG

FORMULAS = {
    **{name: getattr(sympy, name) for name in ("sin", "cos", "tan", "exp", "log")},
    **{name: getattr(sympy, name) for name in ("sinh", "cosh", "tanh", "sqrt", "cbrt")},
    **{f"arc{name}": getattr(sympy, f"a{name}") for name in ("sin", "cos", "tan", "sinh", "tanh")},
    "arccosh": lambda x: sympy.acosh(x + 1),
    "square": lambda x: x**2,
    "rsqrt": lambda x: 1 / sympy.sqrt(x),
    "rcbrt": lambda x: 1 / sympy.cbrt(x),
    "reciprocal": lambda x: 1 / x,
    "expm1": lambda x: sympy.exp(x) - 1,
    "log1p": lambda x: sympy.log(1 + x),
    "log2": lambda x: sympy.log(x, 2),
    "log10": lambda x: sympy.log(x, 10),
    "sigmoid": lambda x: 1 / (1 + sympy.exp(-x)),
    "radians": lambda x: x * sympy.pi / 180,
}


@pytest.fixture(scope="module")
def found():
    return orders.run()


@pytest.mark.slow
def test_the_file_says_what_a_run_gives(found, tell):
    tell(orders.differences(operators.read(), found))
    assert OPERATORS.read_text(encoding="utf-8") == operators.written(found), "run `make operators`"


@pytest.mark.slow
def test_a_wrong_entry_is_told(found):
    stored = operators.read()
    stored["arithmetic"]["x * y"] = {"first": RIGHT, "second": RIGHT, "third": RIGHT}
    del stored["losses"]["nd.softmax(A)"]
    told = orders.differences(stored, found)
    assert len(told) == 2 and "x * y: says" in told[0] and "run `make operators`" in told[1], told


@pytest.mark.parametrize("name", FORMULAS)
def test_a_closed_form_gives_the_same_verdict(name):
    """The second witness: central differences are not the only one to say so."""
    call = next(call for call in CALLS["functions"] if call.startswith(f"nd.{name}("))
    x = sympy.Symbol("x", positive=True)
    formula = sympy.sin(FORMULAS[name](sympy.sin(x)))
    second = sympy.lambdify(x, sympy.diff(formula, x, 2))
    array = nd.array(np.linspace(0.6, 1.3, 5), dtype="float64")
    array.attach_grad()
    with autograd.record():
        argument = nd.sin(array) + 1 if name == "arccosh" else nd.sin(array)
        [slope] = autograd.grad(nd.sin(getattr(nd, name)(argument)), [array], create_graph=True)
    slope.backward()
    right = np.allclose(array.grad.asnumpy(), second(array.asnumpy()), rtol=1e-6)
    assert operators.read()["functions"][call]["second"] == (RIGHT if right else WRONG)


def test_a_process_that_ends_takes_nothing_along():
    ends = "x if __import__('os')._exit(3) else x"
    found = orders.judge_all([ends, "nd.sin(x)", "nd.softmax(A)", "nd.cos(x)"])
    assert found[ends] == {"first": ENDS}
    assert found["nd.sin(x)"]["third"] == found["nd.cos(x)"]["third"] == RIGHT
    assert found["nd.softmax(A)"] == {"first": RIGHT, "second": RAISES, "says": "_backward_softmax"}


@pytest.fixture
def process():
    process = orders.Process()
    yield process
    process.end()


@pytest.mark.parametrize("moment", ["before it is asked", "before it reads what it is asked"])
def test_a_process_that_ends_between_two_calls_is_no_verdict(process, moment):
    assert process.judge("nd.sin(x)")["third"] == RIGHT
    if moment == "before it is asked":
        process.process.kill()
        process.process.join()
    else:
        os.kill(process.process.pid, signal.SIGSTOP)
        threading.Timer(1, process.process.kill).start()
    assert process.judge("nd.cos(x)")["third"] == RIGHT
