"""For every operation offered: botocore writes and we read; we write and botocore reads."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import botocore.parsers
import botocore.serialize
import pytest
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.model import OperationModel
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakehouse.wire import models, parsing, serializing
from bakehouse.wire.models import families, payload_member, service_model
from bakehouse.wire.routing import Router
from bakehouse.wire.types import Answer, Params, Request
from support.bodies import Bytes
from support.shapes import values

OFFERED = {
    "s3": "CreateBucket HeadBucket ListBuckets PutObject GetObject HeadObject DeleteObject "
    "ListObjectsV2",
    "sts": "GetCallerIdentity",
    "iam": "GetRole CreateRole",
    "logs": "DescribeLogStreams GetLogEvents",
    "cloudwatch": "GetMetricStatistics",
    "sagemaker": "CreateTrainingJob DescribeTrainingJob CreateModel CreateEndpointConfig "
    "CreateEndpoint DescribeEndpoint DeleteEndpoint",
    "sagemaker-runtime": "InvokeEndpoint",
    "lambda": "CreateFunction GetFunction Invoke DeleteFunction",
    "stepfunctions": "CreateStateMachine DescribeStateMachine ListStateMachines "
    "DeleteStateMachine StartExecution DescribeExecution GetExecutionHistory",
}
CASES = [
    pytest.param(service, family, name, id=f"{service}-{family}-{name}")
    for service, names in OFFERED.items()
    for family in families(service)
    for name in names.split()
]
BOTOCORE_NAME = {"query": "query", "rest-json": "rest-json", "rest-xml": "rest-xml", "json": "json"}


def without_empty(value: Any) -> Any:
    """The value without empty objects and lists, which some protocols cannot tell from absence."""
    if isinstance(value, dict):
        kept = {k: without_empty(v) for k, v in value.items()}
        return {k: v for k, v in kept.items() if v not in ({}, [], None)}
    if isinstance(value, list):
        return [without_empty(v) for v in value]
    return value


def unread(operation: OperationModel, params: Params) -> Params:
    """The parameters without a body that is streamed."""
    if not models.streams_in(operation):
        return dict(params)
    return {k: v for k, v in params.items() if k != payload_member(operation.input_shape)}


def request_by_botocore(operation: OperationModel, family: str, params: Params) -> Any:
    """A request as boto3 would send it."""
    serializer = botocore.serialize.create_serializer(BOTOCORE_NAME[family], False)
    prepared = serializer.serialize_to_request(params, operation)
    prepared["context"] = {}
    prepare_request_dict(prepared, "http://127.0.0.1:4566", context={})
    return create_request_object(prepared).prepare()


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


@pytest.mark.parametrize(("service", "family", "name"), CASES)
def test_what_botocore_writes_we_read(service: str, family: str, name: str) -> None:
    """Any parameters arrive at the operation as the client gave them."""
    operation = service_model(service).operation_model(name)
    if operation.input_shape is None or not operation.input_shape.members:
        pytest.skip("the operation takes no parameters")

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(operation.input_shape))
    def check(params: Params) -> None:
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
    """Whether the answer's body is a blob, which botocore hands out as a stream."""
    payload = payload_member(operation.output_shape)
    return payload is not None and operation.output_shape.members[payload].type_name == "blob"


@pytest.mark.parametrize(("service", "family", "name"), CASES)
def test_what_we_write_botocore_reads(service: str, family: str, name: str) -> None:
    """Any answer arrives at the client as the operation gave it."""
    operation = service_model(service).operation_model(name)
    shape = operation.output_shape
    if shape is None or not shape.members:
        pytest.skip("the operation answers with nothing")
    payload = payload_member(shape) if payload_is_raw(operation) else None

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values(shape))
    def check(params: Params) -> None:
        params = {k: v for k, v in params.items() if k != payload}
        parser = botocore.parsers.create_parser(BOTOCORE_NAME[family])
        parsed = parser.parse(written_by_us(operation, family, params), shape)
        http_status = {"ResponseMetadata", payload, "StatusCode"} - params.keys()
        parsed = {k: v for k, v in parsed.items() if k not in http_status}
        assert without_empty(parsed) == without_empty(params)

    check()


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_bytes_break_a_reader(body: bytes) -> None:
    """Whatever stands in a body is read or refused as malformed; nothing else is raised."""
    for service, family, name in (
        ("sagemaker", "json", "CreateTrainingJob"),
        ("lambda", "rest-json", "CreateFunction"),
        ("s3", "rest-xml", "CreateBucket"),
    ):
        operation = service_model(service).operation_model(name)
        request = Request("POST", "/", "", {}, Bytes(b""))
        with contextlib.suppress(parsing.Malformed):
            assert isinstance(
                parsing.request_reader(operation, family)(request, {}, {}, body), dict
            )


def test_bodies_stay_unread_until_asked() -> None:
    """A streamed body is no part of what the reader reads."""
    operation = service_model("s3").operation_model("PutObject")
    sent = request_by_botocore(operation, "rest-xml", {"Bucket": "b", "Key": "k", "Body": b"x"})
    assert "Body" not in read_by_us("s3", operation, "rest-xml", sent)
