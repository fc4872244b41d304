"""Constraints of a botocore shape: required, enum, pattern, length and range, with AWS's texts.

botocore checks less on the client's side than the services do, so every constraint of the model is
checked here. Members are named as AWS names them in its messages:
``productionVariants.1.member.modelName``; values are shown as Java does, in which the services are
written. What is wrong with a plain element of a list or a map is told of the list or the map, with
all constraints of its elements. A sensitive value is not shown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from botocore.model import Shape

from bakehouse.wire.patterns import compiled_pattern

MOST = 100
"""After so many violations no further elements of lists and maps are looked at."""

_SHOWN = 1000
_NUMBERS = frozenset(["integer", "long", "float", "double"])

Check = Callable[[Any, str, list[str]], None]
"""Takes a value, the path to it and the list to which it adds a sentence for each violation."""


def violations_text(found: list[str]) -> str:
    """AWS's message for a list of violations."""
    noun = "error" if len(found) == 1 else "errors"
    return f"{len(found)} validation {noun} detected: {'; '.join(found)}"


class Checks:
    """Checks of shapes, compiled once each."""

    def __init__(self) -> None:
        self._structures: dict[str, Check] = {}

    def check(self, shape: Shape) -> Check:
        """The check of one shape."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(shape)
            case "map":
                return self._map(shape)
            case "string":
                return _string(shape)
            case "blob":
                return _sized(shape)
            case kind if kind in _NUMBERS:
                return _number(shape)
            case _:
                return _nothing

    def _structure(self, shape: Shape) -> Check:
        if shape.name not in self._structures:
            members: dict[str, tuple[str, Check]] = {}
            required = [(name, _camel(name)) for name in shape.required_members]

            def check(value: Any, path: str, found: list[str]) -> None:
                for name, camel in required:
                    if value.get(name) is None:
                        found.append(_violation(None, path + camel, "Member must not be null"))
                for name, item in value.items():
                    if name not in members:
                        found.append(f"Unknown parameter '{path}{name}'")
                        continue
                    camel, check_member = members[name]
                    check_member(item, path + camel, found)

            self._structures[shape.name] = _descend(check)
            for name, member in shape.members.items():
                members[name] = (_camel(name), self.check(member))
        return self._structures[shape.name]

    def _list(self, shape: Shape) -> Check:
        size, item = _sized(shape), self.check(shape.member)
        if constraints := _constraints(shape.member):
            each = _elements(shape, item, f"Member must satisfy constraint: [{constraints}]")
            return _both(size, each)

        def check(value: Any, path: str, found: list[str]) -> None:
            size(value, path, found)
            for i, element in enumerate(value, start=1):
                if len(found) >= MOST:
                    return
                item(element, f"{path}.{i}.member", found)

        return check

    def _map(self, shape: Shape) -> Check:
        size, key_check, item = _sized(shape), self.check(shape.key), self.check(shape.value)
        if constraints := _constraints(shape.key):
            text = f"Map keys must satisfy constraint: [{constraints}]"
            size = _both(size, _elements(shape, key_check, text))
        if constraints := _constraints(shape.value):
            text = f"Map value must satisfy constraint: [{constraints}]"
            return _both(size, _elements(shape, item, text, of=lambda value: value.values()))

        def check(value: Any, path: str, found: list[str]) -> None:
            size(value, path, found)
            for key, element in value.items():
                if len(found) >= MOST:
                    return
                item(element, f"{path}.{key}.member", found)

        return check


def _descend(check: Check) -> Check:
    return lambda value, path, found: check(value, f"{path}." if path else "", found)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _both(one: Check, other: Check) -> Check:
    def check(value: Any, path: str, found: list[str]) -> None:
        one(value, path, found)
        other(value, path, found)

    return check


def _elements(
    shape: Shape, item: Check, constraint: str, of: Callable[[Any], Iterable[Any]] = iter
) -> Check:
    """One violation of the whole, if any of its elements breaks the constraint."""
    is_hidden = any(_is_hidden(part) for part in (shape, *_parts(shape)))

    def check(value: Any, path: str, found: list[str]) -> None:
        wrong: list[str] = []
        for element in of(value):
            item(element, "", wrong)
            if wrong:
                found.append(_violation(value, path, constraint, is_hidden=is_hidden))
                return

    return check


def _parts(shape: Shape) -> tuple[Shape, ...]:
    return (shape.member,) if shape.type_name == "list" else (shape.key, shape.value)


def _is_hidden(shape: Shape) -> bool:
    return bool(shape.metadata.get("sensitive"))


def _constraints(shape: Shape) -> str:
    """All that is demanded of a plain value, as AWS lists it; empty if that is nothing."""
    if shape.type_name == "structure":
        return ""
    about = shape.metadata
    kind = "value" if shape.type_name in _NUMBERS else "length"
    texts: list[str] = []
    if "max" in about:
        texts.append(_bound(kind, "less", about["max"]))
    if "min" in about:
        texts.append(_bound(kind, "greater", about["min"]))
    if "enum" in about:
        texts.append(_enum_text(about["enum"]))
    if "pattern" in about:
        texts.append(_pattern_text(about["pattern"]))
    return ", ".join(texts)


def _violation(value: Any, path: str, constraint: str, *, is_hidden: bool = False) -> str:
    shown = " null" if value is None else "" if is_hidden else f" '{_shown(value)}'"
    return f"Value{shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    text = as_java(value, _SHOWN + 1)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def as_java(value: Any, room: int) -> str:
    """A value as Java's ``toString`` has it, or enough of a huge one to show it."""
    match value:
        case str():
            return value[:room]
        case bool():
            return "true" if value else "false"
        case bytes():
            return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
        case datetime():
            return f"{value:%a %b %d %H:%M:%S UTC %Y}"
        case list():
            return f"[{_joined((as_java(one, room) for one in value), room)}]"
        case dict():
            pairs = (f"{key}={as_java(one, room)}" for key, one in value.items())
            return f"{{{_joined(pairs, room)}}}"
        case _:
            return str(value)


def _joined(texts: Iterable[str], room: int) -> str:
    """The texts with commas between them, as far as there is room for them."""
    taken: list[str] = []
    for text in texts:
        taken.append(text)
        room -= len(text)
        if room < 0:
            break
    return ", ".join(taken)


def _nothing(value: Any, path: str, found: list[str]) -> None:
    return None


def _sized(shape: Shape) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is None and most is None:
        return _nothing
    is_hidden = _is_hidden(shape)

    def check(value: Any, path: str, found: list[str]) -> None:
        if most is not None and len(value) > most:
            text = _bound("length", "less", most)
        elif least is not None and len(value) < least:
            text = _bound("length", "greater", least)
        else:
            return
        found.append(_violation(value, path, text, is_hidden=is_hidden))

    return check


def _bound(kind: str, direction: str, bound: float) -> str:
    return f"Member must have {kind} {direction} than or equal to {bound}"


def _enum_text(enum: list[str]) -> str:
    return f"Member must satisfy enum value set: [{', '.join(enum)}]"


def _pattern_text(pattern: str) -> str:
    return f"Member must satisfy regular expression pattern: {pattern}"


def _number(shape: Shape) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is None and most is None:
        return _nothing

    def check(value: Any, path: str, found: list[str]) -> None:
        for wrong, direction, bound in (
            (most is not None and value > most, "less", most),
            (least is not None and value < least, "greater", least),
        ):
            if wrong:
                found.append(_violation(value, path, _bound("value", direction, bound)))

    return check


def _string(shape: Shape) -> Check:
    size, enum = _sized(shape), shape.metadata.get("enum")
    pattern = compiled_pattern(shape.metadata.get("pattern"))
    if enum is None and pattern is None:
        return size
    source, is_hidden = shape.metadata.get("pattern"), _is_hidden(shape)
    most = shape.metadata.get("max", math.inf)

    def check(value: Any, path: str, found: list[str]) -> None:
        size(value, path, found)
        if len(value) > most:
            return  # a pattern is only tried on a text that is not too long
        if enum is not None and value not in enum:
            found.append(_violation(value, path, _enum_text(enum), is_hidden=is_hidden))
        elif pattern is not None and not pattern.fullmatch(value):
            found.append(_violation(value, path, _pattern_text(source), is_hidden=is_hidden))

    return check
