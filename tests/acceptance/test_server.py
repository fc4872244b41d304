"""The server process: start, signals, restart, keys, and answers to what it does not know."""

from __future__ import annotations

import http.client
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import ClientError

from support.refusals import refused
from support.server import ServerProcess, running_server

TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Service": "sagemaker.amazonaws.com"},
            "Action": "sts:AssumeRole",
        },
    }
)


def bakehouse(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line and return what it printed."""
    return subprocess.run(
        [sys.executable, "-m", "bakehouse", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def raw(server: ServerProcess, method: str, path: str, **more: Any) -> tuple[int, str, bytes]:
    """An unsigned request: status, content type and body of the answer."""
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
    try:
        connection.request(method, path, **more)
        response = connection.getresponse()
        return response.status, response.getheader("content-type", ""), response.read()
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_cleanly(tmp_path: Path, number: int) -> None:
    """Ctrl-C and SIGTERM end with exit code 0 and leave no note behind."""
    server = ServerProcess(tmp_path).start()
    assert server.end(number) == 0
    assert not (tmp_path / "server.json").exists()


def test_what_was_stored_is_there_after_kill_9(tmp_path: Path) -> None:
    """An acknowledged object and an acknowledged role survive the hardest end."""
    server = ServerProcess(tmp_path).start()
    server.client("s3").create_bucket(Bucket="kept")
    server.client("s3").put_object(Bucket="kept", Key="a/../b//c", Body=b"x" * 100_000)
    server.client("iam").create_role(RoleName="baker", AssumeRolePolicyDocument=TRUST)
    server.kill()
    with running_server(tmp_path) as again:
        body = again.client("s3").get_object(Bucket="kept", Key="a/../b//c")["Body"]
        assert body.read() == b"x" * 100_000
        assert again.client("iam").get_role(RoleName="baker")["Role"]["RoleName"] == "baker"


def test_the_commands_know_the_server(server: ServerProcess) -> None:
    """``status`` and ``env`` find the server of a data folder."""
    status = bakehouse("status", "--data", str(server.data))
    assert status.returncode == 0
    assert server.endpoint in status.stdout
    exports = bakehouse("env", "--data", str(server.data)).stdout
    for name, value in server.environment().items():
        assert f"export {name}={value}" in exports


def test_down_ends_the_server_and_status_tells(tmp_path: Path) -> None:
    """After ``down`` there is no server, and a second ``down`` is no error."""
    server = ServerProcess(tmp_path).start()
    assert server.process is not None
    assert bakehouse("down", "--data", str(tmp_path)).returncode == 0
    assert server.process.wait(timeout=10) == 0
    assert bakehouse("status", "--data", str(tmp_path)).returncode == 1
    assert bakehouse("down", "--data", str(tmp_path)).returncode == 0


def test_a_data_folder_belongs_to_one_server(server: ServerProcess) -> None:
    """A second server is refused, with the address of the first."""
    second = bakehouse("up", "--port", "0", "--data", str(server.data))
    assert second.returncode == 1
    assert server.endpoint in second.stderr
    assert "Traceback" not in second.stderr


def test_a_taken_port_is_named(server: ServerProcess, tmp_path: Path) -> None:
    """The message says which address, and what to do."""
    port = str(urlsplit(server.endpoint).port)
    second = bakehouse("up", "--port", port, "--data", str(tmp_path))
    assert second.returncode == 1
    assert port in second.stderr
    assert "--port 0" in second.stderr


def test_without_signatures_only_loopback_is_served(tmp_path: Path) -> None:
    """``--no-auth`` on a public address is refused."""
    refused = bakehouse(
        "up", "--no-auth", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path)
    )
    assert refused.returncode == 1
    assert "loopback" in refused.stderr


def test_the_keys_are_for_their_owner_only(server: ServerProcess) -> None:
    """The file with the secret has mode 0600, the folder 0700."""
    assert stat.S_IMODE((server.data / "credentials.json").stat().st_mode) == 0o600


def test_the_caller_is_a_role_that_iam_knows(server: ServerProcess) -> None:
    """The identity is an assumed role, as ``get_execution_role`` needs it."""
    arn = server.client("sts").get_caller_identity()["Arn"]
    name = arn.split("/")[1]
    assert ":assumed-role/" in arn
    role = server.client("iam").get_role(RoleName=name)["Role"]
    assert "sagemaker.amazonaws.com" in json.dumps(role["AssumeRolePolicyDocument"])


def test_a_wrong_secret_gets_each_services_own_error(server: ServerProcess) -> None:
    """A signature that does not fit is told in the protocol's own words."""
    wrong = {"aws_secret_access_key": "wrong"}
    assert refused(server.client("s3", **wrong).list_buckets) == ("SignatureDoesNotMatch", 403)
    assert refused(server.client("sts", **wrong).get_caller_identity) == (
        "SignatureDoesNotMatch",
        403,
    )
    assert refused(server.client("stepfunctions", **wrong).list_state_machines) == (
        "InvalidSignatureException",
        400,
    )
    assert refused(server.client("lambda", **wrong).get_function, FunctionName="f") == (
        "InvalidSignatureException",
        403,
    )


def test_an_unknown_key_is_refused(server: ServerProcess) -> None:
    """A key id that nobody has is told apart from a wrong secret."""
    nobody = {"aws_access_key_id": "AKIANOBODY"}
    assert refused(server.client("s3", **nobody).list_buckets) == ("InvalidAccessKeyId", 403)
    assert refused(server.client("sagemaker", **nobody).list_models) == (
        "UnrecognizedClientException",
        400,
    )


def test_an_unsigned_request_is_refused_in_its_protocol(server: ServerProcess) -> None:
    """A browser's request gets S3's error, an unsigned JSON request a JSON error; never HTML."""
    server.client("s3").create_bucket(Bucket="some-bucket")
    status, kind, body = raw(server, "GET", "/some-bucket/key")
    assert (status, kind) == (403, "application/xml")
    assert b"<Code>AccessDenied</Code>" in body
    target = {"X-Amz-Target": "SageMaker.ListModels", "Content-Type": "application/x-amz-json-1.1"}
    status, kind, body = raw(server, "POST", "/", body=b"{}", headers=target)
    assert (status, kind) == (400, "application/x-amz-json-1.1")
    assert json.loads(body)["__type"] == "MissingAuthenticationTokenException"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    status, kind, body = raw(server, "POST", "/", body=b"Action=AssumeRole", headers=form)
    assert (status, kind) == (403, "text/xml")
    assert b"<Code>MissingAuthenticationToken</Code>" in body


def test_operations_that_are_not_built_say_so(server: ServerProcess) -> None:
    """An operation that AWS has and we have not is 501, which no client tries again."""
    calls = {
        "sagemaker": "list_pipelines",
        "iam": "list_users",
        "lambda": "list_layers",
        "stepfunctions": "list_activities",
    }
    for service, operation in calls.items():
        code, status = refused(getattr(server.client(service), operation))
        assert (code, status) == ("NotImplemented", 501)


def test_a_service_that_is_not_offered_says_so(server: ServerProcess) -> None:
    """Clients of other services get an error of their protocol."""
    assert refused(server.client("dynamodb").list_tables) == ("NotImplemented", 501)
    assert refused(server.client("sqs").list_queues) == ("NotImplemented", 501)


def test_parameters_that_break_the_model_are_named(server: ServerProcess) -> None:
    """The message is AWS's: the value, the place and the constraint."""
    with pytest.raises(ClientError, match="at 'trainingJobName' failed to satisfy constraint"):
        server.client("sagemaker").describe_training_job(TrainingJobName="-")


def test_health_needs_no_signature(server: ServerProcess) -> None:
    """Anyone may ask whether a server is here."""
    status, _, body = raw(server, "GET", "/_bakehouse/health")
    assert status == 200
    assert json.loads(body)["server"] == "bakehouse"


def test_a_put_never_waits_for_an_answer_to_expect(server: ServerProcess) -> None:
    """``Expect: 100-continue`` is answered: five uploads take far less than five seconds."""
    s3 = server.client("s3")
    s3.create_bucket(Bucket="expect")
    started = time.monotonic()
    for number in range(5):
        s3.put_object(Bucket="expect", Key=str(number), Body=b"" if number % 2 else b"x")
    assert time.monotonic() - started < 4


@pytest.mark.parametrize(
    "request_bytes",
    [b"GET / HTTP/1.1\r\n\r\n", b"\x00\xff\r\n\r\n", b"POST / HTTP/9.9\r\nx: y\r\n\r\n"],
)
def test_bytes_that_are_no_request_do_no_harm(server: ServerProcess, request_bytes: bytes) -> None:
    """Garbage on a connection ends that connection, and the server serves on."""
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=10)
    connection.connect()
    try:
        connection.sock.sendall(request_bytes)
        assert b"200" not in connection.sock.recv(64)
    finally:
        connection.close()
    assert raw(server, "GET", "/_bakehouse/health")[0] == 200
