"""Derive a gradient again in three ways, none of which is MXNet's, and compare.

The three: the closed form (SymPy), central differences (NumPy) and HIPS autograd.
"""

from collections.abc import Sequence

import numpy as np
import sympy

from bookkit.gradients import kinks
from bookkit.gradients.computation import Backward, Computation, NotDerivedError, as_float, distance
from bookkit.gradients.findings import Gradient
from bookkit.gradients.operators import SMOOTH, SYMPY

SMALL = 16  # elements: up to here every one is moved by itself, beyond in random directions


def along(computation: Computation, index: int, direction: np.ndarray):
    """Return the function on a line through the point, in one direction of one leaf."""
    point = computation.point

    def at(distance: float) -> float:
        moved = [*point[:index], point[index] + distance * direction, *point[index + 1 :]]
        return float(np.sum(computation(moved)))

    return at


def by_differences(computation: Computation, index: int, gradient: np.ndarray) -> tuple[float, list[int]]:
    """Return the distance from central differences, and the coordinates in which the function has a kink.

    In an array of more than SMALL elements the coordinates are not told apart: all have one, or none.
    """
    size, step = gradient.size, 1e-6 * max(1.0, float(np.abs(computation.point[index]).max(initial=0)))
    if size <= SMALL:
        directions = np.eye(size).reshape(size, *gradient.shape)
    else:
        directions = np.random.default_rng(size).normal(size=(4, *gradient.shape))
    kinked: list[int] = []
    largest = 0.0
    for number, direction in enumerate(directions):
        given = float(np.sum(gradient * direction))
        slopes, kink = kinks.sides(along(computation, index, direction), computation.here, step)
        expected = min(max(given, min(slopes)), max(slopes)) if slopes else np.nan
        largest = np.maximum(largest, distance(expected, given))  # nan wins
        if kink:
            kinked += [number] if size <= SMALL else range(size)
    return float(largest), sorted(set(kinked))


def beyond_subgradients(
    computation: Computation, gradients: Sequence[np.ndarray], kinked: dict[int, list[int]]
) -> float:
    """Return by how much the values at a kink, of all leaves together, are no subgradient."""
    shapes = [computation.point[index].shape for index in kinked]
    ends = np.cumsum([computation.point[index].size for index in kinked])

    def function(vector: np.ndarray) -> float:
        moved = list(computation.point)
        for index, shape, part in zip(kinked, shapes, np.split(vector, ends[:-1]), strict=True):
            moved[index] = part.reshape(shape)
        return float(np.sum(computation(moved)))

    point = np.concatenate([computation.point[index].ravel() for index in kinked])
    value = np.concatenate([gradients[index].ravel() for index in kinked])
    starts = [0, *ends[:-1]]
    coordinates = [int(start) + c for start, own in zip(starts, kinked.values(), strict=True) for c in own]
    if len(coordinates) < 2 or not np.isfinite(value).all():
        return 0.0
    return kinks.excess(function, point, value, coordinates)


def by_closed_form(computation: Computation) -> list[np.ndarray]:
    """Return the exact derivatives, evaluated at the point."""
    symbols: list[np.ndarray] = []
    values: dict[sympy.Symbol, float] = {}
    for number, value in enumerate(computation.point):
        array = np.array([sympy.Symbol(f"x{number}_{i}", real=True) for i in range(value.size)], dtype=object)
        values.update(zip(array, value.ravel(), strict=True))
        symbols.append(array.reshape(value.shape))

    def evaluate(expression: sympy.Expr) -> float:
        try:
            number = sympy.sympify(expression).evalf(20, subs=values)
        except ZeroDivisionError:
            return np.nan
        return float(number) if number.is_real and number.is_finite else np.nan

    return [np.vectorize(evaluate, otypes=[float])(each) for each in computation.derivatives(symbols, SYMPY)]


def has_closed_form(computation: Computation) -> bool:
    names = computation.names
    return len(names) <= 25 and set(names) <= SMOOTH and sum(value.size for value in computation.point) <= 6


def gradients_of(backward: Backward) -> list[np.ndarray]:
    """Return what MXNet gave, as float64 arrays; of a buffer that is added to, what was added."""
    before = backward.before or [None] * len(backward.gradients)
    pairs = zip(map(as_float, backward.gradients), before, strict=True)
    return [array if old is None else array - as_float(old) for array, old in pairs]


def compare(backward: Backward, call: int) -> list[Gradient]:
    """Derive what one call of backward gave, in every way that applies."""
    computation, gradients = backward.computation(), gradients_of(backward)
    results = []
    value = float(np.max([0.0, *computation.value_distances()]))  # nan wins
    block = "hybridized block" in computation.names
    for leaf, name in zip(computation.leaves, backward.names, strict=True):
        results.append(Gradient(call, name, np.dtype(leaf.array.dtype).name, value, block=block))
    add_autograd(computation, gradients, results)
    add_differences(computation, gradients, results, call)
    if call < 2 and has_closed_form(computation):
        for result, closed, gradient in zip(results, by_closed_form(computation), gradients, strict=True):
            if not result.kink:
                result.differences["closed form"] = distance(closed, gradient)
    return results


def add_autograd(computation: Computation, gradients: Sequence[np.ndarray], results: Sequence[Gradient]) -> None:
    if computation.is_opaque:
        return
    for result, hips, gradient in zip(results, computation.derivatives(computation.point), gradients, strict=True):
        result.differences["autograd"] = distance(hips, gradient)


def add_differences(computation: Computation, gradients: Sequence, results: Sequence[Gradient], call: int) -> None:
    """Add central differences; in a long training now and then, but always where nothing else confirms."""
    elements = sum(value.size for value in computation.point)
    often = elements <= SMALL or call < 4 or call % 50 == 0
    kinked = {}
    for index, (result, gradient) in enumerate(zip(results, gradients, strict=True)):
        other = result.differences.get("autograd", np.nan)
        if (often or not other < 1e-5) and np.isfinite(computation.point[index]).all():
            result.differences["differences"], coordinates = by_differences(computation, index, gradient)
            if coordinates:
                kinked[index] = coordinates
    if not kinked:
        return
    beyond = beyond_subgradients(computation, gradients, kinked)
    for index in kinked:
        results[index].kink = True
        results[index].differences.pop("autograd", None)
        results[index].differences["differences"] = float(np.maximum(results[index].differences["differences"], beyond))


def derive(backwards: Sequence[Backward]) -> list[Gradient]:
    """Return all that is found about the calls of backward of one cell."""
    found: list[Gradient] = []
    with np.errstate(all="ignore"):
        for call, backward in enumerate(backwards):
            try:
                found += compare(backward, call)
            except NotDerivedError as reason:
                found += [Gradient(call, name, refusal=str(reason)) for name in backward.names or ["?"]]
            except Exception as error:
                refusal = f"the derivation failed: {type(error).__name__}: {error}"
                found += [Gradient(call, name, refusal=refusal) for name in backward.names or ["?"]]
    return found
