"""For every operation offered: botocore writes and we read; we write and botocore reads."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.parsers
import pytest
from botocore.awsrequest import HeadersDict
from botocore.exceptions import EventStreamError
from botocore.model import OperationModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakehouse.wire import models, parsing, serializing
from bakehouse.wire.errors import error_response
from bakehouse.wire.models import families, payload_member, service_model
from bakehouse.wire.routing import Router
from bakehouse.wire.text_values import Malformed
from bakehouse.wire.types import Answer, AwsError, Params, Request
from support.bodies import Bytes
from support.offered import offered
from support.prepared import BOTOCORE_NAME, request_by_botocore
from support.shapes import values

DEEP = pytest.param(25, marks=pytest.mark.slow, id="deep")


OPERATIONS = [
    pytest.param(service, family, name, id=f"{service}-{family}-{name}")
    for service, names in offered().items()
    for family in families(service)
    for name in names
]


def without_empty(value: Any) -> Any:
    """The value without what is empty, which some protocols cannot tell from what is absent."""
    if isinstance(value, dict):
        kept = {k: without_empty(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in ({}, [], None, b"")}
    if isinstance(value, list):
        return [kept for v in value if (kept := without_empty(v)) != {}]
    return value


def unread(operation: OperationModel, params: Params) -> Params:
    """The parameters without a body that is streamed."""
    if not models.streams_in(operation):
        return dict(params)
    return {k: v for k, v in params.items() if k != payload_member(operation.input_shape)}


def read_by_us(service: str, operation: OperationModel, family: str, sent: Any) -> Params:
    """What our reader makes of a request."""
    url = urlsplit(sent.url)
    headers = {k.lower(): v if isinstance(v, str) else v.decode() for k, v in sent.headers.items()}
    request = Request(sent.method, url.path, url.query, headers, Bytes(b""))
    body = sent.body if isinstance(sent.body, bytes) else (sent.body or "").encode()
    path: dict[str, str] = {}
    if family.startswith("rest"):
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        found = Router(service_model(service)).match(sent.method, url.path, query, headers)
        assert found is not None
        assert found[0] == operation.name
        path = found[1]
    form = dict(parse_qsl(body.decode(), True)) if family == "query" else {}
    if models.streams_in(operation):
        body = b""
    return parsing.request_reader(operation, family)(request, path, form, body)


@pytest.mark.parametrize("examples", [3, DEEP])
@pytest.mark.parametrize(("service", "family", "name"), OPERATIONS)
def test_what_botocore_writes_we_read(service: str, family: str, name: str, examples: int) -> None:
    """Any parameters arrive at the operation as the client gave them."""
    operation = service_model(service).operation_model(name)
    if operation.input_shape is None:
        return

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(operation.input_shape))
    def check(params: Params) -> None:
        if family == "query":  # has no way to say that a list's first element is empty
            params = without_empty(params)
        sent = request_by_botocore(operation, family, params)
        read = read_by_us(service, operation, family, sent)
        wanted = unread(operation, params)
        for added in ("ContentLength", "ContentType"):  # by HTTP itself, whatever the caller gave
            read.pop(added, None)
            wanted.pop(added, None)
        assert without_empty(read) == without_empty(wanted)

    check()


def serializer(operation: OperationModel, family: str) -> serializing.Serializer:
    """Our serializer for an operation in a protocol family."""
    if family == "json":
        return serializing.json_serializer(operation, "1.1")
    if family == "cbor":
        return serializing.cbor_serializer(operation)
    if family == "query":
        return serializing.query_serializer(operation)
    return serializing.rest_serializer(operation, family, f"{operation.name}Result")


def written_by_us(operation: OperationModel, family: str, params: Params) -> Any:
    """What our serializer sends, in the form in which botocore's parsers take it."""
    response = serializer(operation, family)(Answer(params), "a-request-id")
    assert isinstance(response.body, bytes)
    headers = HeadersDict(response.headers)
    return {"status_code": response.status, "headers": headers, "body": response.body}


def payload_is_raw(operation: OperationModel) -> bool:
    """Whether the answer's body is a blob or a text, which botocore hands out even if empty."""
    payload = payload_member(operation.output_shape)
    raw = ("blob", "string")
    return payload is not None and operation.output_shape.members[payload].type_name in raw


@pytest.mark.parametrize("examples", [3, DEEP])
@pytest.mark.parametrize(("service", "family", "name"), OPERATIONS)
def test_what_we_write_botocore_reads(service: str, family: str, name: str, examples: int) -> None:
    """Any answer arrives at the client as the operation gave it."""
    operation = service_model(service).operation_model(name)
    shape = operation.output_shape
    if shape is None or operation.has_event_stream_output:
        return
    payload = payload_member(shape) if payload_is_raw(operation) else None

    @settings(max_examples=examples, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(shape))
    def check(params: Params) -> None:
        params = {k: v for k, v in params.items() if k != payload}
        parser = botocore.parsers.create_parser(BOTOCORE_NAME[family])
        parsed = parser.parse(written_by_us(operation, family, params), shape)
        http_status = {"ResponseMetadata", payload, "StatusCode"} - params.keys()
        parsed = {k: v for k, v in parsed.items() if k not in http_status}
        assert without_empty(parsed) == without_empty(params)

    check()


TEXT = "It was not <so> & could not be: “ü”\n."


@pytest.mark.parametrize(
    ("service", "family"),
    [pytest.param(s, f, id=f"{s}-{f}") for s in offered() for f in families(s)],
)
def test_every_error_arrives_with_code_and_sentence(service: str, family: str) -> None:
    """Every modelled error of every operation offered, and one that no model has."""
    for name in offered()[service]:
        operation = service_model(service).operation_model(name)
        codes = {str(shape.error_code or shape.name) for shape in operation.error_shapes}
        for code in (*codes, "NobodysError"):
            response = error_response(
                AwsError(code, TEXT), family, "a-request-id", operation=operation, query_mode=True
            )
            parsed = botocore.parsers.create_parser(BOTOCORE_NAME[family]).parse(
                {
                    "status_code": response.status,
                    "headers": HeadersDict(response.headers),
                    "body": response.body,
                },
                operation.output_shape,
            )
            assert parsed["Error"]["Code"] == code
            assert parsed["Error"]["Message"] == TEXT
            assert parsed["ResponseMetadata"]["RequestId"] == "a-request-id"
            assert parsed["ResponseMetadata"]["HTTPStatusCode"] == 400


STREAMING = [
    ("sagemaker-runtime", "InvokeEndpointWithResponseStream"),
    ("lambda", "InvokeWithResponseStream"),
]


class Raw:
    """Bytes as urllib3 hands them to botocore: in pieces."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces

    def stream(self) -> Sequence[bytes]:
        """The pieces."""
        return self._pieces


def sent_as_stream(
    operation: OperationModel, events: Sequence[Params], end: Exception | None
) -> Any:
    """The events as botocore's parser finds them, with the error that ends them, if any."""

    async def produce() -> AsyncIterator[Params]:
        for event in events:
            yield event
        if end is not None:
            raise end

    async def collect(body: Any) -> list[bytes]:
        return [message async for message in body]

    name = str(payload_member(operation.output_shape))
    write = serializing.rest_serializer(operation, "rest-json", "")
    response = write(Answer({name: produce()}), "a-request-id")
    messages = asyncio.run(collect(response.body))
    cut = [piece for message in messages for piece in (message[:7], message[7:])]
    parsed = botocore.parsers.create_parser("rest-json").parse(
        {
            "status_code": response.status,
            "headers": HeadersDict(response.headers),
            "body": Raw(cut),
            "context": {"operation_name": operation.name},
        },
        operation.output_shape,
    )
    return parsed[name]


@pytest.mark.parametrize(("service", "name"), STREAMING)
def test_events_arrive_one_by_one(service: str, name: str) -> None:
    """Every event of a stream arrives as it was produced, wherever the bytes are cut."""
    operation = service_model(service).operation_model(name)
    kinds = operation.get_event_stream_output().members.items()
    events = [
        st.fixed_dictionaries({kind: values(shape)})
        for kind, shape in kinds
        if shape.serialization.get("event")
    ]

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(st.one_of(events), max_size=4))
    def check(produced: list[Params]) -> None:
        parsed = list(sent_as_stream(operation, produced, None))
        assert without_empty(parsed) == without_empty(produced)

    check()


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (
            AwsError("ModelStreamError", "it broke", 424, {"ErrorCode": "Broken"}),
            "ModelStreamError",
        ),
        (AwsError("Elsewhere", "xé" * 50_000), "Elsewhere"),
        (ZeroDivisionError("not foreseen"), "InternalFailure"),
    ],
)
def test_a_stream_that_fails_says_so_at_its_end(end: Exception, code: str) -> None:
    """What was sent stays good, and the client raises the error behind it."""
    operation = service_model("sagemaker-runtime").operation_model(STREAMING[0][1])
    stream = sent_as_stream(operation, [{"PayloadPart": {"Bytes": b"one"}}], end)
    found = iter(stream)
    assert next(found) == {"PayloadPart": {"Bytes": b"one"}}
    with pytest.raises(EventStreamError) as raised:
        next(found)
    assert raised.value.response["Error"]["Code"] == code


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_break_a_reader(body: bytes) -> None:
    """Whatever stands in a body is read or refused as malformed; nothing else is raised."""
    for service, family, name in (
        ("sagemaker", "json", "CreateTrainingJob"),
        ("lambda", "rest-json", "CreateFunction"),
        ("s3", "rest-xml", "CreateBucket"),
        ("cloudwatch", "cbor", "PutMetricData"),
    ):
        operation = service_model(service).operation_model(name)
        request = Request("POST", "/", "", {}, Bytes(b""))
        with contextlib.suppress(Malformed):
            assert isinstance(
                parsing.request_reader(operation, family)(request, {}, {}, body), dict
            )


def test_bodies_stay_unread_until_asked() -> None:
    """A streamed body is no part of what the reader reads."""
    operation = service_model("s3").operation_model("PutObject")
    sent = request_by_botocore(operation, "rest-xml", {"Bucket": "b", "Key": "k", "Body": b"x"})
    assert "Body" not in read_by_us("s3", operation, "rest-xml", sent)
