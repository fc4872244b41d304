"""From bytes to parameters: readers that are compiled from a botocore shape once, then called.

A reader takes a wire value and the path to it and returns the Python value, or raises
:class:`Malformed`. What the model does not know is passed over, as AWS does.
"""

from __future__ import annotations

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import parse_qs
from xml.etree import ElementTree

import orjson
from botocore.model import OperationModel, Shape

from bakehouse.faults import shorten
from bakehouse.wire import cbor
from bakehouse.wire.models import Family, payload_member, timestamp_format, wire_name
from bakehouse.wire.types import Params, Request

Reader = Callable[[Any, str], Any]
"""Takes a wire value and the path to it."""

RequestReader = Callable[[Request, Mapping[str, str], Mapping[str, str], bytes], Params]
"""Takes a request, its path parameters, its form (query protocol) and its body."""


class Malformed(Exception):
    """The bytes do not have the form of the operation's input. The message says where."""


class MalformedParameter(Malformed):
    """It is not the body: a value in the path, the query or a header does not have its form."""


# Scalars, from text (headers, query, XML) or from JSON values


def read_timestamp(value: Any, form: str, path: str) -> datetime:
    """An aware UTC moment from a number of seconds, an ISO 8601 or an RFC 822 text."""
    try:
        if form == "unixTimestamp" and not (isinstance(value, str) and not _is_number(value)):
            return datetime.fromtimestamp(float(value), UTC)
        if form == "rfc822" and "," in value:
            return parsedate_to_datetime(value).astimezone(UTC)
        moment = datetime.fromisoformat(value)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (TypeError, ValueError, OverflowError, OSError) as error:
        raise Malformed(f"{path} is {shorten(repr(value))}, which is no timestamp.") from error


_NUMBER = re.compile(r"[-+0-9.eE]+")


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _read_base64(value: Any, path: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise Malformed(f"{path} is not valid base64.") from error


def _read_number(kind: type, value: str, path: str) -> Any:
    if _NUMBER.fullmatch(value) is None:  # Python reads more: 1_000, digits of other scripts
        raise Malformed(f"{path} is {shorten(repr(value))}, which is no number.")
    try:
        return kind(value)
    except ValueError as error:
        raise Malformed(f"{path} is {shorten(repr(value))}, which is no number.") from error


def _read_truth(value: str, path: str) -> bool:
    if value.lower() not in ("true", "false"):
        raise Malformed(f"{path} is {shorten(repr(value))}; expected true or false.")
    return value.lower() == "true"


def text_reader(shape: Shape, timestamps: str) -> Reader:
    """A reader for a scalar that travels as text."""
    kind = shape.type_name
    if kind == "timestamp":
        form = timestamp_format(shape, timestamps)
        return lambda value, path: read_timestamp(value, form, path)
    if kind == "blob":
        return _read_base64
    if kind in ("integer", "long"):
        return lambda value, path: _in_range(kind, _read_number(int, value, path), path)
    if kind in ("float", "double"):
        return lambda value, path: _read_number(float, value, path)
    if kind == "boolean":
        return _read_truth
    return lambda value, path: value


# JSON

_WHOLE = {"integer": 31, "long": 63}
"""Bits of a whole number, beside its sign."""
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
        self, blob: Reader = _read_base64, timestamp: Callable[[Shape], Reader] = _json_timestamp
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
        return _in_range(kind, value, path)

    return read


def _in_range(kind: str, value: Any, path: str) -> Any:
    bits = _WHOLE.get(kind)
    if bits is not None and not -(1 << bits) <= value < 1 << bits:
        raise Malformed(f"{shorten(str(value))} is out of range at {path.lstrip('.')}.")
    return value


_JSON_VALUES, _XML_TAGS = 1_500_000, 400_000
"""So many may there be in a body: a few megabytes could make gigabytes of empty lists."""


def _check_number(body: bytes, signs: bytes, most: int) -> None:
    """Raise Malformed where a body has more than so many of these bytes in it."""
    if len(body) > most and sum(body.count(sign) for sign in signs) > most:
        raise Malformed(f"The body has more than {most} values.")


def load_json(body: bytes) -> Any:
    """The value of a JSON body; an empty one is an empty object."""
    _check_number(body, b",[{", _JSON_VALUES)
    try:
        return orjson.loads(body) if body else {}
    except orjson.JSONDecodeError as error:
        raise Malformed(f"The body is not valid JSON: {error}.") from error


# CBOR: as JSON, but bytes and moments are values of their own


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


# Query: a form whose names spell the path


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


# XML

_DECLARATION = re.compile(r"<!\s*(DOCTYPE|ENTITY)", re.IGNORECASE)


def load_xml(body: bytes) -> ElementTree.Element:
    """The root element, without namespaces. A document type is refused: entities can grow.

    The text is UTF-8 whatever it declares: in UTF-16, which zeros betray, one could hide.
    """
    _check_number(body, b"<", _XML_TAGS)
    try:
        text = body.decode()
        if "\0" in text or _DECLARATION.search(text):
            raise Malformed("The body declares a document type, which is not allowed.")
        root = ElementTree.fromstring(text)  # noqa: S314  # no DTD gets here, so nothing expands
    except (ElementTree.ParseError, ValueError) as error:
        raise Malformed(f"The body is not valid XML: {error}.") from error
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def xml_reader(shape: Shape) -> Reader:
    """A reader of a shape from its element."""
    match shape.type_name:
        case "structure":
            members = [(name, member) for name, member in shape.members.items()]
            readers = [
                (name, wire_name(name, member), _is_flat(member), xml_reader(member))
                for name, member in members
                if not {"location", "xmlAttribute"} & member.serialization.keys()
            ]
            attributes = {
                wire_name(name, member).rpartition(":")[2]: name
                for name, member in members
                if "xmlAttribute" in member.serialization
            }
            needed = {name for name, *_ in readers} & set(shape.required_members)
            if not attributes:
                return lambda element, path: _read_element(element, path, readers, needed)
            return lambda element, path: (
                _read_attributes(element, attributes)
                | _read_element(element, path, readers, needed)
            )
        case "list":
            item = xml_reader(shape.member)
            return lambda elements, path: [item(element, path) for element in elements]
        case _:
            read_text = text_reader(shape, "iso8601")
            return lambda element, path: read_text((element.text or "").strip("\r\n"), path)


def _is_flat(shape: Shape) -> bool | None:
    """True for a list without a wrapping element, False for one with, None for anything else."""
    return bool(shape.serialization.get("flattened")) if shape.type_name == "list" else None


def _read_element(
    element: ElementTree.Element,
    path: str,
    readers: list[tuple[str, str, bool | None, Reader]],
    needed: AbstractSet[str],
) -> Params:
    values: Params = {}
    for name, wire, flat, read in readers:
        found = element.findall(wire)
        if not found:
            continue
        if flat is None:
            values[name] = read(found[0], f"{path}.{name}")
        else:
            values[name] = read(found if flat else list(found[0]), f"{path}.{name}")
    if missing := needed - values.keys():
        raise Malformed(f"{path.lstrip('.') or 'The body'} has no {min(missing)}.")
    return values


def _read_attributes(element: ElementTree.Element, names: Mapping[str, str]) -> Params:
    found = {name.rpartition("}")[2]: value for name, value in element.attrib.items()}
    return {names[name]: value for name, value in found.items() if name in names}


# Whole requests


def request_reader(operation: OperationModel, family: Family) -> RequestReader:
    """The reader of an operation's requests in one protocol family. A streamed body is left out."""
    shape = operation.input_shape
    if shape is None:
        return lambda request, path, form, body: {}
    if family == "json":
        read_json = JsonReaders().reader(shape)
        return lambda request, path, form, body: read_json(load_json(body), "")
    if family == "cbor":
        read_cbor = cbor_readers().reader(shape)
        return lambda request, path, form, body: read_cbor(load_cbor(body), "")
    if family == "query":
        read_form = query_reader(shape)
        return lambda request, path, form, body: read_form(form, "") or {}
    read_rest, read_body = rest_reader(shape), body_reader(shape, family)

    def read(
        request: Request, path: Mapping[str, str], form: Mapping[str, str], body: bytes
    ) -> Params:
        query = parse_qs(request.query, keep_blank_values=True) if request.query else {}
        return read_body(body) | read_rest(path, query, request.headers)

    return read


# REST: parameters in the path, the query, the headers and the body


def rest_reader(
    shape: Shape | None,
) -> Callable[[Mapping[str, str], Mapping[str, list[str]], Mapping[str, str]], Params]:
    """A reader of what travels outside the body: path parameters, query values and headers."""
    members = {} if shape is None else shape.members
    in_path = _readers_at("uri", members, lambda name, m: text_reader(m, "iso8601"))
    in_query = _readers_at("querystring", members, _query_value)
    in_headers = _readers_at("header", members, _header_value)
    gatherers = [reader for n, m in members.items() if (reader := _gatherer(n, m)) is not None]

    def read(
        path: Mapping[str, str], query: Mapping[str, list[str]], headers: Mapping[str, str]
    ) -> Params:
        values: Params = {}
        try:
            for readers, source in ((in_path, path), (in_query, query), (in_headers, headers)):
                for wire in source:  # some ten in a request, of the forty that S3's shapes have
                    if wire in readers:
                        name, read_one = readers[wire]
                        values[name] = read_one(source[wire], name)
        except Malformed as error:
            raise MalformedParameter(str(error)) from error
        for name, gather in gatherers:
            if found := gather(query, headers):
                values[name] = found
        return values

    return read


_Gather = Callable[[Mapping[str, list[str]], Mapping[str, str]], dict[str, str]]


def _readers_at(
    where: str, members: Mapping[str, Shape], reader: Callable[[str, Shape], Reader]
) -> dict[str, tuple[str, Reader]]:
    """The members that travel in one place: name on the wire → member and reader of its value."""
    found: dict[str, tuple[str, Reader]] = {}
    for name, member in members.items():
        if member.serialization.get("location") == where and _gatherer(name, member) is None:
            wire = wire_name(name, member)
            found[wire.lower() if where == "header" else wire] = (name, reader(name, member))
    return found


def _query_value(name: str, member: Shape) -> Reader:
    if member.type_name == "list":
        item = text_reader(member.member, "iso8601")
        return lambda values, path: [item(value, path) for value in values]
    read = text_reader(member, "iso8601")
    return lambda values, path: read(values[0], path)


def _header_value(name: str, member: Shape) -> Reader:
    if member.type_name == "list":
        item = text_reader(member.member, "rfc822")
        return lambda text, path: [item(value.strip(), path) for value in text.split(",")]
    if member.serialization.get("jsonvalue"):
        return lambda text, path: load_json(_read_base64(text, path))
    return text_reader(member, "rfc822")


def _gatherer(name: str, member: Shape) -> tuple[str, _Gather] | None:
    """A member that takes whatever has no member of its own: a query's rest, prefixed headers."""
    where, wire = member.serialization.get("location"), wire_name(name, member)
    if where == "headers":
        prefix = wire.lower()
        return name, lambda query, headers: {
            k[len(prefix) :]: v for k, v in headers.items() if k.startswith(prefix)
        }
    if where == "querystring" and member.type_name == "map":
        return name, lambda query, headers: {k: v[0] for k, v in query.items() if k != wire}
    return None


def body_reader(shape: Shape | None, family: str) -> Callable[[bytes], Params]:
    """A reader of the body of a REST request: a payload member, or the members without a place."""
    if shape is None:
        return lambda body: {}
    payload = payload_member(shape)
    if payload is None:
        return _unplaced(shape, family)
    member = shape.members[payload]
    if member.type_name == "blob":
        needed = payload in shape.required_members  # then no bytes are a blob without any
        return lambda body: {payload: body} if body or needed else {}
    if member.type_name == "string":
        return lambda body: {payload: body.decode("utf-8", "replace")} if body else {}
    if family == "rest-json":
        inner = JsonReaders().reader(member)
        return lambda body: {payload: inner(load_json(body), payload)} if body else {}
    return _xml_payload(payload, xml_reader(member), needed=payload in shape.required_members)


def _xml_payload(payload: str, read: Reader, *, needed: bool) -> Callable[[bytes], Params]:
    def read_body(body: bytes) -> Params:
        if needed and not body:
            raise Malformed("The body is empty, where the operation needs a document.")
        return {payload: read(load_xml(body), payload)} if body else {}

    return read_body


def _unplaced(shape: Shape, family: str) -> Callable[[bytes], Params]:
    if all("location" in member.serialization for member in shape.members.values()):
        return lambda body: {}
    if family == "rest-json":
        read_json = JsonReaders().reader(shape)
        return lambda body: read_json(load_json(body), "") if body else {}
    read_xml = xml_reader(shape)
    return lambda body: read_xml(load_xml(body), "") if body else {}
