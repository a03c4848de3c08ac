"""The module that the chapter "Your own autograd" builds is its cells, can be imported, and differentiates rightly."""

import importlib.util
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from bookkit.notebooks import module
from bookkit.notebooks.files import read
from bookkit.project import CHINESE


def imported() -> ModuleType:
    """Return the module as a reader has it who has downloaded it."""
    spec = importlib.util.spec_from_file_location("own_autograd", module.MODULE)
    assert spec and spec.loader
    own = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(own)
    return own


own = imported()
POINT = np.array([[0.3, 1.2, 0.7], [0.9, 0.4, 1.6]])
SQUARE = np.array([[1.0, 0.2, 0.5], [0.3, 2.0, 0.1], [0.6, 0.4, 1.5]])
OPERATORS: dict[str, Callable[[Any], Any]] = {
    "add": lambda a: a + a.sin(),
    "subtract": lambda a: 2 - (a.sin() - a),
    "multiply": lambda a: a * a * 3,
    "divide": lambda a: a.sin() / a - 2 / a,
    "negative": lambda a: -a * a,
    "exp": lambda a: a.exp(),
    "log": lambda a: a.log(),
    "sin": lambda a: a.sin(),
    "cos": lambda a: a.cos(),
    "tanh": lambda a: a.tanh(),
    "sum": lambda a: a.sum() * a,
    "sum over an axis": lambda a: a.sum(axis=-1) * a.sum(axis=1),
    "sum over axes": lambda a: a.sum(axis=(0, 1)) * a,
    "mean": lambda a: a.mean() * a,
    "broadcasting": lambda a: a * a[0] + a[:, 1:2] * a,
    "broadcast_to": lambda a: a[0:1].broadcast_to((2, 2, 3)) * a,
    "reshape": lambda a: a.reshape((3, 2)) * a.reshape((1, 6))[:, :2],
    "transpose": lambda a: a.T * a.reshape((3, 2)),
    "dot": lambda a: a.dot(own.Array(SQUARE)).dot(a.T),
    "a row": lambda a: a[1] * a[0],
    "rows twice": lambda a: a[[0, 0, 1]] * a[[1, 0, 1]],
}


def test_it_is_the_code_of_the_cells():
    assert module.MODULE.read_text(encoding="utf-8") == module.text(read(module.CHAPTER)), "run `make module`"


def test_both_editions_have_its_cells():
    parts = [
        [cell.id for cell in read(edition).cells if cell.id.startswith(module.PART)]
        for edition in (module.CHAPTER, CHINESE.folder / module.CHAPTER.name)
    ]
    assert parts[0] == parts[1] and len(parts[0]) > 5


def weighted(function, values: np.ndarray):
    """Return a leaf, and the sum of a function's entries times different weights."""
    leaf = own.Array(values)
    leaf.attach_grad()
    with own.record():
        result = function(leaf)
        return leaf, (result * np.cos(np.arange(result.data.size)).reshape(result.shape)).sum()


def differences(function, values: np.ndarray, step: float = 1e-5) -> np.ndarray:
    """Return the central differences of a function that gives one number."""
    found = np.zeros_like(values)
    for at in np.ndindex(values.shape):
        moved = np.zeros_like(values)
        moved[at] = step
        found[at] = (function(values + moved) - function(values - moved)) / (2 * step)
    return found


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_gradient_is_that_of_central_differences(operator):
    function = OPERATORS[operator]
    leaf, head = weighted(function, POINT)
    head.backward()
    expected = differences(lambda values: weighted(function, values)[1].data, POINT)
    np.testing.assert_allclose(leaf.grad.data, expected, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("operator", OPERATORS)
def test_a_gradient_can_be_differentiated_again(operator):
    def slope(values):
        leaf, head = weighted(OPERATORS[operator], values)
        with own.record():
            gradient = own.walk([head], retain_graph=True)[leaf]
            return leaf, (gradient * np.sin(np.arange(6.0)).reshape(2, 3)).sum()

    leaf, head = slope(POINT)
    if not head.is_on_tape:
        pytest.fail("the gradient does not depend on the point: choose a function that is not linear")
    head.backward()
    expected = differences(lambda values: slope(values)[1].data, POINT)
    np.testing.assert_allclose(leaf.grad.data, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("factor", [2, np.float64(2), np.full((2, 3), 2.0)])
def test_numbers_and_arrays_of_numpy_are_constants_on_either_side(factor):
    for function in (lambda a: factor * a, lambda a: a * factor):
        leaf = own.Array(POINT)
        leaf.attach_grad()
        with own.record():
            result = function(leaf)
        result.backward()
        np.testing.assert_array_equal(leaf.grad.data, np.full((2, 3), 2.0))


def test_what_cannot_be_right_is_refused():
    leaf = own.Array(POINT)
    leaf.attach_grad()
    with pytest.raises(ValueError, match="two matrices"):
        leaf.dot(own.Array(POINT[0]))
    outside = leaf * leaf
    with pytest.raises(ValueError, match="not on the tape"):
        outside.backward()
    with own.record():
        square = leaf * leaf
        with pytest.raises(ValueError, match="in place"):
            square[0] = 1
    with pytest.raises(ValueError, match="shape"):
        square.backward(own.Array(1))
    square.backward()
    with own.record():
        later = square * leaf
    with pytest.raises(ValueError, match="freed"):
        later.backward()


class Product(own.Function):
    """A product of two matrices, as one operation; its gradients may be transposed, by mistake."""

    def __init__(self, transposed: bool):
        self.transposed = transposed

    def forward(self, a, b):
        self.save_for_backward(a, b)
        return a.dot(b)

    def backward(self, g):
        a, b = self.saved_tensors
        parts = g.dot(b.T), a.T.dot(g)
        return tuple(part.T for part in parts) if self.transposed else parts


@pytest.mark.parametrize("transposed", [False, True])
def test_a_gradient_with_its_axes_swapped_is_refused(transposed):
    leaf = own.Array(POINT)
    leaf.attach_grad()
    with own.record():
        result = Product(transposed)(leaf, own.Array(SQUARE))
    if transposed:
        with pytest.raises(ValueError, match="shape"):
            result.backward()
    else:
        result.backward()
        np.testing.assert_allclose(leaf.grad.data, np.ones((2, 3)) @ SQUARE.T)


def test_an_operation_of_ones_own_keeps_what_one_call_saved():
    operation = Product(transposed=False)
    operation(own.Array(POINT), own.Array(SQUARE))
    with pytest.raises(ValueError, match="only once"):
        operation(own.Array(POINT), own.Array(SQUARE))


def test_gradients_that_arrive_may_be_numbers_and_arrays_of_numpy():
    class Doubled(own.Function):
        def forward(self, x):
            return x * 2

        def backward(self, g):
            return 2 * g.data

    leaf = own.Array(POINT)
    leaf.attach_grad()
    with own.record():
        result = Doubled()(leaf).sum()
    result.backward(10)
    np.testing.assert_array_equal(leaf.grad.data, np.full((2, 3), 20.0))


def test_a_walk_leaves_no_recursion_too_deep():
    leaf = own.Array(1)
    leaf.attach_grad()
    with own.record():
        result = leaf
        for _ in range(20_000):
            result = result + 0
    result.backward()
    assert leaf.grad.data == 1


def test_an_operation_of_ones_own_may_return_its_input():
    class Reversed(own.Function):
        def forward(self, x):
            return x

        def backward(self, g):
            return -g

    leaf = own.Array(POINT)
    leaf.attach_grad()
    with own.record():
        result = Reversed()(leaf * leaf) + leaf
    result.backward()
    np.testing.assert_allclose(leaf.grad.data, 1 - 2 * POINT)


def test_an_operation_of_ones_own_must_return_a_gradient_for_each_input():
    class Product(own.Function):
        def forward(self, a, b):
            return a * b

        def backward(self, g):
            return g

    leaf = own.Array(POINT)
    leaf.attach_grad()
    with own.record():
        result = Product()(leaf, leaf)
    with pytest.raises(ValueError, match="zip"):
        result.backward()
