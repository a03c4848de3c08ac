"""Read the .params files of MXNet with NumPy alone.

The format is written by NDArray::Save in MXNet's src/ndarray/ndarray.cc, little-endian, and by dmlc for vectors and
strings: a length of 8 bytes, and the content.
"""

import struct
import sys
from io import BytesIO
from math import prod
from pathlib import Path
from typing import BinaryIO

import numpy as np

from parity.traces import Array

LIST = 0x112  # of the file
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA  # of an array; V3 is written with NumPy's shapes
TYPES = ("float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool")
DENSE = (0, -1)  # kDefaultStorage, and kUndefinedStorage of an array that holds nothing


def content(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, and no fewer."""
    found = file.read(min(size, sys.maxsize))  # a length of 8 bytes may be more than any file has
    if len(found) < size:
        raise ValueError("the file is cut off")
    return found


def numbers(file: BinaryIO, code: str) -> tuple[int, ...]:
    """Read integers as `struct` describes them."""
    return struct.unpack("<" + code, content(file, struct.calcsize("<" + code)))


def read_array(file: BinaryIO) -> Array:
    """Read one array of any shape."""
    (magic,) = numbers(file, "I")
    if magic in (V2, V3):
        (storage,) = numbers(file, "i")
        if storage not in DENSE:
            raise ValueError(f"it holds a sparse array ({ {1: 'row_sparse', 2: 'csr'}.get(storage, storage) })")
    if magic in (V1, V2, V3):
        (axes,) = numbers(file, "i")
        shape = numbers(file, f"{max(axes, 0)}q")
    else:  # before version 0.9: the magic is the number of axes
        axes = magic
        if axes > 32:
            raise ValueError(f"no array begins with {magic:#x}")
        shape = numbers(file, f"{axes}I")
    if min(shape, default=0) < 0:
        raise ValueError(f"it holds an array of the shape {shape}")
    if axes < 0 or (axes == 0 and magic != V3):  # no array at all
        return np.empty(0, np.float32)
    numbers(file, "ii")  # the device, by kind and number
    (code,) = numbers(file, "i")
    if not 0 <= code < len(TYPES):
        raise ValueError(f"it holds the data type {code}, which is not known here")
    dtype = np.dtype(TYPES[code]).newbyteorder("<")
    return np.frombuffer(content(file, prod(shape) * dtype.itemsize), dtype).reshape(shape).copy()


def read(path: str | Path) -> dict[str, Array] | list[Array]:
    """Return {name: array} of a file, or a list where it has no names; names keep `arg:` and `aux:`."""
    file = BytesIO(Path(path).read_bytes())
    try:
        if numbers(file, "QQ")[0] != LIST:
            raise ValueError("it is no file of arrays")
        arrays = [read_array(file) for _ in range(*numbers(file, "Q"))]
        names = [content(file, *numbers(file, "Q")).decode() for _ in range(*numbers(file, "Q"))]
        if names and len(names) != len(arrays):
            raise ValueError(f"it has {len(arrays)} arrays, and names: {len(names)}")
    except ValueError as error:
        raise ValueError(f"{Path(path).name}: {error}") from None
    return dict(zip(names, arrays, strict=True)) if names else arrays
