"""MXNet's ``.params`` files: named arrays, as ``mxnet.nd.save`` writes and ``mxnet.nd.load`` reads.

Little-endian: the magic number 0x112 and a zero as 64-bit numbers, the count of arrays, the arrays,
the count of names, the names. An array is a magic number, its storage type, its shape, its device,
its number type and its values. Source: apache/mxnet, ``src/ndarray/ndarray.cc``.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bakehouse.faults import InvalidInput, shorten

LIST_MAGIC = 0x112
V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
"""Without a storage type; with one; with one, where an array may have no axes."""
DENSE, CPU = 0, 1
TYPES: dict[int, np.dtype[Any]] = {
    0: np.dtype("<f4"),
    1: np.dtype("<f8"),
    2: np.dtype("<f2"),
    3: np.dtype("u1"),
    4: np.dtype("<i4"),
    5: np.dtype("i1"),
    6: np.dtype("<i8"),
}
"""Number types by MXNet's flags."""
MOST_ARRAYS, MOST_AXES, NAME_BYTES = 100_000, 32, 1024


def write_params(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write named arrays.

    Args:
        path: the file; it is written aside and renamed.
        arrays: of the number types above; MXNet's names begin with ``arg:`` or ``aux:``.
    """
    flags = {dtype: flag for flag, dtype in TYPES.items()}
    partial = path.with_name(f"{path.name}.partial")
    with partial.open("wb") as file:
        file.write(struct.pack("<QQQ", LIST_MAGIC, 0, len(arrays)))
        for array in arrays.values():
            # MXNet has no arrays without axes: a single number is one of length 1.
            values = np.atleast_1d(array)
            values = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
            file.write(struct.pack("<IiI", V2, DENSE, values.ndim))
            file.write(struct.pack(f"<{values.ndim}q", *values.shape))
            file.write(struct.pack("<iii", CPU, 0, flags[values.dtype]))
            file.write(values.data)
        file.write(struct.pack("<Q", len(arrays)))
        for name in arrays:
            encoded = name.encode()
            file.write(struct.pack("<Q", len(encoded)) + encoded)
    partial.replace(path)


def read_params(path: Path, *, limit_bytes: int) -> dict[str, NDArray[Any]]:
    """Read named arrays; nothing that the file holds is run, and no size in it is believed.

    Raises:
        InvalidInput: the file is larger than ``limit_bytes``, or not of the form; with the place.
    """
    size = path.stat().st_size
    if size > limit_bytes:
        raise InvalidInput(path.name, size, f"at most {limit_bytes} bytes")
    reader = _Reader(path.name, path.read_bytes())
    magic, _, count = reader.numbers("<QQQ")
    if magic != LIST_MAGIC:
        raise reader.fault(f"begins with {magic:#x}", f"{LIST_MAGIC:#x}, MXNet's list of arrays")
    reader.check_at_most(count, MOST_ARRAYS, "arrays")
    arrays = [_array(reader) for _ in range(count)]
    (named,) = reader.numbers("<Q")
    if named != count:
        raise reader.fault(f"{named} names", f"one for each of the {count} arrays")
    names = [_name(reader) for _ in range(count)]
    if len(set(names)) < count:
        raise reader.fault("a name that comes twice", "each name once")
    if reader.left:
        raise reader.fault(f"{reader.left} more bytes", "the end of the file")
    return dict(zip(names, arrays, strict=True))


class _Reader:
    """A position in the file's bytes."""

    def __init__(self, name: str, content: bytes) -> None:
        self._name, self._content, self._at = name, content, 0

    @property
    def left(self) -> int:
        return len(self._content) - self._at

    def take(self, size: int) -> bytes:
        if not 0 <= size <= self.left:
            raise self.fault(f"{self.left} bytes left", f"{size} bytes")
        self._at += size
        return self._content[self._at - size : self._at]

    def numbers(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self.take(struct.calcsize(form)))

    def check_at_most(self, value: int, most: int, what: str) -> None:
        if value > most:
            raise self.fault(f"{value} {what}", f"at most {most}")

    def fault(self, found: str, allowed: str) -> InvalidInput:
        return InvalidInput(f"{self._name}, byte {self._at}", found, allowed)


def _array(reader: _Reader) -> NDArray[Any]:
    (magic,) = reader.numbers("<I")
    if magic not in (V1, V2, V3):
        raise reader.fault(f"an array that begins with {magic:#x}", "MXNet's versions 1 to 3")
    if magic != V1 and (storage := reader.numbers("<i")[0]) != DENSE:
        raise reader.fault(f"storage type {storage}", "0, a dense array")
    (axes,) = reader.numbers("<I")
    reader.check_at_most(axes, MOST_AXES, "axes")
    shape = reader.numbers(f"<{axes}q")
    if axes == 0 and magic != V3:
        return np.zeros(0, np.float32)  # MXNet writes nothing more of an array that is none
    _, _, flag = reader.numbers("<iii")
    if flag not in TYPES:
        raise reader.fault(f"number type {flag}", f"one of {', '.join(map(str, TYPES))}")
    if any(length < 0 for length in shape):
        raise reader.fault(f"the shape {shape}", "lengths from 0 on")
    content = reader.take(math.prod(shape) * TYPES[flag].itemsize)
    return np.frombuffer(content, TYPES[flag]).reshape(shape)


def _name(reader: _Reader) -> str:
    (length,) = reader.numbers("<Q")
    reader.check_at_most(length, NAME_BYTES, "bytes of a name")
    raw = reader.take(length)
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise reader.fault(f"the name {shorten(repr(raw))}", "UTF-8") from error
