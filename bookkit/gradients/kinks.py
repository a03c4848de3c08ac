"""Whether a value may stand for a gradient where the function has none: the rule for kinks and jumps.

At a kink the slopes to the left and to the right differ. Two things are asked of the value there.
Along each coordinate it must lie between the slopes of the two sides. And as a whole it must be a
subgradient in the sense of Clarke, as far as slopes can tell: in a direction d it may promise no
more than the function's steepest rise in that direction, at the point and at points close by.
(2, 2, 1) has the maximum 2; the value (1, 1, 0) promises a rise of 2 along (1, 1, 0), where the
maximum rises by 1: it is no subgradient.

Beside a jump one of the two sides has no slope; the value must be the slope of the other.
"""

import itertools
from collections.abc import Callable, Sequence

import numpy as np

KINK = 1e-3  # the sides' slopes differ by more, relative to the larger of 1 and the slope
FAR, NEAR = 1e-5, 1e-7  # how far away points close by are, and the steps made there
SLACK = 1e-4  # relative, in directions that combine coordinates
MOST = 6  # kinked coordinates that are combined pair by pair
SAMPLES = 16

Function = Callable[[Sequence[np.ndarray]], float]


def one_sided(at: Callable[[float], float], here: float, step: float) -> tuple[float, float]:
    """Return the difference quotients to the left and to the right of 0, where the value is `here`."""
    return (here - at(-step)) / step, (at(step) - here) / step


def jumps(quotients: Sequence[float]) -> bool:
    """Tell from difference quotients, each with a tenth of the step before, whether the function jumps there."""
    first, second, third = quotients
    return abs(third - second) > 0.1 * max(1, abs(third)) and abs(third - second) > 5 * abs(second - first)


def sides(at: Callable[[float], float], here: float, step: float) -> tuple[list[float], bool]:
    """Return the slopes along a line that a gradient at 0 must lie between, and whether there is a kink.

    Both are the same where the function is smooth; a side on which it jumps has none, so the list
    may be that of one side, or empty.
    """
    left, right = one_sided(at, here, step)
    mean = (left + right) / 2
    if not abs(left - right) > KINK * max(1, abs(mean)):
        return [mean], False
    nearer = [one_sided(at, here, step / ten) for ten in (10, 100)]
    if abs(nearer[0][0] - nearer[0][1]) <= abs(left - right) / 2:
        return [mean], False  # curvature, which shrinks with the step
    quotients = [(left, *(pair[0] for pair in nearer)), (right, *(pair[1] for pair in nearer))]
    slopes = [side[0] for side in quotients if not jumps(side)]
    return slopes, len(slopes) == 2


def directions(coordinates: Sequence[int], size: int) -> list[np.ndarray]:
    """Return directions that combine coordinates: pairs of them, all of them, and random ones."""
    chosen = np.array(coordinates)
    found = []
    if len(chosen) <= MOST:
        for (one, other), sign in itertools.product(itertools.combinations(chosen, 2), (1, -1)):
            direction = np.zeros(size)
            direction[one], direction[other] = 1, sign
            found.append(direction)
    for values in (np.ones(len(chosen)), *np.random.default_rng(size).normal(size=(4, len(chosen)))):
        direction = np.zeros(size)
        direction[chosen] = values
        found.append(direction)
    return [sign * direction for direction in found for sign in (1, -1)]


def excess(
    function: Callable[[np.ndarray], float], point: np.ndarray, value: np.ndarray, kinked: Sequence[int]
) -> float:
    """Return by how much a value promises more than the steepest rise, in the worst direction; 0 if it nowhere does.

    It is relative to the larger of 1 and the two numbers compared, and what SLACK forgives counts as 0.
    """
    scale = max(1.0, float(np.abs(point[np.array(kinked)]).max()))
    far, near = FAR * scale, NEAR * scale
    around = np.zeros((SAMPLES, point.size))
    around[:, kinked] = np.random.default_rng(1).normal(size=(SAMPLES, len(kinked)))
    worst = 0.0
    for direction in directions(kinked, point.size):
        starts = [point, point + far * direction, point - far * direction, *(point + far * away for away in around)]
        rise = max((function(start + near * direction) - function(start)) / near for start in starts)
        promise = float(value @ direction)
        more = (promise - rise) / max(1, abs(promise), abs(rise))
        worst = max(worst, more if more > SLACK else 0.0)
    return float(worst)
