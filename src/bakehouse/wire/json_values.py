"""Values of JSON and CBOR, by readers that are compiled from a botocore shape once.

CBOR is read as JSON is, but bytes and moments are values of their own there. What the model does
not know is passed over, as AWS does.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
from botocore.model import Shape

from bakehouse.wire import cbor
from bakehouse.wire.models import timestamp_format, wire_name
from bakehouse.wire.text_values import (
    Malformed,
    Reader,
    check_number,
    in_range,
    read_base64,
    read_timestamp,
)

_MOST_VALUES = 1_500_000
"""So many may there be in a body: a few megabytes could make gigabytes of empty lists."""
_TOKENS = {bool: "BOOLEAN_VALUE", int: "NUMBER_VALUE", float: "NUMBER_VALUE", str: "STRING_VALUE"}
_JSON_TYPES: dict[str, tuple[tuple[type, ...], str]] = {
    "string": ((str,), "String"),
    "character": ((str,), "String"),
    "integer": ((int,), "Integer"),
    "long": ((int,), "Long"),
    "float": ((int, float), "Float"),
    "double": ((int, float), "Double"),
    "boolean": ((bool,), "Boolean"),
}


def _json_timestamp(shape: Shape) -> Reader:
    form = timestamp_format(shape, "unixTimestamp")
    return lambda value, path: read_timestamp(value, form, path)


class JsonReaders:
    """Readers for shapes whose values are what ``orjson.loads`` returns.

    Args:
        blob: reads a blob.
        timestamp: gives the reader of a timestamp's shape.
    """

    def __init__(
        self, blob: Reader = read_base64, timestamp: Callable[[Shape], Reader] = _json_timestamp
    ) -> None:
        self._blob, self._timestamp = blob, timestamp
        self._structures: dict[str, Reader] = {}

    def reader(self, shape: Shape) -> Reader:
        """The reader of one shape."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                return self._list(self.reader(shape.member))
            case "map":
                return self._map(self.reader(shape.value))
            case "timestamp":
                return self._timestamp(shape)
            case "blob":
                return self._blob
            case kind:
                return _json_scalar(kind)

    def _structure(self, shape: Shape) -> Reader:
        if shape.name not in self._structures:
            members: dict[str, tuple[str, Reader]] = {}

            def read(value: Any, path: str) -> Any:
                if not isinstance(value, dict):
                    raise Malformed(f"{path or 'The body'} is no JSON object.")
                return {
                    members[k][0]: members[k][1](v, f"{path}.{k}")
                    for k, v in value.items()
                    if v is not None and k in members
                }

            self._structures[shape.name] = read  # before its members: a shape may hold itself
            for name, member in shape.members.items():
                if "location" not in member.serialization:
                    members[wire_name(name, member)] = (name, self.reader(member))
        return self._structures[shape.name]

    @staticmethod
    def _list(item: Reader) -> Reader:
        def read(value: Any, path: str) -> list[Any]:
            if not isinstance(value, list):
                raise Malformed(f"{path} is no JSON array.")
            return [item(v, f"{path}[{i}]") for i, v in enumerate(value)]

        return read

    @staticmethod
    def _map(item: Reader) -> Reader:
        def read(value: Any, path: str) -> dict[str, Any]:
            if not isinstance(value, dict):
                raise Malformed(f"{path} is no JSON object.")
            return {k: item(v, f"{path}.{k}") for k, v in value.items() if v is not None}

        return read


def _json_scalar(kind: str) -> Reader:
    allowed, named = _JSON_TYPES[kind]

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            token = _TOKENS.get(type(value), "START_OBJECT")
            raise Malformed(f"{token} can not be converted to a {named} at {path.lstrip('.')}.")
        return in_range(kind, value, path)

    return read


def load_json(body: bytes) -> Any:
    """The value of a JSON body; an empty one is an empty object."""
    check_number(body, b",[{", _MOST_VALUES)
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from error


# CBOR


def cbor_readers() -> JsonReaders:
    """Readers for shapes whose values are what :func:`load_cbor` returns."""
    return JsonReaders(
        blob=lambda value, path: _of_type(value, bytes, "byte string", path),
        timestamp=lambda shape: lambda value, path: _of_type(value, datetime, "timestamp", path),
    )


def _of_type(value: Any, kind: type, named: str, path: str) -> Any:
    if not isinstance(value, kind):
        raise Malformed(f"{path.lstrip('.')} is no {named}.")
    return value


def load_cbor(body: bytes) -> Any:
    """The value of a CBOR body; an empty one is an empty map."""
    try:
        return cbor.loads(body) if body else {}
    except cbor.CborError as error:
        raise Malformed(f"The body is not valid CBOR: {error}.") from error
