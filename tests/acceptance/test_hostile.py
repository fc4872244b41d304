"""Signed requests that hold anything: refused in AWS's words, never a 500, never HTML."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakehouse.wire.models import service_model
from support.server import ServerProcess, running_server
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


@pytest.mark.parametrize("key", ["%FF", "a/%ED%A0%80"])
def test_a_key_that_is_no_text_is_refused(server: ServerProcess, key: str) -> None:
    """Bytes that are no UTF-8 are not taken for another key."""
    send(server, "s3", "PUT", "/hostile-bucket")
    status, _, answer = send(server, "s3", "PUT", f"/hostile-bucket/{key}", b"x")
    assert status == 400
    assert b"InvalidURI" in answer


def test_a_header_that_was_not_signed_does_nothing(server: ServerProcess) -> None:
    """An upload cannot be made into a copy on its way."""
    send(server, "s3", "PUT", "/hostile-bucket")
    later = {"x-amz-copy-source": "hostile-bucket/other"}
    status, _, answer = send(server, "s3", "PUT", "/hostile-bucket/k", b"x", unsigned_headers=later)
    assert status == 403
    assert b"<HeadersNotSigned>x-amz-copy-source</HeadersNotSigned>" in answer


def test_a_body_that_never_comes_does_not_hold_the_answer_back(server: ServerProcess) -> None:
    """A refusal is sent although the client owes most of its body."""
    host, port = server.endpoint.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(b"PUT /b/k HTTP/1.1\r\nHost: x\r\nContent-Length: 5000000000\r\n\r\nx")
        assert client.recv(100).startswith(b"HTTP/1.1 40")


def test_control_characters_do_not_get_into_a_header(server: ServerProcess) -> None:
    """A content type that the reader asks for cannot bring a header of its own."""
    send(server, "s3", "PUT", "/hostile-bucket")
    send(server, "s3", "PUT", "/hostile-bucket/typed", b"x")
    query = "response-content-type=a%0D%0Ax-evil%3A%201%00b"
    status, told, _ = send(server, "s3", "GET", f"/hostile-bucket/typed?{query}")
    assert status == 200
    assert told["content-type"] == "a  x-evil: 1 b"
    assert "x-evil" not in told


@pytest.mark.parametrize("start", [b"GET / HTTP/1.1\r\nx-a: ", b"GET /"])
def test_an_endless_head_is_cut_off(server: ServerProcess, start: bytes) -> None:
    """A header or a path that goes on and on ends the connection, not the memory."""
    address = urlsplit(server.endpoint)
    sent, piece = 0, b"a" * 65_536
    with socket.create_connection((address.hostname or "", address.port or 0), 10) as connection:
        connection.sendall(start)
        with contextlib.suppress(ConnectionError):
            while sent < 64 * len(piece):
                connection.sendall(piece)
                sent += len(piece)
                time.sleep(0.001)
    assert sent < 64 * len(piece)
    assert send(server, "s3", "GET", "/")[0] == 200


def test_without_signatures_web_pages_are_not_served(tmp_path: Path) -> None:
    """A page of another site, or a name that was rebound to this machine, reaches nothing."""
    with running_server(tmp_path, "--no-auth") as open_server:
        netloc = urlsplit(open_server.endpoint).netloc
        for headers, status in (
            ({}, 200),
            ({"Origin": "https://evil.example"}, 403),
            ({"Host": "evil.example:4566"}, 403),
            ({"Sec-Fetch-Site": "cross-site"}, 403),
            ({"Sec-Fetch-Site": "none"}, 200),
        ):
            connection = http.client.HTTPConnection(netloc, timeout=10)
            connection.request("GET", "/", headers=headers)
            assert connection.getresponse().status == status
            connection.close()


def test_a_client_that_leaves_a_download_does_no_harm(server: ServerProcess) -> None:
    """A large object is not read on for nobody, and the server serves on."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket="left-behind")
    s3.put_object(Bucket="left-behind", Key="large", Body=b"x" * 30_000_000)
    for _ in range(5):
        body = s3.get_object(Bucket="left-behind", Key="large")["Body"]
        assert body.read(1000) == b"x" * 1000
        body.close()
    assert s3.head_object(Bucket="left-behind", Key="large")["ContentLength"] == 30_000_000
