"""Training jobs as boto3 sees them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from bakehouse.registry import Tags
from bakehouse.services.sagemaker import aws_error
from bakehouse.services.sagemaker.training import operations
from bakehouse.services.sagemaker.waiting import Waiting
from bakehouse.storage.memory import MemoryRecords
from bakehouse.wire.types import Service
from support.doors import client, served
from support.training_parts import FOREVER_PID, START, TRAIN, parts

ROLE = "arn:aws:iam::123456789012:role/service-role/AmazonSageMaker-ExecutionRole-local"
SCRIPT = f"""
import os
if "forever" in os.environ["TRAINING_JOB_NAME"]:
    exec({FOREVER_PID!r})
elif "bad" in os.environ["TRAINING_JOB_NAME"]:
    exec({START + "(root / 'output/failure').write_text('No num_classes.'); os._exit(1)"!r})
exec({TRAIN!r})
"""


def channel(name: str, uri: str) -> dict[str, Any]:
    source = {
        "S3DataType": "S3Prefix",
        "S3Uri": uri,
        "S3DataDistributionType": "FullyReplicated",
    }
    return {
        "ChannelName": name,
        "ContentType": "application/x-image",
        "DataSource": {"S3DataSource": source},
    }


def request(name: str) -> dict[str, Any]:
    """What the SDK's Estimator.fit sends."""
    return {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingInputMode": "File", "TrainingImage": "script:1"},
        "RoleArn": ROLE,
        "HyperParameters": {"image_shape": "3,32,32", "num_classes": "2"},
        "InputDataConfig": [
            channel("train", "s3://data/train/"),
            channel("train_lst", "s3://data/train.lst"),
        ],
        "OutputDataConfig": {"S3OutputPath": "s3://results/models"},
        "ResourceConfig": {
            "InstanceCount": 1,
            "InstanceType": "ml.p3.2xlarge",
            "VolumeSizeInGB": 30,
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 86400},
        "DebugHookConfig": {
            "S3OutputPath": "s3://results/models",
            "CollectionConfigurations": [],
        },
        "ProfilerConfig": {"S3OutputPath": "s3://results/models", "DisableProfiler": False},
    }


@pytest.fixture(scope="module")
def sagemaker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client before a door whose algorithm is a script that obeys the job's name."""
    house = parts(tmp_path_factory.mktemp("house"), SCRIPT)
    table = operations(house.jobs, Waiting(20), Tags(MemoryRecords()))
    door = Service("sagemaker", "sagemaker", table, aws_error, "SageMaker")
    with served([door], [house.jobs]) as url:
        yield client("sagemaker", url)


def ended(sagemaker: Any, name: str) -> dict[str, Any]:
    """The job's description when boto3's own waiter says that it ended."""
    waiter = sagemaker.get_waiter("training_job_completed_or_stopped")
    waiter.config.delay = 0.02
    with suppress(WaiterError):  # so it tells of a job that Failed
        waiter.wait(TrainingJobName=name)
    found: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
    return found


def code_and_text(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


def test_description_has_what_the_sdk_reads(sagemaker: Any) -> None:
    """Everything that the SDK looks up in a finished job is there, and nothing is empty."""
    created = sagemaker.create_training_job(**request("Done-1"))
    arn = "arn:aws:sagemaker:us-east-1:123456789012:training-job/Done-1"
    assert created["TrainingJobArn"] == arn
    job = ended(sagemaker, "Done-1")
    assert job["TrainingJobArn"] == arn
    assert (job["TrainingJobStatus"], job["SecondaryStatus"]) == ("Completed", "Completed")
    uri = "s3://results/models/Done-1/output/model.tar.gz"
    assert job["ModelArtifacts"] == {"S3ModelArtifacts": uri}
    assert job["OutputDataConfig"] == {
        "KmsKeyId": "",
        "S3OutputPath": "s3://results/models",
        "CompressionType": "GZIP",
    }
    assert job["AlgorithmSpecification"]["MetricDefinitions"] == [
        {"Name": "validation:accuracy", "Regex": r"Validation-accuracy=([0-9.]+)"}
    ]
    assert job["HyperParameters"] == {"image_shape": "3,32,32", "num_classes": "2"}
    assert job["InputDataConfig"] == request("Done-1")["InputDataConfig"]
    assert job["ResourceConfig"] == request("Done-1")["ResourceConfig"]
    (metric,) = job["FinalMetricDataList"]
    assert (metric["MetricName"], metric["Value"]) == ("validation:accuracy", 0.75)
    assert job["TrainingTimeInSeconds"] == job["BillableTimeInSeconds"] == 1
    assert job["CreationTime"] <= job["TrainingStartTime"] <= job["TrainingEndTime"]
    assert not [name for name, value in job.items() if value in ({}, [])]


def test_transitions_follow_each_other(sagemaker: Any) -> None:
    """Each transition ends when the next one starts."""
    sagemaker.create_training_job(**request("steps"))
    steps = ended(sagemaker, "steps")["SecondaryStatusTransitions"]
    assert [step["Status"] for step in steps] == [
        "Starting",
        "Downloading",
        "Training",
        "Uploading",
        "Completed",
    ]
    assert [step["EndTime"] for step in steps[:-1]] == [step["StartTime"] for step in steps[1:]]


def test_failed_job_says_why(sagemaker: Any) -> None:
    """The algorithm's own words are the reason, after whose fault it was."""
    sagemaker.create_training_job(**request("bad"))
    job = ended(sagemaker, "bad")
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == "ClientError: No num_classes."
    assert "ModelArtifacts" not in job


def test_stop(sagemaker: Any) -> None:
    """A job can be stopped once; then it is over."""
    sagemaker.create_training_job(**request("forever"))
    running = sagemaker.describe_training_job(TrainingJobName="forever")
    assert running["TrainingJobStatus"] == "InProgress"
    assert "TrainingEndTime" not in running
    sagemaker.stop_training_job(TrainingJobName="forever")
    assert ended(sagemaker, "forever")["TrainingJobStatus"] == "Stopped"
    with pytest.raises(ClientError) as refused:
        sagemaker.stop_training_job(TrainingJobName="forever")
    assert code_and_text(refused) == (
        "ValidationException",
        "The request was rejected because the training job is in status Stopped.",
    )


def test_names_in_use_and_unknown(sagemaker: Any) -> None:
    """A name taken is ResourceInUse; one that is not there is a ValidationException."""
    sagemaker.create_training_job(**request("twice"))
    with pytest.raises(ClientError) as refused:
        sagemaker.create_training_job(**request("twice"))
    assert code_and_text(refused)[0] == "ResourceInUse"
    with pytest.raises(ClientError) as refused:
        sagemaker.describe_training_job(TrainingJobName="nobody")
    assert code_and_text(refused) == ("ValidationException", "Requested resource not found.")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("AlgorithmSpecification.ContainerEntrypoint", ["/bin/bash"]),
        ("AlgorithmSpecification.MetricDefinitions", [{"Name": "m", "Regex": "x"}]),
        ("AlgorithmSpecification.TrainingImage", "xgboost:1"),
        ("ResourceConfig.InstanceCount", 21),
        ("EnableManagedSpotTraining", True),
        ("CheckpointConfig", {"S3Uri": "s3://results/c", "LocalPath": "/tmp/elsewhere"}),
        ("OutputDataConfig.CompressionType", "NONE"),
        ("OutputDataConfig.S3OutputPath", "https://results/models"),
        ("InputDataConfig.0.CompressionType", "Gzip"),
        ("InputDataConfig.1.DataSource.S3DataSource.S3DataType", "Converse"),
    ],
)
def test_what_is_not_built_is_refused_plainly(sagemaker: Any, path: str, value: Any) -> None:
    """Nothing that would change the job is left out silently: the refusal comes at once."""
    wanted = copy.deepcopy(request("refused"))
    inner: Any = wanted
    *way, last = path.split(".")
    for name in way:
        inner = inner[int(name)] if name.isdigit() else inner[name]
    inner[last] = value
    with pytest.raises(ClientError) as refused:
        sagemaker.create_training_job(**wanted)
    assert code_and_text(refused)[0] == "ValidationException"
    assert sagemaker.list_training_jobs(NameContains="refused")["TrainingJobSummaries"] == []


def test_list_in_pages(sagemaker: Any) -> None:
    """Jobs are listed in the order that was asked for, every one once."""
    names = ["list-a", "list-b", "list-c"]
    for name in names:
        sagemaker.create_training_job(**request(name))
        ended(sagemaker, name)
    pages = sagemaker.get_paginator("list_training_jobs").paginate(
        NameContains="LIST-",
        StatusEquals="Completed",
        SortBy="CreationTime",
        SortOrder="Descending",
        PaginationConfig={"PageSize": 2},
    )
    found = [one["TrainingJobName"] for page in pages for one in page["TrainingJobSummaries"]]
    assert found == names[::-1]
