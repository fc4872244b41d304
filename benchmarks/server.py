"""The server: seconds until ready, memory, and a signed DescribeTrainingJob, part by part.

    python benchmarks/server.py [--calls 3000]

The limit of the call is an ASGI callable that answers the same bytes without looking at the
request, in a bare uvicorn, in the same run. Then the same data folder is opened in this process,
and the server's own part of the call is timed without sockets: the whole, and its steps.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import orjson

from bakehouse import keys
from bakehouse.cli import running
from bakehouse.runtime import Bakehouse
from bakehouse.settings import settings_from
from bakehouse.wire import json_values, serializing
from bakehouse.wire.models import service_model
from bakehouse.wire.types import Answer
from bakehouse.wire.validation import Checks

RUNS = 5
JOB = "benchmark"
BARE = """
import sys, uvicorn
BODY = sys.stdin.buffer.read()
LENGTH = str(len(BODY)).encode()
async def app(scope, receive, send):
    await receive()
    headers = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", LENGTH)]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", lifespan="off")
"""


def start(folder: Path) -> tuple[subprocess.Popen[bytes], running.Running, float]:
    """Start a server; return it with the seconds that it took to be ready."""
    started = time.monotonic()
    words = [sys.executable, "-m", "bakehouse", "up", "--port", "0", "--data", str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    while (found := running.find(folder)) is None:
        assert server.poll() is None, "the server did not start"
        time.sleep(0.005)
    return server, found, time.monotonic() - started


def until_open(address: tuple[str, int]) -> None:
    """Wait until somebody listens."""
    deadline = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(address).close()
        except OSError:
            assert time.monotonic() < deadline, f"nobody listens on {address}"
            time.sleep(0.02)
        else:
            return


def resident_mb(pid: int) -> float:
    """The memory that a process holds, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def timed(netloc: str, headers: dict[str, str], body: bytes, calls: int) -> list[float]:
    """Seconds of each of many calls over one connection."""
    connection = http.client.HTTPConnection(netloc)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    seconds = []
    for _ in range(calls):
        started = time.perf_counter()
        connection.request("POST", "/", body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        seconds.append(time.perf_counter() - started)
        assert response.status == 200, response.status
    connection.close()
    return seconds


def signed_headers(folder: Path, endpoint: str, body: bytes) -> dict[str, str]:
    """The headers of a signed DescribeTrainingJob."""
    pair = keys.load(folder)
    headers = {
        "X-Amz-Target": "SageMaker.DescribeTrainingJob",
        "Content-Type": "application/x-amz-json-1.1",
    }
    request = botocore.awsrequest.AWSRequest("POST", endpoint + "/", headers, body)
    credentials = botocore.credentials.Credentials(pair.access_key_id, pair.secret_access_key)
    botocore.auth.SigV4Auth(credentials, "sagemaker", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def make_job(folder: Path, endpoint: str) -> None:
    """Leave a training job that is over: it has no data, and fails."""
    pair = keys.load(folder)
    session = boto3.session.Session(
        pair.access_key_id, pair.secret_access_key, region_name="us-east-1"
    )
    session.client("s3", endpoint_url=endpoint).create_bucket(Bucket="benchmark")
    client = session.client("sagemaker", endpoint_url=endpoint)
    channels = ("train", "validation", "train_lst", "validation_lst")
    image = "811284229777.dkr.ecr.us-east-1.amazonaws.com/image-classification:1"
    client.create_training_job(
        TrainingJobName=JOB,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn="arn:aws:iam::123456789012:role/AmazonSageMaker-ExecutionRole-local",
        InputDataConfig=[
            {
                "ChannelName": name,
                "ContentType": "application/x-image",
                "DataSource": {
                    "S3DataSource": {
                        "S3DataType": "S3Prefix",
                        "S3Uri": f"s3://benchmark/{name}/",
                        "S3DataDistributionType": "FullyReplicated",
                    }
                },
            }
            for name in channels
        ],
        OutputDataConfig={"S3OutputPath": "s3://benchmark/out"},
        ResourceConfig={"InstanceType": "ml.p3.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 5},
        HyperParameters={
            "image_shape": "3,32,32",
            "num_classes": "2",
            "num_training_samples": "1000",
        },
        StoppingCondition={"MaxRuntimeInSeconds": 3600},
    )
    while client.describe_training_job(TrainingJobName=JOB)["TrainingJobStatus"] != "Failed":
        time.sleep(0.1)


def bare(answer: bytes, measure: Callable[[str], list[float]]) -> list[float]:
    """The same calls against bare uvicorn, which answers with these bytes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)], stdin=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(answer)
    process.stdin.close()
    try:
        until_open(("127.0.0.1", port))
        return measure(f"127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def steps(folder: Path, headers: dict[str, str], body: bytes) -> dict[str, float]:
    """Microseconds of the server's part of the call: the whole, and what of it can be told."""
    house = Bakehouse(settings_from({"BAKEHOUSE_DATA": str(folder)}), "http://127.0.0.1:4566")
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "http", "method": "POST", "path": "/", "raw_path": b"/", "query_string": b"",
        "headers": raw, "client": ("127.0.0.1", 1),
    }  # fmt: skip
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def whole(calls: int) -> float:
        started = time.perf_counter()
        for _ in range(calls):
            sent.clear()
            await house.server(scope, receive, send)
        return (time.perf_counter() - started) / calls * 1e6

    model = service_model("sagemaker").operation_model("DescribeTrainingJob")
    read = json_values.JsonReaders().reader(model.input_shape)
    check = Checks().check(model.input_shape)
    write = serializing.json_serializer(model, "1.1")
    asyncio.run(whole(10))
    assert sent[0]["status"] == 200, sent
    told = asyncio.run(house.server.call("sagemaker", "DescribeTrainingJob", orjson.loads(body)))
    found = {
        "the whole, without sockets": asyncio.run(whole(3000)),
        "  parse": each(lambda: read(json_values.load_json(body), "")),
        "  validate": each(lambda: check({"TrainingJobName": JOB}, "", [])),
        "  serialise": each(lambda: write(Answer(told), "id")),
    }
    house.close()
    return found


def each(call: Callable[[], object], calls: int = 3000) -> float:
    """Microseconds of one of many calls."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return (time.perf_counter() - started) / calls * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=3000)
    calls = parser.parse_args().calls
    print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    body = orjson.dumps({"TrainingJobName": JOB})
    ready = []
    for run in range(RUNS):
        with tempfile.TemporaryDirectory(dir=".") as scratch:
            server, found, seconds = start(Path(scratch))
            ready.append(seconds)
            if run == RUNS - 1:
                time.sleep(1)
                idle = resident_mb(server.pid)
                make_job(Path(scratch), found.endpoint)
                headers = signed_headers(Path(scratch), found.endpoint, body)
                netloc = urlsplit(found.endpoint).netloc
                before = resident_mb(server.pid)
                ours = timed(netloc, headers, body, calls)
                after = resident_mb(server.pid)
                answer = answered(netloc, headers, body)
            server.terminate()
            server.wait()
            if run == RUNS - 1:
                headers["Host"] = netloc
                parts = steps(Path(scratch), headers, body)
    ceiling = bare(answer, lambda netloc: timed(netloc, headers, body, calls))
    print(
        f"ready after     median {statistics.median(ready):.2f} s of {RUNS} "
        f"({min(ready):.2f} to {max(ready):.2f})"
    )
    print(
        f"memory          {idle:.0f} MB idle; {before:.0f} before and {after:.0f} after the calls"
    )
    mine, best = statistics.median(ours) * 1e6, statistics.median(ceiling) * 1e6
    print(
        f"signed call     median {mine:.0f} us; bare uvicorn {best:.0f} us; "
        f"difference {mine - best:.0f} us, ratio {mine / best:.2f}"
    )
    for name, microseconds in parts.items():
        print(f"{name:<28}{microseconds:6.0f} us")


def answered(netloc: str, headers: dict[str, str], body: bytes) -> bytes:
    """The body of one answer."""
    connection = http.client.HTTPConnection(netloc)
    connection.request("POST", "/", body=body, headers=headers)
    answer = connection.getresponse().read()
    connection.close()
    return answer


if __name__ == "__main__":
    main()
