"""GetMetricData: several metrics, and what is computed of them, in one answer."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from functools import cached_property

from bakehouse import clock
from bakehouse.services.cloudwatch.arithmetic import ExpressionError, Series, Value
from bakehouse.services.cloudwatch.expressions import Surroundings, evaluate
from bakehouse.services.cloudwatch.statistics import (
    check_period,
    check_points,
    check_times,
    points_of,
    statistic_named,
)
from bakehouse.storage.metrics import MetricStore
from bakehouse.wire.types import AwsError, Params

MOST_POINTS = 100_800
_COMPUTED_POINTS = 3_000_000
_MOST_QUERIES = 500
_ID = re.compile(r"[a-z][A-Za-z0-9_]*")
_TOKEN = re.compile(r"(\d{1,6})/(-?\d{1,18}|\+)")


def metric_data(metrics: MetricStore, params: Params) -> Params:
    """The answer to GetMetricData.

    Raises:
        AwsError: a query is not one, or needs what is not built.
    """
    check_times(params)
    most = params.get("MaxDatapoints", MOST_POINTS)
    if not 1 <= most <= MOST_POINTS:
        text = f"The value {most} for parameter MaxDatapoints is invalid."
        raise AwsError("InvalidParameterValue", text)
    try:
        return _page(list(_Queries(metrics, params).results()), params, most)
    except RecursionError as error:
        raise AwsError("ValidationError", "The expressions are nested too deeply.") from error


class _Queries:
    """The queries of one request, each computed once and only if it is needed."""

    def __init__(self, metrics: MetricStore, params: Params) -> None:
        self._metrics, self._params = metrics, params
        self._queries = _checked(params["MetricDataQueries"])
        self._values: dict[str, Value] = {}
        self._open: set[str] = set()
        self._points = self._found = 0

    def results(self) -> Iterator[tuple[str, Series]]:
        """The id and the series of every query whose data are to be returned, in their order."""
        for name, query in self._queries.items():
            if not query.get("ReturnData", True):
                continue
            value = self._value(name)
            if isinstance(value, float):
                raise _failed(name, "It gives a number, where a series is needed")
            for series in value if isinstance(value, list) else [value]:
                yield name, series

    @cached_property
    def _surroundings(self) -> Surroundings:
        return Surroundings(
            self._value,
            self._all_metrics,
            clock.to_epoch_ms(self._params["StartTime"]),
            clock.to_epoch_ms(self._params["EndTime"]),
            self._spend,
        )

    def _spend(self, points: int) -> None:
        self._points += points
        if self._points > _COMPUTED_POINTS:
            raise ExpressionError(f"The request computes more than {_COMPUTED_POINTS} points")

    def _value(self, name: str) -> Value:
        if name not in self._queries:
            raise ExpressionError(f"Undefined variable {name!r}")
        if name in self._open:
            raise ExpressionError(f"{name!r} refers to itself")
        if name not in self._values:
            self._open.add(name)
            try:
                self._values[name] = self._computed(name, self._queries[name])
            except ExpressionError as error:
                raise _failed(name, str(error)) from error
            finally:
                self._open.discard(name)
        return self._values[name]

    def _computed(self, name: str, query: Params) -> Value:
        if "MetricStat" in query:
            return self._series(query)
        value = evaluate(query["Expression"], self._surroundings)
        if isinstance(value, Series):
            return Series(query.get("Label", name), value.period_s, value.points)
        return value

    def _series(self, query: Params) -> Series:
        asked = query["MetricStat"]
        metric, period_s = asked["Metric"], asked["Period"]
        points = points_of(
            self._metrics,
            metric,
            start=self._params["StartTime"],
            end=self._params["EndTime"],
            period_s=period_s,
            unit=asked.get("Unit"),
            most=MOST_POINTS,
            units_apart=False,
        )
        take = statistic_named(asked["Stat"])
        values = {clock.to_epoch_ms(at): take(at, unit, data) for at, unit, data in points}
        known = {at: value for at, value in values.items() if value is not None}
        self._found += len(known)
        check_points(self._found, MOST_POINTS)
        return Series(query.get("Label", metric["MetricName"]), period_s, known)

    def _all_metrics(self) -> dict[str, Series]:
        found: dict[str, Series] = {}
        for name, query in self._queries.items():
            if "MetricStat" in query and isinstance(value := self._value(name), Series):
                found[name] = value
        return found


def _failed(name: str, why: str) -> AwsError:
    return AwsError("ValidationError", f"Error in expression '{name}': {why}.")


def _checked(given: list[Params]) -> dict[str, Params]:
    """The queries by id.

    Raises:
        AwsError: one has no proper id, or does not say what it wants.
    """
    queries = {query["Id"]: query for query in given}
    if len(queries) < len(given) or not 1 <= len(given) <= _MOST_QUERIES:
        text = f"MetricDataQueries must have 1 to {_MOST_QUERIES} elements, each with its own Id."
        raise AwsError("ValidationError", text)
    for name, query in queries.items():
        _check_query(name, query)
    if not any(query.get("ReturnData", True) for query in given):
        raise AwsError("ValidationError", "At least one query must return its data.")
    return queries


def _check_query(name: str, query: Params) -> None:
    if _ID.fullmatch(name) is None:
        text = f"The value {name} for parameter MetricDataQueries.member.Id is not matching the "
        raise AwsError("ValidationError", f"{text}expected pattern ^[a-z][a-zA-Z0-9_]*$.")
    if ("MetricStat" in query) == ("Expression" in query):
        text = f"The query {name} must have either a MetricStat or an Expression."
        raise AwsError("ValidationError", text)
    if "${" in query.get("Label", ""):
        text = f"bakehouse does not fill in the label {query['Label']!r} of the query {name} yet."
        raise AwsError("ValidationError", text)
    if "MetricStat" not in query:
        return
    asked = query["MetricStat"]
    for member in ("Namespace", "MetricName"):
        if member not in asked["Metric"]:
            text = f"The parameter MetricDataQueries.{name}.MetricStat.Metric.{member} is required."
            raise AwsError("MissingParameter", text)
    check_period(asked["Period"], f"MetricDataQueries.{name}.MetricStat.Period")
    statistic_named(asked["Stat"])


def _page(results: list[tuple[str, Series]], params: Params, most: int) -> Params:
    """As many points as a page may hold, from where the token says; a result may be cut in two."""
    order = _order(params)
    number, after = _from_token(params.get("NextToken"))
    answers: list[Params] = []
    for index in range(number, len(results)):
        name, series = results[index]
        known = ((at, value) for at, value in series.points.items() if math.isfinite(value))
        points = sorted(known, key=lambda point: order(point[0]))
        if after is not None:
            points = [point for point in points if order(point[0]) > order(after)]
        after, taken = None, points[:most]
        most -= len(taken)
        answers.append(_result(name, series, taken, is_whole=len(taken) == len(points)))
        if len(taken) < len(points) or (most == 0 and index + 1 < len(results)):
            is_cut = len(taken) < len(points)
            token = f"{index}/{taken[-1][0]}" if is_cut and taken else f"{index + (not is_cut)}/+"
            return {"MetricDataResults": answers, "NextToken": token}
    return {"MetricDataResults": answers}


def _order(params: Params) -> Callable[[int], int]:
    sign = 1 if params.get("ScanBy") == "TimestampAscending" else -1
    return lambda at_ms: sign * at_ms


def _from_token(token: str | None) -> tuple[int, int | None]:
    """The result at which to go on, and the time in it behind which."""
    if token is None:
        return 0, None
    found = _TOKEN.fullmatch(token)
    if found is None:
        raise AwsError("InvalidNextToken", "The specified NextToken is invalid.")
    return int(found[1]), None if found[2] == "+" else int(found[2])


def _result(
    name: str, series: Series, points: list[tuple[int, float]], *, is_whole: bool
) -> Params:
    return {
        "Id": name,
        "Label": series.label,
        "Timestamps": [clock.from_epoch_ms(at) for at, _ in points],
        "Values": [value for _, value in points],
        "StatusCode": "Complete" if is_whole else "PartialData",
    }
