"""The known ways in which a port goes wrong, each as a computation.

A cause takes what A has and computes what A would have if that one thing were otherwise. It is named if, and only
if, the result equals what B has. Nothing is concluded from a name. Two are recognized and not computed: a gradient of
None or zeros, and numbers that a narrower type holds; the second has a tolerance of its own, and is asked last.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, combinations, permutations, product
from typing import Any

import numpy as np

from parity.layers import ACTIVATIONS, FORWARD, words
from parity.traces import Array, Layer, Report, Row, Trace, largest_difference, magnitude

Given = Mapping[str, Any]
Changed = Iterator[tuple[str, dict[str, Any]]]  # (what was changed, the arguments with the change)
Found = Iterator[tuple[str, Array]]  # (the cause in words, what A would then have)


# Causes inside a layer: they change its arguments, and the layer is computed again.


def epsilon(given: Given, rows: int) -> Changed:
    yield from ((f"epsilon {eps:g}", {"eps": eps}) for eps in (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-12))


def switch(name: str, default: bool, on: str, off: str) -> Callable[[Given, int], Changed]:
    """Return the change of one setting that is True or False, said as what it is then."""

    def changes(given: Given, rows: int) -> Changed:
        now = given.get(name, default)
        yield off if now else on, {name: not now}

    return changes


mode = switch("training", True, "training mode", "predict mode")
ceil = switch("ceil", False, "ceil mode on", "ceil mode off")
count_pad = switch("count_pad", True, "padding is counted in the average", "padding is not counted in the average")
decoupled = switch("decoupled", False, "weight decay outside of the gradient", "weight decay inside of the gradient")


def gamma_fixed(given: Given, rows: int) -> Changed:
    yield "gamma fixed to 1", {"gamma": np.ones_like(given["gamma"])}


def keep(given: Given, rows: int) -> Changed:
    momentum = given.get("momentum", 0.9)
    yield f"the momentum counts the new value: {1 - momentum:g} for {momentum:g}", {"momentum": 1 - momentum}
    yield from ((f"momentum {m:g}", {"momentum": m}) for m in (0.99, 0.9, 0.997, 0.999))


def divisor(given: Given, rows: int) -> Changed:
    if given.get("which") == "var":
        less = 1 - given.get("less", 0)
        yield f"the variance is divided by {'n - 1' if less else 'n'}", {"less": less}


def rearranged(array: Array, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], bool, Array]]:
    """Yield (order of the axes, reshaped, array in this shape) for all orders but the one that changes nothing."""
    for order in permutations(range(array.ndim)):
        moved = array.transpose(order)
        if moved.shape != shape:
            yield order, True, moved.reshape(shape)
        elif order != tuple(range(array.ndim)):
            yield order, False, moved


def weight_axes(given: Given, rows: int) -> Changed:
    weight = given["weight"]
    for order, reshaped, changed in rearranged(weight, weight.shape):
        said = f"the weight, stored with the axes {order}, was reshaped and not transposed"
        yield said if reshaped else f"the weight's axes are {order}", {"weight": changed}
    if weight.ndim == 4:
        yield "the kernel is turned around", {"weight": weight[:, :, ::-1, ::-1]}


def input_axes(given: Given, rows: int) -> Changed:
    x = given["x"]
    for order in list(permutations(range(x.ndim)))[1:]:
        moved = x.transpose(order)
        yield f"the input's axes are {order}", {"x": moved}
        filled = np.ascontiguousarray(moved).reshape(x.shape)
        yield f"the input, with the axes {order} before, was reshaped and not transposed", {"x": filled}


def flatten_order(given: Given, rows: int) -> Changed:
    if given["x"].ndim == 4:
        yield "flattened as NHWC", {"x": given["x"].transpose(0, 2, 3, 1)}
        yield "flattened as NHWC from NWHC", {"x": given["x"].transpose(0, 3, 2, 1)}


def no_bias(given: Given, rows: int) -> Changed:
    if given.get("bias") is not None:
        yield "the bias is missing", {"bias": None}


def padding(given: Given, rows: int) -> Changed:
    size = given["kernel"] if "kernel" in given else given["weight"].shape[2:]
    stride = given.get("stride", (1,) * len(size))
    yield "no padding", {"pad": ((0, 0),) * len(size)}
    yield "half a kernel of padding", {"pad": tuple((k // 2, k // 2) for k in size)}
    whole = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(given["x"].shape[2:], size, stride, strict=True)]
    yield '"same" padding, the odd row at the end', {"pad": tuple((t // 2, t - t // 2) for t in whole)}
    yield '"same" padding, the odd row at the beginning', {"pad": tuple((t - t // 2, t // 2) for t in whole)}


def form(given: Given, rows: int) -> Changed:
    slopes = {"leaky": (0.01, 0.1, 0.2, 0.25, 0.3), "elu": (1.0, 0.1, 1.67326)}
    for name in ACTIVATIONS:
        for slope in slopes.get(name, (0.0,)):
            yield f"activation {name}" + (f" with slope {slope:g}" if slope else ""), {"form": name, "slope": slope}


GATES = {"lstm": "ifgo", "gru": "rzn"}


def orders(names: str) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield every other order of the gates, in words and as numbers."""
    for order in list(permutations(range(len(names))))[1:]:
        yield f"{', '.join(names[k] for k in order)} for {', '.join(names)}", order


def gates(given: Given, rows: int) -> Changed:
    for said, order in orders(GATES[given.get("form", "lstm")]):
        changed = [[blocks(w, order) for w in layer] for layer in given["weights"]]
        yield f"gates in the order {said}", {"weights": changed}


def two_ways(given: Given, rows: int) -> Changed:
    if given.get("two_ways"):
        weights = given["weights"]
        yield "the parameters of the two ways are exchanged", {"weights": [weights[k ^ 1] for k in range(len(weights))]}
        yield "the way back comes first in the output", {"forward_first": not given.get("forward_first", True)}
        yield "the steps of the way back are not turned around", {"turned": not given.get("turned", True)}


def second_bias(given: Given, rows: int) -> Changed:
    for place, word in ((3, "hidden"), (2, "input")):
        dropped = [[np.zeros_like(w) if k == place else w for k, w in enumerate(layer)] for layer in given["weights"]]
        yield f"the {word}-to-hidden bias is missing", {"weights": dropped}
    if given.get("form") == "gru":
        yield "the second bias of n is outside of the reset gate", {"inside": not given.get("inside", True)}


def decay(given: Given, rows: int) -> Changed:
    wd, rescale = given.get("decay", 0.0), given.get("rescale", 1.0)
    yield "no weight decay", {"decay": 0.0}
    yield "weight decay scaled as the gradient is", {"decay": wd * rescale}
    yield "weight decay scaled against the gradient", {"decay": wd / rescale}
    yield from ((f"weight decay {other:g}", {"decay": other}) for other in (wd / 2, 2 * wd, 0.01))  # that of AdamW


def correction(given: Given, rows: int) -> Changed:
    before, corrected = given.get("eps_inside", True), given.get("corrected", True)
    yield f"epsilon is added {'after' if before else 'before'} the bias correction", {"eps_inside": not before}
    yield f"{'no' if corrected else 'with'} bias correction", {"corrected": not corrected}


def padding_rows(given: Given, rows: int) -> Changed:
    for k in np.unique(words(given["x"], given["weight"])):
        yield f"row {k} is zeros", {"weight": without_row(given["weight"], k)}


def rescale_grad(given: Given, rows: int) -> Changed:
    now = given.get("rescale", 1.0)
    for said, factor in (("divided", 1 / rows), ("multiplied", rows)):
        yield f"the gradient is {said} by the {rows} rows once more", {"rescale": now * factor}


def momentum_form(given: Given, rows: int) -> Changed:
    inside, rate = given.get("lr_inside", True), given.get("momentum", 0.0)
    if given.get("last_lr") is not None:
        where = "outside" if inside else "inside"
        yield f"the learning rate is {where} of the velocity", {"lr_inside": not inside}
    yield f"momentum {'without' if given.get('nesterov') else 'with'} Nesterov", {"nesterov": not given.get("nesterov")}
    yield "the new gradient is damped by 1 - momentum", {"dampening": rate}
    yield "no momentum", {"momentum": 0.0}


@dataclass(frozen=True)
class Cause:
    """A known way: its name, the kinds of layers that have it, and the changes that it may be."""

    name: str
    layers: tuple[str, ...]
    changes: Callable[[Given, int], Changed]


TABLE = (
    Cause("BatchNorm epsilon", ("batch_norm",), epsilon),
    Cause("LayerNorm epsilon", ("layer_norm",), epsilon),
    Cause("Adam epsilon", ("adam",), epsilon),
    Cause("train/predict mode", ("batch_norm", "running"), mode),
    Cause("BatchNorm gamma", ("batch_norm",), gamma_fixed),
    Cause("BatchNorm momentum", ("running",), keep),
    Cause("running variance", ("running",), divisor),
    Cause("weight layout", ("dense", "conv"), weight_axes),
    Cause("input layout", ("dense", "conv", "recurrent"), input_axes),
    Cause("flatten order", ("dense", "flatten"), flatten_order),
    Cause("missing bias", ("dense", "conv"), no_bias),
    Cause("padding", ("conv", "pool"), padding),
    Cause("ceil mode", ("pool",), ceil),
    Cause("count_include_pad", ("pool",), count_pad),
    Cause("activation", ("activation",), form),
    Cause("gate order", ("recurrent",), gates),
    Cause("second bias", ("recurrent",), second_bias),
    Cause("two ways", ("recurrent",), two_ways),
    Cause("padding row", ("embedding",), padding_rows),
    Cause("weight decay", ("sgd", "adam"), decay),
    Cause("rescale_grad", ("sgd", "adam"), rescale_grad),
    Cause("form of momentum", ("sgd",), momentum_form),
    Cause("form of weight decay", ("adam",), decoupled),
    Cause("bias correction", ("adam",), correction),
)


def computed(layer: Layer) -> Array | None:
    """Return what a layer gives, or None where its arguments do not go together, as an input without rows."""
    try:
        with np.errstate(all="ignore"):
            return FORWARD[layer.kind](**layer.given)
    except (ValueError, IndexError, TypeError):  # the last: parameters that are not its own, as weight_norm adds
        return None


def inside_layers(layer: Layer, rows: int, together: int) -> Found:
    """Yield what the layer gives when `together` of its causes are at work."""
    causes = [cause for cause in TABLE if layer.kind in cause.layers]
    for several in combinations(causes, together):
        for changes in product(*(list(cause.changes(layer.given, rows)) for cause in several)):
            said = " and ".join(f"{cause.name} ({what})" for cause, (what, _) in zip(several, changes, strict=True))
            given = dict(layer.given)
            for _, change in changes:
                given.update(change)
            if (would := computed(Layer(layer.kind, given))) is not None:
                yield said, would


# Causes that need no layer: they change the array itself.


def blocks(array: Array, order: tuple[int, ...]) -> Array:
    """Return the array with its rows, taken as len(order) equal blocks, in another order."""
    parts = np.split(array, len(order))
    return np.concatenate([parts[k] for k in order])


def gate_blocks(a: Array) -> Found:
    for names in GATES.values():
        if a.ndim and len(a) and len(a) % len(names) == 0:
            yield from ((f"gate order ({said})", blocks(a, order)) for said, order in orders(names))


def without_row(array: Array, row: int) -> Array:
    """Return a copy whose row is zeros."""
    copy = np.array(array)
    copy[row] = 0
    return copy


def padding_row(report: Report, row: Row, a: Array, b: Array) -> Found:
    """Yield the weight of an embedding, or its gradient, without the one row that is zeros in B alone."""
    layer = "output", row.name.rpartition(".")[0]
    known = report.a.layers.get(layer) or report.b.layers.get(layer)
    if known and known.kind == "embedding" and a.shape == b.shape and a.ndim == 2:
        for k in np.flatnonzero(a.any(1) & ~b.any(1)):
            yield f"padding row (row {k} is zeros in B)", without_row(a, k)


def exchanged(trace: Trace, row: Row) -> Found:
    """Yield the other parameters, or gradients, of A that are no constants: B may have one in another's place."""
    for other, array in trace.of(row.kind).items():
        if other != row.name and array is not None and array.size and np.ptp(array):
            yield f"exchanged {row.kind} (this is {other})", array


def layouts(a: Array, shape: tuple[int, ...]) -> Found:
    """Yield `a` with its axes in every other order, and filled into the shape of B without a transposition."""
    if a.ndim > 5 or a.size != np.prod(shape):
        return
    for order, reshaped, changed in rearranged(a, shape):
        yield f"layout (axes {order}{', then reshaped' if reshaped else ''})", changed
    if a.ndim == 4:
        yield "layout (the kernel is turned around)", a[:, :, ::-1, ::-1]


def flattened_columns(trace: Trace, a: Array) -> Found:
    """Yield a weight or gradient (O, C * H * W), or an output (N, C * H * W), with its columns as NHWC has them."""
    if a.ndim != 2:
        return
    images = {v.shape[1:] for v in trace.of("output").values() if v is not None and v.ndim == 4}
    for channels, height, width in sorted(images):
        if a.shape[1] == channels * height * width:
            cube = a.reshape(len(a), channels, height, width)
            yield "flatten order (columns as NHWC has them)", cube.transpose(0, 2, 3, 1).reshape(a.shape)
            cube = a.reshape(len(a), height, width, channels)
            yield "flatten order (columns as NCHW has them)", cube.transpose(0, 3, 1, 2).reshape(a.shape)


def reductions(a: Array, rows: int) -> Found:
    """Yield the loss under other reductions; `a` holds one loss, one a row, or one an element."""
    whole = {"sum": a.sum(), "mean": a.mean()}
    if a.ndim > 1:
        rest = tuple(range(1, a.ndim))
        whole |= {"mean of each row": a.mean(rest), "sum of each row": a.sum(rest)}
        whole["sum over the rows of their means"] = a.mean(rest).sum()
    elif a.size == 1 and rows > 1:
        whole = {f"multiplied by the {rows} rows": a * rows, f"divided by the {rows} rows": a / rows}
    for word, value in [("as it is", a), *whole.items()]:
        for half, factor in (("", 1), (", without ½", 2), (", with ½", 0.5)):
            if half or word != "as it is":
                yield f"loss reduction ({word}{half})", np.asarray(value * factor)


def scales(a: Array, rows: int, loss_is_equal: bool) -> Found:
    """Yield the gradient times the factors of a loss, which a loss that was seen to be equal rules out."""
    if rows > 1:
        for word, factor in ((f"multiplied by the {rows} rows", rows), (f"divided by the {rows} rows", 1 / rows)):
            yield f"rescaled gradient ({word}, the loss being the same)", a * factor
            if not loss_is_equal:
                yield f"loss reduction ({word})", a * factor
                yield f"loss reduction ({word}, without ½)", a * (2 * factor)
                yield f"loss reduction ({word}, with ½)", a * (factor / 2)
    yield from ((f"accumulated gradient ({times} times)", a * times) for times in (2, 3, 4))
    if not loss_is_equal:
        yield "loss reduction (without ½)", a * 2
        yield "loss reduction (with ½)", a / 2


def branches(trace: Trace, name: str, a: Array) -> Found:
    """Yield the gradient with one of the paths that lead to it cut: the gradients found before it are the paths."""
    for other, gradient in trace.of("gradient").items():
        if other != name and gradient is not None and gradient.shape == a.shape and gradient.any():
            yield f"detached branch (the path through which {other} passes its own gradient on)", a - gradient
            yield f"detached branch (all but the path through which {other} passes its gradient on)", gradient


def without_layers(report: Report, row: Row, earlier: Trace | None) -> Found:
    """Yield what the array itself would be in each of the known ways."""
    key = row.kind, row.name
    a, b = report.a.arrays[key], report.b.arrays[key]
    if a is None or b is None:
        return
    if row.kind == "loss":
        yield from reductions(a, report.a.rows)
        return
    yield from layouts(a, b.shape)
    yield from flattened_columns(report.a, a)
    if row.kind in ("parameter", "gradient"):
        yield from gate_blocks(a)
        yield from padding_row(report, row, a, b)
    if row.kind == "parameter":
        yield from exchanged(report.a, row)
    if row.kind == "gradient":
        losses = [other for other in report.rows if other.kind == "loss"]
        yield from scales(a, report.a.rows, bool(losses) and all(other.what == "equal" for other in losses))
        yield from branches(report.a, row.name, a)
        if earlier is not None and earlier.arrays.get(key) is not None:
            yield "accumulated gradient (that of the batch before is added)", a + earlier.arrays[key]


def dropped(a: Array | None, b: Array | None) -> list[str]:
    """Tell a gradient that never came: None or zeros on one side, and more on the other."""
    for side, gone, there in (("B", b, a), ("A", a, b)):
        if there is not None and np.any(there) and (gone is None or not np.any(gone)):
            return [f"dropped gradient ({'None' if gone is None else 'zeros'} in {side})"]
    return []


BITS = {"float16": 10, "bfloat16": 7, "float32": 23}


def coarsest(array: Array) -> str:
    """Return the narrowest type that holds every number of the array, as the numbers are and whatever their dtype."""
    mantissa = np.frexp(np.asarray(array, dtype=np.float64))[0]
    for name in ("bfloat16", "float16", "float32"):
        scaled = mantissa * 2.0 ** (BITS[name] + 1)
        if np.array_equal(scaled, np.round(scaled)):
            return name
    return "float64"


def types(a: Array, b: Array) -> list[str]:
    """Tell arrays that agree as far as the narrower of their types can: 8 units in its last place."""
    narrow = {side: coarsest(array) for side, array in (("A", a), ("B", b))}
    if a.size < 4 or narrow["A"] == narrow["B"]:
        return []
    side = min(narrow, key=lambda its: BITS.get(narrow[its], 52))
    unit = 2.0 ** -BITS.get(narrow[side], 52) * max(magnitude(a), magnitude(b))
    return [f"dtype ({side} was computed in {narrow[side]})"] if largest_difference(a, b) <= 8 * unit else []


@dataclass(frozen=True)
class Explanation:
    """The first difference, and the causes each of which makes the two equal; none if no known way does."""

    row: Row | None
    causes: list[str]
    note: str = ""

    def __str__(self) -> str:
        if self.row is None:
            return "nothing to explain: all is equal"
        where = f"{self.row.kind} {self.row.name}: "
        if not self.causes:
            said = "none of the known ways"
        elif len(self.causes) == 1:
            said = self.causes[0]
        else:
            said = "\n  ".join(["these fit equally well:", *self.causes])
        return where + said + (f"\n({self.note})" if self.note else "")


def explain(report: Report, row: Row | None = None, earlier: Trace | None = None) -> Explanation:
    """Return the causes of a difference, by default the first one.

    One cause is tried at a time, then two of the same layer, then the types; `earlier` is A's trace of the batch
    before.
    """
    row = row or report.first
    if row is None or row.what == "equal":
        return Explanation(None, [])
    key = row.kind, row.name
    a, b = report.a.arrays[key], report.b.arrays[key]
    if row.kind == "gradient" and (found := dropped(a, b)):
        return Explanation(row, found)
    if a is None or b is None:
        return Explanation(row, [], f"it is {row.what}")
    layer, own, other, note = report.a.layers.get(key), a, b, ""
    if layer is None and key in report.b.layers:
        layer, own, other, note = report.b.layers[key], b, a, "computed from B: this is how A does it"
    if layer and (why := doubt(report, row, layer, own)):
        layer, note = None, f"{why}: causes inside it were not tried"
    ways = [matching(report, row, without_layers(report, row, earlier), b)]
    if layer:
        ways[0] = chain(ways[0], matching(report, row, inside_layers(layer, report.a.rows, 1), other))
        ways += [matching(report, row, inside_layers(layer, report.a.rows, 2), other)]
    for way in ways:
        if found := list(dict.fromkeys(way)):
            return Explanation(row, found, note)
    return Explanation(row, types(a, b) if a.shape == b.shape else [], note)


def doubt(report: Report, row: Row, layer: Layer, own: Array) -> str:
    """Return why a layer does not stand for what was recorded of it, or nothing where it does."""
    would = computed(layer)
    if would is None:
        return "the layer could not be computed again"
    return "" if fits(report, row, would, own) else "the layer gives something else than what was recorded"


def matching(report: Report, row: Row, way: Found, there: Array) -> Iterator[str]:
    return (said for said, would in way if fits(report, row, would, there))


def fits(report: Report, row: Row, would: Array, there: Array) -> bool:
    """Tell whether two arrays have one shape and are equal within the tolerance."""
    return would.shape == there.shape and largest_difference(would, there) <= report.limit(row.kind, would, there)
