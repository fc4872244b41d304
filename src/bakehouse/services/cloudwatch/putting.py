"""PutMetricData: what a request measures, within CloudWatch's limits."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import Any

from bakehouse.storage.metrics import Datum, Dimensions
from bakehouse.wire.types import AwsError, Params

_DATA = 1000
_VALUES = 150
_LARGEST = 2.0**360
_PAST, _FUTURE = timedelta(weeks=2), timedelta(hours=2)


def data_of_put(params: Params, now: datetime) -> list[Datum]:
    """The data of a PutMetricData request.

    Raises:
        AwsError: it breaks one of CloudWatch's limits, or the data do not say what was measured.
    """
    namespace: str = params["Namespace"]
    if namespace.startswith("AWS/"):
        raise _invalid(f"The value {namespace} for parameter Namespace is invalid.")
    if params.get("EntityMetricData"):
        raise _invalid("bakehouse does not keep entities yet; send the data in MetricData.")
    given = params.get("MetricData", [])
    if not given:
        raise AwsError("MissingParameter", "The parameter MetricData is required.")
    if len(given) > _DATA:
        raise _invalid(f"The collection MetricData must not have a size greater than {_DATA}.")
    return [
        datum
        for number, one in enumerate(given, start=1)
        for datum in _data(namespace, one, f"MetricData.member.{number}", now)
    ]


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidParameterValue", text)


def dimensions_from_request(params: Params) -> Dimensions:
    """The dimensions that a request names."""
    return tuple((part["Name"], part["Value"]) for part in params.get("Dimensions", []))


def _data(namespace: str, given: Params, path: str, now: datetime) -> list[Datum]:
    """The data of one MetricDatum: a value, a list of values with counts, or a statistic set."""
    if given.get("StorageResolution", 60) not in (1, 60):
        raise _invalid(f"The parameter {path}.StorageResolution must be 1 or 60.")
    at = _moment(given.get("Timestamp", now), path, now)
    series = (namespace, given["MetricName"], dimensions_from_request(given))
    unit = given.get("Unit", "None")
    form = _form(given, path)
    if form == "StatisticValues":
        return [_statistics(series, given[form], at, unit, f"{path}.{form}")]
    values, counts = _values(given, form, path)
    return [
        Datum(*series, value, at, unit, count) for value, count in zip(values, counts, strict=True)
    ]


def _moment(at: datetime, path: str, now: datetime) -> datetime:
    if at > now + _FUTURE:
        text = f"The parameter {path}.Timestamp must specify a time no more than two hours in the "
        raise _invalid(f"{text}future.")
    if at < now - _PAST:
        raise _invalid(
            f"The parameter {path}.Timestamp must specify a time within the past two weeks."
        )
    return at


def _form(given: Params, path: str) -> str:
    forms = [name for name in ("Value", "StatisticValues", "Values") if name in given]
    if len(forms) > 1:
        one, other = forms[:2]
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameters {path}.{one} and {path}.{other} are mutually exclusive and you have "
            "specified both.",
        )
    if not forms:
        text = f"At least one of the parameters {path}.Value, {path}.Values and "
        raise AwsError("MissingParameter", f"{text}{path}.StatisticValues must be specified.")
    return forms[0]


def _values(given: Params, form: str, path: str) -> tuple[list[float], list[float]]:
    values: list[float] = [given["Value"]] if form == "Value" else given["Values"]
    counts = given.get("Counts") or [1.0] * len(values)
    if form == "Value" and "Counts" in given:
        raise AwsError("InvalidParameterCombination", f"{path}.Counts needs {path}.Values.")
    if len(values) > _VALUES:
        raise _invalid(f"The collection {path}.Values must not have a size greater than {_VALUES}.")
    if not values or len(values) != len(counts):
        raise AwsError(
            "InvalidParameterCombination",
            f"The parameters {path}.Values and {path}.Counts must be of the same size, 1 or more.",
        )
    for number in (*values, *counts):
        _check_number(number, f"{path}.{form}")
    if any(count < 0 for count in counts):
        raise _invalid(f"The parameter {path}.Counts must not be less than 0.")
    return values, counts


def _check_number(number: float, path: str) -> None:
    if not math.isfinite(number) or abs(number) > _LARGEST:
        raise _invalid(f"The value {number} for parameter {path} is invalid.")


def _statistics(
    series: tuple[str, str, Dimensions], sums: dict[str, Any], at: datetime, unit: str, path: str
) -> Datum:
    for name, number in sums.items():
        _check_number(number, f"{path}.{name}")
    count, low, high = sums["SampleCount"], sums["Minimum"], sums["Maximum"]
    if count < 0 or low > high:
        text = f"The parameter {path} must have a Minimum of at most its Maximum and a SampleCount "
        raise _invalid(f"{text}of at least 0.")
    mean = sums["Sum"] / count if count else 0.0
    return Datum(*series, mean, at, unit, count, low, high)
