"""Objects set functions and machines to work, on a real server, also one that was killed."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from support.server import ServerProcess, running_server

ROLE = "arn:aws:iam::123456789012:role/any"
HANDLER = """
import boto3

def handler(event, context):
    s3 = boto3.client("s3")
    for record in event["Records"]:
        told = record["s3"]["object"]
        s3.put_object(Bucket="out", Key=told["key"], Body=str(told["size"]).encode())
"""
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}})
WITHIN_S = 30.0


def zipped(code: str) -> bytes:
    """An archive with ``app.py``."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("app.py", code)
    return buffer.getvalue()


def in_time(found: Callable[[], Any]) -> Any:
    """What is found, once it is something."""
    deadline = time.monotonic() + WITHIN_S
    while not (value := found()):
        assert time.monotonic() < deadline, "it did not come in time"
        time.sleep(0.05)
    return value


def keys_in(s3: Any, bucket: str) -> list[str]:
    """The keys of a bucket."""
    return [found["Key"] for found in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def make_function(server: ServerProcess, name: str = "note") -> str:
    """A function that notes in the bucket ``out`` what it is told of; its ARN."""
    made = server.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.11",
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zipped(HANDLER)},
        Timeout=30,
    )
    arn: str = made["FunctionArn"]
    return arn


def tell(s3: Any, bucket: str, arn: str, **more: Any) -> None:
    """Let a bucket tell a function of new objects."""
    rule = {"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"LambdaFunctionConfigurations": [rule], **more},
    )


def test_an_object_invokes_a_function_and_starts_a_machine(server: ServerProcess) -> None:
    """By the bucket's own rule, and over the bus; a copy is a new object too."""
    s3, states, events = (server.client(name) for name in ("s3", "stepfunctions", "events"))
    for bucket in ("in-photos", "out"):
        s3.create_bucket(Bucket=bucket)
    machine = states.create_state_machine(name="told", roleArn=ROLE, definition=PASS)
    arn = machine["stateMachineArn"]
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": ["in-photos"]}, "object": {"key": [{"suffix": ".png"}]}},
    }
    events.put_rule(Name="new-photos", EventPattern=json.dumps(pattern))
    target = {"Id": "run", "Arn": arn, "RoleArn": ROLE, "InputPath": "$.detail"}
    events.put_targets(Rule="new-photos", Targets=[target])
    tell(s3, "in-photos", make_function(server), EventBridgeConfiguration={})

    s3.put_object(Bucket="in-photos", Key="a.png", Body=b"12345")
    s3.copy_object(Bucket="in-photos", Key="b.txt", CopySource="in-photos/a.png")
    in_time(lambda: keys_in(s3, "out") == ["a.png", "b.txt"])
    assert s3.get_object(Bucket="out", Key="a.png")["Body"].read() == b"5"

    def ended() -> Any:
        runs = states.list_executions(stateMachineArn=arn)["executions"]
        return [run for run in runs if run["status"] == "SUCCEEDED"]

    (run,) = in_time(ended)
    text = states.describe_execution(executionArn=run["executionArn"])["input"]
    given = json.loads(text)
    assert given["object"]["key"] == "a.png"
    assert given["object"]["size"] == 5


def test_what_was_acknowledged_is_told_after_a_kill(tmp_path: Path) -> None:
    """Every object that was written before the server was killed reaches the function."""
    keys = [f"{number:02d}" for number in range(5)]
    server = ServerProcess(tmp_path / "data").start()
    s3 = server.client("s3")
    for bucket in ("in-photos", "out"):
        s3.create_bucket(Bucket=bucket)
    tell(s3, "in-photos", make_function(server))
    for key in keys:
        s3.put_object(Bucket="in-photos", Key=key, Body=b"")
    server.kill()
    with running_server(tmp_path / "data") as again:
        in_time(lambda: keys_in(again.client("s3"), "out") == keys)


def test_what_cannot_be_delivered_is_told_in_a_log(server: ServerProcess) -> None:
    """Where a user looks: the log group of the notifications."""
    s3, functions, logs = (server.client(name) for name in ("s3", "lambda", "logs"))
    s3.create_bucket(Bucket="in-vain")
    tell(s3, "in-vain", make_function(server, "gone"))
    functions.delete_function(FunctionName="gone")
    s3.put_object(Bucket="in-vain", Key="a", Body=b"")

    def told() -> Any:
        groups = logs.describe_log_groups(logGroupNamePrefix="/bakehouse/")["logGroups"]
        return groups and logs.filter_log_events(logGroupName="/bakehouse/notifications")

    messages = [event["message"] for event in in_time(told)["events"]]
    assert any("bucket in-vain" in text and "function:gone" in text for text in messages)
