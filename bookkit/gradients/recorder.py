"""Record what MXNet records, in a form that NumPy, HIPS autograd and SymPy can evaluate.

`Recorder` hooks into MXNet's Python side while notebooks run. It keeps its own tape of
the operators that run under `record`, with the values that went into them, and at every
`backward` it hands over a `Computation`: the function that was differentiated, at which
point, and what MXNet gave as its gradient. MXNet's own tape and its derivatives are not
used.
"""

import ctypes
import itertools
import sys
from contextlib import contextmanager
from types import SimpleNamespace

import autograd.numpy as anp
import mxnet as mx
import mxnet.ndarray.register as register
import numpy as np
import sympy
from autograd import grad as hips_grad
from mxnet import autograd, gluon
from mxnet.base import _LIB, check_call
from mxnet.ndarray import NDArray


def _elementwise(function):
    return np.frompyfunc(function, 1, 1)


SYMPY = SimpleNamespace(
    exp=_elementwise(sympy.exp),
    log=_elementwise(sympy.log),
    sin=_elementwise(sympy.sin),
    sqrt=_elementwise(sympy.sqrt),
    tanh=_elementwise(sympy.tanh),
    **{name: getattr(np, name) for name in ("sum", "dot", "transpose", "reshape", "stack", "concatenate")},
    broadcast_to=np.broadcast_to,
    mean=lambda x, axis, keepdims: np.mean(x, axis=axis, keepdims=keepdims),
)


def _number(attrs):
    return float(attrs["scalar"])


def _axis(attrs):
    axis = attrs.get("axis", "None")
    return None if axis in ("None", "()") else eval(axis, {})


def _reduce(name):
    def apply(n, attrs, x):
        axis = _axis(attrs)
        if attrs.get("exclude") in ("True", "1"):
            axis = tuple(other for other in range(x.ndim) if other not in np.atleast_1d(axis))
            if not axis:
                return x
        result = getattr(n, name)(x, axis=axis, keepdims=attrs.get("keepdims") in ("True", "1"))
        return n.reshape(result, attrs["result"].shape)  # MXNet has no shape ()

    return apply


def _norm(n, attrs, x):
    return n.reshape(n.sqrt(n.sum(x * x)), (1,))


def _sigmoid(n, x):
    return 1 / (1 + n.exp(-x))


ACTIVATIONS = {
    "relu": lambda n, x: n.maximum(x, 0),
    "sigmoid": _sigmoid,
    "tanh": lambda n, x: n.tanh(x),
    "softrelu": lambda n, x: n.log(1 + n.exp(x)),
}


def _dense(n, attrs, x, weight, bias=None):
    result = n.dot(n.reshape(x, (x.shape[0], -1)), n.transpose(weight))
    return result if bias is None else result + bias


def _softmax(n, attrs, x):
    axis = int(attrs.get("axis", -1))
    powers = n.exp(x - np.max(getattr(x, "_value", x), axis=axis, keepdims=True))
    return powers / n.sum(powers, axis=axis, keepdims=True)


def _batch_norm(n, attrs, x, gamma, beta, mean, variance):
    """Normalise over all axes but 1; `training` says with whose mean and variance."""
    axes = tuple(axis for axis in range(x.ndim) if axis != 1)
    shape = tuple(-1 if axis == 1 else 1 for axis in range(x.ndim))
    if attrs["training"] and attrs.get("use_global_stats") not in ("True", "1"):
        mean = n.mean(x, axis=axes, keepdims=False)
        variance = n.mean((x - n.reshape(mean, shape)) ** 2, axis=axes, keepdims=False)
    if attrs.get("fix_gamma") in ("True", "1"):
        gamma = np.ones_like(gamma)
    root = n.sqrt(n.reshape(variance, shape) + float(attrs.get("eps", 1e-3)))
    return (x - n.reshape(mean, shape)) / root * n.reshape(gamma, shape) + n.reshape(beta, shape)


def _dropout(n, attrs, x):
    """The mask is random input, and read off the result of the run."""
    given, result = attrs["values"][0], attrs["result"]
    return x * np.where(given != 0, result / np.where(given != 0, given, 1), 0)


def _gather(n, attrs, x, indices):
    return x[tuple(indices.astype(int))]


def _where(n, attrs, condition, x, y):
    return n.where(condition != 0, x, y)


def _dot(n, attrs, x, y):
    x = n.transpose(x) if attrs.get("transpose_a") in ("True", "1") else x
    y = n.transpose(y) if attrs.get("transpose_b") in ("True", "1") else y
    return n.dot(x, y)


def _transpose(n, attrs, x):
    axes = attrs.get("axes", "()")
    return n.transpose(x) if axes == "()" else n.transpose(x, eval(axes, {}))


def _clip(n, attrs, x):
    return n.minimum(n.maximum(x, float(attrs["a_min"])), float(attrs["a_max"]))


def _constant(n, attrs, *inputs):
    """What does not depend on its inputs, or only in jumps: comparisons, shapes, `zeros_like`."""
    return attrs["result"]


# MXNet's operators, in terms of a namespace `n` that is like NumPy.
OPERATORS = {
    "_MulScalar": lambda n, a, x: x * _number(a),
    "_PlusScalar": lambda n, a, x: x + _number(a),
    "_MinusScalar": lambda n, a, x: x - _number(a),
    "_RMinusScalar": lambda n, a, x: _number(a) - x,
    "_DivScalar": lambda n, a, x: x / _number(a),
    "_RDivScalar": lambda n, a, x: _number(a) / x,
    "_PowerScalar": lambda n, a, x: x ** (int(_number(a)) if _number(a) == int(_number(a)) else _number(a)),
    "_MaximumScalar": lambda n, a, x: n.maximum(x, _number(a)),
    "_LesserScalar": _constant,
    "_GreaterScalar": _constant,
    "_sparse_broadcast_add": lambda n, a, x, y: x + y,
    "_sparse_broadcast_minus": lambda n, a, x, y: x - y,
    "_sparse_broadcast_mul": lambda n, a, x, y: x * y,
    "_sparse_broadcast_div": lambda n, a, x, y: x / y,
    "_sparse_sum": _reduce("sum"),
    "_sparse_mean": _reduce("mean"),
    "max": _reduce("max"),
    "_sparse_norm": _norm,
    "_sparse_square": lambda n, a, x: x * x,
    "_sparse_sqrt": lambda n, a, x: n.sqrt(x),
    "_sparse_exp": lambda n, a, x: n.exp(x),
    "_sparse_log": lambda n, a, x: n.log(x),
    "_sparse_sin": lambda n, a, x: n.sin(x),
    "_sparse_abs": lambda n, a, x: n.abs(x),
    "_sparse_relu": lambda n, a, x: n.maximum(x, 0),
    "_sparse_sigmoid": lambda n, a, x: _sigmoid(n, x),
    "Activation": lambda n, a, x: ACTIVATIONS[a["act_type"]](n, x),
    "LeakyReLU": lambda n, a, x: n.where(x > 0, x, float(a.get("slope", 0.25)) * x),
    "_npi_clip": _clip,
    "_sparse_zeros_like": _constant,
    "ones_like": _constant,
    "_copyto": lambda n, a, x: x,
    "_copy": lambda n, a, x: x,
    "Cast": lambda n, a, x: x,
    "broadcast_to": lambda n, a, x: n.broadcast_to(x, a["result"].shape),
    "reshape": lambda n, a, x: n.reshape(x, a["result"].shape),
    "transpose": _transpose,
    "stack": lambda n, a, *xs: n.stack(xs, axis=int(a.get("axis", 0))),
    "Concat": lambda n, a, *xs: n.concatenate(xs, axis=int(a.get("dim", 1))),
    "_npi_gather_nd": _gather,
    "at": lambda n, a, x: n.reshape(x[a["index"]], a["result"].shape),
    "slice": lambda n, a, x: x[a["start"] : a["stop"]],
    "_sparse_where": _where,
    "_sparse_dot": _dot,
    "FullyConnected": _dense,
    "BatchNorm": _batch_norm,
    "Dropout": _dropout,
    "_npx_softmax": _softmax,
}
# Output layers of old: MXNet differentiates not what they return but a loss of their own, and ignores the head gradient.
LOSSES = {
    "Softmax": lambda n, a, x, label: -n.sum(n.log(_softmax(n, {}, x))[np.arange(len(label)), label.astype(int)]),
    "LinearRegressionOutput": lambda n, a, x, label: n.sum((x - label) ** 2) / 2 / x.shape[1],
    "MakeLoss": lambda n, a, x: n.sum(x),
}
SMOOTH = {
    *("_MulScalar", "_PlusScalar", "_MinusScalar", "_RMinusScalar", "_DivScalar", "_RDivScalar", "_PowerScalar"),
    *("_sparse_broadcast_add", "_sparse_broadcast_minus", "_sparse_broadcast_mul", "_sparse_broadcast_div"),
    *("_sparse_sum", "_sparse_mean", "_sparse_norm", "_sparse_square", "_sparse_sqrt", "_sparse_exp", "_sparse_log"),
    *("_sparse_sin", "_sparse_sigmoid", "_copyto", "_copy", "Cast", "reshape", "transpose", "stack", "Concat"),
    *("at", "slice", "_sparse_dot", "gradient", "_sparse_zeros_like", "ones_like"),
}


class Leaf:
    """An array with a gradient buffer, where a computation starts."""

    def __init__(self, array, grad_req):
        self.array, self.grad_req = array, grad_req


class Node:
    """An operator that ran: `apply(n, attrs, *inputs)` computes its result anew."""

    def __init__(self, name, apply, attrs, inputs):
        self.name, self.apply, self.attrs, self.inputs = name, apply, attrs, inputs

    def settle(self):
        """Turn the copies that the node keeps into float64 arrays; done late, since reading waits for MXNet."""
        if isinstance(self.attrs["result"], NDArray):
            self.attrs["result"] = self.attrs["result"].asnumpy().astype(float)
            values = self.attrs["values"] = [value.asnumpy().astype(float) for value in self.attrs["values"]]
            self.inputs = [value if isinstance(item, NDArray) else item for item, value in zip(self.inputs, values)]


class Computation:
    """What one call of `backward` differentiated.

    `heads` are pairs (node, head gradient as an array), `leaves` the variables that they
    depend on, `point` their values when they were used, `names` what the code calls them, and
    `gradients` what MXNet gave for each of them.
    """

    def __init__(self, heads, nodes, leaves, others, names):
        self.heads, self.nodes, self.names, self.gradients = heads, nodes, names, None
        self.leaves, self.point = list(leaves), list(leaves.values())
        self.others = others

    def results(self, values, n=np):
        """Return {node: value}, all computed anew from the values of the leaves."""
        computed = {**self.others, **{leaf: values[index] for index, leaf in enumerate(self.leaves)}}
        for node in self.nodes:
            if isinstance(node, Node):
                arguments = [item if isinstance(item, np.ndarray) else computed[item] for item in node.inputs]
                computed[node] = node.apply(n, node.attrs, *arguments)
        return computed

    def __call__(self, values, n=np):
        """Return the sum of heads times head gradients, given the values of the leaves."""
        computed, total = self.results(values, n), 0
        for node, head_gradient in self.heads:
            ignores = isinstance(node, Node) and node.name in LOSSES
            total = total + (computed[node] if ignores else n.sum(computed[node] * head_gradient))
        return total

    def derivatives(self, values, n=anp):
        """Return the derivatives with respect to all leaves, by HIPS autograd or, of symbols, by SymPy."""
        if n is not SYMPY:
            return hips_grad(lambda of: self(of, anp))(values)
        total = self(values, n)
        differentiate = np.vectorize(lambda symbol: sympy.diff(total, symbol), otypes=[object])
        return [differentiate(value) for value in values]


def _order(heads):
    """Return all nodes and leaves below the heads, inputs first."""
    found, stack = {}, list(heads)
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack += [item for item in getattr(node, "inputs", ()) if isinstance(item, (Node, Leaf))]
    return sorted(found.values(), key=lambda node: getattr(node, "serial", -1))


def _operator_names():
    """Return {address of an operator: its name}, which is how MXNet's generated functions name it."""
    count, names = ctypes.c_uint(), ctypes.POINTER(ctypes.c_char_p)()
    check_call(_LIB.MXListAllOpNames(ctypes.byref(count), ctypes.byref(names)))
    result = {}
    for index in range(count.value):
        handle = ctypes.c_void_p()
        check_call(_LIB.NNGetOpHandle(names[index], ctypes.byref(handle)))
        result.setdefault(handle.value, names[index].decode())
    return result


class Recorder:
    """Keeps a tape while it is active and calls `on_backward(computation)` for every backward."""

    def __init__(self, on_backward):
        self.on_backward = on_backward
        self.names = _operator_names()
        self.nodes = {}  # id of an array: (the array, to keep it alive; its node or leaf)
        self.busy = False
        self.serials = itertools.count()

    def node_of(self, array):
        return self.nodes.get(id(array), (None, None))[1]

    def value(self, array):
        """Return a copy of an array's value that later changes in place do not reach."""
        with autograd.pause():
            return array.copy()

    def note(self, name, apply, attrs, inputs, outputs):
        """Put an operator on the tape if one of its inputs is on it."""
        arrays = [item for item in inputs if isinstance(item, NDArray)]
        if self.busy or not any(self.node_of(array) for array in arrays):
            return
        self.busy = True
        values = [self.value(array) for array in arrays]
        nodes = [self.node_of(array) or value for array, value in zip(arrays, values)]
        for output in outputs[:1]:
            attrs = {**attrs, "values": values, "result": self.value(output), "training": autograd.is_training()}
            node = Node(name, apply, attrs, nodes)
            node.serial = next(self.serials)
            self.nodes[id(output)] = output, node
        self.busy = False

    def mark(self, array, grad_req):
        self.nodes[id(array)] = array, Leaf(array, grad_req)

    def computation(self, heads, head_gradients, variables):
        """Return the Computation behind a call of backward, or None where MXNet will refuse it."""
        heads = [heads] if isinstance(heads, NDArray) else list(heads)
        if head_gradients is None or isinstance(head_gradients, NDArray):
            head_gradients = [head_gradients] * len(heads)
        pairs, values = [], {}
        for head, gradient in zip(heads, head_gradients):
            node = self.node_of(head)
            if node is None or not isinstance(gradient, (NDArray, type(None))):
                return None
            if isinstance(node, Leaf):
                values[node] = head.asnumpy().astype(float)
            pairs.append((node, np.ones(head.shape) if gradient is None else gradient.asnumpy().astype(float)))
        nodes = _order([node for node, _ in pairs])
        for node in nodes:
            if isinstance(node, Node):
                node.settle()
                for item, value in zip(node.inputs, node.attrs["values"]):
                    if isinstance(item, Leaf):
                        values.setdefault(item, value)
        wanted = [leaf for leaf in values if leaf.grad_req != "null"]
        if variables is not None:
            wanted = [self.node_of(variable) for variable in variables]
            if not set(wanted) <= set(values):
                return None
        leaves = {leaf: values.pop(leaf) for leaf in wanted}
        return Computation(pairs, nodes, leaves, values, [_name(leaf.array) for leaf in wanted])

    @contextmanager
    def active(self):
        """Hook into MXNet, and out of it again."""
        hooks = []

        def hook(owner, attribute, make):
            original = getattr(owner, attribute)
            hooks.append((owner, attribute, original))
            setattr(owner, attribute, make(original))

        hook(register, "_imperative_invoke", self._invoke)
        hook(NDArray, "attach_grad", self._attach)
        hook(autograd, "mark_variables", self._mark_variables)
        hook(NDArray, "reshape", lambda original: self._view("reshape", original))
        hook(NDArray, "_at", lambda original: self._view("at", original, "index"))
        hook(NDArray, "_slice", lambda original: self._view("slice", original, "start", "stop"))
        hook(NDArray, "backward", self._backward)
        hook(autograd, "backward", self._backward)
        hook(autograd, "grad", self._grad)
        hook(autograd.Function, "__call__", self._function)
        hook(gluon.HybridBlock, "_call_cached_op", self._cached)
        try:
            yield self
        finally:
            for owner, attribute, original in reversed(hooks):
                setattr(owner, attribute, original)

    def _invoke(self, original):
        def invoke(handle, arrays, keys, values, out, *rest):
            result = original(handle, arrays, keys, values, out, *rest)
            if autograd.is_recording() and not self.busy:
                name = self.names[handle]
                attrs = dict(zip(map(str, keys), map(str, values)))
                apply = OPERATORS.get(name) or LOSSES.get(name) or _unknown(name)
                self.note(name, apply, attrs, arrays, [result] if isinstance(result, NDArray) else result)
            return result

        return invoke

    def _attach(self, original):
        def attach_grad(array, grad_req="write", stype=None):
            original(array, grad_req, stype)
            self.mark(array, grad_req)

        return attach_grad

    def _mark_variables(self, original):
        def mark_variables(variables, gradients, grad_reqs="write"):
            original(variables, gradients, grad_reqs)
            variables = [variables] if isinstance(variables, NDArray) else variables
            grad_reqs = [grad_reqs] * len(variables) if isinstance(grad_reqs, str) else grad_reqs
            for variable, grad_req in zip(variables, grad_reqs):
                self.mark(variable, grad_req)

        return mark_variables

    def _view(self, name, original, *parameters):
        """Hook a method that makes a view; `parameters` are the names of the arguments that its operator needs."""

        def view(array, *arguments, **options):
            result = original(array, *arguments, **options)
            if autograd.is_recording():
                self.note(name, OPERATORS[name], dict(zip(parameters, arguments)), [array], [result])
            return result

        return view

    def _backward(self, original):
        def backward(heads, out_grad=None, *arguments, **options):
            out_grad = options.pop("head_grads", out_grad)
            computation = self.computation(heads, out_grad, None)
            before = [leaf.array.grad.copy() for leaf in computation.leaves] if computation else []
            original(heads, out_grad, *arguments, **options)
            if computation:
                gradients = [
                    leaf.array.grad - old if leaf.grad_req == "add" else leaf.array.grad
                    for leaf, old in zip(computation.leaves, before)
                ]
                self._hand_over(computation, gradients)

        return backward

    def _grad(self, original):
        def grad(heads, variables, head_grads=None, **options):
            variables = [variables] if isinstance(variables, NDArray) else variables
            computation = self.computation(heads, head_grads, variables)
            gradients = original(heads, variables, head_grads, **options)
            if computation:
                self._hand_over(computation, gradients)
                if options.get("create_graph"):
                    for index, gradient in enumerate(gradients):
                        self.note(
                            "gradient",
                            lambda n, attrs, *values, i=index: computation.derivatives(list(values), n)[i],
                            {},
                            [leaf.array for leaf in computation.leaves],
                            [gradient],
                        )
            return gradients

        return grad

    def _function(self, original):
        """A user's Function is evaluated by its own forward; what it computes is not on any tape."""

        def call(function, *inputs):
            recording = autograd.is_recording()
            result = original(function, *inputs)
            if recording:
                self.note("Function", _opaque(type(function)().forward), {}, inputs, [result])
            return result

        return call

    def _cached(self, original):
        """A hybridized block is evaluated by its Python code."""

        def call(block, *inputs):
            recording = autograd.is_recording()
            result = original(block, *inputs)
            if recording and not block.collect_params():
                forward = _opaque(lambda *arrays: block.hybrid_forward(mx.nd, *arrays))
                self.note("HybridBlock", forward, {}, inputs, [result])
            return result

        return call

    def _hand_over(self, computation, gradients):
        try:
            computation.gradients = [gradient.asnumpy().astype(float) for gradient in gradients]
        except mx.MXNetError:
            return  # MXNet reports some errors only when a value is read
        self.on_backward(computation)


def _unknown(name):
    def apply(*arguments):
        raise NotImplementedError(f"operator {name} has no counterpart in bookkit/gradients/recorder.py")

    return apply


def _opaque(forward):
    """Wrap a function of NDArrays as one of NumPy arrays."""

    def apply(n, attrs, *values):
        with autograd.pause():
            return forward(*(mx.nd.array(value, dtype="float64") for value in values)).asnumpy()

    return apply


def _name(array):
    """Return the name that the calling code has for an array."""
    frame = sys._getframe(3)
    while frame:
        for name, value in frame.f_locals.items():
            if value is array and not name.startswith("_"):
                return name
        if frame.f_code.co_name == "<module>":
            break
        frame = frame.f_back
    return "parameter"
