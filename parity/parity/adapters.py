"""Record a Trace of a Gluon block or of a torch module. Neither framework is imported before it is used.

Other functions, as of JAX, need no adapter: fill a Trace with `add`.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from parity.traces import Array, Layer, Trace

Net = Any  # a gluon.Block or a torch.nn.Module
# In the parameters of a block `l0_i2h_weight`, in what it saves `_unfused.0.i2h_weight`, of two ways
# `_unfused.0.r_cell.i2h_weight`.
RECURRENT = re.compile(
    r"(?:(?P<way>[lr])|_unfused\.)(?P<layer>\d+)[_.](?:(?P<cell>[lr])_cell\.)?(?P<which>[ih])2h_(?P<what>weight|bias)$"
)
NORM = {"gamma": "weight", "beta": "bias"}
# The settings of an activation: {class in either framework: (form in layers.py, attribute with the slope)}.
ACTIVATIONS = {
    "LeakyReLU": ("leaky", ("_alpha", "negative_slope")),
    "ELU": ("elu", ("_alpha", "alpha")),
    "GELU": ("gelu erf", ()),
    "SiLU": ("silu", ()),
    "ReLU": ("relu", ()),
    "Sigmoid": ("sigmoid", ()),
    "Tanh": ("tanh", ()),
    "Softplus": ("softplus", ()),
}
GLUON_ACTIVATIONS = {"softrelu": "softplus"}


def torch_name(name: str) -> str:
    """Return the name that PyTorch gives to a parameter of Gluon: `1.gamma` -> `1.weight`, and so on.

    It knows the names of normalizations and of LSTM and GRU; any other one is returned as it is.
    """
    if found := RECURRENT.search(name):
        way = "_reverse" if "r" in (found["way"], found["cell"]) else ""
        return f"{name[: found.start()]}{found['what']}_{found['which']}h_l{found['layer']}{way}"
    path, _, last = name.rpartition(".")
    return f"{path}.{NORM.get(last, last)}".lstrip(".")


def of_tensor(tensor: Any) -> Array:
    """Return a tensor of PyTorch as an array of its type, and of bfloat16, which NumPy has not, in float32."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if str(tensor.dtype) == "torch.bfloat16" else tensor).numpy()


def numbers(value: Any) -> Array:
    """Return an array of either framework as NumPy's, in float64, for computing again."""
    array = of_tensor(value) if hasattr(value, "detach") and hasattr(value, "cpu") else value.asnumpy()
    return array.astype(np.float64)


def expect(inputs: tuple[Any, ...], method: str, what: str) -> None:
    """Stop where an input has not the method that copies it, as a loss that was not given by its name."""
    for k, x in enumerate(inputs):
        if not hasattr(x, method):
            raise TypeError(f"input {k} is a {type(x).__name__} and should be {what}; a loss is given as loss=")


def along(size: Any, x: Array) -> tuple[int, ...]:
    """Return a size for each axis of x (N, C, ...) after the channels; 2 is (2, 2) for two of them."""
    return tuple(size) if isinstance(size, (tuple, list)) else (size,) * (x.ndim - 2)


def pairs(pad: Any, x: Array) -> tuple[tuple[int, int], ...]:
    """Return the padding before and after, of each axis."""
    return tuple((p, p) for p in along(pad, x))


def layer_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer | None:
    """Return what is needed to compute a layer again, or None of a layer that is not known (see layers.py)."""
    kind = type(net).__name__
    form, attributes = ACTIVATIONS.get(kind, ("", ()))
    if form:
        slope = next((getattr(net, name) for name in attributes if hasattr(net, name)), 0.0)
        form = "gelu tanh" if getattr(net, "approximate", "none") == "tanh" else form
        return Layer("activation", {"x": x, "form": form, "slope": slope})
    if kind == "Activation":
        return Layer("activation", {"x": x, "form": GLUON_ACTIVATIONS.get(net._act_type, net._act_type)})
    for names, make in MAKERS.items():
        if re.fullmatch(names, kind) and getattr(net, "act", None) is None:
            return make(net, values, x, training)
    return None


def dense_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer:
    return Layer("dense", {"x": x, **values, "flatten": getattr(net, "_flatten", False)})


def conv_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer | None:
    its = getattr(net, "_kwargs", None) or {"stride": net.stride, "pad": net.padding, "dilate": net.dilation}
    groups = its.get("num_group", getattr(net, "groups", 1))
    if groups != 1 or set(along(its["dilate"], x)) != {1} or not its.get("layout", "NC").startswith("NC"):
        return None
    if not all(isinstance(p, int) for p in along(its["pad"], x)):  # "same"
        return None
    return Layer("conv", {"x": x, **values, "stride": along(its["stride"], x), "pad": pairs(its["pad"], x)})


def pool_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer:
    if its := getattr(net, "_kwargs", None):
        given = {"kernel": its["kernel"], "stride": its["stride"], "pad": pairs(its["pad"], x)}
        given |= {"ceil": its["pooling_convention"] == "full", "count_pad": its.get("count_include_pad", True)}
    else:
        given = {"kernel": along(net.kernel_size, x), "stride": along(net.stride, x), "pad": pairs(net.padding, x)}
        given |= {"ceil": net.ceil_mode, "count_pad": getattr(net, "count_include_pad", True)}
    return Layer("pool", {"x": x, "average": type(net).__name__.startswith("Avg"), **given})


def norm_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer | None:
    named = {"gamma": "weight", "beta": "bias", "mean": "running_mean", "var": "running_var"}
    eps = net._kwargs["eps"] if hasattr(net, "_kwargs") else net.eps
    if not set(named.values()) <= set(values):  # without gamma and beta, or without running statistics
        return None
    return Layer("batch_norm", {"x": x, "eps": eps, "training": training, **{k: values[v] for k, v in named.items()}})


def layer_norm_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer | None:
    eps = net._epsilon if hasattr(net, "_epsilon") else net.eps
    if not {"weight", "bias"} <= set(values) or getattr(net, "_axis", -1) not in (-1, x.ndim - 1):
        return None
    return Layer("layer_norm", {"x": x, "gamma": values["weight"], "beta": values["bias"], "eps": eps})


def recurrent_of(net: Net, values: dict[str, Array], x: Array, training: bool) -> Layer | None:
    two_ways = getattr(net, "_dir", 2 if getattr(net, "bidirectional", False) else 1) == 2
    rows_first = getattr(net, "_layout", "") == "NTC" or getattr(net, "batch_first", False)
    if rows_first or "bias_ih_l0" not in values:
        return None
    count = getattr(net, "_num_layers", None) or net.num_layers
    names = ("weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l")
    ways = ("", "_reverse") if two_ways else ("",)
    weights = [[values[f"{name}{layer}{way}"] for name in names] for layer in range(count) for way in ways]
    given = {"x": x, "weights": weights, "form": type(net).__name__.lower()}
    return Layer("recurrent", given | ({"two_ways": True} if two_ways else {}))


# Names of classes, in either framework.
MAKERS: dict[str, Callable[..., Layer | None]] = {
    "Dense|Linear": dense_of,
    "Flatten": lambda net, values, x, training: Layer("flatten", {"x": x}),
    "Embedding": lambda net, values, x, training: Layer("embedding", {"x": x, "weight": values["weight"]}),
    "Conv[123][Dd]": conv_of,
    "(Max|Avg)Pool[123][Dd]": pool_of,
    "BatchNorm([123]d)?": norm_of,
    "LayerNorm": layer_norm_of,
    "LSTM|GRU": recurrent_of,
}


def keep_statistics(trace: Trace, path: str, layer: Layer, after: dict[str, Array], momentum: float, less: int) -> None:
    """Add the running statistics of a BatchNorm, as they are after the pass."""
    for which in ("mean", "var"):
        given = {"x": layer.given["x"], "old": layer.given[which], "momentum": momentum}
        given |= {"which": which, "less": less if which == "var" else 0, "training": layer.given["training"]}
        trace.add("statistic", f"{path}.running_{which}", after[f"running_{which}"], Layer("running", given))


def paths(net: Net, path: str = "", seen: set[int] | None = None) -> Iterator[tuple[str, Net]]:
    """Yield the blocks that compute something themselves, with their paths, as `0` or `features.0`; each once."""
    seen = set() if seen is None else seen
    if id(net) in seen:
        return
    seen.add(id(net))
    children = net._children if hasattr(net, "_children") else net._modules
    own = net._reg_params if hasattr(net, "_reg_params") else net._parameters
    if own or not children:
        yield path or "net", net
    for name, child in children.items():
        if child is not None:
            yield from paths(child, f"{path}.{name}".lstrip("."), seen)


def new_name(path: str, taken: dict[str, Any]) -> str:
    """Return the path; of the second call of one layer `path#2`, and so on."""
    calls = sum(name.partition("#")[0] == path for name in taken)
    return f"{path}#{calls + 1}" if calls else path


def statistics_known(trace: Trace, path: str, taken: dict[str, Any]) -> bool:
    """Tell whether a layer is a BatchNorm that ran once, so that its running statistics can be computed again."""
    layer = trace.layers.get(("output", path))
    return layer is not None and layer.kind == "batch_norm" and "#" not in path and f"{path}#2" not in taken


def first(value: Any) -> Any:
    """Return the output of a layer that returns its state beside it."""
    return value[0] if isinstance(value, (tuple, list)) else value


def with_first(value: Any, new: Any) -> Any:
    """Return the same, of the same type, with another output in the place of the first one."""
    if not isinstance(value, (tuple, list)):
        return new
    make = getattr(type(value), "_make", type(value))  # of a named tuple
    return make([new, *value[1:]])


def gluon_values(block: Net) -> dict[str, Array]:
    return {torch_name(name): numbers(parameter.data()) for name, parameter in block._reg_params.items()}


@contextmanager
def tap_gluon(net: Net, trace: Trace, training: bool) -> Iterator[dict[str, Any]]:
    """Record the outputs of all layers, and yield {path: an array of zeros whose gradient is that of the output}.

    A forward hook cannot replace an output, and attach_grad would cut the graph there: so zeros with a gradient are
    added to what `forward` returns.
    """
    from mxnet import nd

    probes: dict[str, Any] = {}
    tapped = list(paths(net))

    def wrap(path: str, block: Net, forward: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(x: Any, *args: Any) -> Any:
            out = forward(x, *args)
            layer = layer_of(block, gluon_values(block), numbers(x), training)
            name = new_name(path, probes)
            trace.add("output", name, first(out).asnumpy(), layer)
            probes[name] = nd.zeros_like(first(out))
            probes[name].attach_grad()
            return with_first(out, first(out) + probes[name])

        return wrapped

    for path, block in tapped:
        block.forward = wrap(path, block, block.forward)
    try:
        yield probes
    finally:
        for _, block in tapped:
            del block.forward


def of_gluon(net: Net, *inputs: Any, loss: Callable[..., Any] | None = None, training: bool = True) -> Trace:
    """Run a Gluon block, whose parameters exist, once forward and, with a loss, backward.

    `loss` takes the output and returns an NDArray: the gradients are those of its sum. Parameters are named as in
    PyTorch; the gradient of the first input is that of `input`, and left out where there is an Embedding. The rows are
    the length of the first input: where time comes first, set `rows` of the trace. Afterwards the block is not
    hybridized, and in training mode, with a loss, its running statistics have moved.
    """
    from mxnet import autograd

    expect(inputs, "copy", "an NDArray")
    if hasattr(net, "hybridize"):
        net.hybridize(False)  # a compiled block does not call its children
    trace, inputs = Trace(len(inputs[0])), tuple(x.copy() for x in inputs)
    # MXNet has no gradient of words, and stops where one is asked for.
    words = any(type(block).__name__ == "Embedding" for _, block in paths(net))
    if np.dtype(inputs[0].dtype).kind == "f" and not words:
        inputs[0].attach_grad()
    for path, block in paths(net):
        for name, parameter in block._reg_params.items():
            trace.add("parameter", torch_name(f"{path}.{name}"), parameter.data().asnumpy())
    with tap_gluon(net, trace, training) as probes, autograd.record(train_mode=training):
        out = net(*inputs)
        value = loss(first(out)) if loss else None
    if value is not None:
        value.backward(train_mode=training)
        trace.add("loss", "loss", np.squeeze(value.asnumpy()))
        gradients_of_gluon(trace, dict(paths(net)), {"input": inputs[0], **probes})
    return trace


def gradients_of_gluon(trace: Trace, blocks: dict[str, Net], probes: dict[str, Any]) -> None:
    """Add the gradients after backward, and the running statistics, which MXNet changes only then."""
    for path, probe in probes.items():
        own = blocks[path]._reg_params if path in blocks else {}
        for name, parameter in own.items():
            if parameter.grad_req != "null":
                trace.add("gradient", torch_name(f"{path}.{name}"), parameter.grad().asnumpy())
        if probe.grad is not None:
            trace.add("gradient", path, probe.grad.asnumpy())
        if statistics_known(trace, path, probes):
            layer, momentum = trace.layers["output", path], blocks[path]._kwargs["momentum"]
            keep_statistics(trace, path, layer, gluon_values(blocks[path]), momentum, 0)


@contextmanager
def tap_torch(net: Net, trace: Trace) -> Iterator[dict[str, Any]]:
    """Record the outputs of all layers, and yield {path: its output, which retains its gradient}.

    What comes after a layer may work in place: it is given a copy of the output, so that the gradient is not that of
    what it made of it; and what a layer begins with is read before it runs.
    """
    outputs: dict[str, Any] = {}
    before: dict[str, tuple[dict[str, Array], Array | None]] = {}

    def look(path: str) -> Callable[..., None]:
        def hook(module: Net, args: Any) -> None:
            before[path] = torch_values(module), numbers(args[0]) if args else None

        return hook

    def keep(path: str) -> Callable[..., Any]:
        def hook(module: Net, args: Any, out: Any) -> Any:
            name = new_name(path, outputs)
            outputs[name] = first(out)
            values, x = before[path]
            layer = None if x is None else layer_of(module, values, x, module.training)
            trace.add("output", name, of_tensor(first(out)), layer)
            if first(out).requires_grad:
                first(out).retain_grad()
            return with_first(out, first(out).clone())

        return hook

    handles = []
    for path, module in paths(net):
        handles += [module.register_forward_pre_hook(look(path)), module.register_forward_hook(keep(path))]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def torch_tensors(module: Net) -> dict[str, Any]:
    """Return the parameters and buffers of a module alone, without those of its children, and without counters."""
    tensors = {name: t for name, t in {**module._parameters, **module._buffers}.items() if t is not None}
    return {name: tensor for name, tensor in tensors.items() if tensor.ndim or tensor.is_floating_point()}


def torch_values(module: Net) -> dict[str, Array]:
    return {name: numbers(tensor) for name, tensor in torch_tensors(module).items()}


def of_torch(net: Net, *inputs: Any, loss: Callable[..., Any] | None = None) -> Trace:
    """Run a torch module once forward and, with a loss, backward, in the mode (train, eval) in which it is.

    `loss` takes the output and returns a tensor: the gradients are those of its sum, added to what the parameters
    have already. In training mode the running statistics move.
    """
    expect(inputs, "detach", "a tensor")
    trace, inputs = Trace(len(inputs[0])), tuple(x.detach().clone() for x in inputs)
    if inputs[0].is_floating_point():
        inputs[0].requires_grad_()
    for path, module in paths(net):
        for name, tensor in torch_tensors(module).items():
            trace.add("parameter", f"{path}.{name}", of_tensor(tensor))
    with tap_torch(net, trace) as outputs:
        out = net(*(x.clone() for x in inputs))  # the first layer may work in place, which a leaf forbids
        value = loss(first(out)) if loss else None
    if value is not None:
        value.sum().backward()
        trace.add("loss", "loss", np.squeeze(of_tensor(value)))
        gradients_of_torch(trace, dict(paths(net)), {"input": inputs[0], **outputs})
    return trace


def gradients_of_torch(trace: Trace, modules: dict[str, Net], outputs: dict[str, Any]) -> None:
    """Add the gradients after backward, None where none came, and the running statistics."""
    for path, output in outputs.items():
        own = modules[path]._parameters if path in modules else {}
        tensors = {f"{path}.{name}": tensor for name, tensor in own.items() if tensor is not None}
        if path != "input" or output.requires_grad:
            tensors[path] = output
        for name, tensor in tensors.items():
            trace.add("gradient", name, None if tensor.grad is None else of_tensor(tensor.grad))
        if statistics_known(trace, path, outputs):
            momentum = 1 - (modules[path].momentum or 0)  # None: a plain average, which is not computed again here
            keep_statistics(trace, path, trace.layers["output", path], torch_values(modules[path]), momentum, 1)


def add_step(trace: Trace, after: dict[str, Array], optimizer: str = "sgd", **settings: Any) -> None:
    """Add the parameters after one step; `settings` (lr, decay, …) are those of `layers.sgd`, or of `layers.adam`.

    `state`, before a second step, is {name: velocity} without learning rates: PyTorch's `momentum_buffer`; what
    MXNet keeps is that times minus the learning rate. Of Adam it is {name: (mean, variance)}.
    """
    for name, new in after.items():
        weight, gradient = trace.arrays["parameter", name], trace.arrays.get(("gradient", name))
        if weight is not None and gradient is not None:
            given = {"weight": weight.astype(np.float64), "gradient": gradient.astype(np.float64), **settings}
            state = settings.get("state")
            given["state"] = state.get(name) if isinstance(state, dict) else None
            trace.add("step", name, new, Layer(optimizer, given))
