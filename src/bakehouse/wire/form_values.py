"""Values of a form (query protocol), whose names spell the path: ``Filters.member.1.Name``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from botocore.model import Shape

from bakehouse.wire.models import wire_name
from bakehouse.wire.text_values import text_reader


def query_reader(shape: Shape) -> Callable[[Mapping[str, str], str], Any]:
    """A reader of a shape from a form; it returns None where the form says nothing of it."""
    match shape.type_name:
        case "structure":
            members = [
                (name, wire_name(name, member), query_reader(member))
                for name, member in shape.members.items()
            ]
            return lambda form, prefix: (
                {
                    name: value
                    for name, wire, read in members
                    if (value := read(form, f"{prefix}.{wire}" if prefix else wire)) is not None
                }
                or (None if prefix else {})
            )
        case "list":
            return _query_list(shape)
        case "map":
            return _query_map(shape)
        case _:
            read_text = text_reader(shape, "iso8601")
            return lambda form, prefix: read_text(form[prefix], prefix) if prefix in form else None


def _query_list(shape: Shape) -> Callable[[Mapping[str, str], str], Any]:
    flattened = shape.serialization.get("flattened")
    between = "" if flattened else f".{shape.member.serialization.get('name', 'member')}"
    item = query_reader(shape.member)

    def read(form: Mapping[str, str], prefix: str) -> list[Any] | None:
        values: list[Any] = []
        while (value := item(form, f"{prefix}{between}.{len(values) + 1}")) is not None:
            values.append(value)
        return values or None

    return read


def _query_map(shape: Shape) -> Callable[[Mapping[str, str], str], Any]:
    between = "" if shape.serialization.get("flattened") else ".entry"
    key_name = shape.key.serialization.get("name", "key")
    value_name = shape.value.serialization.get("name", "value")
    item = query_reader(shape.value)

    def read(form: Mapping[str, str], prefix: str) -> dict[str, Any] | None:
        values: dict[str, Any] = {}
        while (key := form.get(f"{prefix}{between}.{len(values) + 1}.{key_name}")) is not None:
            values[key] = item(form, f"{prefix}{between}.{len(values) + 1}.{value_name}")
        return values or None

    return read
