"""CloudWatch as boto3 sees it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse import clock
from bakehouse.services.cloudwatch import service
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import Datum, MetricStore
from support.doors import client, served
from support.protocols import client_speaking

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


@pytest.fixture(scope="module", params=["smithy-rpc-v2-cbor", "json", "query"])
def cloudwatch(
    store: MetricStore, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Any]:
    """A client of the store's door, in each of CloudWatch's protocols."""
    with served([service(store, lambda: NOON)]) as url:
        models = tmp_path_factory.mktemp("models")
        speaking = client_speaking("cloudwatch", request.param, url, models)
        yield speaking
        speaking.close()


def own(cloudwatch: Any) -> str:
    """A namespace that the client's protocol has for itself."""
    return f"Mine/{cloudwatch.meta.service_model.resolved_protocol}"


def code_and_text(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, str]:
    error = refused.value.response["Error"]
    return error["Code"], error["Message"]


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
    namespace = own(cloudwatch)
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=data)
    answer = cloudwatch.get_metric_statistics(
        Namespace=namespace,
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


def test_the_start_is_taken_back_to_its_period(cloudwatch: Any) -> None:
    """The period in which the start lies counts whole, and the moment of the end does not."""
    data = [
        {"MetricName": "edge", "Value": 1.0, "Timestamp": NOON + timedelta(seconds=second)}
        for second in (5, 60)
    ]
    cloudwatch.put_metric_data(Namespace=own(cloudwatch), MetricData=data)
    answer = cloudwatch.get_metric_statistics(
        Namespace=own(cloudwatch),
        MetricName="edge",
        StartTime=NOON + timedelta(seconds=30),
        EndTime=NOON + timedelta(seconds=60),
        Period=60,
        Statistics=["Sum"],
    )
    assert [(point["Timestamp"], point["Sum"]) for point in answer["Datapoints"]] == [(NOON, 1.0)]


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
        ({"ExtendedStatistics": ["p99"]}, "InvalidParameterCombination"),
        ({"Statistics": None, "ExtendedStatistics": ["tm90"]}, "InvalidParameterValue"),
        ({"Statistics": None, "ExtendedStatistics": ["p101"]}, "InvalidParameterValue"),
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


@pytest.mark.parametrize(("hours", "number"), [(2, 1), (4, 0)])
def test_metrics_that_were_put_lately(store: MetricStore, hours: int, number: int) -> None:
    """What was put within the last three hours is listed, what was put before is not."""
    later = clock.now() + timedelta(hours=hours)
    with served([service(store, lambda: later)]) as url:
        found = client("cloudwatch", url).list_metrics(Namespace=JOBS, RecentlyActive="PT3H")
    assert len(found["Metrics"]) == number


def test_a_token_of_somebody_else_is_refused(cloudwatch: Any) -> None:
    """A token that names no place in the list is not taken for its beginning."""
    with pytest.raises(ClientError) as refused:
        cloudwatch.list_metrics(NextToken="none of ours")
    assert code_and_text(refused)[0] == "InvalidNextToken"


def test_a_large_request_is_compressed_and_read(cloudwatch: Any) -> None:
    """boto3 packs what is over 10 KiB; the data arrive all the same."""
    data = [{"MetricName": "big", "Value": float(n), "Timestamp": NOON} for n in range(900)]
    sent: list[Any] = []
    cloudwatch.meta.events.register("before-send", lambda request, **_: sent.append(request))
    cloudwatch.put_metric_data(Namespace=own(cloudwatch), MetricData=data)
    assert sent[-1].headers["Content-Encoding"] == b"gzip"
    answer = cloudwatch.get_metric_statistics(
        Namespace=own(cloudwatch),
        MetricName="big",
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=1),
        Period=60,
        ExtendedStatistics=["p50", "p100"],
    )
    (point,) = answer["Datapoints"]
    assert point["ExtendedStatistics"] == {"p50": 449.5, "p100": 899.0}


def test_no_percentile_without_the_values(cloudwatch: Any) -> None:
    """Of a set of statistics no percentile is known, so there is no point."""
    sums = {"SampleCount": 2, "Sum": 12, "Minimum": 3, "Maximum": 9}
    data = [{"MetricName": "sums", "Timestamp": NOON, "StatisticValues": sums}]
    cloudwatch.put_metric_data(Namespace=own(cloudwatch), MetricData=data)
    answer = cloudwatch.get_metric_statistics(
        Namespace=own(cloudwatch),
        MetricName="sums",
        StartTime=NOON,
        EndTime=NOON + timedelta(minutes=1),
        Period=60,
        ExtendedStatistics=["p50"],
    )
    assert answer["Datapoints"] == []


@pytest.mark.parametrize(
    ("namespace", "datum", "code"),
    [
        ("AWS/Mine", {"Value": 1.0}, "InvalidParameterValue"),
        ("Mine", {"Value": 1.0, "Values": [1.0]}, "InvalidParameterCombination"),
        ("Mine", {}, "MissingParameter"),
        ("Mine", {"Values": [1.0], "Counts": [1.0, 2.0]}, "InvalidParameterCombination"),
        ("Mine", {"Values": [1.0], "Counts": [-1.0]}, "InvalidParameterValue"),
        ("Mine", {"Value": 1.0, "Counts": [2.0]}, "InvalidParameterCombination"),
        ("Mine", {"Values": [1.0] * 151}, "InvalidParameterValue"),
        ("Mine", {"Value": 1e300}, "InvalidParameterValue"),
        ("Mine", {"Value": 1.0, "StorageResolution": 7}, "InvalidParameterValue"),
        ("Mine", {"Value": 1.0, "Timestamp": NOON - timedelta(days=15)}, "InvalidParameterValue"),
        ("Mine", {"Value": 1.0, "Timestamp": NOON + timedelta(hours=3)}, "InvalidParameterValue"),
    ],
)
def test_data_that_are_refused(
    cloudwatch: Any, namespace: str, datum: dict[str, Any], code: str
) -> None:
    """CloudWatch's limits hold, with its codes; nothing of such a request is kept."""
    with pytest.raises(ClientError) as refused:
        cloudwatch.put_metric_data(
            Namespace=namespace, MetricData=[{"MetricName": "refused", **datum}]
        )
    assert code_and_text(refused)[0] == code
    assert cloudwatch.list_metrics(MetricName="refused")["Metrics"] == []


def test_requests_without_data_are_refused(cloudwatch: Any) -> None:
    """None at all, more than 1,000, or data of an entity."""
    for request, code in (
        ({}, "MissingParameter"),
        ({"MetricData": [{"MetricName": "m", "Value": 1.0}] * 1001}, "InvalidParameterValue"),
        ({"EntityMetricData": [{"MetricData": [{"MetricName": "m"}]}]}, "InvalidParameterValue"),
    ):
        with pytest.raises(ClientError) as refused:
            cloudwatch.put_metric_data(Namespace="Mine", **request)
        assert code_and_text(refused)[0] == code
