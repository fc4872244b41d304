"""Event patterns: which events a rule is for.

A pattern has the shape of an event; where it ends in a list, the event must have one of what the
list allows. https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-patterns.html
"""

from __future__ import annotations

import ipaddress
import json
import math
from collections.abc import Callable, Iterator
from typing import Any

from bakehouse.faults import InvalidInput
from bakehouse.notifications.wildcards import compile_wildcard

PATTERN_BYTES = 4096
"""The longest pattern, in UTF-8."""

Test = Callable[[Any], bool]
"""Whether a value of an event is allowed; ``_ABSENT`` stands for there being none."""
Matcher = Callable[[Any], bool]
"""Whether an event, or an object in one, is meant."""

_ABSENT = object()
_MOST_LEVELS = 50
_ORDERS: dict[str, Callable[[float, float], bool]] = {
    "=": lambda a, b: a == b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_NUMBERS = 5e9  # what EventBridge compares lies between minus and plus this


def compile_pattern(text: str) -> Matcher:
    """What tells whether an event is one that a pattern is for.

    Raises:
        InvalidInput: it is no pattern; ``path`` is ``EventPattern``.
    """
    if len(text.encode()) > PATTERN_BYTES:
        raise _invalid(f"The pattern is longer than {PATTERN_BYTES} bytes")
    try:
        pattern = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _invalid(f"It is not valid JSON: {error}") from error
    if not isinstance(pattern, dict):
        raise _invalid("Filter is not an object")
    return _object(pattern, "")


def _object(pattern: dict[str, Any], path: str, level: int = 1) -> Matcher:
    if level > _MOST_LEVELS:
        raise _invalid(f"It is nested more than {_MOST_LEVELS} levels deep")
    if not pattern:
        raise _invalid(f"Empty objects are not allowed{_at(path)}")
    parts = [_member(name, value, f"{path}.{name}", level) for name, value in pattern.items()]
    return lambda event: all(part(event) for part in parts)


def _member(name: str, value: Any, path: str, level: int) -> Matcher:
    if name == "$or":
        return _either(value, path, level)
    if isinstance(value, dict):
        inside = _object(value, path, level + 1)
        return lambda event: any(inside(found) for found in _objects(event, name))
    if not isinstance(value, list):
        raise _invalid(f'"{name}" must be an object or an array')
    if not value:
        raise _invalid(f"Empty arrays are not allowed{_at(path)}")
    tests = [_test(item, path) for item in value]
    return lambda event: any(test(found) for found in _values(event, name) for test in tests)


def _either(value: Any, path: str, level: int) -> Matcher:
    if not isinstance(value, list) or len(value) < 2:
        raise _invalid('"$or" must be an array of at least 2 objects')
    if not all(isinstance(item, dict) for item in value):
        raise _invalid('Every item of "$or" must be an object')
    choices = [_object(item, path, level + 1) for item in value]
    return lambda event: any(choice(event) for choice in choices)


def _objects(event: Any, name: str) -> Iterator[Any]:
    """The objects under a name; those in a list are looked at one by one. Else an empty one."""
    found = event.get(name, _ABSENT) if isinstance(event, dict) else _ABSENT
    inside = [item for item in _listed(found) if isinstance(item, dict)]
    yield from inside or [{}]


def _values(event: Any, name: str) -> Iterator[Any]:
    """The plain values under a name: an object or an empty list holds none."""
    found = event.get(name, _ABSENT) if isinstance(event, dict) else _ABSENT
    plain = [item for item in _listed(found) if not isinstance(item, dict | list)]
    yield from plain or [_ABSENT]


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# What a list in a pattern may hold


def _test(item: Any, path: str) -> Test:
    if isinstance(item, dict):
        return _operator(item, path)
    if isinstance(item, list):
        raise _invalid(f"A list must not hold lists{_at(path)}")
    return _equal_to(item)


def _operator(item: dict[str, Any], path: str) -> Test:
    if len(item) != 1:
        raise _invalid(f"Only one key allowed in match expression{_at(path)}")
    ((name, operand),) = item.items()
    if name not in _OPERATORS:
        raise _invalid(f"Unrecognized match type {name}")
    return _OPERATORS[name](operand)


def _equal_to(wanted: Any) -> Test:
    return lambda value: _kind(value) == _kind(wanted) and value == wanted


def _kind(value: Any) -> type:
    """Numbers are one kind, though truth values are none of them."""
    return float if isinstance(value, int | float) and not isinstance(value, bool) else type(value)


def _of_text(name: str, make: Callable[[str], Callable[[str], bool]]) -> Callable[[Any], Test]:
    """An operator on texts, whose operand is one that is not empty."""

    def operator(operand: Any) -> Test:
        if not isinstance(operand, str) or not operand:
            raise _invalid(f"{name} match pattern must be a string that is not empty")
        test = make(operand)
        return lambda value: isinstance(value, str) and test(value)

    return operator


def _prefix(operand: Any) -> Test:
    wanted, fold = _folding(operand)
    start = _plain_prefix(wanted)
    return (lambda value: isinstance(value, str) and start(value.lower())) if fold else start


def _suffix(operand: Any) -> Test:
    wanted, fold = _folding(operand)
    end = _plain_suffix(wanted)
    return (lambda value: isinstance(value, str) and end(value.lower())) if fold else end


def _folding(operand: Any) -> tuple[Any, bool]:
    """The operand of a prefix or suffix, and whether letters of either case are the same."""
    if isinstance(operand, dict) and list(operand) == ["equals-ignore-case"]:
        folded = operand["equals-ignore-case"]
        return (folded.lower() if isinstance(folded, str) else folded), True
    return operand, False


def _wildcard(pattern: str) -> Callable[[str], bool]:
    try:
        return compile_wildcard(pattern)
    except ValueError as error:
        raise _invalid(str(error)) from error


def _ignoring_case(wanted: str) -> Callable[[str], bool]:
    return lambda text: text.lower() == wanted.lower()


_plain_prefix = _of_text("prefix", lambda wanted: lambda text: text.startswith(wanted))
_plain_suffix = _of_text("suffix", lambda wanted: lambda text: text.endswith(wanted))


def _numeric(operand: Any) -> Test:
    if not isinstance(operand, list) or len(operand) not in (2, 4):
        raise _invalid("Value of numeric must be an array of one or two comparisons")
    tests = []
    for order, bound in zip(operand[::2], operand[1::2], strict=True):
        if order not in _ORDERS:
            raise _invalid(f"Unrecognized numeric range operator: {order}")
        if _kind(bound) is not float or not -_NUMBERS <= bound <= _NUMBERS:
            raise _invalid(f"Value of {order} must be numeric, between -5.0e9 and 5.0e9")
        tests.append((_ORDERS[order], bound))
    return lambda value: (
        _kind(value) is float
        and math.isfinite(value)
        and all(test(value, bound) for test, bound in tests)
    )


def _exists(operand: Any) -> Test:
    if not isinstance(operand, bool):
        raise _invalid("exists match pattern must be either true or false.")
    return lambda value: (value is not _ABSENT) == operand


def _cidr(operand: Any) -> Test:
    try:
        network = ipaddress.ip_network(operand, strict=False)
    except ValueError as error:
        raise _invalid(f"Malformed CIDR: {error}") from error

    def test(value: Any) -> bool:
        try:
            return isinstance(value, str) and ipaddress.ip_address(value) in network
        except ValueError:
            return False

    return test


def _anything_but(operand: Any) -> Test:
    refused = [_refused(item) for item in _listed(operand)]
    if not refused:
        raise _invalid("Empty arrays are not allowed in anything-but")
    return lambda value: value is not _ABSENT and not any(test(value) for test in refused)


def _refused(item: Any) -> Test:
    if not isinstance(item, dict):
        return _equal_to(item)
    if len(item) != 1 or next(iter(item)) not in _IN_ANYTHING_BUT:
        raise _invalid("anything-but takes values, prefix, suffix, wildcard, equals-ignore-case")
    ((name, operand),) = item.items()
    choices = [_OPERATORS[name](one) for one in _listed(operand)]
    return lambda value: any(choice(value) for choice in choices)


_IN_ANYTHING_BUT = ("prefix", "suffix", "wildcard", "equals-ignore-case")
_OPERATORS: dict[str, Callable[[Any], Test]] = {
    "anything-but": _anything_but,
    "cidr": _cidr,
    "equals-ignore-case": _of_text("equals-ignore-case", _ignoring_case),
    "exists": _exists,
    "numeric": _numeric,
    "prefix": _prefix,
    "suffix": _suffix,
    "wildcard": _of_text("wildcard", _wildcard),
}


def _at(path: str) -> str:
    return f" at {path.lstrip('.')}" if path else ""


def _invalid(reason: str) -> InvalidInput:
    text = f"Event pattern is not valid. Reason: {reason}"
    return InvalidInput("EventPattern", "", "an event pattern", text)
