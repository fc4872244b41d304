"""CloudWatch as boto3 sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse.services.cloudwatch import service
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import Datum, MetricStore
from support.doors import client, served

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
JOBS = "/aws/sagemaker/TrainingJobs"


@pytest.fixture(scope="module")
def store() -> MetricStore:
    """A job of 20 s with five epochs."""
    store = MetricStore(MemoryRecords())
    job = (("TrainingJobName", "job"),)
    store.put(
        [
            Datum(JOBS, "validation:accuracy", job, 0.5 + n / 10, NOON + timedelta(seconds=4 * n))
            for n in range(5)
        ]
    ).result()
    return store


@pytest.fixture(scope="module")
def cloudwatch(store: MetricStore) -> Iterator[Any]:
    """A client of the store's door."""
    with served([service(store)]) as url:
        yield client("cloudwatch", url)


def test_every_epoch_of_a_short_job_is_a_point(cloudwatch: Any) -> None:
    """What TrainingJobAnalytics asks for gives one point for each epoch, at its own time."""
    answer = cloudwatch.get_metric_statistics(
        Namespace=JOBS,
        MetricName="validation:accuracy",
        Dimensions=[{"Name": "TrainingJobName", "Value": "job"}],
        StartTime=NOON - timedelta(minutes=1),
        EndTime=NOON + timedelta(minutes=2),
        Period=60,
        Statistics=["Average"],
    )
    points = answer["Datapoints"]
    assert [point["Average"] for point in points] == pytest.approx([0.5, 0.6, 0.7, 0.8, 0.9])
    assert points[1]["Timestamp"] == NOON + timedelta(seconds=4)
    assert answer["Label"] == "validation:accuracy"
    assert "Sum" not in points[0]


def test_other_namespaces_are_aligned_to_the_period(cloudwatch: Any) -> None:
    """Data put from outside come back as statistics of whole periods."""
    data = [
        {
            "MetricName": "lag",
            "Timestamp": NOON + timedelta(seconds=5),
            "Value": 2.0,
            "Unit": "Count",
        },
        {
            "MetricName": "lag",
            "Timestamp": NOON,
            "Values": [1.0, 4.0],
            "Counts": [2.0, 1.0],
            "Unit": "Count",
        },
        {
            "MetricName": "lag",
            "Timestamp": NOON,
            "Unit": "Count",
            "StatisticValues": {"SampleCount": 2, "Sum": 12, "Minimum": 3, "Maximum": 9},
        },
    ]
    cloudwatch.put_metric_data(Namespace="Mine", MetricData=data)
    answer = cloudwatch.get_metric_statistics(
        Namespace="Mine",
        MetricName="lag",
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=1),
        Period=60,
        Statistics=["SampleCount", "Sum", "Average", "Minimum", "Maximum"],
    )
    (point,) = answer["Datapoints"]
    assert point == {
        "Timestamp": NOON,
        "SampleCount": 6.0,
        "Sum": 20.0,
        "Average": pytest.approx(20 / 6),
        "Minimum": 1.0,
        "Maximum": 9.0,
        "Unit": "Count",
    }


def test_nothing_measured_is_no_error(cloudwatch: Any) -> None:
    """A metric that nobody has put has no data points."""
    answer = cloudwatch.get_metric_statistics(
        Namespace="None",
        MetricName="none",
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    assert answer["Datapoints"] == []


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"Period": 61}, "InvalidParameterValue"),
        ({"EndTime": NOON}, "InvalidParameterCombination"),
        ({"EndTime": NOON + timedelta(days=30)}, "InvalidParameterCombination"),
        ({"Statistics": None}, "InvalidParameterCombination"),
        ({"ExtendedStatistics": ["p99"]}, "InvalidParameterValue"),
    ],
)
def test_what_cloudwatch_refuses(cloudwatch: Any, change: dict[str, Any], code: str) -> None:
    """A request that makes no sense is refused with CloudWatch's code."""
    request = {
        "Namespace": "Mine",
        "MetricName": "lag",
        "StartTime": NOON,
        "EndTime": NOON + timedelta(minutes=1),
        "Period": 60,
        "Statistics": ["Sum"],
    }
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_statistics(
            **{name: value for name, value in (request | change).items() if value is not None}
        )
    assert refused.value.response["Error"]["Code"] == code


def test_metrics_are_listed(cloudwatch: Any) -> None:
    """A metric can be found by its name or by a dimension."""
    wanted = {
        "Namespace": JOBS,
        "MetricName": "validation:accuracy",
        "Dimensions": [{"Name": "TrainingJobName", "Value": "job"}],
    }
    by_name = cloudwatch.list_metrics(Namespace=JOBS, MetricName="validation:accuracy")
    by_dimension = cloudwatch.list_metrics(Dimensions=[{"Name": "TrainingJobName"}])
    assert by_name["Metrics"] == by_dimension["Metrics"] == [wanted]
    other = cloudwatch.list_metrics(Dimensions=[{"Name": "TrainingJobName", "Value": "other"}])
    assert other["Metrics"] == []
