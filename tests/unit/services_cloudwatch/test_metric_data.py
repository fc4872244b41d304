"""GetMetricData: metrics and metric math, as boto3 sees them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st

from bakehouse.services.cloudwatch import service
from bakehouse.services.cloudwatch.arithmetic import ExpressionError, Series
from bakehouse.services.cloudwatch.expressions import Surroundings, evaluate
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import Datum, MetricStore
from support.doors import client, served

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SPAN = {"StartTime": NOON, "EndTime": NOON + timedelta(minutes=5)}


def minutes(name: str, values: dict[int, float]) -> list[Datum]:
    return [Datum("App", name, (), v, NOON + timedelta(minutes=m)) for m, v in values.items()]


@pytest.fixture(scope="module")
def cloudwatch() -> Iterator[Any]:
    """A client of a store with two metrics, one of which has a gap."""
    store = MetricStore(MemoryRecords())
    store.put(minutes("calls", {0: 10.0, 1: 20.0, 2: 30.0, 3: 40.0})).result()
    store.put(minutes("errors", {0: 1.0, 1: 0.0, 3: 8.0})).result()
    with served([service(store, lambda: NOON)]) as url:
        yield client("cloudwatch", url)


def metric(id_: str, name: str, stat: str = "Sum", **more: Any) -> dict[str, Any]:
    wanted = {"Metric": {"Namespace": "App", "MetricName": name}, "Period": 60, "Stat": stat}
    return {"Id": id_, "MetricStat": wanted, **more}


CALLS, ERRORS = metric("m1", "calls", ReturnData=False), metric("m2", "errors", ReturnData=False)


def computed(cloudwatch: Any, expression: str) -> list[dict[int, float]]:
    """The values that an expression gives, by minute, for each series in its result."""
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[CALLS, ERRORS, {"Id": "e1", "Expression": expression}], **SPAN
    )
    return [
        {
            round((at - NOON).total_seconds() / 60): value
            for at, value in zip(result["Timestamps"], result["Values"], strict=True)
        }
        for result in answer["MetricDataResults"]
    ]


def test_metrics_newest_first(cloudwatch: Any) -> None:
    """Each query has its result, labelled with the metric's name, the newest point first."""
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[metric("a", "calls"), metric("b", "errors", "Maximum", Label="worst")],
        **SPAN,
    )
    first, second = answer["MetricDataResults"]
    assert (first["Id"], first["Label"], first["StatusCode"]) == ("a", "calls", "Complete")
    assert first["Values"] == [40.0, 30.0, 20.0, 10.0]
    assert first["Timestamps"][-1] == NOON
    assert (second["Label"], second["Values"]) == ("worst", [8.0, 0.0, 1.0])
    oldest = cloudwatch.get_metric_data(
        MetricDataQueries=[metric("a", "calls", "p50")], ScanBy="TimestampAscending", **SPAN
    )
    assert oldest["MetricDataResults"][0]["Values"] == [10.0, 20.0, 30.0, 40.0]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        ("m1 + m2", [{0: 11, 1: 20, 3: 48}]),
        ("m2 / m1 * 100", [{0: 10, 1: 0, 3: 20}]),
        ("m1 / m2", [{0: 10, 3: 5}]),
        ("-m2 ^ 2", [{0: -1, 1: 0, 3: -64}]),
        ("2 * (m1 - 5)", [{0: 10, 1: 30, 2: 50, 3: 70}]),
        ("SUM([m1, m2])", [{0: 11, 1: 20, 2: 30, 3: 48}]),
        ("SUM(METRICS())", [{0: 11, 1: 20, 2: 30, 3: 48}]),
        ("MAX(METRICS())", [{0: 10, 1: 20, 2: 30, 3: 40}]),
        ('METRICS("m2")', [{0: 1, 1: 0, 3: 8}]),
        ("[m1, m2] * 2", [{0: 20, 1: 40, 2: 60, 3: 80}, {0: 2, 1: 0, 3: 16}]),
        ("m1 * 0 + AVG(m1)", [{0: 25, 1: 25, 2: 25, 3: 25}]),
        ("m1 * 0 + SUM(m2) / DATAPOINT_COUNT(m2)", [{0: 3, 1: 3, 2: 3, 3: 3}]),
        ("m1 * 0 + MIN(m1) + STDDEV([m1, m1])", [{0: 10, 1: 10, 2: 10, 3: 10}]),
        ("m1 / PERIOD(m1)", [{0: 1 / 6, 1: 1 / 3, 2: 0.5, 3: 2 / 3}]),
        ("RATE(m1)", [{1: 1 / 6, 2: 1 / 6, 3: 1 / 6}]),
        ("DIFF(m2)", [{1: -1, 3: 8}]),
        ("RUNNING_SUM(m2)", [{0: 1, 1: 1, 3: 9}]),
        ("FILL(m2, 5)", [{0: 1, 1: 0, 2: 5, 3: 8, 4: 5}]),
        ("FILL(m2, REPEAT)", [{0: 1, 1: 0, 2: 0, 3: 8, 4: 8}]),
        ("FILL(m2, LINEAR)", [{0: 1, 1: 0, 2: 4, 3: 8}]),
        ("CEIL(m1 / 25) + FLOOR(m1 / 25) + ABS(0 - m1)", [{0: 11, 1: 21, 2: 33, 3: 43}]),
        ("m1 * 1e308 * 10", [{}]),
    ],
)
def test_expressions(cloudwatch: Any, expression: str, values: list[dict[int, float]]) -> None:
    """Series meet where both have a point; a division by zero has no value."""
    assert computed(cloudwatch, expression) == [pytest.approx(one) for one in values]


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("m1 +", "ends in the middle"),
        ("m1 m2", "Unexpected"),
        ("m9", "m9"),
        ("e1", "refers to itself"),
        ("SUM(m1)", "a number"),
        ("IF(m1, 1, 2)", "IF"),
        ("SEARCH('x')", "Unexpected"),
        ("m1 > 5", "Unexpected"),
        ("METRICS() + METRICS()", "arrays"),
        ("ABS(m1, m2)", "ABS takes 1"),
        ("FILL(m1, m2)", "FILL takes"),
        ("AVG(5)", "AVG takes"),
        ("(" * 1000, "nested"),
        ("-" * 2000, "nested"),
        ("FILL(m1", "Expected"),
        ("1 / 0", "no value"),
    ],
)
def test_expressions_that_are_refused(cloudwatch: Any, expression: str, why: str) -> None:
    """What is wrong or not built is named, with the query in which it stands."""
    with pytest.raises(ClientError) as refused:
        computed(cloudwatch, expression)
    error = refused.value.response["Error"]
    assert error["Code"] == "ValidationError"
    assert error["Message"].startswith("Error in expression 'e1': ")
    assert why in error["Message"]


def test_an_array_has_a_limit_and_every_point_is_counted() -> None:
    """However small an expression is, it cannot make the server compute without end."""
    series = Series("m", 60, dict.fromkeys(range(0, 600000, 60000), 1.0))
    counted: list[int] = []
    around = Surroundings(lambda _: [series] * 300, dict, 0, 600_000, counted.append)
    with pytest.raises(ExpressionError, match="600 series"):
        evaluate("[m, m]", around)
    evaluate("m * 2 + 1", around)
    assert counted == [3000, 3000]
    with pytest.raises(ExpressionError, match="FILL would make"):
        evaluate("FILL(m, 0)", replace(around, end_ms=10**12))


def test_pages_give_every_point_once(cloudwatch: Any) -> None:
    """MaxDatapoints cuts a result in two; the pages together are the whole."""
    queries = [metric("a", "calls"), metric("b", "errors")]
    for size in (1, 2, 3, 4, 5, 7):
        found: dict[str, list[float]] = {}
        token: dict[str, str] = {}
        while True:
            answer = cloudwatch.get_metric_data(
                MetricDataQueries=queries, MaxDatapoints=size, **SPAN, **token
            )
            results = answer["MetricDataResults"]
            assert sum(len(result["Values"]) for result in results) <= size
            for result in results:
                found.setdefault(result["Id"], []).extend(result["Values"])
            if "NextToken" not in answer:
                break
            token = {"NextToken": answer["NextToken"]}
        assert found == {"a": [40.0, 30.0, 20.0, 10.0], "b": [8.0, 0.0, 1.0]}


@pytest.mark.parametrize(
    ("queries", "change"),
    [
        ([metric("a", "calls"), metric("a", "errors")], {}),
        ([metric("Upper", "calls")], {}),
        ([{"Id": "a"}], {}),
        ([{**metric("a", "calls"), "Expression": "1"}], {}),
        ([CALLS], {}),
        ([metric("a", "calls", "tm99")], {}),
        ([metric("a", "calls", Label="${AVG}")], {}),
        ([{"Id": "a", "MetricStat": {"Metric": {}, "Period": 60, "Stat": "Sum"}}], {}),
        ([{"Id": "a", "MetricStat": metric("a", "c")["MetricStat"] | {"Period": 61}}], {}),
        ([metric("a", "calls")], {"EndTime": NOON}),
        ([metric("a", "calls")], {"NextToken": "x"}),
        ([metric("a", "calls")], {"MaxDatapoints": 0}),
        ([metric("a", "calls")], {"StartTime": NOON - timedelta(days=366)}),
    ],
)
def test_queries_that_are_refused(
    cloudwatch: Any, queries: list[dict[str, Any]], change: dict[str, Any]
) -> None:
    """A request that makes no sense is the caller's mistake."""
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_data(MetricDataQueries=queries, **{**SPAN, **change})
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_many_queries_that_refer_to_each_other_end(cloudwatch: Any) -> None:
    """A chain of 400 expressions is refused or computed, and never an error of ours."""
    chain = [{"Id": f"e{n}", "Expression": f"e{n + 1} + 1"} for n in range(400)]
    with pytest.raises(ClientError) as refused:
        cloudwatch.get_metric_data(MetricDataQueries=[*chain, metric("e400", "calls")], **SPAN)
    assert refused.value.response["Error"]["Code"] == "ValidationError"


FUNCTIONS = ("SUM", "AVG", "STDDEV", "CEIL", "RATE", "RUNNING_SUM", "FILL", "DIFF", "PERIOD", "IF")
SIGNS = ("+", "-", "*", "/", "^", "(", ")", "[", "]", ",")
WORDS = ("m", "n", "1", "2.5", "1e308", "0", "REPEAT", "LINEAR", '"m"', "METRICS()")
TOKENS = st.sampled_from([*SIGNS, *WORDS, *(f"{name}(" for name in FUNCTIONS)])


def missing(name: str) -> Series:
    raise ExpressionError(f"There is no {name}")


@given(st.lists(TOKENS, min_size=1, max_size=14).map(" ".join))
@settings(max_examples=500, deadline=None)
def test_any_expression_is_computed_or_refused(expression: str) -> None:
    """Whatever is written, there is a value or a sentence that says why not."""
    one = Series("m", 60, {0: 1.0, 60_000: -3e300, 120_000: 0.0})
    other = Series("n", 60, {0: 1e308, 120_000: 1e308, 180_000: -0.5})
    values = {"m": one, "n": other}
    around = Surroundings(
        lambda name: values[name] if name in values else missing(name),
        lambda: values,
        0,
        240_000,
        lambda points: None,
    )
    with contextlib.suppress(ExpressionError):
        assert isinstance(evaluate(expression, around), float | Series | list)
