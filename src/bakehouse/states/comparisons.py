"""The comparisons and tests of choice rules, as tables of functions.

A value of the wrong kind is no error: the comparison does not hold.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from bakehouse.states.json_text import is_number
from bakehouse.states.timestamps import parse_timestamp

Test = Callable[[Any], bool]
Compare = Callable[[Any, Any], bool]


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool)


def _is_timestamp(value: Any) -> bool:
    return parse_timestamp(value) is not None


def _utf16(text: str) -> bytes:
    """Texts are ordered by their UTF-16 units, as Java orders them."""
    return text.encode("utf-16-be", "surrogatepass")


def _as_it_is(value: Any) -> Any:
    return value


def _between(kind: Test, order: Compare, convert: Callable[[Any], Any]) -> Compare:
    return lambda a, b: kind(a) and kind(b) and order(convert(a), convert(b))


def _matches(value: Any, pattern: Any) -> bool:
    """Whether a text has the form of a pattern, where ``*`` stands for anything.

    In time proportional to the text for each star: the parts between are looked for one by one.
    """
    if not isinstance(value, str) or not isinstance(pattern, str):
        return False
    first, *others = _split_at_stars(pattern)
    if not others:
        return value == first
    last = others.pop()
    if len(value) < len(first) + len(last) or not value.startswith(first):
        return False
    at, end = len(first), len(value) - len(last)
    for part in others:
        found = value.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return value.endswith(last)


def _split_at_stars(pattern: str) -> list[str]:
    r"""The literal parts around the unescaped stars; ``\*`` and ``\\`` are literal."""
    parts, literal, characters = [], "", iter(pattern)
    for character in characters:
        if character == "*":
            parts.append(literal)
            literal = ""
        else:
            literal += next(characters, "\\") if character == "\\" else character
    return [*parts, literal]


_ORDERS: dict[str, Compare] = {
    "Equals": operator.eq,
    "LessThan": operator.lt,
    "GreaterThan": operator.gt,
    "LessThanEquals": operator.le,
    "GreaterThanEquals": operator.ge,
}
_ORDERED: list[tuple[str, Test, Callable[[Any], Any]]] = [
    ("String", _is_text, _utf16),
    ("Numeric", is_number, _as_it_is),
    ("Timestamp", _is_timestamp, parse_timestamp),
]

COMPARISONS: dict[str, tuple[Compare, Test]] = {
    "BooleanEquals": (_between(_is_truth, operator.eq, _as_it_is), _is_truth),
    "StringMatches": (_matches, _is_text),
    **{
        f"{name}{suffix}": (_between(kind, order, convert), kind)
        for name, kind, convert in _ORDERED
        for suffix, order in _ORDERS.items()
    },
}
"""Operator → (the comparison, what its operand in the definition must be)."""

TESTS: dict[str, Test] = {
    "IsNull": lambda value: value is None,
    "IsNumeric": is_number,
    "IsString": _is_text,
    "IsBoolean": _is_truth,
    "IsTimestamp": _is_timestamp,
}
"""Tests of one value; their operand says whether they shall hold."""
