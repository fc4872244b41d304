"""Signed requests that hold anything: refused in AWS's words, never a 500, never HTML."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakehouse.wire.models import service_model
from support.server import ServerProcess
from support.shapes import values
from support.signed import send

JSON_SERVICES = {
    "sagemaker": ("sagemaker", "SageMaker", "1.1"),
    "stepfunctions": ("states", "AWSStepFunctions", "1.0"),
    "logs": ("logs", "Logs_20140328", "1.1"),
    "cloudwatch": ("monitoring", "GraniteServiceVersion20100801", "1.0"),
}
SENT = {
    "sagemaker": "CreateTrainingJob DescribeTrainingJob CreateModel CreateEndpointConfig "
    "CreateEndpoint DescribeEndpoint DeleteEndpoint",
    "stepfunctions": "CreateStateMachine DescribeStateMachine ListStateMachines "
    "DeleteStateMachine StartExecution DescribeExecution GetExecutionHistory",
    "logs": "DescribeLogStreams GetLogEvents",
    "cloudwatch": "GetMetricStatistics",
}
CASES = [(service, name) for service, names in SENT.items() for name in names.split()]
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
RELAXED = settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))


def call(server: ServerProcess, service: str, operation: str, body: bytes) -> None:
    """Send a body to an operation of a JSON service and check the form of the answer."""
    signing, prefix, version = JSON_SERVICES[service]
    content_type = f"application/x-amz-json-{version}"
    headers = {"X-Amz-Target": f"{prefix}.{operation}", "Content-Type": content_type}
    status, told, answer = send(server, signing, "POST", "/", body, headers)
    assert status < 500 or status == 501, answer
    assert told["content-type"] == content_type
    if status != 200:
        assert json.loads(answer)["__type"]


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_any_json_is_answered(server: ServerProcess, service: str, operation: str) -> None:
    """JSON of any form gets an error of the protocol."""

    @RELAXED
    @given(ANY_JSON)
    def check(body: Any) -> None:
        call(server, service, operation, json.dumps(body).encode())

    check()


@pytest.mark.parametrize(("service", "operation"), CASES)
def test_parameters_of_the_right_types_are_answered(
    server: ServerProcess, service: str, operation: str
) -> None:
    """Parameters that fit the model's types but mean nothing are refused or carried out."""
    shape = service_model(service).operation_model(operation).input_shape

    @RELAXED
    @given(values(shape))
    def check(params: dict[str, Any]) -> None:
        call(server, service, operation, json.dumps(params, default=str).encode())

    check()


@given(st.binary(max_size=60))
@RELAXED
def test_any_bytes_are_answered(server: ServerProcess, body: bytes) -> None:
    """Bytes that are no JSON, no form and no XML are refused."""
    call(server, "sagemaker", "CreateTrainingJob", body)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert send(server, "iam", "POST", "/", b"Action=CreateRole&" + body, form)[0] < 500
    assert send(server, "s3", "PUT", "/hostile-bucket", body)[0] < 500
    assert send(server, "lambda", "POST", "/2015-03-31/functions", body)[0] < 500


@given(st.text(st.characters(codec="utf-8"), max_size=12))
@RELAXED
def test_any_path_is_answered(server: ServerProcess, text: str) -> None:
    """Paths of any characters are refused or found missing."""
    path = "/" + quote(text)
    for service in ("s3", "lambda", "sagemaker"):
        assert send(server, service, "GET", path)[0] < 500


def test_an_xml_bomb_is_refused(server: ServerProcess) -> None:
    """A body that declares entities is not read at all."""
    bomb = b'<!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]><a>&c;</a>'
    status, _, answer = send(server, "s3", "PUT", "/hostile-bucket", bomb)
    assert status == 400
    assert b"MalformedXML" in answer


def test_a_request_that_is_too_large_is_refused(server: ServerProcess) -> None:
    """More bytes than any operation takes are not kept in memory."""
    body = b"[" * 70_200_000
    status, _, _ = send(server, "sagemaker", "POST", "/", body, {"X-Amz-Target": "SageMaker.X"})
    assert status == 413
