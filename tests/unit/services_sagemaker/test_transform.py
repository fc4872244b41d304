"""Transform jobs through boto3, over a model that is a text file."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse.storage.logs import LogStore
from bakehouse.storage.objects import ObjectInfo
from support.sagemaker_parts import Workshop, arn, create_model


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    made = Workshop(tmp_path_factory.mktemp("transform"))
    for i in range(5):
        made.objects.put("data", f"images/deep/{i}.png", b"picture")
    return made


@pytest.fixture(scope="module")
def sagemaker(workshop: Workshop) -> Iterator[Any]:
    with workshop.open() as asking:
        create_model(asking, "teller")
        yield asking


def request(name: str, prefix: str = "images/", **more: Any) -> dict[str, Any]:
    """What the SDK's Transformer sends."""
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://data/{prefix}"}}
    return {
        "TransformJobName": name,
        "ModelName": "teller",
        "TransformInput": {"DataSource": source, "ContentType": "application/x-image"},
        "TransformOutput": {"S3OutputPath": f"s3://results/{name}"},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **more,
    }


def ended(sagemaker: Any, name: str) -> dict[str, Any]:
    """The description of a job that is over."""
    while True:
        found: dict[str, Any] = sagemaker.describe_transform_job(TransformJobName=name)
        if found["TransformJobStatus"] in ("Completed", "Failed", "Stopped"):
            return found


def answers(workshop: Workshop, name: str) -> dict[str, bytes]:
    """The objects of a job's output by the rest of their keys."""
    found = workshop.objects.listing("results", prefix=f"{name}/").objects
    return {
        info.key.removeprefix(f"{name}/"): workshop.objects.read(
            "results", info.key, limit_bytes=1 << 20
        )
        for info in found
    }


def test_every_object_is_answered_under_its_key(workshop: Workshop, sagemaker: Any) -> None:
    """Keys keep what stands behind the prefix and end in .out; the job tells what it was told."""
    created = sagemaker.create_transform_job(**request("plain"))
    assert created["TransformJobArn"] == arn("transform-job/plain")
    waiter = sagemaker.get_waiter("transform_job_completed_or_stopped")
    waiter.config.delay = 0.05
    waiter.wait(TransformJobName="plain")
    job = ended(sagemaker, "plain")
    assert job["TransformJobStatus"] == "Completed"
    assert job["TransformResources"]["InstanceCount"] == 1
    assert job["CreationTime"] <= job["TransformStartTime"] <= job["TransformEndTime"]
    assert answers(workshop, "plain") == {f"deep/{i}.png.out": b"[0.9, 0.1]" for i in range(5)}
    (summary,) = sagemaker.list_transform_jobs(NameContains="plain")["TransformJobSummaries"]
    assert summary["TransformJobStatus"] == "Completed"


def test_each_instance_has_a_stream(workshop: Workshop, sagemaker: Any) -> None:
    """The SDK waits for as many streams as there are instances."""
    wanted = request("two")
    wanted["TransformResources"]["InstanceCount"] = 2
    sagemaker.create_transform_job(**wanted)
    assert ended(sagemaker, "two")["TransformJobStatus"] == "Completed"
    streams = LogStore(workshop.records).streams("/aws/sagemaker/TransformJobs", prefix="two/")
    assert len(streams) == 2
    assert len(answers(workshop, "two")) == 5


def test_lines_are_cut_answered_and_put_together(workshop: Workshop, sagemaker: Any) -> None:
    """One request for each line with SingleRecord; gzip is unpacked before."""
    workshop.objects.put("data", "lines/a.csv", gzip.compress(b"1\n2\n\n3\n"))
    wanted = request("lines", "lines/", BatchStrategy="SingleRecord")
    wanted["TransformInput"] |= {"SplitType": "Line", "CompressionType": "Gzip"}
    wanted["TransformOutput"]["AssembleWith"] = "Line"
    sagemaker.create_transform_job(**wanted)
    assert ended(sagemaker, "lines")["TransformJobStatus"] == "Completed"
    assert answers(workshop, "lines") == {"a.csv.out": b"[0.9, 0.1]\n" * 3}


@pytest.mark.parametrize(
    ("key", "content", "reason"),
    [
        ("bad", b"bad", "ClientError: data/bad: Bad HTTP status received from algorithm: 400"),
        ("bug", b"bug", "data/bug"),
        ("large", bytes(2 << 20), "ClientError: data/large: Too much data for max payload size"),
    ],
)
def test_an_object_that_fails_fails_the_job(
    workshop: Workshop, sagemaker: Any, key: str, content: bytes, reason: str
) -> None:
    """The reason names the object and what the model said."""
    workshop.objects.put("data", key, content)
    sagemaker.create_transform_job(**request(f"fails-{key}", key, MaxPayloadInMB=1))
    job = ended(sagemaker, f"fails-{key}")
    assert job["TransformJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"prefix": "nothing/"}, "No S3 objects found under S3 URL"),
        ({"TransformOutput": {"S3OutputPath": "s3://nobody/x"}}, "S3OutputPath is s3://nobody/x"),
    ],
)
def test_an_input_or_output_that_is_not_there_fails_the_job(
    sagemaker: Any, change: dict[str, Any], reason: str
) -> None:
    """As for training jobs, in the reason."""
    name = f"missing-{len(reason)}"
    sagemaker.create_transform_job(**request(name, **change))
    job = ended(sagemaker, name)
    assert job["TransformJobStatus"] == "Failed"
    assert reason in job["FailureReason"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"MaxPayloadInMB": 60, "MaxConcurrentTransforms": 2}, "at most 100 MB for all of them"),
        ({"DataProcessing": {"JoinSource": "Input"}}, "DataProcessing.JoinSource"),
        ({"ModelName": "nobody"}, "nobody"),
    ],
)
def test_what_is_not_carried_out_is_refused(
    sagemaker: Any, change: dict[str, Any], message: str
) -> None:
    """At once, by the member's name."""
    with pytest.raises(ClientError, match=message) as refused:
        sagemaker.create_transform_job(**request("refused", **change))
    assert refused.value.response["Error"]["Code"] == "ValidationException"


def test_names_unknown_and_taken(sagemaker: Any) -> None:
    """AWS's codes for both."""
    with pytest.raises(ClientError) as missing:
        sagemaker.describe_transform_job(TransformJobName="nobody")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
    sagemaker.create_transform_job(**request("taken"))
    with pytest.raises(ClientError) as taken:
        sagemaker.create_transform_job(**request("taken"))
    assert taken.value.response["Error"]["Code"] == "ResourceInUse"
    ended(sagemaker, "taken")
    with pytest.raises(ClientError, match="in status Completed"):
        sagemaker.stop_transform_job(TransformJobName="taken")


def test_a_job_goes_on_after_a_restart_without_answering_twice(tmp_path: Path) -> None:
    """What has its answer keeps it; the rest is answered by the next server."""
    workshop = Workshop(tmp_path)
    for i in range(1500):
        workshop.objects.put("data", f"many/{i:04d}", b"picture")

    def stored() -> dict[str, str]:
        """When each answer was stored."""
        pages: list[ObjectInfo] = []
        after: str | None = ""
        while after is not None:
            page = workshop.objects.listing("results", prefix="many/", after=after)
            pages += page.objects
            after = page.next_after
        return {info.key: info.modified.isoformat() for info in pages}

    with workshop.open() as sagemaker:
        create_model(sagemaker, "teller")
        sagemaker.create_transform_job(**request("many", "many/"))
        while len(stored()) < 5:
            pass
    before = stored()
    assert len(before) < 1500
    with workshop.open() as sagemaker:
        assert ended(sagemaker, "many")["TransformJobStatus"] == "Completed"
    at_last = stored()
    assert len(at_last) == 1500
    assert {key: at_last[key] for key in before} == before
