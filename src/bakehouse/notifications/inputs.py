"""What a target is given of an event: all of it, a part, a constant, or a text made of parts.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bakehouse.faults import InvalidInput

Event = dict[str, Any]
"""An event in its envelope: ``id``, ``source``, ``detail-type``, ``detail`` …"""

_STEP = re.compile(r"\.([^.\[\]'\"]+)|\['([^']*)'\]|\[(\d{1,9})\]")
_HOLE = re.compile(r"<([A-Za-z0-9_.-]{1,256})>")
_MOST_PATHS = 100
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Shape:
    """How the input of a target is made; at most one of the three is given."""

    constant: str | None = None
    """JSON that stands for every event."""
    path: str | None = None
    """Where the part of the event is: ``$.detail.object.key``."""
    template: str | None = None
    """A text with holes such as ``<key>``."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Hole → where in the event it is filled from."""


def check_shape(shape: Shape) -> None:
    """Make sure that inputs can be made so.

    Raises:
        InvalidInput: a path, the constant or a hole is not one.
    """
    if shape.constant is not None and _loaded(shape.constant) is _ABSENT:
        raise _invalid("Input", shape.constant, "JSON")
    for path in (*shape.paths.values(), *(() if shape.path is None else (shape.path,))):
        _steps(path)
    if len(shape.paths) > _MOST_PATHS:
        raise _invalid("InputPathsMap", len(shape.paths), f"at most {_MOST_PATHS} entries")
    for found in _HOLE.finditer(shape.template or ""):
        if found[1] not in shape.paths and not found[1].startswith("aws.events."):
            raise _invalid("InputTemplate", found[0], "a name of the InputPathsMap")


def input_of(shape: Shape, event: Event, *, rule_name: str, rule_arn: str) -> str:
    """The input of a target, as JSON text.

    Raises:
        InvalidInput: the template does not make JSON of this event.
    """
    if shape.constant is not None:
        return shape.constant
    if shape.path is not None:
        found = _part(event, shape.path)
        return _written(None if found is _ABSENT else found)
    if shape.template is None:
        return _written(event)
    reserved = {
        "aws.events.rule-arn": rule_arn,
        "aws.events.rule-name": rule_name,
        "aws.events.event.ingestion-time": event.get("time", ""),
        "aws.events.event": {name: event[name] for name in event if name != "detail"},
        "aws.events.event.json": event,
    }
    values = reserved | {name: _part(event, path) for name, path in shape.paths.items()}
    text = "".join(_filled(shape.template, values))
    if _loaded(text) is _ABSENT:
        raise _invalid("InputTemplate", text, "JSON once it is filled")
    return text


def _filled(template: str, values: Mapping[str, Any]) -> Iterator[str]:
    """The template with its holes filled: in a string with bare text, elsewhere with JSON."""
    position, in_string = 0, False
    for hole in _HOLE.finditer(template):
        before = template[position : hole.start()]
        in_string ^= len(re.findall(r'(?<!\\)(?:\\\\)*"', before)) % 2 == 1
        value = values.get(hole[1], _ABSENT)
        yield before
        yield _bare(value) if in_string else ('""' if value is _ABSENT else _written(value))
        position = hole.end()
    yield template[position:]


def _bare(value: Any) -> str:
    """A value inside a string of JSON; a value that is not there is empty."""
    if value is _ABSENT:
        return ""
    text = value if isinstance(value, str) else _written(value)
    return json.dumps(text, ensure_ascii=False)[1:-1]


def _part(event: Event, path: str) -> Any:
    value: Any = event
    for step in _steps(path):
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else _ABSENT
        else:
            value = value.get(step, _ABSENT) if isinstance(value, dict) else _ABSENT
    return value


def _steps(path: str) -> list[str | int]:
    """The names and places that a path goes through; raises ``InvalidInput``."""
    steps: list[str | int] = []
    position = 1
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None:
            break
        dotted, quoted, place = found.groups()
        steps.append(int(place) if place is not None else (dotted if dotted else quoted))
        position = found.end()
    if not path.startswith("$") or position < len(path):
        raise _invalid("InputPath", path, "a path such as $.detail.object.key")
    return steps


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return _ABSENT


def _invalid(path: str, value: object, allowed: str) -> InvalidInput:
    return InvalidInput(path, value, allowed)
