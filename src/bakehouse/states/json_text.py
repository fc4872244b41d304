"""JSON as the States Language passes it on: text in, the same values as text out.

Numbers keep their kind (``1.0`` stays ``1.0``, whole numbers of any length stay whole), text is
compact and not escaped to ASCII, and what strict JSON does not know (NaN, infinities, halves of
surrogate pairs) is refused where it comes in.
"""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

import orjson

LIMIT_BYTES = 262_144
"""The longest input or output of a state, a task or an execution, in bytes of UTF-8."""

MOST_LEVELS = 400
"""The deepest nesting of arrays and objects that is passed on."""


class NotJson(ValueError):
    """A text is not JSON, or a value cannot be written as JSON. The message says why."""


def parse(text: str | bytes) -> Any:
    """Read a JSON text.

    Raises:
        NotJson: it is not strict JSON, or it is nested deeper than :data:`MOST_LEVELS`.
    """
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        value = _DECODER.decode(plain)
        if "\\ud" in plain or "\\uD" in plain:
            _ENCODER.encode(value).encode()  # refuses half of a surrogate pair
    except RecursionError as error:
        raise NotJson("it is nested too deeply") from error
    except ValueError as error:
        raise NotJson(_in_javas_words(text) or str(error)) from error
    _check_depth(plain, value)
    return value


def to_text(value: Any) -> str:
    """Write a value, which :func:`parse` read or the interpreter made, as compact JSON.

    Raises:
        NotJson: it is nested deeper than :data:`MOST_LEVELS`.
    """
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # a whole number of more than 64 bits, or more than 254 levels
        return _to_text_slowly(value)


def _to_text_slowly(value: Any) -> str:
    try:
        text = _ENCODER.encode(value)
    except (ValueError, RecursionError) as error:
        raise NotJson("it is nested too deeply") from error
    _check_depth(text, value)
    return text


def is_too_large(text: str) -> bool:
    """Whether a text is longer than :data:`LIMIT_BYTES`."""
    return len(text) * 4 > LIMIT_BYTES and len(text.encode()) > LIMIT_BYTES


def is_surely_too_large(value: Any) -> bool:
    """Whether a value's text would be longer than :data:`LIMIT_BYTES`, without writing it.

    What stands in a value many times is measured once, so that a small template that repeats its
    input a thousand times costs nothing.
    """
    try:
        return _least_size(value, {}) > LIMIT_BYTES
    except RecursionError:
        return True


def _least_size(value: Any, known: dict[int, int]) -> int:
    if isinstance(value, str):
        return len(value) + 2
    if not isinstance(value, (dict, list)):
        return 1
    size = known.get(id(value))
    if size is None:
        inside = value.values() if isinstance(value, dict) else value
        size = 2 + sum(_least_size(item, known) + 1 for item in inside)
        size += sum(len(key) + 3 for key in value) if isinstance(value, dict) else 0
        known[id(value)] = size
    return size


def is_number(value: Any) -> bool:
    """Whether a JSON value is a number; Python counts booleans among them, JSON does not."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal: 1 equals 1.0, but not true."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"the number {digits[:40]} is too large")
    return number


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


_WORD = re.compile(r"\s*([^\W\d]\w*)")


def _in_javas_words(text: str | bytes) -> str | None:
    """What AWS's parser says of a text that starts with a word that JSON does not have."""
    if not isinstance(text, str):
        return None
    found = _WORD.match(text)
    if found is None or found.group(1) in ("true", "false", "null"):
        return None
    line = text.count("\n", 0, found.end()) + 1
    column = found.end() - (text.rfind("\n", 0, found.end()) + 1) + 1
    return (
        f"Unrecognized token '{found.group(1)}': was expecting (JSON String, Number, Array, Object "
        f"or token 'null', 'true' or 'false')\n at [Source: (String)\"{text[:500]}\"; "
        f"line: {line}, column: {column}]"
    )


def _check_depth(text: str, value: Any) -> None:
    if text.count("[") + text.count("{") <= MOST_LEVELS:
        return
    level = [value]
    for _ in range(MOST_LEVELS):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise NotJson(f"it is nested deeper than {MOST_LEVELS} levels")


def _children(value: Any) -> list[Any]:
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [child for child in inside if isinstance(child, (dict, list))]


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_refuse)
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
