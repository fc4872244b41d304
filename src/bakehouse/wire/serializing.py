"""From an operation's answer to bytes: writers that are compiled from a botocore shape once.

An answer that names a member which its shape does not have is a mistake of ours and a TypeError.
"""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
from botocore.model import OperationModel, Shape

from bakehouse import clock
from bakehouse.wire import cbor, eventstream
from bakehouse.wire.models import payload_member, timestamp_format, wire_name
from bakehouse.wire.types import Answer, Params, Response

Writer = Callable[[Any], Any]

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write_timestamp(moment: datetime, form: str) -> str | float:
    """A moment in one of AWS's three forms; seconds since 1970 are given to the millisecond."""
    if form == "unixTimestamp":
        return round(moment.timestamp(), 3)
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    if form == "rfc822":
        date = f"{_DAYS[utc.weekday()]}, {utc.day:02d} {_MONTHS[utc.month - 1]} {utc.year:04d}"
        return f"{date} {utc.hour:02d}:{utc.minute:02d}:{utc.second:02d} GMT"
    return clock.to_iso_ms(utc)


def text_writer(shape: Shape, timestamps: str) -> Callable[[Any], str]:
    """A writer of a scalar as text, for headers, query and XML."""
    match shape.type_name:
        case "timestamp":
            form = timestamp_format(shape, timestamps)
            return lambda value: str(write_timestamp(value, form))
        case "blob":
            return lambda value: base64.b64encode(value).decode()
        case "boolean":
            return lambda value: "true" if value else "false"
        case _:
            return str


# JSON


def _json_timestamp(shape: Shape) -> Writer:
    form = timestamp_format(shape, "unixTimestamp")
    return lambda value: write_timestamp(value, form)


class JsonWriters:
    """Writers of shapes as values for ``orjson.dumps``.

    Args:
        blob: writes a blob.
        timestamp: gives the writer of a timestamp's shape.
    """

    def __init__(
        self,
        blob: Writer = lambda value: base64.b64encode(value).decode(),
        timestamp: Callable[[Shape], Writer] = _json_timestamp,
    ) -> None:
        self._blob, self._timestamp = blob, timestamp
        self._structures: dict[str, Writer] = {}

    def writer(self, shape: Shape) -> Writer:
        """The writer of one shape."""
        match shape.type_name:
            case "structure":
                return self._structure(shape)
            case "list":
                item = self.writer(shape.member)
                return lambda value: [item(v) for v in value]
            case "map":
                element = self.writer(shape.value)
                return lambda value: {k: element(v) for k, v in value.items()}
            case "timestamp":
                return self._timestamp(shape)
            case "blob":
                return self._blob
            case _:
                return lambda value: value

    def _structure(self, shape: Shape) -> Writer:
        if shape.name not in self._structures:
            members: dict[str, tuple[str, Writer]] = {}

            def write(value: Any) -> Params:
                out: Params = {}
                for name, item in value.items():
                    if item is not None:
                        wire, write_member = _known(members, name, shape)
                        out[wire] = write_member(item)
                return out

            self._structures[shape.name] = write
            for name, member in shape.members.items():
                members[name] = (wire_name(name, member), self.writer(member))
        return self._structures[shape.name]


def _known(members: dict[str, tuple[str, Writer]], name: str, shape: Shape) -> tuple[str, Writer]:
    if name not in members:
        raise TypeError(f"{shape.name} has no member {name}.")
    return members[name]


# XML


def xml_writer(shape: Shape, tag: str) -> Callable[[Any], str]:
    """A writer of a shape as an element of the given name."""
    match shape.type_name:
        case "structure":
            inside, attributes = xml_members(shape), _attributes_writer(shape)
            return lambda value: f"<{tag}{attributes(value)}>{inside(value)}</{tag}>"
        case "list":
            return _xml_list(shape, tag)
        case "map":
            return _xml_map(shape, tag)
        case "string" | "character":
            return lambda value: f"<{tag}>{xml_text(value)}</{tag}>"
        case _:  # numbers, moments, base64: nothing that XML would take for its own
            write = text_writer(shape, "iso8601")
            return lambda value: f"<{tag}>{write(value)}</{tag}>"


_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def xml_text(text: str) -> str:
    """Text for XML 1.0; what it cannot hold (most control characters) becomes U+FFFD."""
    if text.isprintable() and not ("&" in text or "<" in text or ">" in text):
        return text  # most are
    return escape(_NOT_XML.sub("\ufffd", text), {"\r": "&#13;"})


def _attributes_writer(shape: Shape) -> Callable[[Params], str]:
    """A writer of the members that are attributes of the element, with their namespace."""
    names = {n: wire_name(n, m) for n, m in shape.members.items() if _is_attribute(m)}
    if not names:
        return lambda value: ""
    space = shape.serialization.get("xmlNamespace", {})
    declared = f' xmlns:{space["prefix"]}="{space["uri"]}"' if "prefix" in space else ""
    return lambda value: (
        declared
        + "".join(
            f" {wire}={quoteattr(value[name])}" for name, wire in names.items() if name in value
        )
    )


def _is_attribute(shape: Shape) -> bool:
    return "xmlAttribute" in shape.serialization


def xml_members(shape: Shape) -> Callable[[Params], str]:
    """A writer of what stands inside a structure's element, in the order of the model."""
    writers = [
        (name, xml_writer(member, wire_name(name, member)))
        for name, member in shape.members.items()
        if "location" not in member.serialization and not _is_attribute(member)
    ]
    known = set(shape.members)

    def write(value: Params) -> str:
        if unknown := value.keys() - known:
            raise TypeError(f"{shape.name} has no member {sorted(unknown)[0]}.")
        return "".join([w(item) for name, w in writers if (item := value.get(name)) is not None])

    return write


def _xml_list(shape: Shape, tag: str) -> Callable[[Any], str]:
    if shape.serialization.get("flattened"):
        item = xml_writer(shape.member, tag)
        return lambda value: "".join([item(v) for v in value])
    item = xml_writer(shape.member, shape.member.serialization.get("name", "member"))
    return lambda value: f"<{tag}>{''.join([item(v) for v in value])}</{tag}>"


def _xml_map(shape: Shape, tag: str) -> Callable[[Any], str]:
    key = xml_writer(shape.key, shape.key.serialization.get("name", "key"))
    item = xml_writer(shape.value, shape.value.serialization.get("name", "value"))

    def write(value: Any) -> str:
        entries = "".join(f"<entry>{key(k)}{item(v)}</entry>" for k, v in value.items())
        return f"<{tag}>{entries}</{tag}>"

    return write


# Whole answers, one maker for each protocol family

Serializer = Callable[[Answer, str], Response]
"""Takes an operation's answer and the request id."""


def json_serializer(operation: OperationModel, version: str) -> Serializer:
    """Answers of the JSON protocols. An operation without output has an empty body, as on AWS."""
    shape = operation.output_shape
    write = None if shape is None else JsonWriters().writer(shape)
    content_type = f"application/x-amz-json-{version}"

    def serialize(answer: Answer, request_id: str) -> Response:
        body = b"" if write is None else orjson.dumps(write(answer.params))
        headers = {"content-type": content_type, "x-amzn-requestid": request_id}
        return Response(answer.status or 200, {**headers, **answer.headers}, body)

    return serialize


def cbor_serializer(operation: OperationModel) -> Serializer:
    """Answers of ``rpc-v2-cbor``: as JSON's, with bytes and moments as values of their own."""
    shape = operation.output_shape
    writers = JsonWriters(blob=lambda value: value, timestamp=lambda shape: lambda value: value)
    write = None if shape is None else writers.writer(shape)

    def serialize(answer: Answer, request_id: str) -> Response:
        headers = {"smithy-protocol": "rpc-v2-cbor", "x-amzn-requestid": request_id}
        if write is None:
            return Response(answer.status or 200, {**headers, **answer.headers})
        body = cbor.dumps(write(answer.params))
        headers["content-type"] = "application/cbor"
        return Response(answer.status or 200, {**headers, **answer.headers}, body)

    return serialize


def query_serializer(operation: OperationModel) -> Serializer:
    """Answers of the query protocol: an ``…Response`` element around an ``…Result``."""
    shape, name = operation.output_shape, operation.name
    namespace = operation.metadata.get("xmlNamespace", "")
    wrapper = None if shape is None else shape.serialization.get("resultWrapper", f"{name}Result")
    inside = None if shape is None else xml_members(shape)

    def serialize(answer: Answer, request_id: str) -> Response:
        result = "" if inside is None else f"<{wrapper}>{inside(answer.params)}</{wrapper}>"
        metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        body = f'<{name}Response xmlns="{namespace}">{result}{metadata}</{name}Response>'
        headers = {"content-type": "text/xml", "x-amzn-requestid": request_id}
        return Response(answer.status or 200, {**headers, **answer.headers}, body.encode())

    return serialize


def rest_serializer(operation: OperationModel, family: str, root: str) -> Serializer:
    """Answers of the REST protocols: status, headers and a body of the payload or the rest.

    Args:
        operation: the operation's model.
        family: ``rest-json`` or ``rest-xml``.
        root: the name of the outermost XML element, which the model does not know.
    """
    shape = operation.output_shape
    located = {} if shape is None else dict(shape.members)
    headers_of = _header_writer(shape)
    body_of = _body_writer(shape, family, root)
    status_member = next(
        (n for n, m in located.items() if m.serialization.get("location") == "statusCode"), None
    )
    default_status = int(operation.http.get("responseCode", 200))
    id_headers = ("x-amzn-requestid",) if family == "rest-json" else ("x-amz-request-id",)

    def serialize(answer: Answer, request_id: str) -> Response:
        params = answer.params
        status = answer.status or (status_member and params.get(status_member)) or default_status
        body, content_type = body_of(params)
        headers = dict.fromkeys(id_headers, request_id)
        if content_type:
            headers["content-type"] = content_type
        headers |= headers_of(params)
        return Response(int(status), {**headers, **answer.headers}, body)

    return serialize


def _header_writer(shape: Shape | None) -> Callable[[Params], dict[str, str]]:
    singles: dict[str, tuple[str, Callable[[Any], str]]] = {}
    prefixed: list[tuple[str, str]] = []
    for name, member in () if shape is None else shape.members.items():
        wire = wire_name(name, member).lower()
        match member.serialization.get("location"):
            case "header" if member.type_name == "list":
                singles[name] = (wire, ",".join)
            case "header":
                singles[name] = (wire, text_writer(member, "rfc822"))
            case "headers":
                prefixed.append((name, wire))

    def write(params: Params) -> dict[str, str]:
        out: dict[str, str] = {}
        for name, value in params.items():
            if value is not None and name in singles:
                wire, write_one = singles[name]
                out[wire] = write_one(value)
        for name, prefix in prefixed:
            out |= {f"{prefix}{k}": v for k, v in (params.get(name) or {}).items()}
        return out

    return write


_Body = bytes | AsyncIterator[bytes]


def _body_writer(
    shape: Shape | None, family: str, root: str
) -> Callable[[Params], tuple[_Body, str | None]]:
    if shape is None:
        return lambda params: (b"", None)
    payload = payload_member(shape)
    if payload is not None and eventstream.is_event_stream(shape.members[payload]):
        frame = eventstream.framer(shape.members[payload], JsonWriters().writer)
        return lambda params: (
            (frame(params[payload]), eventstream.CONTENT_TYPE) if payload in params else (b"", None)
        )
    if payload is not None and shape.members[payload].type_name in ("blob", "string"):
        return lambda params: (_bytes(params.get(payload, b"")), None)
    if payload is not None:
        return _payload_structure(shape.members[payload], payload, family)
    if all("location" in member.serialization for member in shape.members.values()):
        return lambda params: (b"", None)
    if family == "rest-json":
        unplaced = {n for n, m in shape.members.items() if "location" not in m.serialization}
        write = JsonWriters().writer(shape)
        placed = set(shape.members) - unplaced
        return lambda params: (
            orjson.dumps(write({k: v for k, v in params.items() if k not in placed})),
            "application/json",
        )
    inside = xml_members(shape)
    return lambda params: (_document(f"<{root}>", inside(params), root), "application/xml")


def _payload_structure(
    member: Shape, payload: str, family: str
) -> Callable[[Params], tuple[_Body, str | None]]:
    if family == "rest-json":
        write = JsonWriters().writer(member)
        return lambda params: (orjson.dumps(write(params.get(payload, {}))), "application/json")
    inside, tag = xml_members(member), member.serialization.get("name", member.name)
    return lambda params: (
        _document(f"<{tag}>", inside(params.get(payload, {})), tag),
        "application/xml",
    )


def _document(opening: str, inside: str, tag: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{opening}{inside}</{tag}>'.encode()


def _bytes(value: Any) -> _Body:
    return value.encode() if isinstance(value, str) else value
