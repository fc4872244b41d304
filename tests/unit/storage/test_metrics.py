"""Metric series over the in-memory records."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import (
    Datum,
    MetricStore,
    Statistic,
    by_period,
    cursor,
    merged,
    percentile,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
JOB = (("TrainingJobName", "job"),)


def datum(value: float, second: float, unit: str = "None") -> Datum:
    return Datum("ns", "accuracy", JOB, value, NOON + timedelta(seconds=second), unit)


@pytest.fixture
def metrics() -> MetricStore:
    """An empty store."""
    return MetricStore(MemoryRecords())


def between(
    metrics: MetricStore, first: float, last: float, period_s: int | None = None
) -> list[Statistic]:
    start, end = NOON + timedelta(seconds=first), NOON + timedelta(seconds=last)
    found = metrics.statistics("ns", "accuracy", JOB, start=start, end=end)
    if period_s is None:
        return found
    return [merged(at, unit, data) for (at, unit), data in by_period(found, period_s).items()]


def test_every_datum_stays_alone_without_a_period(metrics: MetricStore) -> None:
    """Four epochs within a second are four statistics at their own times."""
    metrics.put([datum(0.5 + n / 10, n / 4) for n in range(4)]).result()
    found = between(metrics, 0, 1)
    assert [one.average for one in found] == pytest.approx([0.5, 0.6, 0.7, 0.8])
    assert found[1].at == NOON + timedelta(seconds=0.25)


def test_a_period_merges_what_lies_in_it(metrics: MetricStore) -> None:
    """Data of one minute become one statistic at the minute's start."""
    metrics.put([datum(1.0, 10), datum(4.0, 50), datum(7.0, 61)])
    first, second = between(metrics, 0, 120, period_s=60)
    assert first == Statistic(NOON, "None", 2, 5.0, 1.0, 4.0)
    assert (second.at, second.average) == (NOON + timedelta(seconds=60), 7.0)


def test_units_are_kept_apart(metrics: MetricStore) -> None:
    """Milliseconds and seconds are never added up; a unit can be asked for."""
    metrics.put([datum(1, 1, "Seconds"), datum(1000, 1, "Milliseconds")])
    assert {one.unit for one in between(metrics, 0, 60, period_s=60)} == {
        "Seconds",
        "Milliseconds",
    }
    start, end = NOON, NOON + timedelta(seconds=60)
    (only,) = metrics.statistics("ns", "accuracy", JOB, start=start, end=end, unit="Seconds")
    assert only.total == 1


def test_end_is_exclusive(metrics: MetricStore) -> None:
    """A datum at the start counts, one at the end does not."""
    metrics.put([datum(1, 0), datum(2, 60)])
    assert [one.total for one in between(metrics, 0, 60)] == [1]


def test_a_datum_can_stand_for_many(metrics: MetricStore) -> None:
    """Counted measurements weigh as many, with their own extremes."""
    many = Datum("ns", "accuracy", JOB, 2.0, NOON, count=9, minimum=0.5, maximum=8.0)
    metrics.put([many, datum(12.0, 1)])
    (one,) = between(metrics, 0, 60, period_s=60)
    assert (one.count, one.average, one.minimum, one.maximum) == (10, 3.0, 0.5, 12.0)


def test_order_of_dimensions_does_not_matter(metrics: MetricStore) -> None:
    """The same dimensions in another order are the same series."""
    metrics.put([Datum("ns", "m", (("a", "1"), ("b", "2")), 1.0, NOON)])
    end = NOON + timedelta(seconds=1)
    assert metrics.statistics("ns", "m", (("b", "2"), ("a", "1")), start=NOON, end=end)
    assert not metrics.statistics("ns", "m", (("a", "1"),), start=NOON, end=end)


def test_metrics_are_listed_by_namespace_in_pages(metrics: MetricStore) -> None:
    """A namespace is a whole name, not the start of one, and a page goes on behind a metric."""
    metrics.put([Datum(space, name, (), 1.0, NOON) for space in ("ns", "ns2") for name in "ab"])
    first = metrics.metrics(namespace="ns", limit=1)
    rest = metrics.metrics(namespace="ns", after=cursor(first[0]))
    assert [metric.name for metric in first + rest] == ["a", "b"]
    assert len(metrics.metrics()) == 4


def test_a_series_is_bounded(metrics: MetricStore) -> None:
    """The oldest data go when a series is full."""
    for start in range(0, 21_000, 3000):
        metrics.put([datum(n, n) for n in range(start, start + 3000)])
    found = between(metrics, 0, 30_000)
    assert (len(found), found[0].total) == (20_000, 1000)


def test_only_finite_values(metrics: MetricStore) -> None:
    """Not-a-number is no measurement, and nothing of its batch is kept."""
    with pytest.raises(InvalidInput, match="finite"):
        metrics.put([datum(1, 0), datum(float("nan"), 1)])
    assert between(metrics, 0, 60) == []


def alone(*values: float, count: float = 1.0) -> list[Statistic]:
    """Measurements of one period, each as a statistic of its own."""
    return [Statistic(NOON, "None", count, value * count, value, value) for value in values]


@pytest.mark.parametrize(
    ("data", "rank", "value"),
    [
        (alone(5), 50, 5),
        (alone(4, 1, 3, 2), 0, 1),
        (alone(4, 1, 3, 2), 100, 4),
        (alone(4, 1, 3, 2), 50, 2.5),
        (alone(*range(101)), 99, 99),
        (alone(*range(101)), 99.9, 99.9),
        (alone(1, count=99) + alone(100), 99, 1.99),
        (alone(1, count=99) + alone(100), 100, 100),
        (alone(1, count=2) + alone(3, count=2), 50, 2),
        ([], 50, None),
        (alone(1, count=0), 50, None),
        ([Statistic(NOON, "None", 2, 12, 3, 9)], 50, None),
    ],
)
def test_percentiles(data: list[Statistic], rank: float, value: float | None) -> None:
    """Counts count, neighbours are interpolated, and a mere set of statistics tells none."""
    found = percentile(data, rank)
    assert found is None if value is None else found == pytest.approx(value)


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=40),
    st.floats(0, 100),
)
def test_a_percentile_is_what_numpy_says(values: list[float], rank: float) -> None:
    """Where every measurement counts once, it is the usual linear interpolation."""
    assert percentile(alone(*values), rank) == pytest.approx(np.percentile(values, rank))


def test_periods_keep_units_apart_or_not(metrics: MetricStore) -> None:
    """Data of one minute in two units are two periods, or one where the unit does not matter."""
    metrics.put([datum(1, 0, "Count"), datum(2, 59, "Seconds"), datum(3, 60, "Count")]).result()
    found = between(metrics, 0, 120)
    apart = {(at.minute, unit): len(data) for (at, unit), data in by_period(found, 60).items()}
    assert apart == {(0, "Count"): 1, (0, "Seconds"): 1, (1, "Count"): 1}
    together = by_period(found, 60, units_apart=False)
    assert [len(data) for data in together.values()] == [2, 1]


def test_a_metric_tells_when_something_was_put(metrics: MetricStore) -> None:
    """Which metrics are in use can be told from those that once were."""
    before = clock.epoch_ms()
    metrics.put([datum(1, 0)]).result()
    (metric,) = metrics.metrics()
    assert metric.put_ms is not None
    assert before <= metric.put_ms <= clock.epoch_ms()
