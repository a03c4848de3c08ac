"""Automatic differentiation in NumPy, with the names of MXNet: the chapter "Your own autograd"."""

import itertools
from collections import namedtuple
from contextlib import contextmanager

import numpy as np


Entry = namedtuple("Entry", "gradient inputs options")


class Array:
    """A NumPy array that can remember how it was made."""

    made = itertools.count()
    __array_ufunc__ = None  # leave 2 * array to us, also for NumPy's numbers

    def __init__(self, data):
        self.data = np.array(data, dtype="float64")
        self.number = next(Array.made)
        self.entry = None
        self.grad, self.grad_req = None, "null"

    @property
    def shape(self):
        return self.data.shape

    @property
    def is_on_tape(self):
        return self.entry is not None or self.grad_req != "null"


GRADIENTS = {
    np.add: lambda g, y, a, b: (g, g),
    np.multiply: lambda g, y, a, b: (g * b, g * a),
}

Array.__add__ = Array.__radd__ = lambda a, b: invoke(np.add, a, b)
Array.__mul__ = Array.__rmul__ = lambda a, b: invoke(np.multiply, a, b)


def behind(heads):
    """Return all that the heads were made from, the last made first."""
    found, waiting = set(), list(heads)
    while waiting:
        array = waiting.pop()
        if array not in found:
            found.add(array)
            waiting += array.entry.inputs if array.entry else ()
    return sorted(found, key=lambda array: array.number, reverse=True)


GRADIENTS.update({
    np.subtract: lambda g, y, a, b: (g, -g),
    np.divide: lambda g, y, a, b: (g / b, -g * y / b),
    np.negative: lambda g, y, a: (-g,),
    np.exp: lambda g, y, a: (g * y,),
    np.log: lambda g, y, a: (g / a,),
    np.sin: lambda g, y, a: (g * a.cos(),),
    np.cos: lambda g, y, a: (-g * a.sin(),),
    np.tanh: lambda g, y, a: (g * (1 - y * y),),
})


Array.__sub__ = lambda a, b: invoke(np.subtract, a, b)
Array.__rsub__ = lambda a, b: invoke(np.subtract, b, a)
Array.__truediv__ = lambda a, b: invoke(np.divide, a, b)
Array.__rtruediv__ = lambda a, b: invoke(np.divide, b, a)
Array.__neg__ = lambda a: invoke(np.negative, a)
Array.exp = lambda a: invoke(np.exp, a)
Array.log = lambda a: invoke(np.log, a)
Array.sin = lambda a: invoke(np.sin, a)
Array.cos = lambda a: invoke(np.cos, a)
Array.tanh = lambda a: invoke(np.tanh, a)


def sum_to(array, shape):
    """Sum over the axes along which an array of this shape was stretched."""
    np.broadcast_to(np.empty(shape), array.shape)  # raises if impossible
    ahead = array.data.ndim - len(shape)
    axes = [*range(ahead)] + [ahead + i for i, n in enumerate(shape) if n == 1]
    same = array.shape == shape
    return array if same else array.sum(tuple(axes)).reshape(shape)


def stretch(array, axis, shape):
    """Copy what a sum over an axis gave to all entries of this shape."""
    if axis is not None:
        array = array.reshape(np.expand_dims(array.data, axis).shape)
    return array.broadcast_to(shape)


def reshape(a, shape):
    return a.reshape(shape)


GRADIENTS.update({
    np.sum: lambda g, y, a, axis: (stretch(g, axis, a.shape),),
    np.broadcast_to: lambda g, y, a, shape: (sum_to(g, a.shape),),
    reshape: lambda g, y, a, shape: (g.reshape(a.shape),),
})

Array.sum = lambda a, axis=None: invoke(np.sum, a, axis=axis)
Array.mean = lambda a: a.sum() / a.data.size
Array.broadcast_to = lambda a, shape: invoke(np.broadcast_to, a, shape=shape)
Array.reshape = lambda a, shape: invoke(reshape, a, shape=shape)


def matmul(a, b):
    """Return the product of two matrices, and of nothing else."""
    if a.ndim != 2 or b.ndim != 2:
        raise ValueError("dot takes two matrices")
    return a @ b


def take(a, key):
    return a[key]


def put(a, key, shape):
    """Return zeros of a shape, with the entries of a added at a key."""
    zeros = np.zeros(shape)
    np.add.at(zeros, key, a)
    return zeros


GRADIENTS.update({
    np.transpose: lambda g, y, a: (g.T,),
    matmul: lambda g, y, a, b: (g.dot(b.T), a.T.dot(g)),
    take: lambda g, y, a, key: (invoke(put, g, key=key, shape=a.shape),),
    put: lambda g, y, a, key, shape: (g[key],),
})

Array.T = property(lambda a: invoke(np.transpose, a))
Array.dot = lambda a, b: invoke(matmul, a, b)
Array.__getitem__ = lambda a, key: invoke(take, a, key=key)


flags = {"recording": False, "training": False}


@contextmanager
def mode(**wanted):
    """Set flags for a with block, and put them back after it."""
    before = dict(flags)
    flags.update(wanted)
    try:
        yield
    finally:
        flags.update(before)


def record(train_mode=True):
    return mode(recording=True, training=train_mode)


def pause(train_mode=False):
    return mode(recording=False, training=train_mode)


def train_mode():
    return mode(training=True)


def predict_mode():
    return mode(training=False)


def is_recording():
    return flags["recording"]


def is_training():
    return flags["training"]


def invoke(function, *inputs, **options):
    """Run a function of NumPy; while recording, note how it was done."""
    inputs = [as_array(each) for each in inputs]
    output = Array(function(*[each.data for each in inputs], **options))
    return note(output, GRADIENTS[function], inputs, options)


def as_array(value):
    return value if isinstance(value, Array) else Array(value)


def note(output, gradient, inputs, options):
    """Note how an output was made, if anybody will want to know."""
    if is_recording() and any(array.is_on_tape for array in inputs):
        output.entry = Entry(gradient, inputs, options)
    return output


def attach_grad(array, grad_req="write"):
    """Make a leaf of an array, with a buffer for its gradient."""
    array.entry, array.grad_req = None, grad_req
    array.grad = Array(np.zeros(array.shape))


Array.attach_grad = attach_grad


def freed(*_, **options):
    raise ValueError("an earlier backward has freed this part of the tape")


FREED = Entry(freed, (), {})


def walk(heads, head_grads=None, retain_graph=False):
    """Walk back from the heads; return the gradients of the leaves."""
    grads = {}

    def add(array, g):
        if g.shape != array.shape:
            raise ValueError(f"gradient {g.shape} for shape {array.shape}")
        grads[array] = grads[array] + g if array in grads else g

    head_grads = head_grads or [None] * len(heads)
    for head, g in zip(heads, head_grads, strict=True):
        if not head.is_on_tape:
            raise ValueError("a head is not on the tape: outside record?")
        add(head, Array(np.ones(head.shape)) if g is None else as_array(g))
    for array in behind(heads):
        if array.entry:
            gradient, inputs, options = array.entry
            parts = gradient(grads.pop(array), array, *inputs, **options)
            for source, part in zip(inputs, parts, strict=True):
                if source.is_on_tape:
                    add(source, sum_to(as_array(part), source.shape))
            array.entry = array.entry if retain_graph else FREED
    return grads


def backward(heads, head_grads=None, retain_graph=False):
    """Fill the gradient buffers of the leaves behind the heads."""
    with pause():
        grads = walk(heads, head_grads, retain_graph)
    for leaf, g in grads.items():
        before = leaf.grad.data if leaf.grad_req == "add" else 0
        leaf.grad.data[...] = before + g.data


def grad(heads, variables, head_grads=None, retain_graph=False):
    """Return the gradients for the variables; leave buffers alone."""
    with pause():
        grads = walk(heads, head_grads, retain_graph)
    return [grads[variable] for variable in variables]


Array.backward = lambda head, out_grad=None, retain_graph=False: backward(
    [head], [out_grad], retain_graph)


class Function:
    """An operation whose gradient function you write yourself."""

    used = False

    def save_for_backward(self, *arrays):
        self.saved_tensors = arrays

    def __call__(self, *inputs):
        if self.used:
            raise ValueError("each Function object can be called only once")
        self.used = True
        inputs = [as_array(each) for each in inputs]
        with pause(is_training()):
            output = Array(self.forward(*inputs).data)

        def gradient(g, y, *inputs):
            parts = self.backward(g)
            return parts if isinstance(parts, tuple) else (parts,)

        return note(output, gradient, inputs, {})


def write(array, key, value):
    """Change entries in place."""
    if is_recording() and array.is_on_tape:
        raise ValueError("an array on the tape cannot be changed in place")
    array.data[key] = as_array(value).data


Array.__setitem__ = write
Array.asnumpy = lambda array: array.data.copy()
