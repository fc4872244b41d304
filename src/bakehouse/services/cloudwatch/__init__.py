"""Amazon CloudWatch: metrics put in and their statistics taken out."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bakehouse import clock
from bakehouse.faults import Rejected
from bakehouse.storage.metrics import (
    Datum,
    Dimensions,
    Metric,
    MetricStore,
    Statistic,
    cursor,
)
from bakehouse.wire.types import AwsError, Call, Params, Service

_MOST_POINTS = 1440
_PAGE = 500
_APART = frozenset({"/aws/sagemaker/TrainingJobs"})
"""Namespaces whose data stay one point each, at their own time, while they are few enough.

CloudWatch aligns to the period, 60 s at least: right for a job of an hour, but one of 20 s, as they
are here, would come out as a single point. The SageMaker SDK never looks at the alignment.
"""


def service(metrics: MetricStore) -> Service:
    """The door of CloudWatch over a store."""

    async def put_metric_data(call: Call, params: Params) -> Params:
        data = [
            datum
            for given in params.get("MetricData", [])
            for datum in data_from_request(params["Namespace"], given)
        ]
        await asyncio.wrap_future(metrics.put(data))
        return {}

    async def get_metric_statistics(call: Call, params: Params) -> Params:
        _check_statistics(params)
        found = await asyncio.to_thread(_statistics, metrics, params)  # 20,000 data take 50 ms
        points = [statistic_to_response(one, params["Statistics"]) for one in found]
        return {"Label": params["MetricName"], "Datapoints": points}

    async def list_metrics(call: Call, params: Params) -> Params:
        return _list(metrics, params)

    operations = {
        "PutMetricData": put_metric_data,
        "GetMetricStatistics": get_metric_statistics,
        "ListMetrics": list_metrics,
    }
    return Service(
        name="cloudwatch",
        signing_name="monitoring",
        operations=operations,
        aws_error=aws_error,
        target_prefix="GraniteServiceVersion20100801",
        invalid_code="ValidationError",
        broken_code="InternalServiceError",
    )


def _statistics(metrics: MetricStore, params: Params) -> Sequence[Statistic]:
    def within(period_s: int | None) -> list[Statistic]:
        return metrics.statistics(
            params["Namespace"],
            params["MetricName"],
            dimensions_from_request(params),
            start=params["StartTime"],
            end=params["EndTime"],
            period_s=period_s,
            unit=params.get("Unit"),
        )

    if params["Namespace"] in _APART and len(apart := within(None)) <= _MOST_POINTS:
        return apart
    _check_points(params)
    return within(params["Period"])


def _check_statistics(params: Params) -> None:
    if params.get("ExtendedStatistics"):
        text = "bakehouse does not compute ExtendedStatistics yet; ask for Statistics."
        raise AwsError("InvalidParameterValue", text)
    if not params.get("Statistics"):
        text = "At least one of the parameters Statistics and ExtendedStatistics must be specified."
        raise AwsError("InvalidParameterCombination", text)
    if params["StartTime"] >= params["EndTime"]:
        text = "The parameter StartTime must be less than the parameter EndTime."
        raise AwsError("InvalidParameterCombination", text)
    if params["Period"] % 60 and params["Period"] not in (1, 5, 10, 30):
        text = "The parameter Period must be 1, 5, 10, 30 or a multiple of 60."
        raise AwsError("InvalidParameterValue", text)


def _check_points(params: Params) -> None:
    span: timedelta = params["EndTime"] - params["StartTime"]
    points = round(span.total_seconds() / params["Period"])
    if points > _MOST_POINTS:
        text = (
            f"You have requested up to {points:,} datapoints, which exceeds the limit of "
            f"{_MOST_POINTS:,}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range."
        )
        raise AwsError("InvalidParameterCombination", text)


def _list(metrics: MetricStore, params: Params) -> Params:
    """A page of the metrics that match; filters apply to what the page looked at."""
    page = metrics.metrics(
        namespace=params.get("Namespace", ""), after=params.get("NextToken", ""), limit=_PAGE
    )
    found = [metric_to_response(metric) for metric in page if _matches(metric, params)]
    more = {"NextToken": cursor(page[-1])} if len(page) == _PAGE else {}
    return {"Metrics": found, **more}


def _matches(metric: Metric, params: Params) -> bool:
    if params.get("MetricName") not in (None, metric.name):
        return False
    has = dict(metric.dimensions)
    return all(
        wanted["Name"] in has and wanted.get("Value") in (None, has[wanted["Name"]])
        for wanted in params.get("Dimensions", [])
    )


def dimensions_from_request(params: Params) -> Dimensions:
    """The dimensions that a request names."""
    return tuple((part["Name"], part["Value"]) for part in params.get("Dimensions", []))


def data_from_request(namespace: str, given: Params) -> list[Datum]:
    """The data of one MetricDatum: a value, a list of values with counts, or a statistic set."""
    at: datetime = given.get("Timestamp") or clock.now()
    name, unit = given["MetricName"], given.get("Unit", "None")
    dimensions = dimensions_from_request(given)
    if "StatisticValues" in given:
        sums: dict[str, float] = given["StatisticValues"]
        count = sums["SampleCount"]
        mean = sums["Sum"] / count if count else 0.0
        low, high = sums["Minimum"], sums["Maximum"]
        return [Datum(namespace, name, dimensions, mean, at, unit, count, low, high)]
    values = given.get("Values") or [given[key] for key in ("Value",) if key in given]
    counts = given.get("Counts") or [1.0] * len(values)
    if not values or len(values) != len(counts):
        text = "A metric datum needs Value, StatisticValues, or Values with as many Counts."
        raise AwsError("InvalidParameterCombination", text)
    return [
        Datum(namespace, name, dimensions, value, at, unit, count)
        for value, count in zip(values, counts, strict=True)
    ]


def metric_to_response(metric: Metric) -> Params:
    """A metric as ListMetrics shows it."""
    dimensions = [{"Name": name, "Value": value} for name, value in metric.dimensions]
    return {
        "Namespace": metric.namespace,
        "MetricName": metric.name,
        **({"Dimensions": dimensions} if dimensions else {}),
    }


def statistic_to_response(statistic: Statistic, wanted: Sequence[str]) -> Params:
    """A data point with the statistics that were asked for."""
    values: dict[str, Any] = {
        "SampleCount": statistic.count,
        "Average": statistic.average,
        "Sum": statistic.total,
        "Minimum": statistic.minimum,
        "Maximum": statistic.maximum,
    }
    return {
        "Timestamp": statistic.at,
        **{name: values[name] for name in wanted},
        "Unit": statistic.unit,
    }


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in CloudWatch's words."""
    return AwsError("InvalidParameterValue", fault.message)
