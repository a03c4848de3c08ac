"""What a network computed, by name, in a file, and the comparison of two such records."""

import json
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

Array = Any  # np.ndarray, of any shape; NumPy's own generic types say no more here
# In the order in which things happen: a gradient is looked at from the loss backwards.
KINDS = ("parameter", "output", "loss", "gradient", "statistic", "step")
TOLERANCE = 3e-5
HEAD = f"{'kind':9} {'name':22} {'shape':16} {'max abs':>9} {'max rel':>9}"


@dataclass(frozen=True)
class Layer:
    """What is needed to compute an entry again with NumPy: the kind of layer (see layers.py) and its arguments."""

    kind: str
    given: Mapping[str, Any]


@dataclass
class Trace:
    """Arrays by (kind, name), each kind in the order in which it was computed, and the layers behind them.

    `rows` is the number of rows of the batch, which the causes of scale need.
    """

    rows: int = 1
    arrays: dict[tuple[str, str], Array | None] = field(default_factory=dict)
    layers: dict[tuple[str, str], Layer] = field(default_factory=dict)

    def add(self, kind: str, name: str, array: Array | None, layer: Layer | None = None) -> None:
        """Keep a copy of an array; None stands for a gradient that never came."""
        if kind not in KINDS:
            raise ValueError(f"the kind is {kind!r} and should be one of {', '.join(KINDS)}")
        self.arrays[kind, name] = None if array is None else np.array(array)
        if layer is not None:
            self.layers[kind, name] = layer

    def of(self, kind: str) -> dict[str, Array | None]:
        """Return {name: array} of one kind."""
        return {name: array for (its, name), array in self.arrays.items() if its == kind}

    def scale(self, kind: str) -> float:
        """Return the largest magnitude among all arrays of a kind."""
        return max((magnitude(array) for array in self.of(kind).values() if array is not None), default=0.0)

    def save(self, path: str | Path) -> None:
        """Write all of it into one file, which `load` reads where neither framework need be."""
        arrays: list[Array] = []
        entries = [[*key, pack(array, arrays)] for key, array in self.arrays.items()]
        layers = [[*key, layer.kind, pack(layer.given, arrays)] for key, layer in self.layers.items()]
        about = json.dumps({"rows": self.rows, "arrays": entries, "layers": layers})
        with Path(path).open("wb") as file:
            np.savez_compressed(file, about=np.array(about), **{str(n): array for n, array in enumerate(arrays)})

    def renamed(self, names: Mapping[str, str]) -> "Trace":
        """Return the same trace under other names: {old: new}. The longest old name that leads a name counts."""
        new = Trace(self.rows)
        for (kind, name), array in self.arrays.items():
            new.arrays[kind, rename(name, names)] = array
        for (kind, name), layer in self.layers.items():
            new.layers[kind, rename(name, names)] = layer
        return new


def load(path: str | Path) -> Trace:
    """Read a trace that was saved; nothing of the file is executed."""
    content = BytesIO(Path(path).read_bytes())
    try:
        with np.load(content, allow_pickle=False) as found:
            about = json.loads(str(found["about"]))
            arrays = [found[str(n)] for n in range(len(found.files) - 1)]
            trace = Trace(about["rows"])
            for kind, name, array in about["arrays"]:
                trace.add(kind, name, unpack(array, arrays))
            for kind, name, layer, given in about["layers"]:
                trace.layers[kind, name] = Layer(layer, unpack(given, arrays))
    except (
        ValueError,
        LookupError,
        EOFError,
        AttributeError,
        TypeError,
        OSError,
        RuntimeError,
        BadZipFile,
        zlib.error,
    ):
        raise ValueError(f"{Path(path).name}: it is no trace that was saved, or not all of it") from None
    return trace


def pack(value: Any, arrays: list[Array]) -> Any:
    """Return a value as JSON has it, with numbers in the place of the arrays, which are added to the list."""
    if isinstance(value, np.ndarray):
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if isinstance(value, Mapping):
        return {"by name": {name: pack(each, arrays) for name, each in value.items()}}
    if isinstance(value, (list, tuple)):
        return [pack(each, arrays) for each in value]
    return value.item() if isinstance(value, np.generic) else value


def unpack(value: Any, arrays: list[Array]) -> Any:
    """Return what was packed; tuples have become lists."""
    if isinstance(value, list):
        return [unpack(each, arrays) for each in value]
    if isinstance(value, dict) and "array" in value:
        return arrays[value["array"]]
    if isinstance(value, dict):
        return {name: unpack(each, arrays) for name, each in value["by name"].items()}
    return value


def rename(name: str, names: Mapping[str, str]) -> str:
    for old in sorted(names, key=len, reverse=True):
        if name == old or name.startswith((old + ".", old + "#")):
            return names[old] + name[len(old) :]
    return name


def magnitude(array: Array) -> float:
    """Return the largest absolute value that is finite; 0 for an empty array."""
    values = np.abs(np.asarray(array, dtype=np.float64))
    return float(values[np.isfinite(values)].max(initial=0.0))


def largest_difference(a: Array, b: Array) -> float:
    """Return max |a - b| of two arrays of one shape; where only one is finite, or the signs differ, it is infinite."""
    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return float("inf")
    return float(np.abs(a[finite] - b[finite]).max(initial=0.0))


@dataclass(frozen=True)
class Row:
    """One entry of the comparison: `absolute` is max |a - b|, `relative` is that over the largest |a| or |b|."""

    kind: str
    name: str
    what: str  # "equal", "differs", "shapes differ", "None in A", "None in B"
    shapes: tuple[tuple[int, ...] | None, tuple[int, ...] | None]
    absolute: float = 0.0
    relative: float = 0.0

    def __str__(self) -> str:
        a, b = (str(shape or "()").replace(" ", "") if shape is not None else "-" for shape in self.shapes)
        shapes = a if a == b else f"{a} {b}"
        size = f"{self.absolute:9.1e} {self.relative:9.1e}" if self.what == "differs" else " " * 19
        return f"{self.kind:9} {self.name:22} {shapes:16} {size} {self.what}".rstrip()


@dataclass(frozen=True)
class Report:
    """The rows of a comparison in order of execution, and the two traces that they come from.

    What only one trace has is not compared: `alone` names it, as {"A": [...], "B": [...]}.
    """

    rows: list[Row]
    a: Trace
    b: Trace
    tolerance: float
    alone: dict[str, list[str]] = field(default_factory=dict)

    @property
    def first(self) -> Row | None:
        """The first row that is not equal, or None."""
        return next((row for row in self.rows if row.what != "equal"), None)

    def limit(self, kind: str, *arrays: Array) -> float:
        """Return the largest difference that still counts as equal.

        It is the tolerance times the largest value of the arrays, and a tenth of that of the largest value of
        the kind: a gradient that should be zero is the rounding noise of larger ones.
        """
        return self.tolerance * (max(map(magnitude, arrays)) + max(self.a.scale(kind), self.b.scale(kind)) / 10)

    def __str__(self) -> str:
        """Return how many of each kind are equal, up to the first row that is not, and that row."""
        last = len(self.rows) if self.first is None else self.rows.index(self.first)
        counts = Counter(row.kind for row in self.rows[:last])
        lines = [f"{kind:9} {count} equal" for kind, count in counts.items()]
        lines += [f"{HEAD}\n{self.first}"] if self.first else ["no difference"]
        lines += [f"only in {side}: {', '.join(names)}" for side, names in self.alone.items() if names]
        return "\n".join(lines)

    def table(self) -> str:
        """Return all rows, also those after the first difference."""
        return "\n".join([HEAD, *map(str, self.rows)])


def order(trace: Trace) -> Iterator[tuple[str, str]]:
    """Yield the keys of a trace in order of execution."""
    for kind in KINDS:
        names = list(trace.of(kind))
        yield from ((kind, name) for name in (reversed(names) if kind == "gradient" else names))


def compare(a: Trace, b: Trace, names: Mapping[str, str] | None = None, tolerance: float = TOLERANCE) -> Report:
    """Compare two traces; `names` gives the names of B that differ, as {name in B: name in A}."""
    b = b.renamed(names or {})
    report = Report([], a, b, tolerance)
    report.rows.extend(row(report, key) for key in order(a) if key in b.arrays)
    for side, trace, other in (("A", a, b), ("B", b, a)):
        report.alone[side] = [" ".join(key) for key in order(trace) if key not in other.arrays]
    return report


def row(report: Report, key: tuple[str, str]) -> Row:
    a, b = report.a.arrays[key], report.b.arrays[key]
    shapes = (None if a is None else a.shape, None if b is None else b.shape)
    if a is None or b is None:
        return Row(*key, "equal" if a is b else f"None in {'A' if a is None else 'B'}", shapes)
    if a.shape != b.shape:
        return Row(*key, "shapes differ", shapes)
    size = largest_difference(a, b)
    if size <= report.limit(key[0], a, b):
        return Row(*key, "equal", shapes, size)
    return Row(*key, "differs", shapes, size, size / (max(magnitude(a), magnitude(b)) or 1))
