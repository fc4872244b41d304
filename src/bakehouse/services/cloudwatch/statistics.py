"""Statistics of periods, as GetMetricStatistics and GetMetricData give them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bakehouse import clock
from bakehouse.services.cloudwatch.putting import dimensions_from_request
from bakehouse.storage.metrics import MetricStore, Statistic, by_period, merged, percentile
from bakehouse.wire.types import AwsError, Params

MOST_POINTS = 1440
_APART = frozenset({"/aws/sagemaker/TrainingJobs"})
"""Namespaces whose data stay one point each, at their own time, while they are few enough.

CloudWatch aligns to the period, 60 s at least: right for a job of an hour, but one of 20 s, as they
are here, would come out as a single point. The SageMaker SDK never looks at the alignment.
"""
_SIMPLE: dict[str, Callable[[Statistic], float]] = {
    "SampleCount": lambda one: one.count,
    "Average": lambda one: one.average,
    "Sum": lambda one: one.total,
    "Minimum": lambda one: one.minimum,
    "Maximum": lambda one: one.maximum,
}
_PERCENTILE = re.compile(r"p(100|\d{1,2}(?:\.\d{1,10})?)")
_OTHERS = re.compile(r"(?i:tm|wm|tc|ts|pr|iqm)\W?.*")

Points = list[tuple[datetime, str, list[Statistic]]]
"""The start of each period, oldest first, with its unit and its data."""


def metric_statistics(metrics: MetricStore, params: Params) -> Params:
    """The answer to GetMetricStatistics."""
    _check(params)
    points = points_of(
        metrics,
        params,
        start=params["StartTime"],
        end=params["EndTime"],
        period_s=params["Period"],
        unit=params.get("Unit"),
        most=MOST_POINTS,
    )
    simple, extended = params.get("Statistics", []), params.get("ExtendedStatistics", [])
    answers = [_point_to_response(*point, simple, extended) for point in points]
    return {"Label": params["MetricName"], "Datapoints": [one for one in answers if len(one) > 2]}


def points_of(
    metrics: MetricStore,
    metric: Params,
    *,
    start: datetime,
    end: datetime,
    period_s: int,
    unit: str | None,
    most: int,
    units_apart: bool = True,
) -> Points:
    """The data of each period of a metric between two moments.

    Args:
        metrics: where they are kept.
        metric: its ``Namespace``, ``MetricName`` and ``Dimensions``.
        start: taken back to the start of its period.
        end: excluded.
        period_s: the length of a period.
        unit: leaves out all others.
        most: so many points are allowed.
        units_apart: whether the data of each unit are points of their own.

    Raises:
        AwsError: there could be more points.
    """
    start = max(start, clock.from_epoch_ms(0))
    aligned = start - timedelta(seconds=start.timestamp() % period_s)
    data = metrics.statistics(
        metric["Namespace"],
        metric["MetricName"],
        dimensions_from_request(metric),
        start=aligned,
        end=end,
        unit=unit,
    )
    apart = [one for one in data if one.at >= start]
    if metric["Namespace"] in _APART and len(apart) <= min(most, MOST_POINTS):
        return [(one.at, one.unit, [one]) for one in apart]
    check_points(round((end - start).total_seconds() / period_s), most)
    periods = by_period(data, period_s, units_apart=units_apart)
    return [(at, unit, found) for (at, unit), found in sorted(periods.items())]


def check_points(points: int, most: int) -> None:
    """Raise ``AwsError`` where a request asks for more points than ``most``."""
    if points > most:
        text = (
            f"You have requested up to {points:,} datapoints, which exceeds the limit of "
            f"{most:,}. You may reduce the datapoints requested by increasing Period, or "
            "decreasing the time range."
        )
        raise AwsError("InvalidParameterCombination", text)


def check_period(period_s: int, path: str) -> None:
    """Raise ``AwsError`` where a period is none that CloudWatch has."""
    if period_s % 60 and period_s not in (1, 5, 10, 20, 30):
        text = f"The parameter {path} must be 1, 5, 10, 20, 30 or a multiple of 60."
        raise AwsError("InvalidParameterValue", text)


def statistic_named(name: str) -> Callable[[datetime, str, list[Statistic]], float | None]:
    """What computes a statistic of a period: one of the five, or a percentile such as ``p99.9``.

    Raises:
        AwsError: it is another one.
    """
    if name in _SIMPLE:
        take = _SIMPLE[name]
        return lambda at, unit, data: take(merged(at, unit, data))
    if found := _PERCENTILE.fullmatch(name):
        rank = float(found[1])
        return lambda at, unit, data: percentile(data, rank)
    if _OTHERS.fullmatch(name):
        text = f"bakehouse does not compute {name} yet; ask for Statistics or percentiles."
        raise AwsError("InvalidParameterValue", text)
    raise AwsError("InvalidParameterValue", f"The value {name} for a statistic is invalid.")


def _check(params: Params) -> None:
    simple, extended = params.get("Statistics"), params.get("ExtendedStatistics")
    if bool(simple) == bool(extended):
        both = "Only one" if simple else "At least one"
        text = f"{both} of the parameters Statistics and ExtendedStatistics must be specified."
        raise AwsError("InvalidParameterCombination", text)
    for name in extended or ():
        if name in _SIMPLE:
            text = f"The value {name} for parameter ExtendedStatistics is invalid."
            raise AwsError("InvalidParameterValue", text)
        statistic_named(name)
    check_times(params)
    check_period(params["Period"], "Period")


def check_times(params: Params) -> None:
    """Raise ``AwsError`` where a request's times are not in order."""
    if params["StartTime"] >= params["EndTime"]:
        text = "The parameter StartTime must be less than the parameter EndTime."
        raise AwsError("InvalidParameterCombination", text)


def _point_to_response(
    at: datetime,
    unit: str,
    data: list[Statistic],
    simple: Sequence[str],
    extended: Sequence[str],
) -> Params:
    """A point with the statistics that were asked for, as far as the data have them."""
    point: dict[str, Any] = {"Timestamp": at, "Unit": unit}
    point |= {name: statistic_named(name)(at, unit, data) for name in simple}
    known = {name: statistic_named(name)(at, unit, data) for name in extended}
    if found := {name: value for name, value in known.items() if value is not None}:
        point["ExtendedStatistics"] = found
    return point
