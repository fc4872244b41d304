"""Several key pairs and temporary keys, on a real server."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from bakehouse import clock, keys, sessions
from bakehouse.sessions import Session
from support.server import ServerProcess, running_server

ROLE = "arn:aws:iam::123456789012:role/a/worker"
SOON_S = 5.0


def bakehouse_keys(server: ServerProcess, *words: str) -> str:
    """What ``bakehouse keys`` prints."""
    command = [sys.executable, "-m", "bakehouse", "keys", *words, "--data", str(server.data)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def credentials(printed: str) -> dict[str, str]:
    """The pair that ``keys add`` printed, as arguments of a client."""
    found = dict(re.findall(r"export AWS_(\w+)=(.+)", printed))
    return {
        "aws_access_key_id": found["ACCESS_KEY_ID"],
        "aws_secret_access_key": found["SECRET_ACCESS_KEY"],
    }


def added(server: ServerProcess) -> dict[str, str]:
    """A new pair of a server that runs, as arguments of a client."""
    pair = keys.add(server.data, None, [], clock.now())
    return {
        "aws_access_key_id": pair.access_key_id,
        "aws_secret_access_key": pair.secret_access_key,
    }


def temporary(issued: Any) -> dict[str, str]:
    """The credentials that STS answered, as arguments of a client."""
    return {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }


def refusal(call: Any, **params: Any) -> str:
    """The code with which a call is refused."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def outcome(server: ServerProcess, pair: dict[str, str]) -> str:
    """``done``, or the code with which a key is refused."""
    try:
        server.client("s3", **pair).list_buckets()
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return "done"


def test_a_key_may_be_kept_to_some_services(server: ServerProcess) -> None:
    """The server knows it at once; elsewhere it gets each service's AccessDenied."""
    printed = bakehouse_keys(server, "add", "--name", "reader", "--service", "s3")
    pair = credentials(printed)
    server.client("s3", **pair).list_buckets()
    arn = server.client("sts", **pair).get_caller_identity()["Arn"]
    assert arn.endswith(":assumed-role/AmazonSageMaker-ExecutionRole-local/reader")
    with pytest.raises(ClientError) as caught:
        server.client("sagemaker", **pair).list_models()
    error = caught.value.response["Error"]
    assert error["Code"] == "AccessDeniedException"
    assert error["Message"].startswith(f"User: {arn} is not authorized to perform: ")
    assert refusal(server.client("lambda", **pair).list_functions) == "AccessDeniedException"
    assert refusal(server.client("iam", **pair).list_roles) == "AccessDenied"
    assert "reader" in bakehouse_keys(server, "list")
    assert pair["aws_secret_access_key"] not in bakehouse_keys(server, "list")


def test_a_revoked_key_ends_with_its_sessions(server: ServerProcess) -> None:
    """In a server that runs, within a moment."""
    pair = added(server)
    issued = server.client("sts", **pair).get_session_token()["Credentials"]
    session = temporary(issued)
    server.client("s3", **session).list_buckets()
    keys.revoke(server.data, pair["aws_access_key_id"])
    deadline = time.monotonic() + SOON_S
    while outcome(server, pair) == "done":
        assert time.monotonic() < deadline
    assert outcome(server, pair) == "InvalidAccessKeyId"
    assert refusal(server.client("s3", **session).list_buckets) == "InvalidToken"
    assert refusal(server.client("sts", **session).get_caller_identity) == "InvalidClientTokenId"


def test_a_role_can_be_assumed(server: ServerProcess) -> None:
    """Its temporary key works everywhere, presigned URLs included, and says who it is."""
    answer = server.client("sts").assume_role(RoleArn=ROLE, RoleSessionName="me@work")
    assert (
        answer["AssumedRoleUser"]["Arn"] == "arn:aws:sts::123456789012:assumed-role/worker/me@work"
    )
    left = answer["Credentials"]["Expiration"] - datetime.now(UTC)
    assert timedelta(minutes=59) < left <= timedelta(minutes=60)
    pair = temporary(answer["Credentials"])
    caller = server.client("sts", **pair).get_caller_identity()
    assert caller["Arn"] == answer["AssumedRoleUser"]["Arn"]
    assert caller["UserId"] == answer["AssumedRoleUser"]["AssumedRoleId"]
    server.client("s3", **pair).create_bucket(Bucket="made-by-a-role")
    server.client("sagemaker", **pair).list_models()
    server.client("lambda", **pair).list_functions()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_a_temporary_key_makes_urls(server: ServerProcess, version: str) -> None:
    """They carry its token, and hold no longer than it does."""
    pair = temporary(server.client("sts").get_session_token()["Credentials"])
    s3 = server.client("s3", config=Config(signature_version=version), **pair)
    s3.create_bucket(Bucket="for-urls")
    s3.put_object(Bucket="for-urls", Key="k", Body=b"content")
    url = s3.generate_presigned_url("get_object", {"Bucket": "for-urls", "Key": "k"})
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.read() == b"content"
    without = re.sub("[?&]x-amz-security-token=[^&]*", "", url, flags=re.IGNORECASE)
    assert without != url
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(without, timeout=10)
    with caught.value as error:
        assert error.code == 403
        assert b"InvalidAccessKeyId" in error.read()


def test_a_temporary_key_needs_its_token(server: ServerProcess) -> None:
    """Without it, or with another's, there is no such key."""
    sts = server.client("sts")
    one = temporary(sts.get_session_token()["Credentials"])
    other = temporary(sts.get_session_token()["Credentials"])
    bare = {name: one[name] for name in ("aws_access_key_id", "aws_secret_access_key")}
    crossed = bare | {"aws_session_token": other["aws_session_token"]}
    assert refusal(server.client("s3", **bare).list_buckets) == "InvalidAccessKeyId"
    assert refusal(server.client("sts", **bare).get_caller_identity) == "InvalidClientTokenId"
    assert refusal(server.client("s3", **crossed).list_buckets) == "InvalidToken"
    unknown = refusal(server.client("sagemaker", **crossed).list_models)
    assert unknown == "UnrecognizedClientException"


def test_an_expired_key_is_told_as_such(server: ServerProcess) -> None:
    """Each protocol has its own word for it."""
    root = keys.load(server.data)
    session = Session("ASIAEXPIRED", root.access_key_id, "123456789012", "r", "s", 1_700_000_000)
    token = sessions.token_of(session, root)
    pair = {
        "aws_access_key_id": session.access_key_id,
        "aws_secret_access_key": sessions.secret_of(token, root),
        "aws_session_token": token,
    }
    assert refusal(server.client("s3", **pair).list_buckets) == "ExpiredToken"
    assert refusal(server.client("sts", **pair).get_caller_identity) == "ExpiredToken"
    assert refusal(server.client("sagemaker", **pair).list_models) == "ExpiredTokenException"


def test_durations_stay_within_bounds(server: ServerProcess) -> None:
    """A quarter of an hour to twelve hours, or to what the role allows; an hour in a chain."""
    sts = server.client("sts")
    wanted = {"RoleArn": ROLE, "RoleSessionName": "me"}
    for seconds in (43_201, 10**9):
        assert refusal(sts.assume_role, **wanted, DurationSeconds=seconds) == "ValidationError"
    answer = sts.assume_role(**wanted, DurationSeconds=43_200)
    chained = server.client("sts", **temporary(answer["Credentials"]))
    assert refusal(chained.assume_role, **wanted, DurationSeconds=3601) == "ValidationError"
    assert refusal(chained.get_session_token) == "AccessDenied"
    role = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-local"
    default = {"RoleArn": role, "RoleSessionName": "me", "DurationSeconds": 3601}
    assert refusal(sts.assume_role, **default) == "ValidationError"


def test_what_would_narrow_a_session_is_refused_by_name(server: ServerProcess) -> None:
    """Nothing would heed it."""
    wanted = {"RoleArn": ROLE, "RoleSessionName": "me", "Policy": "{}"}
    assert refusal(server.client("sts").assume_role, **wanted) == "NotImplemented"
    bad = {"RoleArn": "arn:aws:iam::1:role/x-is-no-account", "RoleSessionName": "me"}
    assert refusal(server.client("sts").assume_role, **bad) == "ValidationError"


def test_sessions_and_keys_survive_kill_9(tmp_path: Path) -> None:
    """What was issued holds in the next server, until its time."""
    server = ServerProcess(tmp_path).start()
    pair = added(server)
    issued = server.client("sts", **pair).assume_role(RoleArn=ROLE, RoleSessionName="me")
    server.kill()
    with running_server(tmp_path) as again:
        session = temporary(issued["Credentials"])
        arn = again.client("sts", **session).get_caller_identity()["Arn"]
        assert arn == issued["AssumedRoleUser"]["Arn"]
        again.client("s3", **pair).list_buckets()


def test_the_servers_own_key_can_be_changed(tmp_path: Path) -> None:
    """``env`` then prints the new one, which works without a restart."""
    with running_server(tmp_path) as server:
        old = keys.load(tmp_path)
        printed = bakehouse_keys(server, "revoke", old.access_key_id)
        new = keys.load(tmp_path)
        assert f"own pair is now {new.access_key_id}" in printed
        pair = {
            "aws_access_key_id": new.access_key_id,
            "aws_secret_access_key": new.secret_access_key,
        }
        deadline = time.monotonic() + SOON_S
        while outcome(server, pair) != "done":
            assert time.monotonic() < deadline
        gone = {
            "aws_access_key_id": old.access_key_id,
            "aws_secret_access_key": old.secret_access_key,
        }
        assert refusal(server.client("s3", **gone).list_buckets) == "InvalidAccessKeyId"
