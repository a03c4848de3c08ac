"""Record what MXNet records, while notebooks run.

`Recorder` hooks into MXNet's Python side. It keeps its own tape of the operators that run
under `record`, with the values that went into them, and notes every `backward`: the function
that was differentiated, at which point, and what MXNet gave as its gradient. Nothing is
derived while a cell runs; `computation` and the oracles do so between the cells.

Nothing is left out in silence. A success at one of MXNet's entry points (entries.py) that the
hooks do not account for, an operator that MXNet recorded and the hooks did not see, and a
mistake of the recorder itself are noted as a backward that cannot be derived, with the reason.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mxnet as mx
import mxnet.contrib.autograd as old_autograd
import numpy as np
from mxnet import autograd, gluon
from mxnet.ndarray import NDArray, register

from bookkit.gradients.blocks import note_block
from bookkit.gradients.computation import Backward, Leaf, Node, behind
from bookkit.gradients.entries import EXECUTOR, MARK, replaced, telling
from bookkit.gradients.operators import LOSSES, MEANINGS, VIEWS, by_forward
from bookkit.gradients.tape import Tape, flat, in_one_line, name_of


class Recorder(Tape):
    """Keeps its tape, and in `backwards` every call that differentiated, while it is active."""

    def take(self) -> list[Backward]:
        """Return the backwards since the last time."""
        taken, self.backwards = self.backwards, []
        return taken

    # Calls that differentiate.

    def prepare(self, heads: Any, head_gradients: Any, variables: Sequence[NDArray] | None) -> Backward:
        """Return what is known of a call before it runs."""
        call = Backward()
        with self.unnoticed():
            heads = flat([heads])
            given = [None] * len(heads) if head_gradients is None else head_gradients
            given = list(given) if isinstance(given, list | tuple) else [given]
            call.heads = [self.item_of(head) for head in heads]
            if None in call.heads or len(given) != len(heads) or not all(g is None or flat(g) for g in given):
                call.reason = "a head of backward, or its head gradient, is not on the recorder's tape"
                return call
            call.weight_items = [self.item_of(gradient) for gradient in given]
            call.weights = [np.ones(h.shape) if g is None else g.asnumpy() for h, g in zip(heads, given, strict=True)]
            call.points = {i: h.asnumpy() for h, i in zip(heads, call.heads, strict=True) if isinstance(i, Leaf)}
            below = behind(call.heads)
            call.reason = self.unseen(heads, below)
            leaves = [element for element in below if isinstance(element, Leaf)]
            call.leaves = [leaf for leaf in leaves if leaf.grad_req != "null"]
            if variables is not None:
                call.leaves = [self.item_of(variable) for variable in variables]
                if not set(call.leaves) <= set(leaves):
                    call.reason = "a variable of autograd.grad is not on the recorder's tape"
                    return call
            call.names = [name_of(leaf.array) for leaf in call.leaves]
            if variables is None:
                call.before = [leaf.array.grad.asnumpy() if leaf.grad_req == "add" else None for leaf in call.leaves]
        return call

    @contextmanager
    def accounted(self, call: Backward | str) -> Iterator[None]:
        """Account for the entry that the code inside calls."""
        before, self.thread.call = getattr(self.thread, "call", None), call
        try:
            yield
        finally:
            self.thread.call = before

    def told(self, entry: str) -> None:
        """An entry of MXNet's library succeeded."""
        call = getattr(self.thread, "call", None)
        if isinstance(call, Backward) and entry != MARK:
            call.succeeded = True
        elif not (entry == MARK and call == MARK):
            what = "gave an array a gradient buffer" if entry == MARK else "differentiated"
            who = "a symbol executor" if entry in EXECUTOR else "something"
            self.backwards.append(Backward(reason=f"{who} {what} by {entry}, which the recorder does not follow"))

    def finish(self, call: Backward, gradients: Sequence[NDArray] | None) -> None:
        """Keep what a call gave, if it differentiated."""
        if not call.succeeded:
            return
        self.backwards.append(call)
        if not call.reason:
            with self.unnoticed():
                arrays = [leaf.array.grad for leaf in call.leaves] if gradients is None else gradients
                try:
                    call.gradients = [array.asnumpy() for array in arrays]
                except mx.MXNetError as error:
                    call.reason = f"MXNet failed after backward returned: {in_one_line(error)}"

    # Hooks.

    @contextmanager
    def active(self) -> Iterator["Recorder"]:
        """Hook into MXNet, and out of it again."""
        hooks: list[tuple[Any, str, Callable]] = [
            (register, "_imperative_invoke", self._invoke),
            (NDArray, "attach_grad", self._attach),
            (mx.np.ndarray, "attach_grad", self._attach),
            (autograd, "mark_variables", self._mark_variables),
            (old_autograd, "mark_variables", self._mark_variables),
            (NDArray, "reshape", lambda original: self._view("view reshape", original)),
            (NDArray, "_at", lambda original: self._view("view _at", original, "index")),
            (NDArray, "_slice", lambda original: self._view("view _slice", original, "start", "stop")),
            (NDArray, "backward", self._backward),
            (autograd, "backward", self._backward),
            (old_autograd, "backward", self._backward),
            (autograd, "grad", self._grad),
            (NDArray, "as_np_ndarray", self._alias),
            (NDArray, "as_nd_ndarray", self._alias),
            (mx.np.ndarray, "as_np_ndarray", self._alias),
            (mx.np.ndarray, "as_nd_ndarray", self._alias),
            (autograd.Function, "__call__", self._function),
            (gluon.HybridBlock, "_call_cached_op", self._cached),
        ]
        with replaced(hooks + telling(self.told)):
            yield self

    def _invoke(self, original):
        def invoke(handle, arrays, keys, values, out, *rest):
            result = original(handle, arrays, keys, values, out, *rest)
            if self.listens:
                name = self.names[handle]
                meaning = MEANINGS.get(name) or LOSSES.get(name)
                refusal = "" if meaning else f"operator {name} has no meaning in bookkit/gradients/operators.py"
                attrs = dict(zip(map(str, keys), map(str, values), strict=True))
                self.note(name, meaning, attrs, arrays, flat([result]), operators=(name,), refusal=refusal)
            return result

        return invoke

    def _attach(self, original):
        def attach_grad(array, grad_req="write", *arguments, **options):
            with self.accounted(MARK):
                original(array, grad_req, *arguments, **options)
            self.mark(array, grad_req)

        return attach_grad

    def _mark_variables(self, original):
        def mark_variables(variables, gradients, grad_reqs="write"):
            with self.accounted(MARK):
                original(variables, gradients, grad_reqs)
            variables = flat([variables])
            grad_reqs = [grad_reqs] * len(variables) if isinstance(grad_reqs, str) else grad_reqs
            for variable, grad_req in zip(variables, grad_reqs, strict=True):
                self.mark(variable, grad_req)

        return mark_variables

    def _view(self, name, original, *parameters):
        """Hook a method that makes a view; `parameters` are the names of the arguments that its operator needs."""
        meaning, operators = VIEWS[name]

        def view(array, *arguments, **options):
            result = original(array, *arguments, **options)
            if self.listens:
                attrs = dict(zip(parameters, arguments))  # noqa: B905 (reshape takes a shape, which nobody needs)
                self.note(name, meaning, attrs, [array], [result], operators=operators)
            return result

        return view

    def _alias(self, original):
        """Hook a method that returns another handle of the same array."""

        def alias(array):
            result = original(array)
            if self.is_on_tape(array):
                self.items[id(result)] = result, self.item_of(array)
            return result

        return alias

    def _backward(self, original):
        def backward(heads, head_gradients=None, *arguments, **options):
            for key in ("out_grad", "head_grads", "out_grads"):
                head_gradients = options.pop(key, head_gradients)
            call = self.prepare(heads, head_gradients, None)
            with self.accounted(call):
                original(heads, head_gradients, *arguments, **options)
            self.finish(call, None)

        return backward

    def _grad(self, original):
        def grad(heads, variables, head_grads=None, retain_graph=None, create_graph=False, **options):
            call = self.prepare(heads, head_grads, flat([variables]))
            forward = self.graph(flat([heads])) if create_graph else {}
            with self.accounted(call):
                gradients = original(heads, variables, head_grads, retain_graph, create_graph, **options)
            self.finish(call, flat([gradients]))
            if create_graph and call.succeeded:
                with self.harmless():
                    self._note_gradient(call, flat([head_grads]), flat([gradients]), forward)
            return gradients

        return grad

    def _note_gradient(self, call, head_grads, gradients, forward):
        """Put a gradient on the tape: it may be differentiated again, by variables and by head gradients."""
        below = behind(call.heads)
        others = [element for element in below if isinstance(element, Leaf) and element not in call.leaves]
        weights = [index for index, item in enumerate(call.weight_items) if item is not None]
        counts = len(call.leaves), len(call.leaves) + len(others)

        def meaning(n, attrs, *values):
            computation = call.computation()
            given = list(computation.weights)
            for index, value in zip(weights, values[counts[1] :], strict=True):
                given[index] = value
            more = dict(zip(others, values[counts[0] : counts[1]], strict=True))
            return computation.derivatives(list(values[: counts[0]]), n, others=more, weights=given)

        self.note(
            "gradient",
            meaning,
            {},
            [leaf.array for leaf in (*call.leaves, *others)] + [head_grads[index] for index in weights],
            gradients,
            behind=frozenset(self.graph(gradients)) | frozenset(forward),
            own=frozenset(element for element in below if isinstance(element, Node)),
            refusal=call.reason,
        )

    def _function(self, original):
        """A user's Function is evaluated by its own forward; what that computes is not on any tape."""

        def call(function, *inputs):
            twin = copy.copy(function)
            listens = self.listens
            result = original(function, *inputs)
            if listens:
                operators = ("_CustomFunction",)
                self.note("Function", by_forward(twin), {}, inputs, flat([result]), operators=operators)
            return result

        return call

    def _cached(self, original):
        """A hybridized block is one operator. Its Python code is run again, and that is put on the tape."""

        def call(block, *inputs):
            listens = self.listens
            result = original(block, *inputs)
            if listens:
                with self.harmless():
                    note_block(self, block, inputs, flat([result]))
            return result

        return call
