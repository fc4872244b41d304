"""A door: protocols in, operations called, errors out in the protocol of the request."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from bakehouse import clock
from bakehouse.faults import CallRefused, JobFailed, NotFound, Rejected, StorageFailed
from bakehouse.wire.door import Door, House
from bakehouse.wire.types import (
    Answer,
    AwsError,
    Call,
    Operation,
    Params,
    Request,
    Response,
    Service,
)
from support.bodies import Bytes

OPEN_HOUSE = House("123456789012", "us-east-1", None, clock.now, 10_000)


def spelled(fault: Rejected) -> AwsError:
    """Faults as this test's services spell them."""
    return AwsError("ValidationException", str(fault), 400)


def opened(name: str, operations: Mapping[str, Operation], target: str | None = None) -> Door:
    """A door of a service with the given operations."""
    return Door(Service(name, "x", operations, spelled, target), OPEN_HOUSE)


def ask(door: Door, body: bytes, operation: str, prefix: str = "SageMaker") -> Response:
    """A JSON 1.1 request's answer."""
    headers = {
        "x-amz-target": f"{prefix}.{operation}",
        "content-type": "application/x-amz-json-1.1",
    }
    return asyncio.run(door.answer(Request("POST", "/", "", headers, Bytes(body)), None))


def error_of(response: Response) -> tuple[int, str, str]:
    """Status, code and message of a JSON error."""
    assert isinstance(response.body, bytes)
    told = json.loads(response.body)
    return response.status, told["__type"], told.get("message", told.get("Message"))


def failing(error: Exception) -> Operation:
    """An operation that raises."""

    async def run(call: Call, params: Params) -> Params:
        raise error

    return run


async def describe(call: Call, params: Params) -> Params:
    """An operation that tells back what it got."""
    return {"TrainingJobName": params["TrainingJobName"], "RoleArn": call.account_id}


SAGEMAKER: dict[str, Operation] = {"DescribeTrainingJob": describe}


def test_an_operation_gets_parameters_and_its_answer_goes_out() -> None:
    """The way through the door and back."""
    door = opened("sagemaker", SAGEMAKER, "SageMaker")
    response = ask(door, b'{"TrainingJobName": "j", "Unknown": 1}', "DescribeTrainingJob")
    assert response.status == 200
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"TrainingJobName": "j", "RoleArn": "123456789012"}
    assert response.headers["x-amzn-requestid"]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"[]", "SerializationException"),
        (b'{"TrainingJobName": 5}', "SerializationException"),
        (b'{"TrainingJobName": {"a": 1}}', "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"TrainingJobName": "-"}', "ValidationException"),
    ],
)
def test_what_does_not_fit_is_refused(body: bytes, code: str) -> None:
    """A wrong form and a broken constraint have different codes."""
    door = opened("sagemaker", SAGEMAKER, "SageMaker")
    assert error_of(ask(door, body, "DescribeTrainingJob"))[:2] == (400, code)


def test_faults_are_spelled_by_the_service_and_ours_are_500() -> None:
    """A rejection becomes the service's error, a broken disk an InternalFailure."""
    body = b'{"TrainingJobName": "j"}'
    for fault, expected in (
        (NotFound("job", "j"), (400, "ValidationException")),
        (AwsError("ResourceInUse", "taken", 409), (409, "ResourceInUse")),
        (StorageFailed("the disk is full"), (500, "InternalFailure")),
    ):
        door = opened("sagemaker", {"DescribeTrainingJob": failing(fault)}, "SageMaker")
        assert error_of(ask(door, body, "DescribeTrainingJob"))[:2] == expected


def test_a_broken_disk_has_the_services_own_code_and_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A full disk fails every request; the log stays readable."""
    operations = {"DescribeTrainingJob": failing(StorageFailed("the disk is full"))}
    service = Service("sagemaker", "x", operations, spelled, "SageMaker", broken_code="Ours")
    response = ask(Door(service, OPEN_HOUSE), b'{"TrainingJobName": "j"}', "DescribeTrainingJob")
    assert error_of(response)[:2] == (500, "Ours")
    (record,) = caplog.records
    assert "the disk is full" in record.getMessage()
    assert record.exc_info is None


def test_failed_work_that_nobody_expected_is_a_mistake_of_ours() -> None:
    """An operation tells its caller about failed work itself, or has forgotten to."""
    operations = {"DescribeTrainingJob": failing(JobFailed("ClientError", "bad data"))}
    door = opened("sagemaker", operations, "SageMaker")
    response = ask(door, b'{"TrainingJobName": "j"}', "DescribeTrainingJob")
    assert error_of(response)[:2] == (500, "InternalFailure")


def test_a_mistake_of_ours_tells_the_request_and_nothing_else() -> None:
    """What went wrong inside stays in the log."""
    secret = RuntimeError("a secret path")
    door = opened("sagemaker", {"DescribeTrainingJob": failing(secret)}, "SageMaker")
    response = ask(door, b'{"TrainingJobName": "j"}', "DescribeTrainingJob")
    status, code, message = error_of(response)
    assert (status, code) == (500, "InternalFailure")
    assert response.headers["x-amzn-requestid"] in message
    assert "secret" not in message


def test_unknown_and_unbuilt_operations_differ() -> None:
    """What AWS does not have is 400; what we do not have yet is 501."""
    door = opened("sagemaker", SAGEMAKER, "SageMaker")
    assert error_of(ask(door, b"{}", "BakeBread"))[:2] == (400, "UnknownOperationException")
    assert error_of(ask(door, b"{}", "CreateAutoMLJob"))[:2] == (501, "NotImplemented")


def call_within(door: Door, operation: str, params: dict[str, Any]) -> Params:
    """A call that never saw a socket."""
    return asyncio.run(door.call(operation, params))


def test_a_call_from_within_is_checked_and_answered_plainly() -> None:
    """The same constraints hold, and a refusal carries what a client would have seen."""
    door = opened("sagemaker", SAGEMAKER, "SageMaker")
    answer = call_within(door, "DescribeTrainingJob", {"TrainingJobName": "j"})
    assert answer["TrainingJobName"] == "j"
    with pytest.raises(CallRefused) as caught:
        call_within(door, "DescribeTrainingJob", {"TrainingJobName": "-"})
    assert (caught.value.code, caught.value.status) == ("ValidationException", 400)


def test_a_head_request_is_refused_without_a_body() -> None:
    """S3's HEAD errors are a status only."""
    door = opened("s3", {"HeadObject": failing(AwsError("NoSuchKey", "gone", 404))})
    request = Request("HEAD", "/b/k", "", {}, Bytes(b""))
    response = asyncio.run(door.answer(request, None))
    assert (response.status, response.body) == (404, b"")


def test_a_streamed_body_is_compared_with_what_was_signed() -> None:
    """An operation that reads a body to its end learns whether it is the one that was sent."""

    async def put(call: Call, params: Params) -> Params:
        return {"ETag": str(len(await params["Body"].read(100)))}

    door = opened("s3", {"PutObject": put})
    headers = {"x-amz-content-sha256": "0" * 64}
    request = Request("PUT", "/b/k", "", headers, Bytes(b"x"))
    response = asyncio.run(door.answer(request, None))
    assert response.status == 400
    assert isinstance(response.body, bytes)
    assert b"XAmzContentSHA256Mismatch" in response.body


def test_a_bad_number_in_a_query_is_an_argument_and_bad_xml_is_not() -> None:
    """S3's clients are told where to look: beside the body, or in it."""
    door = opened("s3", {"ListObjectsV2": describe, "DeleteObjects": describe})
    for method, query, code in (
        ("GET", "list-type=2&max-keys=abc", b"InvalidArgument"),
        ("POST", "delete", b"MalformedXML"),
    ):
        request = Request(method, "/b", query, {}, Bytes(b"<Delete>"))
        response = asyncio.run(door.answer(request, None))
        assert response.status == 400
        assert isinstance(response.body, bytes)
        assert b"<Code>%s</Code>" % code in response.body


def test_a_ready_body_goes_out_as_it_is() -> None:
    """An operation of a service that does not keep to its model; calls within get the model's."""

    async def locate(call: Call, params: Params) -> Answer:
        return Answer({"LocationConstraint": "eu-west-1"}, body=b"<R/>")

    door = opened("s3", {"GetBucketLocation": locate})
    response = asyncio.run(door.answer(Request("GET", "/b", "location", {}, Bytes(b"")), None))
    assert (response.status, response.body) == (200, b"<R/>")
    within = call_within(door, "GetBucketLocation", {"Bucket": "b"})
    assert within == {"LocationConstraint": "eu-west-1"}
