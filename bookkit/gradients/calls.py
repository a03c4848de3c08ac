"""The calls of operators whose derivatives the page "Which derivatives exist" lists, and what they are called with."""

import numpy as np

# What a call may name, with its shape: all of these are differentiated by. Capitals are matrices.
NAMES: dict[tuple[int, ...], str] = {
    (4,): "x y small",
    (3,): "scales shifts",
    (2,): "biases",
    (14,): "cells",
    (1, 3): "row",
    (2, 3): "A C weights",
    (3, 2): "B words",
    (2, 2): "S L R",
    (2, 2, 3): "pairs",
    (2, 3, 2): "others",
    (2, 1, 3): "steps",
    (1, 1, 2): "states",
    (1, 2, 3, 3): "images",
    (2, 2, 2, 2): "kernels",
    (1, 4, 2, 2): "deep",
}
SHAPES = {name: shape for shape, names in NAMES.items() for name in names.split()}
# What a call may name and nobody differentiates by.
CONSTANTS: dict[str, list] = {
    "indices": [2, 0, 1],
    "labels": [2, 0],
    "places": [[0, 1], [2, 0]],
    "mask": [1, 0, 1, 0],
    "ones": [[1, 0, 1], [0, 1, 0]],
    "signs": [[1, -1, 1], [-1, 1, -1]],
    "zeros": [0, 0, 0],
    "units": [1, 1, 1],
    "targets": [[0.3, 1.2, 0.1], [1.1, 0.2, 0.4]],
    "lengths": [2, 1, 2],
}
CALLS: dict[str, list[str]] = {
    "arithmetic": [
        *("x + y", "x - y", "x * y", "x / y", "x ** y", "-x", "x + 2", "2 - x", "2 * x", "x / 2", "2 / x"),
        *("x ** 2", "x ** 3", "2 ** x", "nd.elemwise_add(x, y)", "nd.elemwise_sub(x, y)", "nd.elemwise_mul(x, y)"),
        *("nd.elemwise_div(x, y)", "nd.add_n(x, y, x)", "nd.broadcast_add(A, row)", "nd.broadcast_mul(A, row)"),
        *("nd.maximum(x, y)", "nd.minimum(x, y)", "nd.broadcast_hypot(x, y)", "nd.modulo(x, y)"),
    ],
    "functions": [
        *("square", "sqrt", "rsqrt", "cbrt", "rcbrt", "reciprocal", "exp", "expm1", "log", "log2", "log10", "log1p"),
        *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arccosh", "arctanh"),
        *("degrees", "radians", "sigmoid", "hard_sigmoid", "softsign", "relu", "erf", "erfinv", "gamma", "gammaln"),
        *("abs", "sign", "round", "floor", "identity"),
    ],
    "reductions": [
        *("nd.sum(A)", "nd.sum(A, axis=1)", "nd.mean(A)", "nd.prod(x)", "nd.max(A, axis=1)", "nd.min(A, axis=1)"),
        *("nd.norm(A)", "nd.norm(A, ord=1)", "nd.nansum(A)", "nd.cumsum(x)", "nd.moments(A, axes=1)[1]"),
        *("nd.L2Normalization(A)", "nd.argmax(A, axis=1)"),
    ],
    "linear algebra": [
        *(
            "nd.dot(x, y)",
            "nd.dot(A, B)",
            "nd.batch_dot(pairs, others)",
            "nd.linalg.gemm2(A, B)",
            "nd.khatri_rao(A, C)",
        ),
        *("nd.linalg.syrk(A)", "nd.linalg.potrf(nd.linalg.syrk(A))", "nd.linalg.trsm(L, R)", "nd.linalg.trmm(L, R)"),
        *("nd.linalg.inverse(S)", "nd.linalg.det(S)", "nd.linalg.slogdet(S)[1]", "nd.linalg.sumlogdiag(L)"),
        *("nd.linalg.extractdiag(S)", "nd.diag(x)"),
    ],
    "shape and order": [
        *("x.copy()", "x.astype('float64')", "nd.reshape(A, (3, 2))", "nd.transpose(A)", "nd.swapaxes(A, 0, 1)"),
        *("nd.flatten(pairs)", "nd.expand_dims(x, 0)", "nd.squeeze(row)", "nd.broadcast_to(row, (2, 3))"),
        *("nd.tile(x, 2)", "nd.repeat(x, 2)", "nd.flip(x, axis=0)", "nd.concat(x, y, dim=0)", "nd.stack(x, y)"),
        *("nd.split(x, 2, axis=0)[1]", "nd.pad(images, mode='constant', pad_width=(0, 0, 0, 0, 1, 1, 1, 1))"),
        *("nd.sort(x, axis=-1)", "nd.sort(x)", "nd.topk(x, k=2, ret_typ='value')", "nd.depth_to_space(deep, 2)"),
        "nd.zeros_like(x)",
    ],
    "indexing": [
        *("x[1]", "A[0]", "x[0:2]", "x[indices]", "nd.slice(x, 1, 3)", "nd.slice_axis(A, 1, 0, 2)"),
        *("nd.take(words, indices)", "nd.pick(A, labels)", "nd.gather_nd(A, places)", "nd.where(mask, x, y)"),
        *("nd.contrib.boolean_mask(x, mask)", "nd.Embedding(indices, words, 3, 2)"),
        *("nd.clip(x, 0, 5)", "nd.SequenceMask(A, lengths, True)"),
    ],
    "layers": [
        "nd.FullyConnected(A, weights, biases, num_hidden=2)",
        "nd.FullyConnected(A, weights, num_hidden=2, no_bias=True)",
        "nd.Convolution(images, kernels, biases, kernel=(2, 2), num_filter=2)",
        "nd.Deconvolution(images, kernels, kernel=(2, 2), num_filter=2)",
        "nd.Pooling(images, kernel=(2, 2), pool_type='max')",
        "nd.Pooling(images, kernel=(2, 2), pool_type='avg')",
        "nd.BatchNorm(A, scales, shifts, zeros, units, fix_gamma=False)",
        "nd.LayerNorm(A, scales, shifts)",
        "nd.GroupNorm(images, biases, biases, num_groups=2)",
        *(f"nd.Activation(x, '{kind}')" for kind in ("relu", "sigmoid", "tanh", "softrelu", "softsign")),
        *(f"nd.LeakyReLU(x - 0.7, act_type='{kind}')" for kind in ("leaky", "elu", "selu", "gelu")),
        "nd.RNN(steps, cells, states, state_size=2, num_layers=1, mode='rnn_tanh')",
        "nd.UpSampling(images, scale=2, sample_type='nearest')",
    ],
    "losses": [
        *("nd.softmax(A)", "nd.log_softmax(A)", "nd.softmin(A)", "nd.softmax_cross_entropy(A, labels)"),
        "nd.smooth_l1(x)",
        *("loss.L2Loss()(A, targets)", "loss.L1Loss()(A, targets)", "loss.HuberLoss()(A, targets)"),
        *("loss.SoftmaxCrossEntropyLoss()(A, labels)", "loss.SigmoidBinaryCrossEntropyLoss()(A, targets)"),
        *("loss.KLDivLoss()(A, targets)", "loss.HingeLoss()(A, signs)"),
    ],
    "chance": ["nd.Dropout(x, p=0.5)", "nd.random.normal(x, y)", "nd.random.gamma(x, y)", "nd.shuffle(x)"],
    "meant otherwise": [
        *("nd.BlockGrad(x)", "nd.make_loss(x)", "nd.MakeLoss(x)", "nd.SoftmaxOutput(A, labels)"),
        *("nd.LinearRegressionOutput(A, targets)", "nd.LogisticRegressionOutput(A, targets)"),
    ],
}
ARGUMENTS = {"arccosh": "x + 1", "degrees": "small"}
CALLS["functions"] = [f"nd.{name}({ARGUMENTS.get(name, 'x')})" for name in CALLS["functions"]]


def values(name: str) -> np.ndarray:
    """Return the values of an input: between 0.6 and 1.3, with no two of them close; a hundredth of that of "small"."""
    size = int(np.prod(SHAPES[name]))
    order = np.random.default_rng(sum(map(ord, name))).permutation(size)
    scale = 0.01 if name == "small" else 1
    return scale * (0.6 + 0.7 * (order + 0.37) / size).reshape(SHAPES[name])
