"""Constraints of a botocore shape: required, enum, pattern, length and range, with AWS's texts.

botocore checks less on the client's side than the services do, so every constraint of the model is
checked here. Members are named as AWS names them in its messages:
``productionVariants.1.member.modelName``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from datetime import datetime
from itertools import islice
from typing import Any

from botocore.model import Shape

MOST = 100
"""After so many violations no further elements of lists and maps are looked at."""

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
            case "integer" | "long" | "float" | "double":
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

        def check(value: Any, path: str, found: list[str]) -> None:
            size(value, path, found)
            for i, element in enumerate(value, start=1):
                if len(found) >= MOST:
                    return
                item(element, f"{path}.{i}.member", found)

        return check

    def _map(self, shape: Shape) -> Check:
        size, key_check, item = _sized(shape), self.check(shape.key), self.check(shape.value)

        def check(value: Any, path: str, found: list[str]) -> None:
            size(value, path, found)
            for key, element in value.items():
                if len(found) >= MOST:
                    return
                key_check(key, path, found)
                item(element, f"{path}.{key}.member", found)

        return check


def _descend(check: Check) -> Check:
    return lambda value, path, found: check(value, f"{path}." if path else "", found)


def _camel(name: str) -> str:
    return name[:1].lower() + name[1:]


def _violation(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{_shown(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes"
    if isinstance(value, datetime):
        return value.isoformat()
    text = str(_beginning(value))
    return text if len(text) <= 1000 else f"{text[:1000]}..."


def _beginning(value: Any) -> Any:
    """Enough of a value to show it: the whole of a huge one would cost as much again."""
    if isinstance(value, str | list):
        return value[:1001]
    if isinstance(value, dict):
        return dict(islice(value.items(), 1001))
    return value


def _nothing(value: Any, path: str, found: list[str]) -> None:
    return None


def _sized(shape: Shape) -> Check:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is None and most is None:
        return _nothing

    def check(value: Any, path: str, found: list[str]) -> None:
        if most is not None and len(value) > most:
            found.append(_violation(value, path, _length("less", most)))
        elif least is not None and len(value) < least:
            found.append(_violation(value, path, _length("greater", least)))

    return check


def _length(direction: str, bound: int) -> str:
    return f"Member must have length {direction} than or equal to {bound}"


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
                constraint = f"Member must have value {direction} than or equal to {bound}"
                found.append(_violation(value, path, constraint))

    return check


def _string(shape: Shape) -> Check:
    size, enum = _sized(shape), shape.metadata.get("enum")
    pattern = _compiled(shape.metadata.get("pattern"))
    if enum is None and pattern is None:
        return size
    source = shape.metadata.get("pattern")

    def check(value: Any, path: str, found: list[str]) -> None:
        before = len(found)
        size(value, path, found)
        if len(found) > before:
            return  # a pattern is only tried on a text of a length that is allowed
        if enum is not None and value not in enum:
            constraint = f"Member must satisfy enum value set: [{', '.join(enum)}]"
            found.append(_violation(value, path, constraint))
        elif pattern is not None and not pattern.fullmatch(value):
            constraint = f"Member must satisfy regular expression pattern: {source}"
            found.append(_violation(value, path, constraint))

    return check


def _compiled(pattern: str | None) -> re.Pattern[str] | None:
    """The pattern, or None where it uses a form that Python does not know (classes such as L)."""
    if pattern is None:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", FutureWarning
        )  # sets such as [[a] mean in Python what AWS means
        try:
            return re.compile(pattern, re.DOTALL)
        except re.error:
            return None
