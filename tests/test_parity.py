"""The tool names what was planted, nothing where nothing is wrong, and all that fits where several causes do."""

import json
import struct
import sys
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "parity"))
from parity.layers import FORWARD
from parity.traces import Layer, Trace

import parity

ROWS = 6
DRAW = np.random.default_rng(4)


def normal(*shape: int) -> np.ndarray:
    return DRAW.normal(size=shape).astype(np.float32)


IMAGES, TABLE, SERIES = normal(ROWS, 4, 7, 7), normal(ROWS, 4), normal(5, ROWS, 4)


def causes(a: Trace, b: Trace, **options: Any) -> list[str]:
    return parity.explain(parity.compare(a, b, **options)).causes


def names(found: list[str]) -> set[str]:
    return {cause.partition(" (")[0] for cause in found}


def single(kind: str, array: Any, layer: Layer | None = None) -> Trace:
    trace = Trace(ROWS)
    trace.add(kind, "it", array, layer)
    return trace


# Planted in NumPy arrays: every line of the table, without a framework.

BN = {"x": IMAGES, "gamma": normal(4), "beta": normal(4), "mean": normal(4), "var": 1 + normal(4) ** 2}
RUNNING = {"x": IMAGES, "old": np.ones(4), "momentum": 0.9, "which": "var"}
RNN = [normal(12, 4), normal(12, 3), normal(12), normal(12)]
GRU = {"x": SERIES, "weights": [[normal(9, 4), normal(9, 3), normal(9), normal(9)]], "form": "gru"}
CONV = {"x": IMAGES, "weight": normal(4, 4, 3, 3), "bias": normal(4), "pad": ((1, 1), (1, 1)), "stride": (2, 2)}
POOL = {"x": IMAGES, "kernel": (2, 2), "stride": (2, 2), "pad": ((0, 0), (0, 0)), "average": True}
STEP = {
    "weight": normal(4, 4),
    "gradient": normal(4, 4),
    "lr": 0.1,
    "momentum": 0.9,
    "decay": 0.01,
    "rescale": 1 / ROWS,
}
TWO_WAYS = {"x": SERIES, "weights": [RNN, [-w for w in RNN]], "two_ways": True}
LAYER_NORM = {"x": 0.02 * TABLE, "gamma": normal(4), "beta": normal(4)}
WORDS = {"x": np.array([[1, 0, 2], [3, 3, 1]]), "weight": normal(4, 5)}
NO_LAST = np.vstack([WORDS["weight"][:3], np.zeros((1, 5))])
ADAM = {key: value for key, value in STEP.items() if key != "momentum"}
TINY = {**ADAM, "gradient": 1e-6 * normal(4, 4), "decay": 0.0}  # epsilon counts beside such gradients alone
LATER = {**ADAM, "step": 3, "state": (0.1 * normal(4, 4), 0.1 * normal(4, 4) ** 2)}
OTHER = [np.concatenate(np.split(w, 4)[:1] + np.split(w, 4)[2:0:-1] + np.split(w, 4)[3:]) for w in RNN]
FILLED = np.ascontiguousarray(SERIES.transpose(1, 2, 0)).reshape(SERIES.shape)
PLANTED = [
    ("BatchNorm epsilon", "output", "batch_norm", BN, {"eps": 1e-3}),
    ("train/predict mode", "output", "batch_norm", BN, {"training": False}),
    ("BatchNorm gamma", "output", "batch_norm", BN, {"gamma": np.ones(4)}),
    ("BatchNorm momentum", "statistic", "running", RUNNING, {"momentum": 0.1}),
    ("running variance", "statistic", "running", RUNNING, {"less": 1}),
    ("train/predict mode", "statistic", "running", RUNNING, {"training": False}),
    ("weight layout", "output", "dense", {"x": TABLE, "weight": STEP["weight"]}, {"weight": STEP["weight"].T}),
    ("weight layout", "output", "conv", CONV, {"weight": CONV["weight"].transpose(1, 0, 2, 3)}),
    ("missing bias", "output", "conv", CONV, {"bias": None}),
    ("padding", "output", "conv", CONV, {"pad": ((0, 0), (0, 0))}),
    ("padding", "output", "conv", {**CONV, "x": IMAGES[:, :, :6, :6]}, {"pad": ((0, 1), (0, 1))}),
    ("ceil mode", "output", "pool", POOL, {"ceil": True}),
    ("count_include_pad", "output", "pool", {**POOL, "pad": ((1, 1), (1, 1))}, {"count_pad": False}),
    ("activation", "output", "activation", {"x": TABLE, "form": "leaky", "slope": 0.25}, {"slope": 0.01}),
    ("activation", "output", "activation", {"x": TABLE, "form": "gelu erf"}, {"form": "gelu tanh"}),
    ("flatten order", "output", "flatten", {"x": IMAGES}, {"x": IMAGES.transpose(0, 2, 3, 1)}),
    ("input layout", "output", "recurrent", {"x": SERIES, "weights": [RNN]}, {"x": SERIES.transpose(1, 0, 2)}),
    ("input layout", "output", "recurrent", {"x": SERIES, "weights": [RNN]}, {"x": FILLED}),
    ("gate order", "output", "recurrent", {"x": SERIES, "weights": [RNN]}, {"weights": [OTHER]}),
    ("second bias", "output", "recurrent", {"x": SERIES, "weights": [RNN]}, {"weights": [[*RNN[:3], np.zeros(12)]]}),
    ("second bias", "output", "recurrent", GRU, {"inside": False}),
    ("two ways", "output", "recurrent", TWO_WAYS, {"weights": [TWO_WAYS["weights"][1], RNN]}),
    ("two ways", "output", "recurrent", TWO_WAYS, {"forward_first": False}),
    ("two ways", "output", "recurrent", TWO_WAYS, {"turned": False}),
    ("LayerNorm epsilon", "output", "layer_norm", LAYER_NORM, {"eps": 1e-6}),
    ("padding row", "output", "embedding", WORDS, {"weight": NO_LAST}),
    ("padding row", "output", "embedding", {**WORDS, "x": np.array([1, 9, -1])}, {"weight": NO_LAST}),
    ("weight decay", "step", "sgd", STEP, {"decay": 0.0}),
    ("rescale_grad", "step", "sgd", STEP, {"rescale": 1.0}),
    ("form of momentum", "step", "sgd", {**STEP, "state": normal(4, 4)}, {"nesterov": True}),
    ("form of momentum", "step", "sgd", {**STEP, "state": normal(4, 4), "last_lr": 0.2}, {"lr_inside": False}),
    ("weight decay", "step", "adam", LATER, {"decay": 0.0}),
    ("form of weight decay", "step", "adam", LATER, {"decoupled": True}),
    ("bias correction", "step", "adam", LATER, {"corrected": False}),
    ("bias correction", "step", "adam", TINY, {"eps_inside": False}),
    ("Adam epsilon", "step", "adam", TINY, {"eps": 1e-7}),
    ("rescale_grad", "step", "adam", LATER, {"rescale": 1.0}),
]


@pytest.mark.parametrize(("cause", "kind", "of", "given", "change"), PLANTED)
def test_a_cause_inside_a_layer(cause: str, kind: str, of: str, given: dict, change: dict) -> None:
    a, b = FORWARD[of](**given), FORWARD[of](**{**given, **change})
    layer = Layer(of, given)
    assert names(causes(single(kind, a, layer), single(kind, b))) == {cause}


def test_a_layer_that_only_b_knows() -> None:
    a, b = FORWARD["batch_norm"](**{**BN, "eps": 1e-3}), FORWARD["batch_norm"](**BN)
    explanation = parity.explain(parity.compare(single("output", a), single("output", b, Layer("batch_norm", BN))))
    assert explanation.causes == ["BatchNorm epsilon (epsilon 0.001)"] and "computed from B" in str(explanation)


def test_two_causes_of_one_layer() -> None:
    layer = Layer("running", RUNNING)
    b = FORWARD["running"](**{**RUNNING, "momentum": 0.1, "less": 1})
    [found] = causes(single("statistic", FORWARD["running"](**RUNNING), layer), single("statistic", b))
    assert "BatchNorm momentum" in found and "running variance" in found


G = normal(12, 5)
ALONE = [
    ("layout", "gradient", G, G.T),
    ("layout", "gradient", G, G.T.reshape(12, 5)),
    ("layout", "output", IMAGES, IMAGES.transpose(0, 2, 3, 1)),
    ("gate order", "gradient", G, np.concatenate([np.split(G, 4)[k] for k in (0, 2, 1, 3)])),
    ("gate order", "parameter", G, np.concatenate([np.split(G, 3)[k] for k in (1, 0, 2)])),
    ("dropped gradient", "gradient", G, np.zeros_like(G)),
    ("dropped gradient", "gradient", G, None),
    ("dropped gradient", "gradient", None, G),
    ("accumulated gradient", "gradient", G, 4 * G),
    ("dtype", "output", G, G.astype(np.float16)),
    ("dtype", "output", G.astype(np.float16).astype(np.float32), G),
    ("loss reduction", "loss", TABLE, TABLE.mean()),
    ("loss reduction", "loss", TABLE, TABLE.sum()),
    ("loss reduction", "loss", TABLE, TABLE.mean(1) / 2),
    ("loss reduction", "loss", TABLE.sum(), TABLE.sum() / ROWS),
]


@pytest.mark.parametrize(("cause", "kind", "a", "b"), ALONE)
def test_a_cause_without_a_layer(cause: str, kind: str, a: Any, b: Any) -> None:
    assert names(causes(single(kind, a), single(kind, b))) == {cause}


def test_a_type_is_told_where_the_tolerance_asks_for_it() -> None:
    exact = DRAW.normal(size=(8, 8))
    a, b = single("output", exact.astype(np.float32)), single("output", exact)
    assert causes(a, b) == []
    assert causes(a, b, tolerance=1e-9) == ["dtype (A was computed in float32)"]


def test_a_branch_that_is_cut() -> None:
    a, b = Trace(ROWS), Trace(ROWS)
    skip, through = normal(3, 4), normal(3, 4)
    for trace, into in ((a, skip + through), (b, skip)):
        trace.add("loss", "loss", 1.0)
        trace.add("gradient", "input", into)
        trace.add("gradient", "sum", skip)
    assert names(causes(a, b)) == {"detached branch"}


def test_the_columns_of_a_flattened_image() -> None:
    weight = normal(3, 4 * 7 * 7)
    a, b = (
        single("gradient", weight),
        single("gradient", weight.reshape(3, 4, 7, 7).transpose(0, 2, 3, 1).reshape(3, -1)),
    )
    a.add("output", "image", IMAGES)
    assert names(causes(a, b)) == {"flatten order"}


def test_the_gradient_of_the_batch_before() -> None:
    earlier, now = normal(4, 4), normal(4, 4)
    report = parity.compare(single("gradient", now), single("gradient", now + earlier))
    assert parity.explain(report).causes == []
    found = parity.explain(report, earlier=single("gradient", earlier)).causes
    assert names(found) == {"accumulated gradient"}


# What fits equally, what fits nothing, and what is equal.


def test_causes_that_fit_equally_are_all_named() -> None:
    """Twice the gradient is a loss without ½ or a gradient that was added up; an equal loss decides."""
    a, b = single("gradient", G), single("gradient", 2 * G)
    assert {"accumulated gradient", "loss reduction"} <= names(causes(a, b))
    assert "these fit equally well" in str(parity.explain(parity.compare(a, b)))
    for trace in (a, b):
        trace.add("loss", "loss", 1.5)
    assert names(causes(a, b)) == {"accumulated gradient"}


def test_noise_has_no_cause() -> None:
    for cause, kind, of, given, _ in PLANTED:
        a = np.asarray(FORWARD[of](**given), np.float32)
        for size in (1e-3, 1.0):
            b = (a * (1 + size * DRAW.normal(size=a.shape))).astype(np.float32)
            explanation = parity.explain(parity.compare(single(kind, a, Layer(of, given)), single(kind, b)))
            assert explanation.causes == [], (cause, size)
            assert "none of the known ways" in str(explanation)


def test_noise_in_gradients_and_losses_has_no_cause() -> None:
    for kind in ("gradient", "loss", "parameter"):
        assert causes(single(kind, G), single(kind, (G * (1 + 1e-3 * normal(12, 5))).astype(np.float32))) == []


def test_rounding_is_no_difference() -> None:
    for _, kind, of, given, _ in PLANTED:
        exact = np.asarray(FORWARD[of](**given), np.float64)
        report = parity.compare(single(kind, exact), single(kind, exact.astype(np.float32)))
        assert report.first is None and "no difference" in str(report)
        assert "nothing to explain" in str(parity.explain(report))


def test_a_layer_that_is_not_what_it_seems_is_not_used() -> None:
    a = single("output", FORWARD["batch_norm"](**BN) ** 2, Layer("batch_norm", BN))
    explanation = parity.explain(parity.compare(a, single("output", FORWARD["batch_norm"](**BN))))
    assert explanation.causes == [] and "were not tried" in str(explanation)


def test_a_gradient_that_should_be_zero_is_rounding() -> None:
    a, b = Trace(), Trace()
    for trace, noise in ((a, 1e-8), (b, -2e-8)):
        trace.add("gradient", "bias", np.full(4, noise))
        trace.add("gradient", "weight", np.ones(4))
    assert parity.compare(a, b).first is None


def test_nan_and_infinity() -> None:
    bad = np.array([1.0, np.nan, np.inf])
    assert parity.compare(single("output", bad), single("output", bad)).first is None
    report = parity.compare(single("output", bad), single("output", np.array([1.0, 2.0, np.inf])))
    assert report.first is not None and report.first.absolute == np.inf
    assert parity.explain(report).causes == []


def test_the_order_of_execution() -> None:
    a, b = Trace(), Trace()
    for trace, error in ((a, 0), (b, 1)):
        for name in ("first", "second"):
            trace.add("gradient", name, np.ones(2) + error)
            trace.add("output", name, np.ones(2) + error * (name == "second"))
        trace.add("parameter", "weight", np.ones(2))
    report = parity.compare(a, b)
    assert [(row.kind, row.name) for row in report.rows if row.what != "equal"] == [
        ("output", "second"),
        ("gradient", "second"),
        ("gradient", "first"),
    ]
    assert report.first is not None and report.first.relative == pytest.approx(0.5)
    assert "1 equal" in str(report) and len(report.table().splitlines()) == 6


def test_what_one_side_has_alone() -> None:
    a, b = single("output", G), single("output", G)
    b.add("output", "more", G)
    report = parity.compare(a, b)
    assert report.first is None and "only in B: output more" in str(report)


def test_other_names() -> None:
    a, b = single("output", G), Trace()
    b.add("output", "that", G)
    assert len(parity.compare(a, b, names={"that": "it"}).rows) == 1
    with pytest.raises(ValueError, match="should be one of"):
        a.add("weights", "it", G)


def test_other_names_of_a_layer_that_runs_twice() -> None:
    a, b = Trace(), Trace()
    for trace, name in ((a, "dense"), (b, "fc")):
        for call in (name, f"{name}#2", f"{name}s"):
            trace.add("output", call, G)
    report = parity.compare(a, b, names={"fc": "dense"})
    assert [row.name for row in report.rows] == ["dense", "dense#2"]
    assert report.alone == {"A": ["output denses"], "B": ["output fcs"]}


@pytest.mark.parametrize(
    ("gluon", "torch"),
    [
        ("features.0.weight", "features.0.weight"),
        ("1.gamma", "1.weight"),
        ("1.beta", "1.bias"),
        ("lstm.l0_i2h_weight", "lstm.weight_ih_l0"),
        ("l2_h2h_bias", "bias_hh_l2"),
        ("lstm._unfused.0.i2h_weight", "lstm.weight_ih_l0"),
        ("lstm.r1_h2h_weight", "lstm.weight_hh_l1_reverse"),
        ("lstm._unfused.0.l_cell.i2h_weight", "lstm.weight_ih_l0"),
        ("_unfused.1.r_cell.h2h_bias", "bias_hh_l1_reverse"),
        ("act.alpha", "act.alpha"),
        ("1.running_var", "1.running_var"),
    ],
)
def test_names_of_parameters(gluon: str, torch: str) -> None:
    assert parity.torch_name(gluon) == torch


# A trace in a file.


def test_a_trace_that_was_saved_is_the_same(tmp_path: Path) -> None:
    """Compared and explained from the file alone, with the layers behind the arrays, and a gradient of None."""
    for cause, kind, of, given, change in PLANTED:
        a = single(kind, FORWARD[of](**given), Layer(of, given))
        a.add("gradient", "none", None)
        a.save(tmp_path / "a.trace")
        again = parity.load(tmp_path / "a.trace")
        assert again.rows == ROWS and list(again.arrays) == list(a.arrays) and again.arrays["gradient", "none"] is None
        assert parity.compare(a, again).first is None
        assert names(causes(again, single(kind, FORWARD[of](**{**given, **change})))) == {cause}


def test_a_file_that_is_no_trace(tmp_path: Path) -> None:
    single("output", G).save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    np.savez(tmp_path / "other.npz", it=G)
    np.save(tmp_path / "one.npy", G)
    np.savez(tmp_path / "pickled.npz", about=np.array({"rows": 1}))
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text").write_bytes(b"no trace")
    (tmp_path / "empty").write_bytes(b"")
    for name in ("other.npz", "one.npy", "pickled.npz", "cut", "text", "empty"):
        with pytest.raises(ValueError, match=rf"^{name}: it is no trace"):
            parity.load(tmp_path / name)


def test_a_file_that_is_damaged_anywhere(tmp_path: Path) -> None:
    """It is read, where the damage touches nothing, or it is no trace; a file that is not there is another matter."""
    single("output", G[:2], Layer("flatten", {"x": G})).save(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    for k, damage in product(range(len(whole)), (0x01, 0x80)):
        (tmp_path / "it").write_bytes(whole[:k] + bytes([whole[k] ^ damage]) + whole[k + 1 :])
        try:
            parity.load(tmp_path / "it")
        except ValueError as error:
            assert str(error).startswith("it: it is no trace"), k
    with pytest.raises(FileNotFoundError):
        parity.load(tmp_path / "none")


def test_a_trace_that_lacks_an_array(tmp_path: Path) -> None:
    about = {"rows": 1, "arrays": [["output", "it", {"array": 0}]], "layers": []}
    np.savez(tmp_path / "few.npz", about=np.array(json.dumps(about)))
    with pytest.raises(ValueError, match=r"^few.npz: it is no trace"):
        parity.load(tmp_path / "few.npz")


# The same bugs, planted in pairs of real networks.


def gluon_and_torch(
    make_gluon: Callable[[Any], Any], make_torch: Callable[[Any], Any], x: np.ndarray
) -> tuple[Any, ...]:
    """Return both networks with the parameters of the first one, and both inputs."""
    mx, torch = pytest.importorskip("mxnet"), pytest.importorskip("torch")
    mx.random.seed(2)
    net, model = make_gluon(mx.gluon), make_torch(torch.nn)
    net.initialize(mx.init.Uniform(0.5))
    net(mx.nd.array(x))
    own = dict(parity.adapters.paths(net))
    for path, module in parity.adapters.paths(model):
        values = {**module._parameters, **module._buffers}
        for name, parameter in own[path]._reg_params.items():
            values[parity.torch_name(name)].data.copy_(torch.tensor(parameter.data().asnumpy()))
    return net, model, mx.nd.array(x), torch.tensor(x)


def squares(out: Any) -> Any:
    return (out * out).sum()


def seq(*layers: Any) -> Any:
    """Return a sequence of layers of either framework."""
    if "torch" in type(layers[0]).__module__:
        import torch

        return torch.nn.Sequential(*layers)
    from mxnet import gluon

    net = gluon.nn.HybridSequential()
    net.add(*layers)
    return net


PAIRS = [
    ("BatchNorm epsilon", IMAGES, lambda g: g.nn.BatchNorm(epsilon=1e-3), lambda t: t.BatchNorm2d(4)),
    ("BatchNorm momentum", IMAGES, lambda g: g.nn.BatchNorm(), lambda t: t.BatchNorm2d(4, momentum=0.9)),
    ("running variance", IMAGES, lambda g: g.nn.BatchNorm(), lambda t: t.BatchNorm2d(4)),
    ("train/predict mode", IMAGES, lambda g: g.nn.BatchNorm(), lambda t: t.BatchNorm2d(4).eval()),
    ("padding", IMAGES, lambda g: g.nn.Conv2D(4, 3, padding=1), lambda t: t.Conv2d(4, 4, 3)),
    ("ceil mode", IMAGES, lambda g: g.nn.AvgPool2D(2), lambda t: t.AvgPool2d(2, ceil_mode=True)),
    ("ceil mode", IMAGES, lambda g: g.nn.MaxPool2D(2, ceil_mode=True), lambda t: t.MaxPool2d(2)),
    (
        "count_include_pad",
        IMAGES,
        lambda g: g.nn.AvgPool2D(3, 2, 1),
        lambda t: t.AvgPool2d(3, 2, 1, count_include_pad=False),
    ),
    ("LayerNorm epsilon", 0.02 * TABLE, lambda g: g.nn.LayerNorm(), lambda t: t.LayerNorm(4, eps=1e-6)),
    ("nothing", TABLE, lambda g: g.nn.LayerNorm(), lambda t: t.LayerNorm(4)),
    ("padding row", WORDS["x"], lambda g: g.nn.Embedding(4, 5), lambda t: t.Embedding(4, 5, padding_idx=0)),
    ("nothing", WORDS["x"], lambda g: g.nn.Embedding(4, 5), lambda t: t.Embedding(4, 5)),
    ("activation", TABLE, lambda g: g.nn.LeakyReLU(0.25), lambda t: t.LeakyReLU()),
    ("activation", TABLE, lambda g: g.nn.GELU(), lambda t: t.GELU(approximate="tanh")),
    ("activation", TABLE, lambda g: g.nn.Activation("softrelu"), lambda t: t.ReLU()),
    ("nothing", SERIES, lambda g: g.rnn.LSTM(3), lambda t: t.LSTM(4, 3)),
    ("nothing", SERIES, lambda g: g.rnn.LSTM(3, 2), lambda t: t.LSTM(4, 3, 2)),
    ("nothing", SERIES, lambda g: g.rnn.GRU(3), lambda t: t.GRU(4, 3)),
    (
        "nothing",
        SERIES,
        lambda g: g.rnn.LSTM(3, 2, bidirectional=True),
        lambda t: t.LSTM(4, 3, 2, bidirectional=True),
    ),
    ("nothing", SERIES, lambda g: g.rnn.GRU(3, bidirectional=True), lambda t: t.GRU(4, 3, bidirectional=True)),
    ("padding", SERIES, lambda g: g.nn.Conv1D(5, 3, padding=1), lambda t: t.Conv1d(6, 5, 3)),
    ("ceil mode", SERIES, lambda g: g.nn.MaxPool1D(3), lambda t: t.MaxPool1d(3, ceil_mode=True)),
    ("nothing", SERIES, lambda g: g.nn.Conv1D(5, 3, 2, 1), lambda t: t.Conv1d(6, 5, 3, 2, 1)),
    (
        "nothing",
        IMAGES,
        lambda g: seq(g.nn.Conv2D(5, 3), g.nn.Activation("tanh"), g.nn.Flatten(), g.nn.Dense(3)),
        lambda t: seq(t.Conv2d(4, 5, 3), t.Tanh(), t.Flatten(), t.Linear(125, 3)),
    ),
]


@pytest.mark.parametrize(("cause", "x", "make_gluon", "make_torch"), PAIRS)
def test_a_real_pair(cause: str, x: np.ndarray, make_gluon: Callable, make_torch: Callable) -> None:
    net, model, x_mx, x_torch = gluon_and_torch(make_gluon, make_torch, x)
    report = parity.compare(parity.of_gluon(net, x_mx, loss=squares), parity.of_torch(model, x_torch, loss=squares))
    assert names(parity.explain(report).causes) == ({cause} if cause != "nothing" else set()), str(report)
    assert (report.first is None) == (cause == "nothing")


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
@pytest.mark.parametrize("bug", ["gate order", "second bias"])
def test_a_recurrent_pair(kind: str, bug: str) -> None:
    net, model, x_mx, x_torch = gluon_and_torch(
        lambda g: getattr(g.rnn, kind)(3), lambda t: getattr(t, kind)(4, 3), SERIES
    )
    torch = pytest.importorskip("torch")
    if bug == "second bias":  # MXNet begins with zeros, which nobody misses
        net.l0_h2h_bias.data()[:] = 0.5
    else:
        for tensor in model._parameters.values():
            i, f, *others = tensor.data.chunk(4 if kind == "LSTM" else 3)
            tensor.data = torch.cat([f, i, *others])
    a = parity.of_gluon(net, x_mx, loss=squares)
    a.arrays = {key: array for key, array in a.arrays.items() if key[0] != "parameter"}  # which would tell at once
    report = parity.compare(a, parity.of_torch(model, x_torch, loss=squares))
    assert report.first is not None and report.first.kind == "output"
    assert names(parity.explain(report).causes) == {bug}


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_two_ways_that_are_exchanged(kind: str) -> None:
    """The parameters tell which stands in whose place; without them, the outputs tell that it is the ways."""
    net, model, x_mx, x_torch = gluon_and_torch(
        lambda g: getattr(g.rnn, kind)(3, bidirectional=True),
        lambda t: getattr(t, kind)(4, 3, bidirectional=True),
        SERIES,
    )
    state = model.state_dict()
    model.load_state_dict({n: state[n[:-8] if n.endswith("_reverse") else f"{n}_reverse"].clone() for n in state})
    a, b = parity.of_gluon(net, x_mx), parity.of_torch(model, x_torch)
    report = parity.compare(a, b)
    assert parity.explain(report).causes == ["exchanged parameter (this is net.weight_ih_l0_reverse)"]
    row = next(row for row in report.rows if row.kind == "output")
    assert names(parity.explain(report, row).causes) == {"two ways"}


def dense_pair() -> tuple[Any, ...]:
    return gluon_and_torch(
        lambda g: seq(g.nn.Dense(4), g.nn.Activation("tanh"), g.nn.Dense(4)),
        lambda t: seq(t.Linear(4, 4), t.Tanh(), t.Linear(4, 4)),
        TABLE,
    )


def test_a_transposed_weight_in_a_real_pair() -> None:
    net, model, x_mx, x_torch = dense_pair()
    model[2].weight.data = model[2].weight.data.T.clone()
    report = parity.compare(parity.of_gluon(net, x_mx), parity.of_torch(model, x_torch))
    assert (report.first.kind, report.first.name) == ("parameter", "2.weight")
    assert names(parity.explain(report).causes) == {"layout"}
    output = next(row for row in report.rows if row.kind == "output" and row.what != "equal")
    assert output.name == "2" and names(parity.explain(report, output).causes) == {"weight layout"}


LOSSES = [
    (lambda out: (out * out).mean(axis=1), lambda out: (out * out).mean(), "loss reduction"),
    (lambda out: (out * out).sum(), lambda out: (out * out).sum() / 2, "loss reduction"),
    (lambda out: (out * out).mean(axis=1), lambda out: (out * out).mean(axis=1), "nothing"),
]


@pytest.mark.parametrize(("loss_mx", "loss_torch", "cause"), LOSSES)
def test_losses_of_a_real_pair(loss_mx: Callable, loss_torch: Callable, cause: str) -> None:
    net, model, x_mx, x_torch = dense_pair()
    report = parity.compare(parity.of_gluon(net, x_mx, loss=loss_mx), parity.of_torch(model, x_torch, loss=loss_torch))
    assert names(parity.explain(report).causes) == ({cause} if cause != "nothing" else set())


def test_gradients_of_a_real_pair() -> None:
    """Added up in a second pass; cut off; and cut off for one layer alone."""
    net, model, x_mx, x_torch = dense_pair()
    a = parity.of_gluon(net, x_mx, loss=squares)
    parity.of_torch(model, x_torch, loss=squares)
    assert names(causes(a, parity.of_torch(model, x_torch, loss=squares))) == {"accumulated gradient"}
    model.zero_grad()
    model[0].weight.grad = None
    model[0].weight.requires_grad_(False)
    report = parity.compare(a, parity.of_torch(model, x_torch, loss=squares))
    assert report.first.name == "0.weight" and names(parity.explain(report).causes) == {"dropped gradient"}


def test_a_branch_that_is_cut_in_a_real_pair() -> None:
    torch = pytest.importorskip("torch")

    class Residual(torch.nn.Module):
        def __init__(self, cut: bool) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.first, self.second, self.join = torch.nn.Linear(4, 4), torch.nn.Linear(4, 4), torch.nn.Identity()
            self.cut = cut

        def forward(self, x: Any) -> Any:
            first = self.first(x)
            return self.join((first.detach() if self.cut else first) + self.second(first))

    a, b = (parity.of_torch(Residual(cut), torch.tensor(TABLE), loss=squares) for cut in (False, True))
    report = parity.compare(a, b)
    assert (report.first.kind, report.first.name) == ("gradient", "first")
    assert names(parity.explain(report).causes) == {"detached branch"}


IN_PLACE = [
    lambda t, where: [t.Linear(4, 4), t.ReLU(where), t.Linear(4, 4)],
    lambda t, where: [t.LeakyReLU(0.25, where), t.Linear(4, 4)],
    lambda t, where: [t.BatchNorm1d(4), t.Identity(), t.ReLU(where), t.Linear(4, 4)],
]


@pytest.mark.parametrize("layers", IN_PLACE)
def test_a_layer_that_works_in_place(layers: Callable) -> None:
    """It changes the output of the layer before it, or the input, and nothing that is recorded of them."""
    torch = pytest.importorskip("torch")
    traces = []
    for where in (False, True):
        torch.manual_seed(1)
        traces.append(parity.of_torch(torch.nn.Sequential(*layers(torch.nn, where)), torch.tensor(TABLE), loss=squares))
    report = parity.compare(*traces)
    assert report.first is None and report.alone == {"A": [], "B": []}


def test_the_cause_in_a_layer_that_works_in_place() -> None:
    torch = pytest.importorskip("torch")
    traces = []
    for act in (torch.nn.ReLU(inplace=True), torch.nn.LeakyReLU(0.25, inplace=True)):
        torch.manual_seed(1)
        traces.append(parity.of_torch(torch.nn.Sequential(torch.nn.Linear(4, 4), act), torch.tensor(TABLE)))
    assert causes(*traces) == ["activation (activation leaky with slope 0.25)"]


def test_an_output_that_a_function_changes_in_place() -> None:
    torch = pytest.importorskip("torch")

    class Doubled(torch.nn.Module):
        def __init__(self, where: bool) -> None:
            super().__init__()
            torch.manual_seed(1)
            self.dense, self.where = torch.nn.Linear(4, 4), where

        def forward(self, x: Any) -> Any:
            out = self.dense(x)
            return out.mul_(2) if self.where else out * 2

    a, b = (parity.of_torch(Doubled(where), torch.tensor(TABLE), loss=squares) for where in (False, True))
    assert parity.compare(a, b).first is None


def test_what_a_layer_returns_keeps_its_type() -> None:
    torch = pytest.importorskip("torch")

    class Pair(NamedTuple):
        left: Any
        right: Any

    class Layer(torch.nn.Module):
        def __init__(self, make: Callable) -> None:
            super().__init__()
            self.make = make

        def forward(self, x: Any) -> Any:
            return self.make([x + 1, x + 2])

    for make in (Pair._make, tuple, list, torch.return_types.max):
        layer = Layer(make)
        kind = type(layer(torch.ones(2)))
        with parity.tap_torch(layer, Trace()):
            out = layer(torch.ones(2))
        assert type(out) is kind and [each.tolist() for each in out] == [[2, 2], [3, 3]]


def test_a_layer_that_runs_twice() -> None:
    """Each call has a name of its own, and a layer under two names is recorded once."""
    mx, torch = pytest.importorskip("mxnet"), pytest.importorskip("torch")

    class Twice(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.act, self.norm = torch.nn.Linear(4, 4), torch.nn.Tanh(), torch.nn.BatchNorm1d(4)
            self.same = self.act

        def forward(self, x: Any) -> Any:
            return self.norm(self.same(self.norm(self.act(self.dense(x)))))

    class GluonTwice(mx.gluon.nn.HybridBlock):
        def __init__(self) -> None:
            super().__init__()
            self.dense, self.act = mx.gluon.nn.Dense(4), mx.gluon.nn.Activation("tanh")
            self.norm = mx.gluon.nn.BatchNorm()
            self.same = self.act

        def hybrid_forward(self, F: Any, x: Any) -> Any:  # noqa: N803
            return self.norm(self.same(self.norm(self.act(self.dense(x)))))

    net, model, x_mx, x_torch = gluon_and_torch(lambda g: GluonTwice(), lambda t: Twice(), TABLE)
    a, b = parity.of_gluon(net, x_mx, loss=squares), parity.of_torch(model, x_torch, loss=squares)
    assert list(a.of("output")) == list(b.of("output")) == ["dense", "act", "norm", "act#2", "norm#2"]
    assert "act#2" in a.of("gradient") and not a.of("statistic") and not b.of("statistic")
    assert all(row.what == "equal" for row in parity.compare(a, b).rows if row.kind == "output")


def test_types_of_a_real_pair() -> None:
    net, model, x_mx, x_torch = dense_pair()
    torch = pytest.importorskip("torch")
    a = parity.of_gluon(net, x_mx)
    assert parity.compare(a, parity.of_torch(model.double(), x_torch.double())).first is None
    out = model.float()(x_torch).to(torch.bfloat16).float().detach().numpy()
    b = Trace(ROWS)
    b.add("output", "2", out)
    assert names(causes(a, b)) == {"dtype"}


def test_a_module_in_bfloat16() -> None:
    """NumPy has no such type, and float32 holds all of its numbers."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    model = seq(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 4)).bfloat16()
    x = torch.tensor(TABLE).bfloat16()
    b = parity.of_torch(model, x, loss=squares)
    assert all(array.dtype == np.float32 for (kind, _), array in b.arrays.items() if kind != "statistic")
    model.zero_grad()
    model[1].reset_running_stats()
    assert causes(parity.of_torch(model.float(), x.float(), loss=squares), b) == ["dtype (B was computed in bfloat16)"]


def test_a_parameter_that_is_a_scalar() -> None:
    """It is compared as any other is; the counter of a BatchNorm, which MXNet has not, is left out."""
    torch = pytest.importorskip("torch")

    class Scaled(torch.nn.Module):
        def __init__(self, scale: float) -> None:
            super().__init__()
            self.scale, self.norm = torch.nn.Parameter(torch.tensor(scale)), torch.nn.BatchNorm1d(4)
            self.register_buffer("order", torch.arange(4))

        def forward(self, x: Any) -> Any:
            return self.scale * self.norm(x)[:, self.order]

    a, b = (parity.of_torch(Scaled(scale), torch.tensor(TABLE), loss=squares) for scale in (2.0, 3.0))
    of_norm = [f"norm.{name}" for name in ("weight", "bias", "running_mean", "running_var")]
    assert list(a.of("parameter")) == ["net.scale", "net.order", *of_norm]
    assert "net.scale" in a.of("gradient")
    first = parity.compare(a, b).first
    assert first is not None and (first.kind, first.name) == ("parameter", "net.scale")
    parity.add_step(a, {"net.scale": np.float32(1.5)}, lr=0.1)
    assert a.arrays["step", "net.scale"] == 1.5


def not_known(kind: str) -> Trace:
    """Return the record of a layer whose input has no axis for the rows, or whose parameters are not its own."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    if kind == "convolution":
        return parity.of_torch(torch.nn.Conv2d(4, 5, 3), torch.tensor(IMAGES[0]))
    if kind == "recurrent":
        return parity.of_torch(torch.nn.GRU(4, 3), torch.tensor(SERIES[:, 0]))
    return parity.of_torch(torch.nn.utils.weight_norm(torch.nn.Linear(4, 3)), torch.tensor(TABLE))


@pytest.mark.parametrize("kind", ["convolution", "recurrent", "weight_norm"])
def test_a_layer_that_cannot_be_computed_again(kind: str) -> None:
    a, b = not_known(kind), not_known(kind)
    b.arrays["output", "net"] = 2 * b.arrays["output", "net"] + 1
    explanation = parity.explain(parity.compare(a, b))
    assert explanation.causes == [] and "could not be computed again: causes inside it were not tried" in str(
        explanation
    )


STEPS = [
    ("nothing", "SGD", {}, {}),
    ("weight decay", "SGD", {"wd": 0.1}, {}),
    ("weight decay", "SGD", {"wd": 0.1}, {"weight_decay": 0.1 * ROWS}),
    ("form of momentum", "SGD", {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}),
    ("nothing", "Adam", {"wd": 0.1, "epsilon": 1e-12}, {"weight_decay": 0.1, "eps": 1e-12}),
    ("form of weight decay", "AdamW", {"wd": 0.1, "epsilon": 1e-12}, {"weight_decay": 0.1, "eps": 1e-12}),
    ("bias correction", "Adam", {"epsilon": 0.01}, {"eps": 0.01}),
]


@pytest.mark.parametrize(("cause", "optimizer", "mx_options", "torch_options"), STEPS)
def test_steps_of_a_real_pair(cause: str, optimizer: str, mx_options: dict, torch_options: dict) -> None:
    """Trainer.step(6) in MXNet, a loss that is divided by 6 in PyTorch."""
    net, model, x_mx, x_torch = dense_pair()
    from mxnet import gluon
    from torch import optim

    a = parity.of_gluon(net, x_mx, loss=squares)
    b = parity.of_torch(model, x_torch, loss=squares)
    for parameter in model.parameters():
        parameter.grad /= ROWS
    kind = optimizer.lower().removesuffix("w")
    trainer = gluon.Trainer(net.collect_params(), kind, {"learning_rate": 0.1, **mx_options})
    trainer.step(ROWS)
    getattr(optim, optimizer)(model.parameters(), lr=0.1, **torch_options).step()
    ours = {"wd": "decay", "epsilon": "eps"}
    settings = {"lr": 0.1, "rescale": 1 / ROWS, **{ours.get(name, name): value for name, value in mx_options.items()}}
    blocks = parity.adapters.paths(net)
    values = {f"{path}.{n}": v.data().asnumpy() for path, block in blocks for n, v in block._reg_params.items()}
    parity.add_step(a, values, kind, **settings)
    parity.add_step(b, {name: p.detach().numpy() for name, p in model.named_parameters()}, lr=0.1)
    report = parity.compare(a, b)
    assert names(parity.explain(report).causes) == ({cause} if cause != "nothing" else set()), str(report)


def test_tapping_leaves_a_block_as_it_was() -> None:
    net, _, x_mx, _ = dense_pair()
    before = net(x_mx).asnumpy()
    parity.of_gluon(net, x_mx, loss=squares)
    assert all("forward" not in vars(block) for _, block in parity.adapters.paths(net))
    assert np.array_equal(before, net(x_mx).asnumpy())


def test_a_loss_among_the_inputs() -> None:
    net, model, x_mx, x_torch = dense_pair()
    for of, its, x, what in ((parity.of_gluon, net, x_mx, "an NDArray"), (parity.of_torch, model, x_torch, "a tensor")):
        with pytest.raises(TypeError, match=rf"^input 1 is a function and should be {what}; a loss is given as loss=$"):
            of(its, x, squares)


# Files of parameters.

KINDS = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64"]


@pytest.fixture(scope="module")
def mx() -> Any:
    return pytest.importorskip("mxnet")


def test_a_file_of_every_type(tmp_path: Path, mx: Any) -> None:
    arrays = {f"arg:w_{kind}": mx.nd.arange(6).reshape((2, 3)).astype(kind) for kind in KINDS}
    mx.nd.save(str(tmp_path / "all.params"), arrays)
    found = parity.read(tmp_path / "all.params")
    assert list(found) == list(arrays)
    for kind in KINDS:
        its = found[f"arg:w_{kind}"]
        assert its.dtype == kind and np.array_equal(its, np.arange(6).reshape(2, 3))


def test_files_without_names_and_of_other_shapes(tmp_path: Path, mx: Any) -> None:
    mx.nd.save(str(tmp_path / "list"), [mx.nd.ones((1,)), mx.nd.ones((2, 1, 3))])
    assert [each.shape for each in parity.read(tmp_path / "list")] == [(1,), (2, 1, 3)]
    mx.nd.save(str(tmp_path / "empty"), {})
    assert parity.read(tmp_path / "empty") == []


def test_scalars_of_mx_np(tmp_path: Path, mx: Any) -> None:
    with mx.util.np_shape(True), mx.util.np_array(True):
        flag = mx.np.array([True], dtype=bool)
        mx.npx.save(str(tmp_path / "np"), {"one": mx.np.array(3.0), "none": mx.np.zeros((0, 2)), "b": flag})
    found = parity.read(tmp_path / "np")
    assert found["one"].shape == () and found["one"] == 3 and found["none"].shape == (0, 2)
    assert found["b"].dtype == bool and found["b"][0]


def test_files_of_a_block_and_of_a_module(tmp_path: Path, mx: Any) -> None:
    net = mx.gluon.nn.HybridSequential()
    net.add(mx.gluon.nn.Dense(3, in_units=2), mx.gluon.nn.BatchNorm(in_channels=3))
    net.initialize()
    net.hybridize()
    net(mx.nd.ones((1, 2)))
    net.save_parameters(str(tmp_path / "net.params"))
    assert sorted(parity.read(tmp_path / "net.params"))[:2] == ["0.bias", "0.weight"]
    net.export(str(tmp_path / "net"))
    names_found = sorted(parity.read(tmp_path / "net-0000.params"))
    assert all(name.startswith(("arg:", "aux:")) for name in names_found) and len(names_found) == 6


def test_a_file_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "no.params").write_bytes(b"\x80\x04 this is a pickle, and not a file of arrays")
    with pytest.raises(ValueError, match=r"^no.params: it is no file of arrays$"):
        parity.read(tmp_path / "no.params")


def test_a_file_that_is_cut_off(tmp_path: Path, mx: Any) -> None:
    mx.nd.save(str(tmp_path / "whole"), {"a": mx.nd.ones((2, 2)), "b": mx.nd.ones(3)})
    whole = (tmp_path / "whole").read_bytes()
    for size in range(len(whole)):
        (tmp_path / "cut").write_bytes(whole[:size])
        with pytest.raises(ValueError, match=r"^cut: the file is cut off$"):
            parity.read(tmp_path / "cut")


def test_a_file_whose_lengths_are_wrong(tmp_path: Path) -> None:
    head = struct.pack("<3Q", 0x112, 0, 0)
    (tmp_path / "long").write_bytes(head + struct.pack("<2Q", 1, 2**64 - 1))
    with pytest.raises(ValueError, match=r"^long: the file is cut off$"):
        parity.read(tmp_path / "long")
    (tmp_path / "names").write_bytes(head + struct.pack("<2Qs", 1, 1, b"a"))
    with pytest.raises(ValueError, match=r"^names: it has 0 arrays, and names: 1$"):
        parity.read(tmp_path / "names")


def test_a_file_of_arrays_that_is_damaged_anywhere(tmp_path: Path, mx: Any) -> None:
    mx.nd.save(str(tmp_path / "whole"), {"a": mx.nd.ones((2, 2)), "b": mx.nd.ones(3)})
    whole = (tmp_path / "whole").read_bytes()
    for k, damage in product(range(len(whole)), (0x01, 0x80)):
        (tmp_path / "it").write_bytes(whole[:k] + bytes([whole[k] ^ damage]) + whole[k + 1 :])
        try:
            parity.read(tmp_path / "it")
        except ValueError as error:
            assert str(error).startswith("it: "), k


def test_a_sparse_array(tmp_path: Path, mx: Any) -> None:
    mx.nd.save(str(tmp_path / "sparse"), {"a": mx.nd.ones((2, 2)).tostype("row_sparse")})
    with pytest.raises(ValueError, match=r"^sparse: it holds a sparse array \(row_sparse\)$"):
        parity.read(tmp_path / "sparse")
