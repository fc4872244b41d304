"""CBOR (RFC 8949), as far as AWS's protocol ``rpc-v2-cbor`` uses it.

Read: whole numbers of 64 bits, floats, text, bytes, arrays and maps with text keys, also of unknown
length, true, false, null, and tag 1, a moment. Nothing else is, so that no byte of a stranger makes
a set, a decimal, a regular expression or a reference. Depth and number of items are bounded.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

DEPTH = 100
"""So deep may arrays and maps stand in each other."""
ITEMS = 250_000
"""So many items may one document hold: an empty array is one byte here, and 56 in memory."""

_ENDLESS = 31
_BREAK = 0xFF
_TRUE, _FALSE, _NULL, _UNDEFINED = 0xF5, 0xF4, 0xF6, 0xF7
_FLOATS = {25: struct.Struct(">e"), 26: struct.Struct(">f"), 27: struct.Struct(">d")}
_SIMPLE = {20: False, 21: True, 22: None, 23: None}


class CborError(ValueError):
    """The bytes are no CBOR, or more than is read here."""


def loads(data: bytes) -> Any:
    """The value that the bytes hold, all of them.

    Raises:
        CborError: they are cut off, go on behind the value, or hold what is not read here.
    """
    document = _Document(data)
    try:
        value = document.value(0)
    except (IndexError, struct.error) as error:
        raise CborError("it ends in the middle") from error
    if document.at != len(data):
        raise CborError(f"something follows the value, at byte {document.at}")
    return value


class _Document:
    """Bytes, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self._data, self._items = data, ITEMS
        self.at = 0

    def value(self, depth: int) -> Any:
        """The next value."""
        initial = self._data[self.at]
        self.at += 1
        self._items -= 1
        if depth > DEPTH or self._items < 0:
            raise CborError(f"it is deeper than {DEPTH} or has more than {ITEMS} items")
        major, info = initial >> 5, initial & 31
        match major:
            case 0:
                return self._number(info)
            case 1:
                return -1 - self._number(info)
            case 2:
                return self._string(info, major)
            case 3:
                return self._text(info)
            case 4:
                return self._array(info, depth)
            case 5:
                return self._map(info, depth)
            case 6:
                return self._moment(info, depth)
            case _:
                return self._simple(info)

    def _number(self, info: int) -> int:
        if info < 24:
            return info
        if info > 27:
            raise CborError(f"a number of an unknown form, at byte {self.at - 1}")
        return int.from_bytes(self._take(1 << (info - 24)))

    def _take(self, size: int) -> bytes:
        taken = self._data[self.at : self.at + size]
        if len(taken) < size:
            raise CborError("it ends in the middle")
        self.at += size
        return taken

    def _string(self, info: int, major: int) -> bytes:
        if info != _ENDLESS:
            return self._take(self._number(info))
        pieces: list[bytes] = []
        while (initial := self._data[self.at]) != _BREAK:
            self.at += 1
            if initial >> 5 != major or initial & 31 == _ENDLESS:
                raise CborError(f"a piece of another kind in a string, at byte {self.at - 1}")
            pieces.append(self._take(self._number(initial & 31)))
        self.at += 1
        return b"".join(pieces)

    def _text(self, info: int) -> str:
        try:
            return self._string(info, 3).decode()
        except UnicodeDecodeError as error:
            raise CborError(f"text that is not UTF-8, before byte {self.at}") from error

    def _more(self, info: int) -> Callable[[], bool]:
        """Says before each item of an array or a map whether there is one more."""
        if info != _ENDLESS:
            count = iter(range(self._number(info)))
            return lambda: next(count, None) is not None
        return self._before_break

    def _before_break(self) -> bool:
        if self._data[self.at] != _BREAK:
            return True
        self.at += 1
        return False

    def _array(self, info: int, depth: int) -> list[Any]:
        more = self._more(info)
        values: list[Any] = []
        while more():
            values.append(self.value(depth + 1))
        return values

    def _map(self, info: int, depth: int) -> dict[str, Any]:
        more = self._more(info)
        values: dict[str, Any] = {}
        while more():
            key = self.value(depth + 1)
            if not isinstance(key, str):
                raise CborError(f"a key that is no text, before byte {self.at}")
            values[key] = self.value(depth + 1)
        return values

    def _moment(self, info: int, depth: int) -> datetime:
        tag, value = self._number(info), self.value(depth + 1)
        if tag != 1 or isinstance(value, bool) or not isinstance(value, int | float):
            raise CborError(f"a tag other than 1, or one that is no number: tag {tag}")
        try:
            return datetime.fromtimestamp(value, UTC)
        except (ValueError, OverflowError, OSError) as error:
            raise CborError(f"a moment that no calendar has: {value}") from error

    def _simple(self, info: int) -> float | bool | None:
        if info in _SIMPLE:
            return _SIMPLE[info]
        if info not in _FLOATS:
            raise CborError(f"a simple value of an unknown form: {info}")
        form = _FLOATS[info]
        return float(form.unpack(self._take(form.size))[0])


def dumps(value: Any) -> bytes:
    """The value as CBOR: what JSON can hold, bytes, and moments, to the millisecond."""
    out = bytearray()
    _write(out, value)
    return bytes(out)


def _write(out: bytearray, value: Any) -> None:
    match value:
        case None:
            out.append(_NULL)
        case bool():
            out.append(_TRUE if value else _FALSE)
        case str():
            encoded = value.encode()
            _head(out, 3, len(encoded))
            out += encoded
        case int():
            _head(out, *((0, value) if value >= 0 else (1, -1 - value)))
        case float():
            out.append(0xFB)
            out += _FLOATS[27].pack(value)
        case dict():
            _head(out, 5, len(value))
            for key, item in value.items():
                _write(out, key)
                _write(out, item)
        case list() | tuple():
            _head(out, 4, len(value))
            for item in value:
                _write(out, item)
        case bytes():
            _head(out, 2, len(value))
            out += value
        case datetime():
            _head(out, 6, 1)
            _write(out, round(value.timestamp(), 3))
        case _:
            raise TypeError(f"{type(value).__name__} has no form in CBOR.")


def _head(out: bytearray, major: int, number: int) -> None:
    """The first bytes of a value: its kind, with a number or a length in as few as it takes."""
    if number < 24:
        out.append(major << 5 | number)
        return
    size = next(size for size in range(4) if number < 1 << (8 << size))
    out.append(major << 5 | 24 + size)
    out += number.to_bytes(1 << size)
