"""The recorder's own tape: the operators that ran under `record`, with the values that went in and came out."""

import json
import sys
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mxnet as mx
from mxnet import autograd
from mxnet.ndarray import NDArray

from bookkit.gradients.computation import Backward, Item, Leaf, Node, Output
from bookkit.gradients.operators import handle_of, names_of_operators

HERE = str(Path(__file__).parent)


def flat(value: Any) -> list[NDArray]:
    """Return the arrays of a nested list."""
    if isinstance(value, list | tuple):
        return [array for item in value for array in flat(item)]
    return [value] if isinstance(value, NDArray) else []


def in_one_line(error: mx.MXNetError) -> str:
    """Return the line of MXNet's error that says what happened, or else the last."""
    lines = str(error).strip().splitlines()
    return next((line for line in lines if "Check failed" in line), lines[-1])


class Tape:
    """Knows which arrays are on it, and notes in `backwards` what could not be put there."""

    def __init__(self) -> None:
        self.names = names_of_operators()
        self.synonyms: dict[str, str] = {}
        self.variables: dict[str, Leaf] = {}  # by MXNet's name
        self.items: dict[int, tuple[NDArray, Item]] = {}  # by id of an array, which is kept alive
        self.backwards: list[Backward] = []
        self.thread = threading.local()  # .busy: the recorder itself computes; .replays: it runs code of the page again

    def item_of(self, array: Any) -> Item:
        return self.items.get(id(array), (None, None))[1]

    def is_on_tape(self, array: Any) -> bool:
        return self.item_of(array) is not None

    @contextmanager
    def harmless(self) -> Iterator[None]:
        """A mistake of the recorder inside is noted, and does not disturb the cell."""
        try:
            yield
        except Exception as error:
            self.backwards.append(Backward(reason=f"the recorder failed: {type(error).__name__}: {error}"))

    @contextmanager
    def unnoticed(self) -> Iterator[None]:
        """What the recorder computes inside is on nobody's tape."""
        busy, self.thread.busy = getattr(self.thread, "busy", False), True
        try:
            with self.harmless(), autograd.pause(train_mode=autograd.is_training()):
                yield
        finally:
            self.thread.busy = busy

    @property
    def listens(self) -> bool:
        return not getattr(self.thread, "busy", False) and (autograd.is_recording() or self.replays)

    @property
    def replays(self) -> bool:
        return getattr(self.thread, "replays", False)

    def note(self, name: str, meaning: Any, attrs: dict, inputs: Sequence, outputs: Sequence, **more: Any) -> None:
        """Put an operator on the tape if one of its inputs is on it; `more` are further fields of the node."""
        if self.replays:
            more["operators"] = ()
        if not any(self.is_on_tape(array) for array in inputs):
            return
        node = Node(name, meaning, {**attrs, "training": autograd.is_training()}, **more)
        with self.unnoticed():
            try:
                self.fill(node, inputs, outputs)
            except mx.MXNetError as error:
                node.refusal = f"{name} failed when its values were read: {in_one_line(error)}"
            for index, output in enumerate(outputs):
                self.items[id(output)] = output, Output(node, index)

    def fill(self, node: Node, inputs: Sequence[NDArray], outputs: Sequence[NDArray]) -> None:
        """Tell a node its inputs and results."""
        for array in inputs:
            item = self.item_of(array)
            node.inputs.append(array.asnumpy() if item is None else item)
            if isinstance(item, Leaf):
                node.points[item] = array.asnumpy()
        node.results += [output.asnumpy() for output in outputs]

    def mark(self, array: NDArray, grad_req: str) -> None:
        """A gradient buffer was attached to an array."""
        with self.harmless():
            variable = autograd.get_symbol(array).name
            leaf = self.variables[variable] = Leaf(array, grad_req, variable)
            self.items[id(array)] = array, leaf

    def graph(self, arrays: Sequence[NDArray]) -> dict[str, str]:
        """Return MXNet's own graph behind arrays: {name of a node: name of its operator}, and of a leaf "".

        Left out is what depends on no leaf: MXNet records an operator on constants too, once they were used in a graph.
        """
        found: dict[str, str] = {}
        for array in arrays:
            try:
                nodes = json.loads(autograd.get_symbol(array).tojson())["nodes"]
            except mx.MXNetError:
                continue  # in no graph
            for node in nodes:
                if node["op"] == "null" and node["name"] in self.variables:
                    found[node["name"]] = ""
                elif any(nodes[source[0]]["name"] in found for source in node["inputs"]):
                    found[node["name"]] = self.name_of_operator(node["op"])
        return found

    def name_of_operator(self, name: str) -> str:
        """Return the name here of an operator that MXNet's graph names otherwise."""
        if name not in self.synonyms:
            self.synonyms[name] = self.names[handle_of(name)]
        return self.synonyms[name]

    def unseen(self, heads: Sequence[NDArray], below: Sequence[Node | Leaf]) -> str:
        """Return the reason if MXNet's graph behind the heads has a leaf or an operator that the tape has not."""
        graph = self.graph(heads)
        leaves = {element.variable for element in below if isinstance(element, Leaf)}
        lost = [self.variables[name] for name, operator in graph.items() if not operator and name not in leaves]
        if any(leaf.grad_req != "null" for leaf in lost):
            return f"MXNet's graph has a leaf that the recorder lost: {name_of(lost[0].array)}"
        nodes = [element for element in below if isinstance(element, Node)]
        own = frozenset().union(*(node.own for node in nodes))
        stood_for = frozenset().union(*(node.behind for node in nodes))
        recorded = Counter(operator for name, operator in graph.items() if operator and name not in stood_for)
        seen = Counter(operator for node in nodes if node not in own for operator in node.operators)
        missing = sorted((recorded - seen).elements())
        return f"MXNet recorded operators that the recorder did not see: {', '.join(missing)}" if missing else ""


def name_of(array: NDArray) -> str:
    """Return the name that the calling code has for an array."""
    frame = sys._getframe()
    while frame is not None:
        if not frame.f_code.co_filename.startswith(HERE):
            for name, value in frame.f_locals.items():
                if value is array and not name.startswith("_"):
                    return name
            if frame.f_code.co_name == "<module>":
                break
        frame = frame.f_back  # type: ignore[assignment]
    return "parameter"
