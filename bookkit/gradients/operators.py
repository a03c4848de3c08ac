"""What MXNet's operators mean, in terms of a namespace `n` that is like NumPy.

A meaning is called as `meaning(n, attrs, *inputs)`, where `n` is NumPy, HIPS autograd's NumPy or
`SYMPY`, and `attrs` are the operator's parameters as strings, with some values of the run:
"result" (its first output), "given" (its first input) and "training" (the mode it ran in).
"""

import ast
import copy
import ctypes
import functools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import mxnet as mx
import numpy as np
import sympy
from mxnet import autograd
from mxnet.base import _LIB, check_call

Meaning = Callable[..., Any]
literal = functools.cache(ast.literal_eval)


def _each(function):
    return np.frompyfunc(function, 1, 1)


# What a closed form is made of.
SYMPY = SimpleNamespace(
    **{name: _each(getattr(sympy, name)) for name in ("exp", "log", "sin", "cos", "sqrt", "tanh")},
    **{name: getattr(np, name) for name in ("sum", "dot", "transpose", "reshape", "stack", "concatenate", "square")},
    abs=_each(sympy.Abs),
    logaddexp=np.frompyfunc(lambda a, b: sympy.log(sympy.exp(a) + sympy.exp(b)), 2, 1),
    broadcast_to=np.broadcast_to,
    mean=lambda x, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims),
)


def _is_set(attrs, key):
    return attrs.get(key) in ("True", "1")


def _value(attrs, key, default=None):
    """Return a parameter as a Python value; MXNet writes them all as strings."""
    text = attrs.get(key, "None")
    return default if text in ("None", "()") else literal(text)


def _scalar(function):
    return lambda n, attrs, x: function(n, x, float(attrs["scalar"]))


def _plain(function):
    return lambda n, attrs, *inputs: function(n, *inputs)


def _power(n, x, exponent):
    return x ** (int(exponent) if exponent == int(exponent) else exponent)


def _as_it_came_out(n, attrs, *inputs):
    """What does not depend on its inputs, or only in jumps: comparisons, shapes, `zeros_like`, `BlockGrad`."""
    return attrs["result"]


def _reduce(name):
    def apply(n, attrs, x):
        axis = _value(attrs, "axis")
        if _is_set(attrs, "exclude"):
            axis = tuple(other for other in range(x.ndim) if other not in np.atleast_1d(axis) % x.ndim)
            if not axis:
                return x
        result = getattr(n, name)(x, axis=axis, keepdims=_is_set(attrs, "keepdims"))
        return n.reshape(result, attrs["result"].shape)  # MXNet has no shape () outside of mx.np

    return apply


def _norm(n, attrs, x):
    axis, keepdims = _value(attrs, "axis"), _is_set(attrs, "keepdims")
    if _value(attrs, "ord", 2) == 1:
        return n.reshape(n.sum(n.abs(x), axis=axis, keepdims=keepdims), attrs["result"].shape)
    return n.reshape(n.sqrt(n.sum(x * x, axis=axis, keepdims=keepdims)), attrs["result"].shape)


def _sigmoid(n, x):
    return 1 / (1 + n.exp(-x))


ACTIVATIONS = {
    "relu": lambda n, x: n.maximum(x, 0),
    "sigmoid": _sigmoid,
    "tanh": lambda n, x: n.tanh(x),
    "softrelu": lambda n, x: n.logaddexp(0, x),
    "softsign": lambda n, x: x / (1 + n.abs(x)),
}


def _dense(n, attrs, x, weight, bias=None):
    flat = x if attrs.get("flatten") in ("False", "0") else n.reshape(x, (x.shape[0], -1))
    result = n.dot(flat, n.transpose(weight))
    return result if bias is None else result + bias


def _shifted(n, attrs, x):
    """Return x without its maximum, which a softmax does not see, and the axis."""
    axis = int(attrs.get("axis", -1))
    x = x / _value(attrs, "temperature", 1)
    return x - np.max(getattr(x, "_value", x), axis=axis, keepdims=True), axis


def _softmax(n, attrs, x):
    x, axis = _shifted(n, attrs, x)
    return n.exp(x) / n.sum(n.exp(x), axis=axis, keepdims=True)


def _log_softmax(n, attrs, x):
    x, axis = _shifted(n, attrs, x)
    return x - n.log(n.sum(n.exp(x), axis=axis, keepdims=True))


def _batch_norm(n, attrs, x, gamma, beta, mean, variance):
    """Normalise over all axes but one; `training` says with whose mean and variance."""
    channel = int(attrs.get("axis", 1)) % x.ndim
    axes = tuple(axis for axis in range(x.ndim) if axis != channel)
    shape = tuple(-1 if axis == channel else 1 for axis in range(x.ndim))
    if attrs["training"] and not _is_set(attrs, "use_global_stats"):
        mean = n.mean(x, axis=axes, keepdims=False)
        variance = n.mean((x - n.reshape(mean, shape)) ** 2, axis=axes, keepdims=False)
    if attrs.get("fix_gamma", "True") in ("True", "1"):
        gamma = np.ones(gamma.shape)
    root = n.sqrt(n.reshape(variance, shape) + float(attrs.get("eps", 1e-3)))
    return (x - n.reshape(mean, shape)) / root * n.reshape(gamma, shape) + n.reshape(beta, shape)


def _layer_norm(n, attrs, x, gamma, beta):
    axis = int(attrs.get("axis", -1)) % x.ndim
    shape = tuple(-1 if other == axis else 1 for other in range(x.ndim))
    centred = x - n.mean(x, axis=axis, keepdims=True)
    root = n.sqrt(n.mean(centred**2, axis=axis, keepdims=True) + float(attrs.get("eps", 1e-5)))
    return centred / root * n.reshape(gamma, shape) + n.reshape(beta, shape)


def _dropout(n, attrs, x):
    """The mask is random input, and read off the result of the run."""
    given, result = attrs["given"], attrs["result"]
    return x * np.where(given != 0, result / np.where(given != 0, given, 1), 0)


def _gather(n, attrs, x, indices):
    return x[tuple(indices.astype(int))]


def _take(n, attrs, x, indices):
    axis = int(attrs.get("axis", 0)) % x.ndim
    last = x.shape[axis] - 1
    indices = indices.astype(int) % (last + 1) if attrs.get("mode") == "wrap" else np.clip(indices.astype(int), 0, last)
    return x[(slice(None),) * axis + (indices,)]


def _variance(n, attrs, x):
    axis, keepdims = _value(attrs, "axis"), _is_set(attrs, "keepdims")
    return n.mean((x - n.mean(x, axis=axis, keepdims=True)) ** 2, axis=axis, keepdims=keepdims)


def _turned(n, attrs, x):
    places = np.rot90(np.arange(x.size).reshape(x.shape), int(attrs["k"]))
    return n.reshape(n.reshape(x, (-1,))[places.ravel()], places.shape)


def _pick(n, attrs, x, indices):
    axis = int(attrs.get("axis", -1)) % x.ndim
    indices = np.clip(indices.astype(int).reshape(np.delete(x.shape, axis)), 0, x.shape[axis] - 1)
    chosen = np.moveaxis(np.eye(x.shape[axis])[indices], -1, axis)
    return n.reshape(n.sum(x * chosen, axis=axis), attrs["result"].shape)


def _pooling(n, attrs, x):
    """Reduce windows that overlap or not, without padding."""
    kernel = literal(attrs["kernel"])
    stride = _value(attrs, "stride", (1,) * len(kernel))
    sizes = attrs["result"].shape[2:]

    def moved(corner):
        places = zip(corner, stride, sizes, strict=True)
        return x[(..., *(slice(at, at + step * (size - 1) + 1, step) for at, step, size in places))]

    windows = n.stack([moved(corner) for corner in np.ndindex(*kernel)])
    return getattr(n, {"max": "max", "avg": "mean"}[attrs["pool_type"]])(windows, axis=0)


def _sort(n, attrs, x):
    axis = int(attrs["axis"]) % x.ndim
    order = np.argsort(getattr(x, "_value", x), axis=axis)
    if attrs.get("is_ascend") in ("False", "0"):
        order = np.flip(order, axis)
    places = list(np.indices(order.shape))
    places[axis] = order
    return x[tuple(places)]


def _dot(n, attrs, x, y):
    x = n.transpose(x) if _is_set(attrs, "transpose_a") else x
    y = n.transpose(y) if _is_set(attrs, "transpose_b") else y
    return n.reshape(n.dot(x, y), attrs["result"].shape)


def _batch_dot(n, attrs, x, y):
    x = n.swapaxes(x, -1, -2) if _is_set(attrs, "transpose_a") else x
    y = n.swapaxes(y, -1, -2) if _is_set(attrs, "transpose_b") else y
    return n.matmul(x, y)


def _transpose(n, attrs, x):
    axes = _value(attrs, "axes")
    return n.transpose(x) if axes is None else n.transpose(x, axes)


def _swap_axes(n, attrs, x):
    return n.swapaxes(x, int(attrs.get("dim1", 0)), int(attrs.get("dim2", 0)))


def _clip(n, attrs, x):
    return n.minimum(n.maximum(x, float(attrs["a_min"])), float(attrs["a_max"]))


def _slice(n, attrs, x):
    begin, end = _value(attrs, "begin", ()), _value(attrs, "end", ())
    step = _value(attrs, "step", (None,) * len(begin))
    return x[tuple(slice(*limits) for limits in zip(begin, end, step, strict=True))]


def _slice_axis(n, attrs, x):
    axis = int(attrs["axis"]) % x.ndim
    return x[(slice(None),) * axis + (slice(_value(attrs, "begin"), _value(attrs, "end")),)]


def _split(n, attrs, x):
    """Cut into equal parts."""
    axis, count = int(attrs.get("axis", 1)) % x.ndim, int(attrs["num_outputs"])
    size = x.shape[axis] // count
    parts = [x[(slice(None),) * axis + (slice(start * size, (start + 1) * size),)] for start in range(count)]
    if _is_set(attrs, "squeeze_axis"):
        parts = [n.reshape(part, part.shape[:axis] + part.shape[axis + 1 :]) for part in parts]
    return parts


def _moments(n, attrs, x):
    axes, keepdims = _value(attrs, "axes"), _is_set(attrs, "keepdims")
    mean = n.mean(x, axis=axes, keepdims=True)
    parts = mean, n.mean((x - mean) ** 2, axis=axes, keepdims=True)
    return [part if keepdims else n.reshape(part, attrs["result"].shape) for part in parts]


def _smooth_l1(n, attrs, x):
    square = float(attrs.get("scalar", 1)) ** 2
    return n.where(n.abs(x) < 1 / square, square * x * x / 2, n.abs(x) - 0.5 / square)


def _tile(n, attrs, x):
    return n.tile(x, _value(attrs, "reps"))


def by_running(forward: Callable) -> Meaning:
    """Return what a function of NDArrays means: it is run anew, in float64, outside of any graph."""

    def apply(n, attrs, *values):
        with autograd.pause(train_mode=attrs["training"]):
            results = forward(*(mx.nd.array(value, dtype="float64") for value in values))
            many = isinstance(results, list | tuple)
            return [result.asnumpy() for result in results] if many else results.asnumpy()

    return apply


def by_forward(function: autograd.Function) -> Meaning:
    """Return what a user's Function means; of a copy, since each instance is called once."""
    return by_running(lambda *arrays: copy.copy(function).forward(*arrays))


def _custom(n, attrs, *values):
    own = {key: text for key, text in attrs.items() if key not in ("result", "given", "training")}
    return by_running(lambda *arrays: mx.nd.Custom(*arrays, **own))(n, attrs, *values)


def _reshaped(n, attrs, x):
    return n.reshape(x, attrs["result"].shape)


SAME_NAME = (
    *("exp", "log", "sqrt", "square", "abs", "negative", "reciprocal", "sin", "cos", "tan", "sinh", "cosh", "tanh"),
    *("arcsin", "arccos", "arctan", "arcsinh", "arccosh", "arctanh", "log1p", "expm1", "log2", "log10"),
)
STEPS = ("sign", "floor", "ceil", "trunc", "fix", "rint")
COMPARISONS = ("equal", "not_equal", "greater", "greater_equal", "lesser", "lesser_equal")
NUMPYS_COMPARISONS = ("equal", "not_equal", "greater", "greater_equal", "less", "less_equal")
SCALAR: dict[tuple[str, ...], Callable] = {
    ("_plus_scalar", "_npi_add_scalar"): lambda n, x, a: x + a,
    ("_minus_scalar", "_npi_subtract_scalar"): lambda n, x, a: x - a,
    ("_rminus_scalar", "_npi_rsubtract_scalar"): lambda n, x, a: a - x,
    ("_mul_scalar", "_npi_multiply_scalar"): lambda n, x, a: x * a,
    ("_div_scalar", "_npi_true_divide_scalar"): lambda n, x, a: x / a,
    ("_rdiv_scalar", "_npi_rtrue_divide_scalar"): lambda n, x, a: a / x,
    ("_power_scalar", "_npi_power_scalar"): _power,
    ("_rpower_scalar", "_npi_rpower_scalar"): lambda n, x, a: a**x,
    ("_maximum_scalar",): lambda n, x, a: n.maximum(x, a),
    ("_minimum_scalar",): lambda n, x, a: n.minimum(x, a),
}
PLAIN: dict[tuple[str, ...], Callable] = {
    ("broadcast_add", "elemwise_add", "_npi_add"): lambda n, x, y: x + y,
    ("broadcast_sub", "elemwise_sub", "_npi_subtract"): lambda n, x, y: x - y,
    ("broadcast_mul", "elemwise_mul", "_npi_multiply"): lambda n, x, y: x * y,
    ("broadcast_div", "elemwise_div", "_npi_true_divide"): lambda n, x, y: x / y,
    ("broadcast_power", "_power", "_npi_power"): lambda n, x, y: x**y,
    ("broadcast_maximum", "_maximum"): lambda n, x, y: n.maximum(x, y),
    ("broadcast_minimum", "_minimum"): lambda n, x, y: n.minimum(x, y),
    ("add_n",): lambda n, *xs: sum(xs[1:], start=xs[0]),
    ("_copy", "_np_copy", "_copyto", "Cast", "amp_cast", "make_loss"): lambda n, x: x,
    ("relu", "_npx_relu"): ACTIVATIONS["relu"],
    ("sigmoid", "_npx_sigmoid"): _sigmoid,
    ("softsign",): ACTIVATIONS["softsign"],
    ("rsqrt",): lambda n, x: 1 / n.sqrt(x),
    ("_npi_matmul",): lambda n, x, y: n.matmul(x, y),
    ("where", "_npi_where"): lambda n, condition, x, y: n.where(condition != 0, x, y),
}
MEANINGS: dict[str, Meaning] = {
    **{name: _scalar(function) for names, function in SCALAR.items() for name in names},
    **{name: _plain(function) for names, function in PLAIN.items() for name in names},
    **{
        prefix + name: _plain(lambda n, x, of=name: getattr(n, of)(x)) for name in SAME_NAME for prefix in ("", "_npi_")
    },
    **{prefix + name: _as_it_came_out for name in STEPS for prefix in ("", "_npi_")},
    **{pattern.format(name): _as_it_came_out for name in COMPARISONS for pattern in ("_{}_scalar", "broadcast_{}")},
    **{
        pattern.format(name): _as_it_came_out
        for name in NUMPYS_COMPARISONS
        for pattern in ("_npi_{}", "_npi_{}_scalar")
    },
    **{name: _reduce(name) for name in ("sum", "mean", "max", "min", "prod")},
    **{name: _reduce(name.split("_")[-1]) for name in ("_np_sum", "_npi_mean", "_np_max", "_np_min", "_np_prod")},
    **dict.fromkeys(("Reshape", "_np_reshape", "_npx_reshape", "reshape_like", "expand_dims"), _reshaped),
    **dict.fromkeys(("squeeze", "_np_squeeze", "Flatten", "_np_atleast_2d"), _reshaped),
    **dict.fromkeys(
        ("zeros_like", "ones_like", "BlockGrad", "argmax", "argmin", "round", "_npi_full_like"), _as_it_came_out
    ),
    **dict.fromkeys(("broadcast_to", "_npi_broadcast_to"), lambda n, a, x: n.broadcast_to(x, a["result"].shape)),
    "broadcast_like": lambda n, a, x, like: n.broadcast_to(x, a["result"].shape),
    "norm": _norm,
    "Activation": lambda n, a, x: ACTIVATIONS[a["act_type"]](n, x),
    "LeakyReLU": lambda n, a, x: n.where(x > 0, x, float(a.get("slope", 0.25)) * x),
    "clip": _clip,
    "transpose": _transpose,
    "_np_transpose": _transpose,
    "SwapAxis": _swap_axes,
    "tile": _tile,
    "stack": lambda n, a, *xs: n.stack(xs, axis=int(a.get("axis", 0))),
    "_npi_stack": lambda n, a, *xs: n.stack(xs, axis=int(a.get("axis", 0))),
    "Concat": lambda n, a, *xs: n.concatenate(xs, axis=int(a.get("dim", 1))),
    "_npi_where_lscalar": lambda n, a, condition, x: n.where(condition != 0, float(a["scalar"]), x),
    "_npi_where_rscalar": lambda n, a, condition, x: n.where(condition != 0, x, float(a["scalar"])),
    "_npi_var": _variance,
    "_npi_std": lambda n, a, x: n.sqrt(_variance(n, a, x)),
    "_npi_flip": lambda n, a, x: x[(slice(None),) * (int(a["axis"]) % x.ndim) + (slice(None, None, -1),)],
    "_npi_rot90": _turned,
    "_npi_concatenate": lambda n, a, *xs: n.concatenate(xs, axis=int(a.get("axis", 0))),
    "SliceChannel": _split,
    "moments": _moments,
    "gather_nd": _gather,
    "take": _take,
    "pick": _pick,
    "Pooling": _pooling,
    "sort": _sort,
    "Embedding": lambda n, a, indices, weight: weight[indices.astype(int)],
    "slice": _slice,
    "slice_axis": _slice_axis,
    "dot": _dot,
    "_np_dot": _dot,
    "batch_dot": _batch_dot,
    "FullyConnected": _dense,
    "BatchNorm": _batch_norm,
    "LayerNorm": _layer_norm,
    "Dropout": _dropout,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    "smooth_l1": _smooth_l1,
    "Custom": _custom,
}
# Views that methods of NDArray make, with the operators of MXNet that they stand for.
VIEWS: dict[str, tuple[Meaning, tuple[str, ...]]] = {
    "view _at": (lambda n, a, x: n.reshape(x[a["index"]], a["result"].shape), ("slice", "Reshape")),
    "view _slice": (lambda n, a, x: x[a["start"] : a["stop"]], ("slice",)),
    "view reshape": (_reshaped, ("Reshape",)),
}
# Output layers of old: MXNet differentiates not what they return but a loss of their own; it ignores the head gradient.
LOSSES: dict[str, Meaning] = {
    "SoftmaxOutput": lambda n, a, x, label: -n.sum(n.log(_softmax(n, {}, x))[np.arange(len(label)), label.astype(int)]),
    "LinearRegressionOutput": lambda n, a, x, label: n.sum((x - label) ** 2) / 2 / x.shape[1],
    "MakeLoss": lambda n, a, x: n.sum(x),
}
# What only a run of the user's own code can tell; HIPS autograd does not see into it.
OPAQUE = {"Function", "Custom"}
# Where SymPy can follow.
SMOOTH = {
    *(name for names in list(SCALAR)[:7] for name in names),
    *(name for names in list(PLAIN)[:4] for name in names),
    *("_copy", "_copyto", "Cast", "add_n", "sum", "mean", "norm", "square", "sqrt", "exp", "log", "sin", "cos", "tanh"),
    *("sigmoid", "Reshape", "transpose", "stack", "Concat", "slice", "dot", "zeros_like", "ones_like"),
    *("_np_sum", "_npi_mean", "_npi_sin", "_npi_cos", "_npi_exp", "_npi_log", "_npi_square", "_np_dot", "_np_reshape"),
    *(*VIEWS, "gradient", "hybridized block"),
}


def handle_of(name: str) -> int | None:
    """Return the address of an operator, by which MXNet's generated functions call it."""
    handle = ctypes.c_void_p()
    check_call(_LIB.NNGetOpHandle(name.encode(), ctypes.byref(handle)))
    return handle.value


def names_of_operators() -> dict[int | None, str]:
    """Return {address of an operator: its name here, or else one of MXNet's names for it}."""
    count, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
    check_call(_LIB.MXListAllOpNames(ctypes.byref(count), ctypes.byref(names)))
    found: dict[int | None, str] = {handle_of(name): name for name in (*MEANINGS, *LOSSES)}
    all_names = [names[index].decode() for index in range(count.value)]
    for name in sorted(all_names, key=lambda name: name.startswith("_")):
        found.setdefault(handle_of(name), name)
    return found
