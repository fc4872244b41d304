"""From a request to parameters: readers that are compiled from an operation's shape once.

What the model does not know is passed over, as AWS does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs

from botocore.model import OperationModel, Shape

from bakehouse.wire.form_values import query_reader
from bakehouse.wire.json_values import JsonReaders, cbor_readers, load_cbor, load_json
from bakehouse.wire.models import Family, payload_member, wire_name
from bakehouse.wire.text_values import (
    Malformed,
    MalformedParameter,
    Reader,
    read_base64,
    text_reader,
)
from bakehouse.wire.types import Params, Request
from bakehouse.wire.xml_values import load_xml, xml_reader

RequestReader = Callable[[Request, Mapping[str, str], Mapping[str, str], bytes], Params]
"""Takes a request, its path parameters, its form (query protocol) and its body."""


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
        return lambda text, path: load_json(read_base64(text, path))
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
