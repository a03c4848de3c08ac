"""Hybridized blocks: one operator of MXNet's graph, put on the tape operator by operator.

After the block has run, its Python code runs once more, for the tape alone. So its gradient can be
derived in all the ways of others, and the values of both runs are compared.
"""

import json
from collections.abc import Sequence
from typing import Any

from mxnet import autograd, gluon
from mxnet.ndarray import NDArray

from bookkit.gradients.tape import Tape, flat

RANDOM = ("Dropout", "RNN", "random", "sample", "shuffle", "bernoulli", "uniform", "normal")


def note_block(tape: Tape, block: gluon.HybridBlock, inputs: Sequence, results: Sequence[NDArray]) -> None:
    """Put a hybridized block that ran on the tape, or why that cannot be done."""
    sources = [*flat(inputs), *(parameter.data() for parameter in block.collect_params().values())]
    if not any(tape.is_on_tape(array) for array in sources):
        return
    stands_for = frozenset(tape.graph(results)) - frozenset(tape.graph(sources))
    refusal, outputs = is_random(block), []
    if not refusal:
        try:
            outputs = flat([replay(tape, block, inputs)])
        except Exception as error:
            refusal = f"the Python code of a hybridized block does not run: {type(error).__name__}: {error}"
    if len(outputs) != len(results):
        refusal = refusal or "the Python code of a hybridized block returns other arrays"
    if refusal:
        tape.note("hybridized block", None, {}, sources, results, behind=stands_for, refusal=refusal)
        return
    for output, result in zip(outputs, results, strict=True):
        tape.note("hybridized block", lambda n, a, x: x, {}, [output], [result], behind=stands_for)


def is_random(block: gluon.HybridBlock) -> str:
    """Return the reason if a second run of the block would draw other random numbers, and change all later ones."""
    nodes = json.loads(block._cached_graph[1].tojson())["nodes"]
    drawn = [n["op"] for n in nodes if any(word in n["op"] for word in RANDOM)]
    drawn = [operator for operator in drawn if operator != "Dropout" or autograd.is_training()]
    return f"a hybridized block draws random numbers ({drawn[0]}): its code cannot be run again" if drawn else ""


def replay(tape: Tape, block: gluon.HybridBlock, inputs: Sequence) -> Any:
    """Run the Python code of a hybridized block, for the recorder's tape alone."""
    if isinstance(block, gluon.SymbolBlock):
        raise TypeError("a SymbolBlock has none")
    hybridized: list[gluon.HybridBlock] = []

    def find(inner):
        if getattr(inner, "_active", False):
            hybridized.append(inner)

    block.apply(find)
    for inner in hybridized:
        inner._active = False
    tape.thread.replays = True
    try:
        with autograd.pause(train_mode=autograd.is_training()):
            return block.forward(*inputs)
    finally:
        tape.thread.replays = False
        for inner in hybridized:
            inner._active = True
