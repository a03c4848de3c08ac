"""What derives the gradients again, on a few lines of code each: nothing is left out, and what is wrong is seen."""

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from bookkit.gradients import execution, kinks, operators, oracles, report, tape
from bookkit.gradients.facts import Fact, malformed, unlike
from bookkit.gradients.recorder import Recorder
from bookkit.notebooks import files

pytestmark = pytest.mark.slow

IMPORTS = "import mxnet as mx\nfrom mxnet import autograd, gluon, nd\n"
LEAF = "x = nd.array([1.0, 2.0, 3.0], dtype='float64')\nx.attach_grad()\n"
SQUARES = LEAF + "with autograd.record():\n    y = (x * x).sum()\ny.backward()\n"


def found(code, raises=None):
    """Return what is found about the gradients of a cell."""
    recorder = Recorder()
    with recorder.active():
        if raises:
            with pytest.raises(raises):
                exec(compile(IMPORTS + code, "<cell>", "exec"), {})
        else:
            exec(compile(IMPORTS + code, "<cell>", "exec"), {})
        return oracles.derive(recorder.take())


def of(expression, leaf=LEAF):
    """Return the code that differentiates the sum of an expression by x."""
    return f"{leaf}with autograd.record():\n    y = {expression}\ny.backward()\n"


def all_agree(gradients):
    return bool(gradients) and all(gradient.agrees() for gradient in gradients)


def refusals(gradients):
    return [gradient.refusal for gradient in gradients]


def test_a_gradient_that_is_right_is_confirmed_in_three_ways():
    [gradient] = found(SQUARES)
    assert gradient.agrees()
    assert gradient.name == "x"
    assert set(gradient.differences) == {"closed form", "differences", "autograd"}


@pytest.mark.parametrize("oracle, off", [("closed form", 1e-8), ("differences", 1e-4), ("autograd", 1e-8)])
def test_each_oracle_alone_sees_a_wrong_gradient(monkeypatch, oracle, off):
    given = oracles.gradients_of
    monkeypatch.setattr(oracles, "gradients_of", lambda backward: [(1 + off) * array for array in given(backward)])
    [gradient] = found(SQUARES)
    gradient.differences = {oracle: gradient.differences[oracle]}
    assert not gradient.agrees()
    gradient.page, gradient.cell = "page", "cell"
    [line] = report.complaints([gradient], {})
    assert line.startswith("book/en/page.ipynb: cell cell: gradient of x, backward number 0: differs")


def test_an_operator_that_is_evaluated_otherwise_is_seen(monkeypatch):
    meaning = operators.MEANINGS["_mul_scalar"]
    monkeypatch.setitem(operators.MEANINGS, "_mul_scalar", lambda n, attrs, x: meaning(n, attrs, x) + 1)
    [gradient] = found(of("x * 4"))
    assert gradient.value == pytest.approx(1 / 5)  # 5 for 4
    assert not gradient.agrees()


UNARY = [*operators.SAME_NAME, "rsqrt", "sigmoid", "relu", "softsign", "norm", "sum", "mean", "prod", "make_loss"]
EXPRESSIONS = [
    *(f"nd.{name}(a / 7)" for name in UNARY if name != "arccosh"),
    "nd.arccosh(a + 1)",
    *("a + 2", "a - 2", "2 - a", "2 * a", "a / 2", "2 / a", "a ** 3", "a ** 0.5", "2 ** a"),
    *("a + b", "a - b", "a * b", "a / b", "a ** b", "nd.elemwise_mul(a, b)", "nd.add_n(a, b, a)"),
    *("nd.maximum(a, 2.5)", "nd.minimum(a, b * 1.1)", "nd.maximum(a, b * 1.1)", "a.clip(1.5, 4.5)", "a * (a > 2)"),
    *("a.sum(axis=1)", "nd.mean(a, axis=0, exclude=True)", "a.max(axis=0)", "a.min(axis=1, keepdims=True)"),
    *("nd.norm(a, axis=1)", "nd.norm(a - 2.5, ord=1)", "a * nd.floor(a)", "a * nd.sign(a)", "nd.BlockGrad(a) * a"),
    *("a.reshape((3, 2)) * c", "a.T * c", "a.expand_dims(0)", "a.flatten()", "a.astype('float32')", "a.copy()"),
    *("a[1] * b[0]", "a[0:1]", "a[:, 1] ** 2", "a[0, 2] ** 2", "a[:, ::2] ** 2", "a[nd.array([1, 0])]"),
    *("nd.slice_axis(a, axis=1, begin=1, end=None) ** 2", "nd.swapaxes(a, 0, 1) * c", "nd.tile(a, (2, 1)) ** 2"),
    *("nd.concat(a, b, dim=0) ** 2", "nd.stack(a, b, axis=1) ** 2", "nd.squeeze(a.expand_dims(0)) ** 2"),
    *("nd.broadcast_to(a[0:1], (4, 3)) ** 2", "nd.broadcast_like(a[0:1], b) * b", "nd.where(a > 2, a * a, b)"),
    *("nd.take(a, nd.array([0, 1, 1])) ** 2", "nd.pick(a, nd.array([2, 0])) ** 2"),
    *("nd.Embedding(nd.array([0, 1, 1]), a, input_dim=2, output_dim=3) ** 2", "nd.smooth_l1(a - 1.6)"),
    *("nd.dot(a, c)", "nd.dot(a, b, transpose_b=True)", "nd.batch_dot(a.expand_dims(0), c.expand_dims(0))"),
    "nd.FullyConnected(a, b, nd.ones(2, dtype='float64'), num_hidden=2)",
    *(f"nd.Activation(a - 2.1, act_type='{kind}')" for kind in operators.ACTIVATIONS),
    *("nd.softmax(a) * b", "nd.log_softmax(a, axis=0) * b", "nd.softmax(a, temperature=2) * b"),
    *("nd.Dropout(a, p=0.5)", "nd.LayerNorm(a, b[0], b[1]) ** 2", "nd.split(a, 3)[1] ** 2"),
    "nd.split(a, 2, axis=0, squeeze_axis=True)[1] ** 2",
    "nd.moments(a, axes=(0,))[1]",
    "nd.BatchNorm(a, b[0], b[1], nd.zeros(3, dtype='float64'), nd.ones(3, dtype='float64'), fix_gamma=False) ** 2",
    *("nd.MakeLoss(a * a)", "nd.SoftmaxOutput(a, nd.array([0, 2], dtype='float64'))"),
]
ARRAYS = """
a = nd.array([[1, 2, 3], [4, 5, 5.5]], dtype="float64")
b = nd.array([[1.5, 2.5, 2], [3, 1, 2]], dtype="float64")
c = nd.array([[1.5, 2.5], [2, 3], [1, 2]], dtype="float64")
for array in (a, b, c):
    array.attach_grad()
"""


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_every_operator_means_what_mxnet_computes(expression):
    gradients = found(of(expression, leaf=ARRAYS))
    assert all_agree(gradients), gradients


# MXNet computes these with numbers that are rounded to float32.
@pytest.mark.parametrize(
    "expression", ["nd.LeakyReLU(a - 2.1, slope=0.3)", "nd.LinearRegressionOutput(a, nd.ones((2, 3)))"]
)
def test_every_operator_means_what_mxnet_computes_in_float32(expression):
    gradients = found(of(expression, leaf=ARRAYS.replace("float64", "float32")))
    assert all_agree(gradients), gradients


# What was silent once: each is derived, or refused with the reason

BLOCK = """
class Twice(gluon.HybridBlock):
    times = 2

    def hybrid_forward(self, F, x):
        return (x * x * self.times).sum()


block = Twice()
block.hybridize()
"""
NET = """
mx.random.seed(1)
net = gluon.nn.HybridSequential()
net.add(gluon.nn.Dense(3, activation="tanh"), gluon.nn.BatchNorm(), gluon.nn.Dense(1))
net.initialize(mx.init.Normal(1))
net.cast("float64")
net.hybridize()
data = nd.array([[1, 2], [3, 5], [8, 4], [7, 6]], dtype="float64")
data.attach_grad()
for _ in range(2):
    with autograd.record():
        loss = (net(data) ** 2).sum()
    loss.backward()
"""


def test_a_hybridized_block_is_derived():
    [gradient] = found(BLOCK + of("block(x)"))
    assert gradient.agrees() and gradient.block
    assert set(gradient.differences) == {"closed form", "differences", "autograd"}


def test_a_hybridized_block_with_parameters_is_derived():
    gradients = found(NET)
    assert len(gradients) == 2 * 7
    assert all_agree(gradients)
    assert all(gradient.block and "autograd" in gradient.differences for gradient in gradients)


def test_a_hybridized_block_that_runs_otherwise_than_its_code_is_seen():
    code = "block(nd.ones(3, dtype='float64'))\nblock.times = 5\n"
    [gradient] = found(BLOCK + code + of("block(x)"))
    assert not gradient.agrees()
    assert gradient.value > 0.1


def test_a_hybridized_block_that_draws_random_numbers_is_refused():
    code = "block = gluon.nn.Dropout(0.5)\nblock.hybridize()\n"
    assert refusals(found(code + of("block(x)"))) == [
        "a hybridized block draws random numbers (Dropout): its code cannot be run again"
    ]
    assert all_agree(found(code + of("block(x)").replace("record()", "record(train_mode=False)")))


def test_a_block_without_python_code_is_refused():
    code = "s = mx.sym.Variable('data')\nblock = gluon.SymbolBlock(s * s, s)\nblock.hybridize()\n"
    [reason] = refusals(found(code + of("block(x)")))
    assert "a SymbolBlock has none" in reason


def test_second_outputs_are_derived():
    assert all_agree(found(of("nd.split(x, 3, axis=0)[2] ** 2")))


NUMPY = """
mx.npx.set_np()
try:
    a = mx.np.array([[1.0, 2.0], [3.0, 4.0]], dtype="float64")
    a.attach_grad()
    with autograd.record():
        y = ({}).sum()
    y.backward()
finally:
    mx.npx.reset_np()
"""


@pytest.mark.parametrize(
    "expression",
    [
        *("a * a + 2", "mx.np.sin(a) / a", "a[0] * a[1:]", "mx.np.dot(a, a)", "a @ a.T", "a.reshape(4, 1) ** 2"),
        *("mx.np.stack([a, a]) ** 2", "mx.np.concatenate([a, a]) ** 2", "a.mean(axis=0) ** 2", "a.max()"),
    ],
)
def test_arrays_of_mx_np_are_derived(expression):
    assert all_agree(found(NUMPY.format(expression)))


def test_an_operator_that_no_hook_sees_is_refused():
    [reason] = refusals(found(NUMPY.format("mx.np.tensordot(a, a, 1) + a")))
    assert reason == "MXNet recorded operators that the recorder did not see: _npi_tensordot_int_axes"


def test_another_handle_of_an_array_is_followed(monkeypatch):
    code = of("(x.as_np_ndarray() * 2).as_nd_ndarray() * x")
    assert all_agree(found(code))
    monkeypatch.setattr(Recorder, "_alias", lambda self, original: original)
    assert refusals(found(code)) == ["MXNet recorded operators that the recorder did not see: _npi_multiply_scalar"]


def test_a_leaf_that_no_hook_sees_is_refused(monkeypatch):
    code = (
        LEAF + "w = x.copy()\nw.attach_grad()\nwith autograd.record():\n    y = x * w.as_np_ndarray().as_nd_ndarray()\n"
    )
    assert len(found(code + "y.backward()\n")) == 2
    monkeypatch.setattr(Recorder, "_alias", lambda self, original: original)
    assert refusals(found(code + "y.backward()\n")) == ["MXNet's graph has a leaf that the recorder lost: w"]


def test_the_backward_of_a_symbol_executor_is_refused():
    code = """
executor = (mx.sym.Variable("x") ** 2).simple_bind(mx.cpu(), x=(2,), grad_req="write")
executor.forward(is_train=True)
executor.backward(nd.ones(2))
"""
    [reason] = refusals(found(code))
    assert reason == "a symbol executor differentiated by MXExecutorBackwardEx, which the recorder does not follow"


def test_a_call_of_the_library_is_refused():
    code = (
        LEAF
        + """
import ctypes
from mxnet.base import _LIB, c_handle_array, check_call
with autograd.record():
    y = x * x
null = ctypes.c_void_p(0)
check_call(_LIB.MXAutogradBackwardEx(1, c_handle_array([y]), null, 0, null, 0, 0, 1, null, null))
"""
    )
    assert refusals(found(code)) == [
        "something differentiated by MXAutogradBackwardEx, which the recorder does not follow"
    ]


def test_a_buffer_that_the_library_is_asked_for_is_refused():
    code = """
import ctypes
from mxnet.base import _LIB, check_call, mx_uint
x, g = nd.ones(2), nd.ones(2)
pointers = ctypes.pointer(x.handle), ctypes.pointer(mx_uint(1)), ctypes.pointer(g.handle)
check_call(_LIB.MXAutogradMarkVariables(1, *pointers))
"""
    assert refusals(found(code)) == [
        "something gave an array a gradient buffer by MXAutogradMarkVariables, which the recorder does not follow"
    ]


@pytest.mark.parametrize("entry", ["MXAutogradBackwardEx", "MXAutogradMarkVariables"])
def test_the_hooks_leave_the_library_as_it_was(entry):
    from mxnet.base import _LIB

    before = getattr(_LIB, entry)
    with Recorder().active():
        assert getattr(_LIB, entry) is not before
    assert getattr(_LIB, entry) is before


def test_the_old_interface_is_derived():
    code = """
from mxnet.contrib import autograd as old
x, buffer = nd.array([1, 2, 3], dtype="float64"), nd.zeros(3, dtype="float64")
old.mark_variables([x], [buffer])
with old.train_section():
    y = x * x
old.backward([y])
"""
    assert all_agree(found(code))


UNKNOWN = LEAF + "with autograd.record():\n    y = nd.erf(x)\n"


@pytest.mark.parametrize(
    "code, raises",
    [
        (UNKNOWN + "y.backward()\n", None),
        (UNKNOWN + "try:\n    y.backward()\nexcept BaseException:\n    pass\n", None),
        (UNKNOWN + "y.backward()\nraise ValueError\n", ValueError),
    ],
)
def test_an_unknown_operator_is_refused_wherever_it_stands(code, raises):
    [reason] = refusals(found(code, raises))
    assert reason == "operator erf has no meaning in bookkit/gradients/operators.py"


def test_a_mistake_of_the_recorder_is_told(monkeypatch):
    def fill(*_):
        raise KeyError("a mistake")

    monkeypatch.setattr(tape.Tape, "fill", fill)
    reasons = refusals(
        found("try:\n" + "".join(f"    {line}\n" for line in SQUARES.splitlines()) + "except Exception:\n    pass\n")
    )
    assert reasons[0] == "the recorder failed: KeyError: 'a mistake'"


def test_what_fails_after_backward_returned_is_refused():
    code = LEAF + "with autograd.record():\n    y = x * x\ny.backward(nd.ones(3, dtype='float32'))\n"
    [reason] = refusals(found(code))
    assert reason.startswith("MXNet failed after backward returned: MXNetError: Check failed")


def test_a_backward_in_another_thread_is_derived():
    body = "".join(f"    {line}\n" for line in SQUARES.splitlines())
    code = (
        f"import threading\ndef work():\n{body}thread = threading.Thread(target=work)\nthread.start()\nthread.join()\n"
    )
    assert all_agree(found(code))


def test_a_second_derivative_is_derived_by_variables_and_head_gradients():
    code = (
        LEAF
        + """
h = nd.array([1.0, 2.0, 3.0], dtype="float64")
h.attach_grad()
with autograd.record():
    y = nd.sin(x)
    [slope] = autograd.grad(y, [x], {}create_graph=True)
slope.backward()
"""
    )
    assert all_agree(found(code.format("")))
    # MXNet's gradient by the head gradient is 0, in silence.
    _, *second = found(code.format("head_grads=[h], "))
    assert {gradient.name: gradient.agrees() for gradient in second} == {"x": True, "h": False}


# Custom functions

FUNCTION = """
class Custom(autograd.Function):
    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        {forward}

    def backward(self, *heads):
        return {backward}
"""


def custom(forward, backward, point="[1.0, 2.0, 3.5]"):
    function = FUNCTION.format(forward=forward, backward=backward)
    return function + of("nd.add_n(*Custom(2)(x)) if False else Custom(2)(x)", LEAF.replace("[1.0, 2.0, 3.0]", point))


def test_a_custom_function_is_derived_by_differences():
    [gradient] = found(custom("return x * self.factor", "heads[0] * 2"))
    assert gradient.agrees() and set(gradient.differences) == {"differences"}
    [gradient] = found(custom("return x * self.factor", "heads[0] * 2.001"))
    assert not gradient.agrees()


def test_a_custom_function_of_two_results_is_derived():
    code = FUNCTION.format(forward="return x * self.factor, x * x * x", backward="heads[0] * 2 + heads[1] * 3 * X * X")
    code = "X = nd.array([1.0, 2.0, 3.0], dtype='float64')\n" + code + of("nd.add_n(*Custom(2)(x))")
    assert all_agree(found(code))


OPERATOR = """
class Cube(mx.operator.CustomOp):
    def forward(self, is_train, req, in_data, out_data, aux):
        self.assign(out_data[0], req[0], in_data[0] ** 3)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux):
        self.assign(in_grad[0], req[0], {} * in_data[0] ** 2 * out_grad[0])


@mx.operator.register("cube")
class CubeProp(mx.operator.CustomOpProp):
    def create_operator(self, *_):
        return Cube()


"""


@pytest.mark.parametrize("factor, right", [(3, True), (2, False)])
def test_a_custom_operator_is_derived_by_differences(factor, right):
    code = OPERATOR.format(factor) + of("nd.Custom(x, op_type='cube')", LEAF.replace("float64", "float32"))
    [gradient] = found(code)
    assert gradient.agrees() is right and set(gradient.differences) == {"differences"}


@pytest.mark.parametrize("slope, right", [("0", True), ("5", False), ("-5", False), ("1e5", False)])
def test_beside_a_jump_only_the_slope_of_the_other_side_is_right(slope, right):
    # At 1 the function jumps to the left, and is level to the right.
    [gradient] = found(custom("return nd.floor(x)", f"heads[0] * {slope}", "[1.0]"))
    assert gradient.agrees() is right


def test_between_two_jumps_no_value_is_right():
    [gradient] = found(custom("return x == 2", "heads[0] * 0", "[2.0]"))
    assert not gradient.agrees()


# Kinks

AT_KINKS = {
    "nd.relu(x)": ("[0, 0, 1]", True),
    "nd.abs(x)": ("[0, 1, -1]", True),
    "x.clip(0, 1)": ("[0, 1, 0.5]", True),
    "nd.maximum(x, 0)": ("[0, 0, 1]", True),
    "nd.abs(x).max()": ("[0, 0, 0]", True),
    "nd.relu(x) - nd.relu(-x)": ("[0, 1, 2]", False),  # x, whose slope is 1; MXNet says 0
    "x.max()": ("[2, 2, 1]", False),  # MXNet says (1, 1, 0)
    "x.min()": ("[1, 1, 2]", False),
    "nd.relu(x).max()": ("[2, 2, 0]", False),
}


@pytest.mark.parametrize("expression", AT_KINKS)
def test_a_value_at_a_kink_must_be_a_subgradient(expression):
    point, right = AT_KINKS[expression]
    [gradient] = found(of(expression, LEAF.replace("[1.0, 2.0, 3.0]", point)))
    assert gradient.agrees() is right
    if right:
        assert gradient.kink and set(gradient.differences) == {"differences"}


def test_at_a_kink_of_several_variables_their_values_are_judged_together():
    # max(a, b) where a = b: a gradient of 1 is right for either alone, and not for both.
    code = """
class Larger(autograd.Function):
    def forward(self, a, b):
        return nd.maximum(a, b)

    def backward(self, head):
        return head, head * {}


a, b = nd.ones(1, dtype="float64"), nd.ones(1, dtype="float64")
a.attach_grad()
b.attach_grad()
with autograd.record():
    y = Larger()(a, b)
y.backward()
"""
    assert all_agree(found(code.format(0)))
    assert [gradient.agrees() for gradient in found(code.format(1))] == [False, False]


def largest(point):
    return float(np.max(point))


def rugged(point):
    """Convex in the first coordinate, concave in the second."""
    return abs(point[0]) - abs(point[1])


@pytest.mark.parametrize(
    "function, point, value, right",
    [
        (largest, (2, 2, 1), (1, 0, 0), True),
        (largest, (2, 2, 1), (0.5, 0.5, 0), True),
        (largest, (2, 2, 1), (0.2, 0.8, 0), True),
        (largest, (2, 2, 1), (1, 1, 0), False),
        (largest, (2, 2, 1), (0, 0, 0), False),
        (largest, (2, 2, 1), (0.5, 0.6, 0), False),
        (rugged, (0, 0, 0), (1, 1, 0), True),
        (rugged, (0, 0, 0), (0, -1, 0), True),
        (rugged, (0, 0, 0), (1.5, 1, 0), False),
    ],
)
def test_a_subgradient_promises_no_more_than_the_steepest_rise(function, point, value, right):
    more = kinks.excess(function, np.array(point, float), np.array(value, float), [0, 1])
    assert (more == 0) is right


@pytest.mark.parametrize(
    "function, slopes, kink",
    [
        (abs, [-1, 1], True),
        (lambda t: 50 * t * t, [0], False),
        (lambda t: t + (t >= 0), [1], False),
        (lambda t: 3 * t - (t > 0), [3], False),
        (lambda t: t == 0, [], False),
        (lambda t: 2 * t + 1e6, [2], False),
    ],
)
def test_the_sides_of_a_point(function, slopes, kink):
    found_slopes, has_kink = kinks.sides(function, function(0.0), 1e-6)
    assert found_slopes == pytest.approx(slopes, abs=1e-3)
    assert has_kink is kink


# What the metadata of cells says

WRONG_CELL = of("x.max()", LEAF.replace("[1.0, 2.0, 3.0]", "[2, 2, 1]"))


def placed(gradients):
    for gradient in gradients:
        gradient.page, gradient.cell = "page", "cell"
    return gradients


def facts_for(key):
    return {("page", "cell", 0): Fact(key, 0, "a reason")}


@pytest.mark.parametrize("code, key", [(WRONG_CELL, "wrong-on-purpose"), (UNKNOWN + "y.backward()", "not-derived")])
def test_what_the_metadata_says_is_no_complaint_and_is_counted(code, key):
    gradients = placed(found(code))
    assert len(report.complaints(gradients, {})) == 1
    assert report.complaints(gradients, facts_for(key)) == []
    section = report.Section("page", "label")
    section.gradients = gradients
    assert section.counts() == [1, 0, 0, 0, int(key == "wrong-on-purpose"), int(key == "not-derived")]


@pytest.mark.parametrize(
    "key, said", [("wrong-on-purpose", "is right, and listed as wrong"), ("not-derived", "is none")]
)
def test_what_the_metadata_says_must_be_true(key, said):
    [line] = report.complaints(placed(found(SQUARES)), facts_for(key))
    assert line.startswith(f"book/en/page.ipynb: cell cell: backward number 0 {said}")
    assert line.endswith(": a reason")


def test_a_refusal_is_told_with_its_place_and_what_to_do():
    [line] = report.complaints(placed(found(UNKNOWN + "y.backward()")), facts_for("wrong-on-purpose"))[:1]
    assert line == (
        "book/en/page.ipynb: cell cell: gradient of x, backward number 0: is not derived: "
        "operator erf has no meaning in bookkit/gradients/operators.py; "
        "mend it, or say why in the cell's metadata, as not-derived"
    )


def notebook(**metadata):
    return new_notebook(cells=[new_code_cell("x", id="cell", metadata=metadata)])


WITH_REASON = [{"calls": calls, "reason": "why"} for calls in (0, [], [-1], [True], ["0"])]


@pytest.mark.parametrize("value", [[], "why", {"calls": [0]}, {"calls": [0], "reason": " "}, *WITH_REASON])
def test_metadata_has_its_form(value):
    [line] = malformed(notebook(**{"wrong-on-purpose": value}))
    assert line.startswith("cell cell: wrong-on-purpose in its metadata has another form")
    assert list(malformed(notebook(**{"wrong-on-purpose": {"calls": [0], "reason": "why"}}))) == []


def test_metadata_is_alike_in_both_editions():
    one, other = ({"calls": calls, "reason": reason} for calls, reason in (([0, 1], "why"), ([1], "why")))
    chinese = {"calls": [1, 0], "reason": "原因"}
    assert list(unlike(notebook(**{"wrong-on-purpose": one}), notebook(**{"wrong-on-purpose": chinese}))) == []
    for first, second in ((one, other), (one, None), (None, one)):
        pair = [notebook(**({"wrong-on-purpose": entry} if entry else {})) for entry in (first, second)]
        [line] = unlike(*pair)
        assert line.endswith("are not alike in both editions; mend one")


# The limits of cells

ENDS = {
    "while True: pass": "not done after 10 s; make it shorter",
    "import os; os._exit(1)": "its kernel died; see whether it ends the process or runs out of memory",
    "for _ in range(10 ** 6): print('x' * 10 ** 4)": "writes more than 200,000 characters; print less",
    "raise ValueError('no')": "ValueError: no; mend the cell, or tag it raises-exception",
}


@pytest.mark.parametrize("code", ENDS, ids=["endless", "exit", "flood", "error"])
def test_no_cell_stops_the_derivation(tmp_path, code):
    path = tmp_path / "page.ipynb"
    cells = [new_code_cell(IMPORTS + SQUARES, id="first"), new_code_cell(code, id="bad"), new_code_cell("x", id="last")]
    files.write(new_notebook(cells=cells), path)
    run = execution.run_page(path, timeout=10)
    assert [gradient.cell for gradient in run.gradients] == ["first"]
    assert all_agree(run.gradients)
    assert run.lines == [f"{path}: cell bad: {ENDS[code]}"]


def test_derivations_do_not_count_as_time_of_the_cell(monkeypatch):
    recorder = Recorder()
    monkeypatch.setattr(oracles, "compare", lambda *_: pytest.fail("derived while the cell runs"))
    with recorder.active():
        exec(IMPORTS + SQUARES, {})
    assert len(recorder.take()) == 1


def test_a_page_without_a_place_for_its_tables_is_told():
    from bookkit.project import ENGLISH, BookError

    with pytest.raises(BookError, match=r"book/en/verification\.md: the tables have no place"):
        report.with_tables("# A page\n", [], ENGLISH)
