"""The arithmetic of metric math: series with numbers and with each other, and the functions."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

_FILLED = 100_800


@dataclass(frozen=True, slots=True)
class Series:
    """Values by time in epoch milliseconds, of periods of one length."""

    label: str
    period_s: int
    points: Mapping[int, float]


Value = float | Series | list[Series]
"""AWS's types S, TS and TS[]."""


class ExpressionError(ValueError):
    """An expression says nothing that can be computed. The message says why."""


# Arithmetic


def combined(left: Value, right: Value, sign: str) -> Value:
    """Number with number, series with number, series with series where both have a point."""
    if isinstance(left, list) and isinstance(right, list):
        raise ExpressionError(f"Two arrays cannot be combined by {sign!r}")
    if isinstance(left, list):
        return [_as_series(combined(one, right, sign)) for one in left]
    if isinstance(right, list):
        return [_as_series(combined(left, one, sign)) for one in right]
    if isinstance(left, Series) and isinstance(right, Series):
        pairs = {at: (v, right.points[at]) for at, v in left.points.items() if at in right.points}
        return _computed(left, pairs, sign)
    if isinstance(left, Series):
        return _computed(left, {at: (v, _number(right)) for at, v in left.points.items()}, sign)
    if isinstance(right, Series):
        return _computed(right, {at: (left, v) for at, v in right.points.items()}, sign)
    value = _applied(left, right, sign)
    if value is None:
        raise ExpressionError(f"{left} {sign} {right} has no value")
    return value


def _number(value: Value) -> float:
    if not isinstance(value, float):
        raise ExpressionError("Expected a number")
    return value


def _as_series(value: Value) -> Series:
    if not isinstance(value, Series):
        raise ExpressionError("Expected a series")
    return value


def _computed(series: Series, pairs: Mapping[int, tuple[float, float]], sign: str) -> Series:
    values = {at: _applied(left, right, sign) for at, (left, right) in pairs.items()}
    return replace(series, points={at: v for at, v in values.items() if v is not None})


def _applied(left: float, right: float, sign: str) -> float | None:
    """The result, or None where there is none, as of a division by zero."""
    try:
        match sign:
            case "+":
                value = left + right
            case "-":
                value = left - right
            case "*":
                value = left * right
            case "/":
                value = left / right
            case _:
                value = math.pow(left, right)
    except (ValueError, ArithmeticError):
        return None
    return value if math.isfinite(value) else None


# Functions


def each(value: Value, change: Callable[[Series], Series], name: str) -> Value:
    """The value with every series of it changed; ``name`` is what refuses a number."""
    if isinstance(value, float):
        raise ExpressionError(f"{name} takes a series, not a number")
    return [change(one) for one in value] if isinstance(value, list) else change(value)


def _of_points(
    name: str, change: Callable[[list[tuple[int, float]]], dict[int, float]]
) -> _Function:
    """A function that makes a series of a series, from its points in the order of time."""

    def changed(one: Series) -> Series:
        points = change(sorted(one.points.items()))
        return replace(one, points={at: v for at, v in points.items() if math.isfinite(v)})

    return lambda value: each(value, changed, name)


def _of_numbers(change: Callable[[float], float]) -> _Function:
    """A function of each value by itself."""

    def apply(value: Value) -> Value:
        if isinstance(value, float):
            return change(value)
        return each(
            value,
            lambda one: replace(one, points={at: change(v) for at, v in one.points.items()}),
            "",
        )

    return apply


def _of_all(name: str, reduce: Callable[[list[float]], float]) -> _Function:
    """A function that makes a number of a series, and a series of several."""

    def apply(value: Value) -> Value:
        if isinstance(value, Series):
            if not value.points:
                raise ExpressionError(f"{name} of a series without values")
            return reduce(list(value.points.values()))
        if isinstance(value, float):
            raise ExpressionError(f"{name} takes a series, not a number")
        together: dict[int, list[float]] = {}
        for one in value:
            for at, number in one.points.items():
                together.setdefault(at, []).append(number)
        period_s = value[0].period_s if value else 60
        return Series(name, period_s, {at: reduce(found) for at, found in together.items()})

    return apply


def _differences(points: list[tuple[int, float]]) -> dict[int, float]:
    return {at: value - before for (_, before), (at, value) in pairwise(points)}


def _rates(points: list[tuple[int, float]]) -> dict[int, float]:
    return {
        at: (value - before) / (at - before_at) * 1000
        for (before_at, before), (at, value) in pairwise(points)
    }


def _running_sums(points: list[tuple[int, float]]) -> dict[int, float]:
    total, sums = 0.0, dict[int, float]()
    for at, value in points:
        total += value
        sums[at] = total
    return sums


def _period(value: Value) -> Value:
    return float(_as_series(value).period_s)


def _count(value: Value) -> Value:
    return float(len(_as_series(value).points))


def filled(series: Series, how: float | str, start_ms: int, end_ms: int) -> Series:
    """The series with a point for every period of the request, as far as that can be said."""
    step = series.period_s * 1000
    grid = range(start_ms - start_ms % step, end_ms, step)
    if len(grid) > _FILLED:
        raise ExpressionError(f"FILL would make {len(grid)} points; {_FILLED} are allowed")
    known = sorted(series.points.items())
    points = dict(series.points)
    behind = 0
    for at in grid:
        while behind < len(known) and known[behind][0] <= at:
            behind += 1
        if at in points:
            continue
        if isinstance(how, float):
            points[at] = how
        elif behind and how == "REPEAT":
            points[at] = known[behind - 1][1]
        elif 0 < behind < len(known):
            (low_at, low), (high_at, high) = known[behind - 1 : behind + 1]
            share = (at - low_at) / (high_at - low_at)
            points[at] = low * (1 - share) + high * share
    return replace(series, points=points)


def series_list(values: Sequence[Value]) -> list[Series]:
    """An array of series and of the series of arrays."""
    found: list[Series] = []
    for value in values:
        found += value if isinstance(value, list) else [_as_series(value)]
    return found


_Function = Callable[[Value], Value]
FUNCTIONS: dict[str, _Function] = {
    "ABS": _of_numbers(abs),
    "AVG": _of_all("AVG", statistics.fmean),
    "CEIL": _of_numbers(lambda value: float(math.ceil(value))),
    "DATAPOINT_COUNT": _count,
    "DIFF": _of_points("DIFF", _differences),
    "FLOOR": _of_numbers(lambda value: float(math.floor(value))),
    "MAX": _of_all("MAX", max),
    "MIN": _of_all("MIN", min),
    "PERIOD": _period,
    "RATE": _of_points("RATE", _rates),
    "RUNNING_SUM": _of_points("RUNNING_SUM", _running_sums),
    "STDDEV": _of_all("STDDEV", statistics.pstdev),
    "SUM": _of_all("SUM", math.fsum),
}
