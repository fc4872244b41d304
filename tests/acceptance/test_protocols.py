"""A real server in the protocols that older and newer clients speak, and after a restart."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from bakehouse import clock, keys
from support.protocols import client_speaking
from support.server import ServerProcess, running_server


@pytest.mark.parametrize("protocol", ["smithy-rpc-v2-cbor", "json", "query"])
def test_metrics_in_every_protocol(server: ServerProcess, protocol: str, tmp_path: Path) -> None:
    """Signed requests, also packed ones, put what can be read again."""
    pair = keys.load(server.data)
    secrets = (pair.access_key_id, pair.secret_access_key)
    client = client_speaking("cloudwatch", protocol, server.endpoint, tmp_path, secrets)
    now = datetime.now(UTC)
    data = [{"MetricName": "m", "Value": float(n), "Timestamp": now} for n in range(900)]
    client.put_metric_data(Namespace=protocol, MetricData=data)
    answer = client.get_metric_data(
        MetricDataQueries=[
            {
                "Id": "m1",
                "MetricStat": {
                    "Metric": {"Namespace": protocol, "MetricName": "m"},
                    "Period": 60,
                    "Stat": "Maximum",
                },
            },
            {"Id": "e1", "Expression": "m1 * 2"},
        ],
        StartTime=now - timedelta(minutes=2),
        EndTime=now + timedelta(minutes=2),
    )
    assert [result["Values"] for result in answer["MetricDataResults"]] == [[899.0], [1798.0]]
    client.close()


def test_a_function_answers_in_a_stream(server: ServerProcess) -> None:
    """The handler's answer comes as events that boto3 reads."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return event['a'] * 3\n")
    client = server.client("lambda")
    client.create_function(
        FunctionName="streamed",
        Runtime="python3.11",
        Role="arn:aws:iam::123456789012:role/AmazonSageMaker-ExecutionRole-local",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    answer = client.invoke_with_response_stream(FunctionName="streamed", Payload=b'{"a": "xy"}')
    chunk, complete = answer["EventStream"]
    assert json.loads(chunk["PayloadChunk"]["Payload"]) == "xyxyxy"
    assert complete == {"InvokeComplete": {}}
    failed = client.invoke_with_response_stream(FunctionName="streamed", Payload=b"{}")
    (complete,) = failed["EventStream"]
    assert json.loads(complete["InvokeComplete"]["ErrorDetails"])["errorType"] == "KeyError"


def test_pages_go_on_after_the_server_was_killed(tmp_path: Path) -> None:
    """Tokens of logs and metrics name places that a new server finds again."""
    now = clock.epoch_ms()
    with running_server(tmp_path) as server:
        logs = server.client("logs")
        logs.create_log_group(logGroupName="/g")
        for stream in ("a", "b"):
            logs.create_log_stream(logGroupName="/g", logStreamName=stream)
            events = [{"timestamp": now + n, "message": f"{stream}{n}"} for n in range(3)]
            logs.put_log_events(logGroupName="/g", logStreamName=stream, logEvents=events)
        first = logs.filter_log_events(logGroupName="/g", limit=3)
        streams = logs.describe_log_streams(logGroupName="/g", descending=True, limit=1)
        server.kill()
        server.start()
        logs = server.client("logs")
        rest = logs.filter_log_events(logGroupName="/g", nextToken=first["nextToken"])
        found = [event["message"] for event in first["events"] + rest["events"]]
        assert found == ["a0", "b0", "a1", "b1", "a2", "b2"]
        more = logs.describe_log_streams(
            logGroupName="/g", descending=True, nextToken=streams["nextToken"]
        )
        assert [stream["logStreamName"] for stream in more["logStreams"]] == ["a"]
