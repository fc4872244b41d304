"""Metrics, as CloudWatch keeps them: one series for each namespace, name and set of dimensions.

A series keeps its newest 20 segments, up to 20,000 data; older ones go 1,000 at a time.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate

import orjson

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.storage.records import Document, Records
from bakehouse.storage.series import Entry, SeriesStore

Dimensions = tuple[tuple[str, str], ...]
"""Names and values; their order does not matter."""

_KIND = "metrics/series"
_KEPT_SEGMENTS = 20


@dataclass(frozen=True, slots=True)
class Datum:
    """One measurement, or ``count`` of them with the mean ``value``.

    ``minimum`` and ``maximum`` are those of the measurements; None where there is one only.
    """

    namespace: str
    name: str
    dimensions: Dimensions
    value: float
    at: datetime
    unit: str = "None"
    count: float = 1.0
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True, slots=True)
class Statistic:
    """What is known of the data of one period, from ``at`` on, in one unit."""

    at: datetime
    unit: str
    count: float
    total: float
    minimum: float
    maximum: float

    @property
    def average(self) -> float:
        """The mean; 0 where nothing was counted."""
        return self.total / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Metric:
    """The name of a series."""

    namespace: str
    name: str
    dimensions: Dimensions
    put_ms: int | None = field(default=None, compare=False)
    """When something was last added."""


class MetricStore:
    """Every metric of a data folder. Safe to use from several threads."""

    def __init__(self, records: Records) -> None:
        self._series = SeriesStore(records, _KIND, segments=_KEPT_SEGMENTS)

    def put(self, data: Sequence[Datum]) -> Future[None]:
        """Add measurements, all in one commit.

        Raises:
            InvalidInput: a value is not a finite number.
        """
        added: dict[str, list[tuple[int, Document]]] = {}
        for datum in data:
            key = _key(datum.namespace, datum.name, datum.dimensions)
            added.setdefault(key, []).append((clock.to_epoch_ms(datum.at), _to_row(datum)))
        return self._series.append(added)

    def statistics(
        self,
        namespace: str,
        name: str,
        dimensions: Dimensions = (),
        *,
        start: datetime,
        end: datetime,
        unit: str | None = None,
    ) -> list[Statistic]:
        """The data of a series from ``start`` up to, but not including, ``end``, oldest first.

        Each stays alone, at its own time; :func:`by_period` puts them together. ``unit`` leaves out
        all others.
        """
        start_ms, end_ms = clock.to_epoch_ms(start), clock.to_epoch_ms(end)
        found = self._series.read(_key(namespace, name, dimensions), from_ms=start_ms)
        kept = [
            _to_statistic(entry)
            for entry in found
            if entry.at_ms < end_ms and unit in (None, entry.value["u"])
        ]
        return sorted(kept, key=lambda statistic: statistic.at)

    def metrics(self, *, namespace: str = "", after: str = "", limit: int = 500) -> list[Metric]:
        """Up to ``limit`` series, of one namespace or of all.

        ``after`` is the ``cursor`` of the last one that the caller has.
        """
        prefix = orjson.dumps([namespace]).decode()[:-1] + "," if namespace else ""
        found = self._series.scan(prefix=prefix, after=after, limit=limit)
        return [_from_key(key, extent.appended_ms) for key, extent in found]


def by_period(
    statistics: Iterable[Statistic], period_s: int, *, units_apart: bool = True
) -> dict[tuple[datetime, str], list[Statistic]]:
    """The data of each period (aligned to 1970) and, unless told otherwise, unit."""
    periods: dict[tuple[datetime, str], list[Statistic]] = {}
    for one in statistics:
        at_ms = clock.to_epoch_ms(one.at)
        at = clock.from_epoch_ms(at_ms - at_ms % (period_s * 1000))
        periods.setdefault((at, one.unit if units_apart else ""), []).append(one)
    return periods


def merged(at: datetime, unit: str, data: Sequence[Statistic]) -> Statistic:
    """One statistic of several, of which there is at least one."""
    return Statistic(
        at,
        unit,
        sum(one.count for one in data),
        sum(one.total for one in data),
        min(one.minimum for one in data),
        max(one.maximum for one in data),
    )


def percentile(data: Sequence[Statistic], rank: float) -> float | None:
    """The value below which ``rank`` percent (0 to 100) of the measurements lie.

    Between two measurements it is interpolated. None where only a set of statistics is known of
    several measurements that are not all the same, or where nothing was counted.
    """
    counted = sorted(((one.average, one.count) for one in data if one.count), key=lambda p: p[0])
    if not counted or any(one.minimum != one.maximum for one in data):
        return None
    ends = list(accumulate(count for _, count in counted))
    place = rank / 100 * (ends[-1] - 1)
    low = counted[min(bisect_right(ends, place), len(ends) - 1)][0]
    high = counted[min(bisect_right(ends, place + 1), len(ends) - 1)][0]
    between = place - math.floor(place)
    return low if between == 0 else low + (high - low) * between


def cursor(metric: Metric) -> str:
    """Where a metric stands in the order of ``MetricStore.metrics``."""
    return _key(metric.namespace, metric.name, metric.dimensions)


def _key(namespace: str, name: str, dimensions: Dimensions) -> str:
    return orjson.dumps([namespace, name, sorted(dimensions)]).decode()


def _from_key(key: str, put_ms: int | None) -> Metric:
    namespace, name, dimensions = orjson.loads(key)
    return Metric(namespace, name, tuple((part, value) for part, value in dimensions), put_ms)


def _to_row(datum: Datum) -> Document:
    for number in (datum.value, datum.count, datum.minimum, datum.maximum):
        if number is not None and not math.isfinite(number):
            raise InvalidInput(datum.name, number, "a finite number")
    row: Document = {"v": datum.value, "u": datum.unit}
    if datum.count != 1:
        row["n"] = datum.count
    if datum.minimum is not None or datum.maximum is not None:
        row["lo"], row["hi"] = datum.minimum, datum.maximum
    return row


def _to_statistic(entry: Entry) -> Statistic:
    row = entry.value
    mean, count = row["v"], row.get("n", 1.0)
    low, high = row.get("lo"), row.get("hi")
    return Statistic(
        clock.from_epoch_ms(entry.at_ms),
        row["u"],
        count,
        mean * count,
        mean if low is None else low,
        mean if high is None else high,
    )
