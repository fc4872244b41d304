"""The intrinsic functions of payload templates, as one table.

Each takes the scope and its evaluated arguments and gives a JSON value; a bad argument is
``States.IntrinsicFailure``. Limits and rounding are AWS's, as far as they are recorded.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import math
import random
import re
import uuid
from collections.abc import Callable
from typing import Any

from bakehouse.faults import StatesError, shorten
from bakehouse.states.json_text import (
    LIMIT_BYTES,
    NotJson,
    is_number,
    is_same,
    is_surely_too_large,
    parse,
    to_text,
)
from bakehouse.states.scope import Scope

Call = Callable[[Scope, list[Any]], Any]

_MOST_CHARACTERS = 10_000
_MOST_ITEMS = 1000


def is_arity_right(name: str, count: int) -> bool:
    """Whether a function takes so many arguments."""
    least, most = _ARITY[name]
    return least <= count <= most


def _fail(name: str, problem: str) -> StatesError:
    return StatesError("States.IntrinsicFailure", f"States.{name}: {problem}.")


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise _fail(name, f"{shorten(to_text(value))} is not a string")
    return value


def _short_text(name: str, value: Any) -> str:
    if len(_text(name, value)) > _MOST_CHARACTERS:
        raise _fail(name, f"the string has more than {_MOST_CHARACTERS} characters")
    return str(value)


def _array(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _fail(name, f"{shorten(to_text(value))} is not an array")
    return value


def _whole(name: str, value: Any) -> int:
    """A number, rounded as AWS rounds: half of one goes up."""
    if not is_number(value):
        raise _fail(name, f"{shorten(to_text(value))} is not a number")
    return value if isinstance(value, int) else math.floor(value + 0.5)


def _format(_: Scope, values: list[Any]) -> str:
    template, *rest = [_text("Format", values[0]), *values[1:]]
    pieces = _split_at_holes(template)
    if len(pieces) != len(rest) + 1:
        raise _fail(
            "Format", f"the template has {len(pieces) - 1} times {{}} for {len(rest)} values"
        )
    texts = [_plain(value) for value in rest]
    if sum(map(len, texts)) > LIMIT_BYTES:
        raise _fail("Format", f"the result is longer than {LIMIT_BYTES} bytes")
    return pieces[0] + "".join(text + piece for text, piece in zip(texts, pieces[1:], strict=True))


def _split_at_holes(template: str) -> list[str]:
    pieces, literal, at = [], "", 0
    while at < len(template):
        if template[at] == "\\" and template[at + 1 : at + 2] in ("{", "}", "\\", "'"):
            literal, at = literal + template[at + 1], at + 2
        elif template.startswith("{}", at):
            pieces.append(literal)
            literal, at = "", at + 2
        else:
            literal, at = literal + template[at], at + 1
    return [*pieces, literal]


def _plain(value: Any) -> str:
    """A value as Java prints it: text bare, an object as ``{a=1, b=2}``."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}={_plain(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain, value)) + "]"
    return to_text(value)


def _string_to_json(_: Scope, values: list[Any]) -> Any:
    text = _text("StringToJson", values[0])
    try:
        return parse(text) if text.strip() else None
    except NotJson as error:
        raise _fail("StringToJson", f"the string is not JSON: {error}") from error


def _json_to_string(_: Scope, values: list[Any]) -> str:
    if is_surely_too_large(values[0]):
        raise _fail("JsonToString", f"the result is longer than {LIMIT_BYTES} bytes")
    return to_text(values[0])


def _make_array(_: Scope, values: list[Any]) -> list[Any]:
    return values


def _array_partition(_: Scope, values: list[Any]) -> list[Any]:
    items, size = _array("ArrayPartition", values[0]), _whole("ArrayPartition", values[1])
    if size < 1:
        raise _fail("ArrayPartition", f"a part of {size} items is too small")
    return [items[at : at + size] for at in range(0, len(items), size)]


def _array_contains(_: Scope, values: list[Any]) -> bool:
    return any(is_same(item, values[1]) for item in _array("ArrayContains", values[0]))


def _array_range(_: Scope, values: list[Any]) -> list[int]:
    first, last, step = (_whole("ArrayRange", value) for value in values)
    if step == 0:
        raise _fail("ArrayRange", "the step is 0")
    if (last - first) // step >= _MOST_ITEMS:
        raise _fail("ArrayRange", f"the array has more than {_MOST_ITEMS} items")
    return list(range(first, last + (1 if step > 0 else -1), step))


def _array_get_item(_: Scope, values: list[Any]) -> Any:
    items, index = _array("ArrayGetItem", values[0]), _whole("ArrayGetItem", values[1])
    if not 0 <= index < len(items):
        raise _fail("ArrayGetItem", f"index {index} is outside an array of {len(items)}")
    return items[index]


def _array_length(_: Scope, values: list[Any]) -> int:
    return len(_array("ArrayLength", values[0]))


def _array_unique(_: Scope, values: list[Any]) -> list[Any]:
    return list({to_text(item): item for item in _array("ArrayUnique", values[0])}.values())


def _base64_encode(_: Scope, values: list[Any]) -> str:
    return base64.b64encode(_short_text("Base64Encode", values[0]).encode()).decode()


def _base64_decode(_: Scope, values: list[Any]) -> str:
    text = _short_text("Base64Decode", values[0])
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise _fail("Base64Decode", "the string is not base64 of UTF-8 text") from error


_ALGORITHMS = {
    "MD5": "md5",
    "SHA-1": "sha1",
    "SHA-256": "sha256",
    "SHA-384": "sha384",
    "SHA-512": "sha512",
}


def _hash(_: Scope, values: list[Any]) -> str:
    algorithm = _ALGORITHMS.get(_text("Hash", values[1]))
    if algorithm is None:
        raise _fail("Hash", f"the algorithm is none of {', '.join(_ALGORITHMS)}")
    data = _short_text("Hash", values[0]).encode()
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()


def _json_merge(_: Scope, values: list[Any]) -> dict[str, Any]:
    first, second, is_deep = values
    if not isinstance(first, dict) or not isinstance(second, dict):
        raise _fail("JsonMerge", "both values must be objects")
    if is_deep is not False:
        raise _fail("JsonMerge", "only a shallow merge is supported; the third argument is false")
    return first | second


def _math_random(scope: Scope, values: list[Any]) -> int:
    first, last = (_whole("MathRandom", value) for value in values[:2])
    if first >= last:
        raise _fail("MathRandom", f"the start {first} is not below the end {last}")
    if len(values) < 3:
        return scope.chance.randrange(first, last)
    seeded = random.Random(_whole("MathRandom", values[2]))  # noqa: S311  # a seed asks for repetition
    return seeded.randrange(first, last)


def _math_add(_: Scope, values: list[Any]) -> int:
    return _whole("MathAdd", values[0]) + _whole("MathAdd", values[1])


def _string_split(_: Scope, values: list[Any]) -> list[str]:
    """Each character of the delimiter separates; empty pieces are dropped."""
    text, delimiters = _text("StringSplit", values[0]), _text("StringSplit", values[1])
    pieces = re.split(f"[{re.escape(delimiters)}]", text) if delimiters else [text]
    return [piece for piece in pieces if piece]


def _uuid(scope: Scope, _: list[Any]) -> str:
    return str(uuid.UUID(int=scope.chance.getrandbits(128), version=4))


CALLS: dict[str, Call] = {
    "Format": _format,
    "StringToJson": _string_to_json,
    "JsonToString": _json_to_string,
    "Array": _make_array,
    "ArrayPartition": _array_partition,
    "ArrayContains": _array_contains,
    "ArrayRange": _array_range,
    "ArrayGetItem": _array_get_item,
    "ArrayLength": _array_length,
    "ArrayUnique": _array_unique,
    "Base64Encode": _base64_encode,
    "Base64Decode": _base64_decode,
    "Hash": _hash,
    "JsonMerge": _json_merge,
    "MathRandom": _math_random,
    "MathAdd": _math_add,
    "StringSplit": _string_split,
    "UUID": _uuid,
}
"""Name (after ``States.``) → what it does."""

_ANY = 1000
_ARITY: dict[str, tuple[int, int]] = {
    "Format": (1, _ANY),
    "StringToJson": (1, 1),
    "JsonToString": (1, 1),
    "Array": (0, _ANY),
    "ArrayPartition": (2, 2),
    "ArrayContains": (2, 2),
    "ArrayRange": (3, 3),
    "ArrayGetItem": (2, 2),
    "ArrayLength": (1, 1),
    "ArrayUnique": (1, 1),
    "Base64Encode": (1, 1),
    "Base64Decode": (1, 1),
    "Hash": (2, 2),
    "JsonMerge": (3, 3),
    "MathRandom": (2, 3),
    "MathAdd": (2, 2),
    "StringSplit": (2, 2),
    "UUID": (0, 0),
}
"""Name → the least and the most arguments."""
