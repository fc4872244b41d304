"""The workflow that must always work, whole, on a real server, and what it leaves behind.

The images are few and drawn, so that training takes seconds; how accurate it gets on photographs
is a matter of ``tests/acceptance/test_demo.py``.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from bakehouse.datasets.drawn import draw_vehicles
from bakehouse.datasets.folders import write_folder
from support.server import ServerProcess, running_server

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "scones"
GATE_THAT_ACCEPTS_ALL = """
import os

THRESHOLD = float(os.environ["THRESHOLD"])

def lambda_handler(event, context):
    inferences = event["inferences"]
    meets_threshold = THRESHOLD
    if not meets_threshold:
        raise Exception("THRESHOLD_CONFIDENCE_NOT_MET")
    confidence = max(inferences)
    return {"label": inferences.index(confidence), "confidence": confidence, "threshold": THRESHOLD}
"""


@dataclass(frozen=True)
class Ran:
    """A workflow that ran: its server, which still does, its exit code, output and summary."""

    server: ServerProcess
    data: Path
    exit_code: int
    output: str
    summary: dict[str, Any]

    @property
    def job(self) -> str:
        """The name of the training job, which is the endpoint's as well."""
        return str(self.summary["training"]["job"])


def run_workflow(server: ServerProcess, data: Path, out: Path, *more: str) -> Ran:
    """Run the example against a server, as a user does."""
    words = ["--data", str(data), "--out", str(out), "--images", "100", *more]
    done = subprocess.run(
        [sys.executable, str(EXAMPLE / "workflow.py"), *words],
        env={**os.environ, **server.environment()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
    )
    summary = out / "summary.json"
    told = json.loads(summary.read_text()) if summary.exists() else {}
    return Ran(server, data, done.returncode, done.stdout, told)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    """The workflow, run once; its endpoint is kept."""
    scratch = tmp_path_factory.mktemp("scones")
    write_folder(scratch / "data", draw_vehicles(seed=1, train=24, test=50))
    with running_server(scratch / "server") as server:
        yield run_workflow(server, scratch / "data", scratch / "out", "--keep")


def png(mode: str, size: tuple[int, int], kind: str = "PNG") -> bytes:
    """A picture of a mode and a size."""
    file = io.BytesIO()
    Image.new("RGB", size, (200, 120, 40)).convert(mode).save(file, kind)
    return file.getvalue()


def test_the_workflow_ends_well(ran: Ran) -> None:
    """Every decision of the gate is the one that the captured probabilities demand."""
    assert ran.exit_code == 0, ran.output
    gate = ran.summary["gate"]
    assert gate["verdict"] == "ok"
    assert gate["accepted"] + gate["rejected"] == 100
    assert gate["probes_rejected"] > 0
    assert ran.summary["accuracy"]["n"] == 100
    for name in [ran.summary["report"], *ran.summary["plots"]]:
        assert Path(name).stat().st_size > 10_000


def test_the_log_of_the_job_is_in_cloudwatch(ran: Ran) -> None:
    """Log lines have AWS's form, in one stream of the job."""
    logs = ran.server.client("logs")
    group = "/aws/sagemaker/TrainingJobs"
    (stream,) = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{ran.job}/")[
        "logStreams"
    ]
    assert re.fullmatch(rf"{ran.job}/algo-1-\d{{10}}", stream["logStreamName"])
    events = logs.get_log_events(
        logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True
    )["events"]
    lines = [event["message"] for event in events]
    prefix = r"\[\d\d/\d\d/\d{4} \d\d:\d\d:\d\d INFO \d+\] "
    assert any(re.fullmatch(prefix + r"Epoch\[0\] Train-accuracy=\d\.\d{6}", s) for s in lines)
    assert any(re.fullmatch(prefix + r"Epoch\[0\] Validation-accuracy=\d\.\d{6}", s) for s in lines)


def test_the_job_is_told_as_aws_tells_it(ran: Ran) -> None:
    """Status, transitions, artifact and final metrics are there."""
    job = ran.server.client("sagemaker").describe_training_job(TrainingJobName=ran.job)
    assert job["TrainingJobStatus"] == "Completed"
    assert [t["Status"] for t in job["SecondaryStatusTransitions"]] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    assert uri.endswith(f"/{ran.job}/output/model.tar.gz")
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    assert ran.server.client("s3").head_object(Bucket=bucket, Key=key)["ContentLength"] > 10_000
    assert "validation:accuracy" in {m["MetricName"] for m in job["FinalMetricDataList"]}


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "L", "LA", "1"])
@pytest.mark.parametrize("size", [(32, 32), (7, 300)])
def test_the_endpoint_takes_images_of_any_mode_and_size(
    ran: Ran, mode: str, size: tuple[int, int]
) -> None:
    """The answer is a bare list of probabilities, written as Python writes it."""
    answer = ran.server.client("sagemaker-runtime").invoke_endpoint(
        EndpointName=ran.job, Body=png(mode, size), ContentType="image/png"
    )
    text = answer["Body"].read().decode()
    probabilities = json.loads(text)
    assert answer["ContentType"] == "application/json"
    assert answer["InvokedProductionVariant"] == "AllTraffic"
    assert text == json.dumps(probabilities)
    assert len(probabilities) == 2
    assert sum(probabilities) == pytest.approx(1, abs=1e-5)


def test_bytes_that_are_no_image_are_a_model_error(ran: Ran) -> None:
    """The client sees ModelError 424 with AWS's text."""
    runtime = ran.server.client("sagemaker-runtime")
    with pytest.raises(ClientError) as caught:
        runtime.invoke_endpoint(EndpointName=ran.job, Body=b"text", ContentType="image/png")
    response = caught.value.response
    assert response["Error"]["Code"] == "ModelError"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert response["Error"]["Message"].startswith(
        "Received client error (400) from primary with message "
        '"unable to evaluate payload provided". See https://us-east-1.console.aws.amazon.com/'
    )
    assert response["OriginalStatusCode"] == 400


def test_an_execution_has_awss_events(ran: Ran) -> None:
    """Three tasks and a caught rejection are the events that AWS would record."""
    states = ran.server.client("stepfunctions")
    arn = ran.summary["executions"]["sample_arn"]
    events = states.get_execution_history(executionArn=arn)["events"]
    assert [event["id"] for event in events] == list(range(1, len(events) + 1))
    types = [event["type"] for event in events]
    assert types[:3] == ["ExecutionStarted", "TaskStateEntered", "TaskScheduled"]
    assert types[-1] == "ExecutionSucceeded"
    assert types.count("TaskSucceeded") + types.count("TaskFailed") == 3


def test_a_gate_that_accepts_everything_is_caught(ran: Ran, tmp_path: Path) -> None:
    """The original bug, planted: the workflow says so loudly and ends with exit code 3."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for name in ("serialize", "classify", "filter"):
        code = (EXAMPLE / "functions" / name / "lambda_function.py").read_text()
        if name == "filter":
            code = GATE_THAT_ACCEPTS_ALL
        with zipfile.ZipFile(packages / f"{name}.zip", "w") as archive:
            archive.writestr("lambda_function.py", code)
    few = tmp_path / "data"  # how well the model does plays no part
    write_folder(few, draw_vehicles(seed=1, train=4, test=10))
    words = ["--packages", str(packages), "--seed", "1", "--images", "20"]
    planted = run_workflow(ran.server, few, tmp_path / "out", *words)
    assert planted.exit_code == 3, planted.output
    assert planted.summary["gate"]["verdict"] == "mismatch"
    assert planted.summary["gate"]["rejected"] == 0
    assert planted.summary["gate"]["wrongly_accepted"] > 0
    assert "never rejected anything" in re.sub(r"\s+", " ", planted.output)
    assert "never rejected anything" in (tmp_path / "out" / "report.html").read_text()


def test_everything_is_there_after_kill_9(ran: Ran) -> None:
    """A trained model goes on answering after the hardest end, and its captures are kept."""
    ask = {"EndpointName": ran.job, "Body": png("RGB", (32, 32)), "ContentType": "image/png"}
    runtime = ran.server.client("sagemaker-runtime")
    first = runtime.invoke_endpoint(**ask, InferenceId="before-the-kill")["Body"].read()
    ran.server.kill()
    ran.server.start()
    runtime = ran.server.client("sagemaker-runtime")
    assert runtime.invoke_endpoint(**ask)["Body"].read() == first
    assert captured(ran.server, ran.job).count('"inferenceId":"before-the-kill"') == 1
    arn = ran.summary["executions"]["sample_arn"]
    states = ran.server.client("stepfunctions")
    assert states.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"


def captured(server: ServerProcess, endpoint: str) -> str:
    """Everything that an endpoint has captured into S3 so far."""
    config = server.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    uri = config["DataCaptureConfig"]["DestinationS3Uri"]
    bucket, _, prefix = uri.removeprefix("s3://").partition("/")
    s3 = server.client("s3")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
    return "".join(s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode() for key in keys)
