"""The pickles of the CIFAR archives, read without trusting them.

Python 2 wrote them with numpy. They name three things of numpy, and each is given a stand-in here
that keeps only what an array of bytes needs; anything else that a pickle names is refused.
"""

from __future__ import annotations

import io
import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from bakehouse.faults import InvalidInput

_BROKEN = (
    pickle.UnpicklingError,
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
)


def read_pickle(content: bytes, where: str) -> Any:
    """Read one pickle of plain values and byte arrays.

    Strings come as ``bytes``, as Python 2 wrote them, and arrays as read-only uint8.

    Args:
        content: the pickle.
        where: what to call it in an error.

    Raises:
        InvalidInput: it names anything but those three, or is damaged.
    """
    try:
        return _arrays_made(_Unpickler(content, where).load())
    except _BROKEN as error:
        raise InvalidInput(
            where, content[:16], "a pickle", f"{where} is not a readable pickle: {error}."
        ) from error


class _Unpickler(pickle.Unpickler):
    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(io.BytesIO(content), encoding="bytes")
        self._where = where
        # Made anew for each pickle: what one does to a stand-in, the next does not see.
        self._admitted: dict[str, Callable[..., Any]] = {
            "numpy.core.multiarray._reconstruct": lambda *_: _ByteArray(),
            "numpy.ndarray": lambda *_: _ByteArray(),
            "numpy.dtype": lambda code, *_: _ByteType(code),
        }

    def find_class(self, module: str, name: str) -> Any:
        wanted = f"{module}.{name}"
        if wanted not in self._admitted:
            raise InvalidInput(
                self._where,
                wanted,
                f"only {', '.join(self._admitted)}",
                f"{self._where} names {wanted}, which no CIFAR pickle does; it was not run.",
            )
        return self._admitted[wanted]


class _ByteType:
    def __init__(self, code: bytes) -> None:
        if code != b"u1":
            raise ValueError(f"an array of {code!r} where bytes (u1) belong")

    def __setstate__(self, state: object) -> None:
        """A byte has no order: there is nothing to keep."""


class _ByteArray:
    shape: tuple[int, ...] = ()
    content: bytes = b""

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, kind, is_fortran, content = state
        if not isinstance(kind, _ByteType) or not isinstance(content, bytes) or is_fortran:
            raise ValueError("an array that is not bytes, row by row")
        if not all(isinstance(size, int) and size >= 0 for size in shape):
            raise ValueError(f"an array of the shape {shape!r}")
        if math.prod(shape) != len(content):
            raise ValueError(f"an array of the shape {shape} with {len(content)} bytes")
        self.shape, self.content = shape, content


def _arrays_made(value: Any) -> Any:
    """The value, or the dict's values, with the stand-ins for arrays replaced by arrays."""
    if isinstance(value, dict):
        return {key: _arrays_made(item) for key, item in value.items()}
    if isinstance(value, _ByteArray):
        return np.frombuffer(value.content, np.uint8).reshape(value.shape)
    return value
