"""The layers that can be computed again, in NumPy alone, with every setting that frameworks choose differently."""

from collections.abc import Callable, Sequence
from math import erf
from typing import Any

import numpy as np

from parity.traces import Array


def axes(x: Array) -> tuple[int, ...]:
    """Return all axes of x but the channels, which are axis 1."""
    return tuple(axis for axis in range(x.ndim) if axis != 1)


def along_channels(values: Array, x: Array) -> Array:
    """Return values of shape (C,) so that they broadcast against x of shape (N, C, ...)."""
    return values.reshape((1, -1) + (1,) * (x.ndim - 2))


def dense(x: Array, weight: Array, bias: Array | None = None, flatten: bool = True) -> Array:
    """x (N, ...), weight (O, I) -> (N, O); without `flatten` the last axis alone is multiplied."""
    flat = x.reshape(len(x), -1) if flatten else x
    return flat @ weight.T + (0 if bias is None else bias)


def flatten(x: Array) -> Array:
    """x (N, ...) -> (N, all others)."""
    return x.reshape(len(x), -1)


def windows(x: Array, kernel: Sequence[int], stride: Sequence[int]) -> Array:
    """x (N, C, H, W) -> (N, C, H', W', *kernel); with one axis or three in the place of H and W, too."""
    where = tuple(range(2, x.ndim))
    view = np.lib.stride_tricks.sliding_window_view(x, tuple(kernel), where)  # type: ignore[call-overload]
    return view[(slice(None), slice(None), *(slice(None, None, step) for step in stride))]


def padded(x: Array, pad: Sequence[tuple[int, int]], value: float = 0.0) -> Array:
    return np.pad(x, [(0, 0), (0, 0), *pad], constant_values=value)


def conv(
    x: Array, weight: Array, bias: Array | None = None, stride: Any = (1, 1), pad: Any = ((0, 0), (0, 0))
) -> Array:
    """x (N, C, H, W), weight (O, C, h, w) -> (N, O, H', W'); `pad` is ((top, bottom), (left, right))."""
    seen = windows(padded(x, pad), weight.shape[2:], stride)
    summed = range(1, weight.ndim)
    out = np.moveaxis(np.tensordot(seen, weight, ([1, *range(x.ndim, seen.ndim)], list(summed))), -1, 1)
    return out if bias is None else out + along_channels(bias, out)


def pool(
    x: Array,
    kernel: Any,
    stride: Any,
    pad: Any = ((0, 0), (0, 0)),
    average: bool = False,
    ceil: bool = False,
    count_pad: bool = True,
) -> Array:
    """x (N, C, H, W) -> (N, C, H', W'); `ceil` lets a last window hang over the edge."""
    sizes = zip(x.shape[2:], pad, kernel, stride, strict=True)
    over = [-(size + sum(p) - k) % s if ceil else 0 for size, p, k, s in sizes]
    wider = [(before, after + more) for (before, after), more in zip(pad, over, strict=True)]
    inside = tuple(range(x.ndim, 2 * x.ndim - 2))
    if not average:
        return windows(padded(x, wider, -np.inf), kernel, stride).max(inside)
    ones = padded(np.ones_like(x), pad, float(count_pad))
    counted = windows(padded(ones, [(0, more) for more in over]), kernel, stride).sum(inside)
    return windows(padded(x, wider), kernel, stride).sum(inside) / counted


def batch_norm(
    x: Array, gamma: Array, beta: Array, mean: Array, var: Array, eps: float = 1e-5, training: bool = True
) -> Array:
    """x (N, C, ...) -> the same shape; by the statistics of the batch in training, by `mean`, `var` (C,) otherwise."""
    if training:
        mean, var = x.mean(axes(x)), x.var(axes(x))
    centred = x - along_channels(mean, x)
    return along_channels(gamma / np.sqrt(var + eps), x) * centred + along_channels(beta, x)


def layer_norm(x: Array, gamma: Array, beta: Array, eps: float = 1e-5) -> Array:
    """x (..., C) -> the same shape; the last axes, as many as gamma has, are normalized together."""
    last = tuple(range(-gamma.ndim, 0))
    return gamma * (x - x.mean(last, keepdims=True)) / np.sqrt(x.var(last, keepdims=True) + eps) + beta


def words(x: Array, weight: Array) -> Array:
    """Return the numbers of rows; MXNet takes the first row or the last one for what is outside."""
    return np.clip(x.astype(int), 0, len(weight) - 1)


def embedding(x: Array, weight: Array) -> Array:
    """x of any shape, numbers of rows -> the same shape with an axis more, the rows of weight (V, C)."""
    return weight[words(x, weight)]


def running(
    x: Array, old: Array, momentum: float = 0.9, which: str = "mean", less: int = 0, training: bool = True
) -> Array:
    """x (N, C, ...) -> running mean or variance (C,): the old one has the weight `momentum`; divide by n - less."""
    new = x.mean(axes(x)) if which == "mean" else x.var(axes(x), ddof=less)
    return momentum * old + (1 - momentum) * new if training else old


def sigmoid(x: Array) -> Array:
    return 0.5 + 0.5 * np.tanh(0.5 * x)


ACTIVATIONS: dict[str, Callable[..., Array]] = {
    "relu": lambda x, slope: np.maximum(x, 0),
    "leaky": lambda x, slope: np.where(x > 0, x, slope * x),
    "elu": lambda x, slope: np.where(x > 0, x, slope * np.expm1(np.minimum(x, 0))),
    "gelu erf": lambda x, slope: x * 0.5 * (1 + np.vectorize(erf, otypes=[float])(x / np.sqrt(2))),
    "gelu tanh": lambda x, slope: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "silu": lambda x, slope: x * sigmoid(x),
    "sigmoid": lambda x, slope: sigmoid(x),
    "tanh": lambda x, slope: np.tanh(x),
    "softplus": lambda x, slope: np.logaddexp(x, 0),
    "identity": lambda x, slope: x,
}


def activation(x: Array, form: str, slope: float = 0.0) -> Array:
    """x of any shape -> the same shape."""
    return ACTIVATIONS[form](x, slope)


def lstm_cell(x: Array, h: Array, c: Array, w: Sequence[Array]) -> tuple[Array, Array]:
    """x (N, I), h and c (N, H), w = weights (4H, I) (4H, H), biases (4H,) (4H,) with the gates i, f, g, o."""
    i, f, g, o = np.split(x @ w[0].T + h @ w[1].T + w[2] + w[3], 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


def gru_cell(x: Array, h: Array, w: Sequence[Array], inside: bool = True) -> Array:
    """x (N, I), h (N, H), w as above with the gates r, z, n; `inside`: the second bias of n is multiplied by r."""
    (r_x, z_x, n_x), (r_h, z_h, n_h) = (np.split(v, 3, axis=1) for v in (x @ w[0].T + w[2], h @ w[1].T + w[3]))
    r, z = sigmoid(r_x + r_h), sigmoid(z_x + z_h)
    late = 0 if inside else np.split(w[3], 3)[2]
    return (1 - z) * np.tanh(n_x + r * (n_h - late) + late) + z * h


def one_way(x: Array, w: Sequence[Array], form: str, inside: bool) -> Array:
    """x (T, N, I) -> (T, N, H), from states of zeros."""
    h = c = np.zeros((x.shape[1], w[1].shape[1]), x.dtype)
    steps = []
    for row in x:
        if form == "lstm":
            h, c = lstm_cell(row, h, c, w)
        else:
            h = gru_cell(row, h, w, inside)
        steps.append(h)
    return np.stack(steps)


def recurrent(
    x: Array,
    weights: Sequence[Sequence[Array]],
    form: str = "lstm",
    inside: bool = True,
    two_ways: bool = False,
    forward_first: bool = True,
    turned: bool = True,
) -> Array:
    """x (T, N, I) -> (T, N, H), layer upon layer; `weights` has four arrays a layer, and with `two_ways` four more.

    Those are of the way back, which reads time from its end: its steps are `turned` around before they are joined.
    """
    if not two_ways:
        for w in weights:
            x = one_way(x, w, form, inside)
        return x
    for there, back in zip(weights[::2], weights[1::2], strict=True):
        first, second = one_way(x, there, form, inside), one_way(x[::-1], back, form, inside)[:: -1 if turned else 1]
        x = np.concatenate([first, second] if forward_first else [second, first], axis=2)
    return x


def sgd(
    weight: Array,
    gradient: Array,
    lr: float,
    state: Array | None = None,
    momentum: float = 0.0,
    decay: float = 0.0,
    rescale: float = 1.0,
    lr_inside: bool = True,
    nesterov: bool = False,
    dampening: float = 0.0,
    last_lr: float | None = None,
) -> Array:
    """One step from `weight`. `state` is the sum of gradients before it, each times momentum, without learning rates.

    `lr_inside`: the velocity already holds the learning rate, as MXNet has it, so the old part keeps `last_lr`.
    """
    g = rescale * gradient + decay * weight
    kept = 0 if state is None else momentum * state
    velocity = kept + (1 - dampening) * g
    if nesterov:
        return weight - lr * (g + momentum * velocity)
    old_lr = last_lr if lr_inside and last_lr is not None else lr
    return weight - old_lr * kept - lr * (1 - dampening) * g


def adam(
    weight: Array,
    gradient: Array,
    lr: float,
    state: Sequence[Array] | None = None,
    beta1: float = 0.9,
    beta2: float = 0.999,
    eps: float = 1e-8,
    decay: float = 0.0,
    rescale: float = 1.0,
    step: int = 1,
    corrected: bool = True,
    eps_inside: bool = True,
    decoupled: bool = False,
) -> Array:
    """Step number `step` of Adam; `state` is (mean, variance) before it.

    `eps_inside`: epsilon is added before the correction of the variance, as MXNet has it; PyTorch adds it after.
    `decoupled`: the weight decay is no part of the gradient, as AdamW has it.
    """
    g = rescale * gradient + (0 if decoupled else decay * weight)
    mean, var = (0, 0) if state is None else state
    mean, var = beta1 * mean + (1 - beta1) * g, beta2 * var + (1 - beta2) * g**2
    first, second = (1 - beta1**step, np.sqrt(1 - beta2**step)) if corrected else (1, 1)
    root = (np.sqrt(var) + eps) / second if eps_inside else np.sqrt(var) / second + eps
    return weight - lr * (mean / first / root + (decay * weight if decoupled else 0))


FORWARD: dict[str, Callable[..., Array]] = {
    "dense": dense,
    "flatten": flatten,
    "conv": conv,
    "pool": pool,
    "batch_norm": batch_norm,
    "layer_norm": layer_norm,
    "embedding": embedding,
    "running": running,
    "activation": activation,
    "recurrent": recurrent,
    "sgd": sgd,
    "adam": adam,
}
