"""The door's way with ``rpc-v2-cbor``, compressed bodies and errors under their older names."""

from __future__ import annotations

import asyncio
import gzip
import json
from datetime import datetime
from typing import Any

import pytest

from bakehouse import clock
from bakehouse.wire import cbor
from bakehouse.wire.door import PARAMETER_BYTES, Door, House
from bakehouse.wire.signatures import Verifier
from bakehouse.wire.types import AwsError, Call, Caller, Params, Request, Response, Service
from support.bodies import Bytes

PREFIX = "GraniteServiceVersion20100801"
HOUSE = House("123456789012", "us-east-1", None, clock.now, PARAMETER_BYTES)
CBOR = {"smithy-protocol": "rpc-v2-cbor", "content-type": "application/cbor"}
REQUEST = {"Namespace": "n", "MetricData": [{"MetricName": "m", "Value": 1.5}]}


async def put(call: Call, params: Params) -> Params:
    assert params == REQUEST
    return {}


async def listed(call: Call, params: Params) -> Params:
    return {"Metrics": [{"MetricName": params["MetricName"]}]}


async def missing(call: Call, params: Params) -> Params:
    raise AwsError("InvalidParameterValue", "not so")


OPERATIONS = {"PutMetricData": put, "ListMetrics": listed, "GetMetricStatistics": missing}


def opened(house: House = HOUSE) -> Door:
    service = Service(
        "cloudwatch",
        "monitoring",
        OPERATIONS,
        lambda fault: AwsError("InvalidParameterValue", str(fault)),
        PREFIX,
        "ValidationError",
    )
    return Door(service, house)


def ask(
    operation: str, body: bytes, headers: dict[str, str] | None = None, **more: Any
) -> tuple[Response, Any]:
    """The answer to a request in CBOR, and what its body holds."""
    path = more.get("path", f"/service/{PREFIX}/operation/{operation}")
    request = Request("POST", path, "", {**CBOR, **(headers or {})}, Bytes(body))
    response = asyncio.run(more.get("door", opened()).answer(request, None))
    assert isinstance(response.body, bytes)
    assert response.headers["smithy-protocol"] == "rpc-v2-cbor"
    return response, cbor.loads(response.body) if response.body else None


def test_an_operation_is_named_by_the_path() -> None:
    """Wherever the server's root is, the end of the path says service and operation."""
    for root in ("", "/some/root"):
        path = f"{root}/service/{PREFIX}/operation/ListMetrics"
        response, told = ask("", cbor.dumps({"MetricName": "m"}), path=path)
        assert (response.status, told) == (200, {"Metrics": [{"MetricName": "m"}]})
        assert response.headers["content-type"] == "application/cbor"


def test_an_answer_without_members_has_no_body() -> None:
    """An operation that has no output says so with nothing."""
    response, told = ask("PutMetricData", cbor.dumps(REQUEST))
    assert (response.status, told) == (200, None)
    assert "content-type" not in response.headers


def test_a_compressed_body_is_read() -> None:
    """What is signed is the packed body; the operation has what was in it."""
    response, _ = ask(
        "PutMetricData", gzip.compress(cbor.dumps(REQUEST)), {"content-encoding": "gzip"}
    )
    assert response.status == 200


@pytest.mark.parametrize(
    ("operation", "body", "status", "code"),
    [
        ("GetMetricStatistics", b"", 400, "ValidationError"),
        ("ListMetrics", b"\x9f", 400, "SerializationException"),
        ("ListMetrics", cbor.dumps([]), 400, "SerializationException"),
        ("ListMetrics", cbor.dumps({"MetricName": b"m"}), 400, "SerializationException"),
        ("ListMetrics", cbor.dumps({"MetricName": ""}), 400, "ValidationError"),
        ("PutMetricAlarm", b"", 501, "NotImplemented"),
        ("Bake", b"", 400, "UnknownOperationException"),
    ],
)
def test_what_is_refused_is_refused_in_cbor(
    operation: str, body: bytes, status: int, code: str
) -> None:
    """Every error is one of the protocol, with the code as its type."""
    response, told = ask(operation, body)
    assert (response.status, told["__type"]) == (status, code)
    assert told["message"]


def unknown(access_key_id: str, token: str, now: datetime) -> Caller:
    """Nobody has any key."""
    raise AwsError("key", "The security token included in the request is invalid.", 403)


def test_a_request_without_a_signature_is_refused_in_cbor() -> None:
    """Where signatures are verified, one that has none learns it in its own protocol."""
    door = opened(House("1", "us-east-1", Verifier(unknown), clock.now, 1000))
    response, told = ask("ListMetrics", b"", door=door)
    assert (response.status, told["__type"]) == (400, "MissingAuthenticationTokenException")


STATISTICS = {
    "Namespace": "n",
    "MetricName": "m",
    "Period": 60,
    "StartTime": clock.from_epoch_ms(0),
    "EndTime": clock.from_epoch_ms(1000),
}


@pytest.mark.parametrize("is_asked_for", [True, False])
def test_an_error_has_its_older_name_in_a_header(is_asked_for: bool) -> None:
    """A client of a service that spoke another protocol finds the code that it had there."""
    headers = {"x-amzn-query-mode": "true"} if is_asked_for else {}
    response, told = ask("GetMetricStatistics", cbor.dumps(STATISTICS), headers)
    assert told == {"__type": "InvalidParameterValueException", "message": "not so"}
    expected = "InvalidParameterValue;Sender" if is_asked_for else None
    assert response.headers.get("x-amzn-query-error") == expected


def test_json_tells_the_same() -> None:
    """The code has its shape's name in the body and its older name in the header."""
    body = json.dumps({**STATISTICS, "StartTime": 0, "EndTime": 1}).encode()
    headers = {
        "x-amz-target": f"{PREFIX}.GetMetricStatistics",
        "content-type": "application/x-amz-json-1.0",
        "x-amzn-query-mode": "true",
    }
    request = Request("POST", "/", "", headers, Bytes(body))
    response = asyncio.run(opened().answer(request, None))
    assert isinstance(response.body, bytes)
    assert json.loads(response.body)["__type"] == "InvalidParameterValueException"
    assert response.headers["x-amzn-query-error"] == "InvalidParameterValue;Sender"


def test_a_target_means_nothing_to_a_service_without_json() -> None:
    """S3 has no JSON protocol: the request is what its path says."""
    service = Service("s3", "s3", {}, lambda fault: AwsError("InvalidRequest", str(fault)))
    headers = {"x-amz-target": "S3.PutObject"}
    request = Request("GET", "/b", "", headers, Bytes(b""))
    response = asyncio.run(Door(service, HOUSE).answer(request, None))
    assert response.status == 501
    assert isinstance(response.body, bytes)
    assert b"ListObjects" in response.body


def test_parameters_that_are_nested_without_end_are_refused() -> None:
    """A shape that may hold itself cannot be made to exhaust the reader."""
    service = Service(
        "sagemaker",
        "sagemaker",
        {"Search": missing},
        lambda fault: AwsError("ValidationException", str(fault)),
        "SageMaker",
    )
    body = b'{"Resource": "TrainingJob", "SearchExpression": ' + b'{"SubExpressions": [' * 500
    body += b"]}" * 500 + b"}"
    headers = {"x-amz-target": "SageMaker.Search", "content-type": "application/x-amz-json-1.1"}
    request = Request("POST", "/", "", headers, Bytes(body))
    response = asyncio.run(Door(service, HOUSE).answer(request, None))
    assert response.status == 400
