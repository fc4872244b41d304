"""JSON texts, timestamps, choice rules and retriers: the small tables of the language."""

from __future__ import annotations

import random
from typing import Any

import pytest

from bakehouse.faults import StatesError
from bakehouse.states.choice import parse_rule
from bakehouse.states.json_text import (
    LIMIT_BYTES,
    NotJson,
    is_same,
    is_surely_too_large,
    is_too_large,
    parse,
    to_text,
)
from bakehouse.states.problems import InvalidDefinition
from bakehouse.states.retry import Retrier, delay_s, first_meeting, meets
from bakehouse.states.scope import Scope
from bakehouse.states.timestamps import parse_timestamp

# JSON


@pytest.mark.parametrize(
    "text",
    [
        '{"a":1.0,"b":1,"c":-0.5}',
        "123456789012345678901234567890",
        '"ä\\n\U0001f197"',
        "[]",
        "null",
    ],
)
def test_json_passes_through_unchanged(text: str) -> None:
    """Whole numbers of any length stay whole, 1.0 stays 1.0, and text is not escaped."""
    assert to_text(parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "NaN",
        "[Infinity]",
        "1e999",
        '"\\ud800"',
        "[" * 100_000,
        "[" * 500 + "]" * 500,
        b"\xff",
        "9" * 5000,
    ],
)
def test_what_is_not_strict_json_is_refused(text: str | bytes) -> None:
    """NaN, infinities, half surrogates and endless nesting never get in."""
    with pytest.raises(NotJson):
        parse(text)


def test_a_bare_word_is_named_in_the_words_of_aws() -> None:
    """The message carries the token, the line and the column after it."""
    with pytest.raises(NotJson, match="Unrecognized token 'not'") as refused:
        parse("not a definition")
    assert str(refused.value).endswith("line: 1, column: 4]")


def test_a_value_nested_too_deeply_is_not_written() -> None:
    """ResultPath in a loop cannot make what nobody can read back."""
    nested: Any = 1
    for _ in range(5000):
        nested = {"a": nested}
    with pytest.raises(NotJson):
        to_text(nested)


def test_the_limit_counts_bytes() -> None:
    """A text of the limit passes; one byte more, or as many umlauts, does not."""
    assert not is_too_large("x" * LIMIT_BYTES)
    assert is_too_large("x" * (LIMIT_BYTES + 1))
    assert is_too_large("ä" * (LIMIT_BYTES // 2 + 1))
    assert is_surely_too_large(["x" * 1000] * 1000)
    assert not is_surely_too_large(["x" * 1000] * 100)


def test_true_is_not_one() -> None:
    """Python says that they are equal, JSON does not."""
    assert is_same(1, 1.0)
    assert not is_same(True, 1)


# Timestamps


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("1970-01-01T01:00:00+01:00", 0),
        ("1969-12-31T19:00:00.000000001-05:00", 1),
        ("1970-01-01", None),
        ("1970-01-01T00:00:01", None),
        ("1970-01-01 00:00:01Z", None),
        ("1970-13-01T00:00:01Z", None),
        ("1970-01-01t00:00:01z", None),
        (5, None),
    ],
)
def test_a_timestamp_has_a_t_and_a_zone(text: object, nanoseconds: int | None) -> None:
    """Anything else is not a timestamp."""
    assert parse_timestamp(text) == nanoseconds


# Choice


def holds(rule: dict[str, Any], data: Any) -> bool:
    scope = Scope(data, lambda: {"Execution": {"Input": data}}, random.Random(1))
    return parse_rule(rule, "/States/C/Choices[0]")(scope)


@pytest.mark.parametrize(
    ("operator", "operand", "true_of", "false_of"),
    [
        ("StringEquals", "a", ["a"], ["b", 1, None]),
        ("StringLessThan", "b", ["a"], ["b", "c", 1]),
        ("StringGreaterThan", "a", ["b"], ["a", ""]),
        ("StringLessThanEquals", "a", ["a", ""], ["b"]),
        ("StringGreaterThanEquals", "b", ["b", "c"], ["a"]),
        ("StringMatches", "log-*.txt", ["log-.txt", "log-1.txt"], ["log-1.txt2", "log.txt"]),
        ("StringMatches", r"\**", ["*", "*a"], ["a"]),
        ("StringMatches", "*a*a*", ["aa", "xaya"], ["a", 7]),
        ("StringMatches", "ab*ba", ["abba", "abxba"], ["aba"]),
        ("NumericEquals", 1, [1, 1.0], [True, "1", 2]),
        ("NumericLessThan", 1.5, [1], [1.5, "1"]),
        ("NumericGreaterThan", 1, [2], [1]),
        ("NumericLessThanEquals", 1, [1, 0], [2]),
        ("NumericGreaterThanEquals", 1, [1, 2], [0]),
        ("BooleanEquals", False, [False], [0, True, None]),
        ("TimestampEquals", "2020-01-01T00:00:00Z", ["2020-01-01T01:00:00+01:00"], ["2020", 1]),
        ("TimestampLessThan", "2020-01-01T00:00:00Z", ["2019-01-01T00:00:00Z"], ["2019-01-01"]),
        ("IsNull", True, [None], [0, ""]),
        ("IsNull", False, [0], [None]),
        ("IsNumeric", True, [0, 1.5], [True, "1"]),
        ("IsString", True, [""], [0]),
        ("IsBoolean", True, [False], [0]),
        ("IsTimestamp", True, ["2020-01-01T00:00:00Z"], ["2020-01-01", 1]),
        ("IsPresent", True, [None, 0], []),
    ],
)
def test_an_operator_compares_values_of_its_kind(
    operator: str, operand: Any, true_of: list[Any], false_of: list[Any]
) -> None:
    """A value of another kind does not hold, and is no error."""
    rule = {"Variable": "$.v", operator: operand}
    assert [holds(rule, {"v": value}) for value in true_of] == [True] * len(true_of)
    assert [holds(rule, {"v": value}) for value in false_of] == [False] * len(false_of)


def test_a_path_operand_is_read_from_the_input_or_the_context() -> None:
    """Both sides may be paths."""
    rule = {"Variable": "$$.Execution.Input.a", "NumericLessThanPath": "$.b"}
    assert holds(rule, {"a": 1, "b": 2})
    assert not holds(rule, {"a": 1, "b": "2"})


def test_rules_combine() -> None:
    """And, Or and Not nest."""
    big, text = {"Variable": "$.n", "NumericGreaterThan": 5}, {"Variable": "$.n", "IsString": True}
    rule = {"Or": [{"And": [big, {"Not": text}]}, text], "Next": "X"}
    assert [holds(rule, {"n": n}) for n in (6, 5, "x")] == [True, False, True]


def test_a_missing_variable_is_an_error_but_to_is_present() -> None:
    """IsPresent asks; everything else must find something."""
    assert holds({"Variable": "$.v", "IsPresent": False}, {})
    with pytest.raises(StatesError, match=r"Invalid path '\$\.v'"):
        holds({"Variable": "$.v", "IsNull": True}, {})


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"Variable": "$.v"},
        {"Variable": "$.v", "StringEquals": 1},
        {"Variable": "$.v", "IsNull": "yes"},
        {"Variable": "$.v", "NoSuchOperator": 1},
        {"Variable": "$.v", "StringMatchesPath": "$.w"},
        {"Variable": "v", "StringEquals": "a"},
        {"Variable": "$.v", "StringEquals": "a", "IsNull": True},
        {"And": []},
        {"Not": {"Variable": "$.v", "IsNull": True, "Next": "X"}},
        {"Condition": "{% true %}"},
    ],
)
def test_what_is_no_rule_is_refused(rule: dict[str, Any]) -> None:
    """Each refusal is made when the machine is."""
    with pytest.raises(InvalidDefinition):
        parse_rule(rule, "/States/C/Choices[0]")


# Retry and Catch


@pytest.mark.parametrize(
    ("name", "met", "not_met"),
    [
        ("States.ALL", ["ValueError", "States.Timeout", "States.DataLimitExceeded"], []),
        ("States.TaskFailed", ["ValueError"], ["States.Timeout", "States.DataLimitExceeded"]),
        ("States.Timeout", ["States.Timeout", "States.HeartbeatTimeout"], ["ValueError"]),
        ("ValueError", ["ValueError"], ["TypeError"]),
        ("States.Runtime", [], ["States.Runtime"]),
    ],
)
def test_an_error_meets_names(name: str, met: list[str], not_met: list[str]) -> None:
    """Nothing meets States.Runtime, not even its own name."""
    assert all(meets([name], error) for error in met)
    assert not any(meets([name], error) for error in [*not_met, "States.Runtime"])


def test_too_large_a_result_is_tried_again_only_by_name() -> None:
    """The same work would give the same result."""
    assert first_meeting([Retrier(("States.ALL",))], "States.DataLimitExceeded") is None
    assert first_meeting([Retrier(("States.DataLimitExceeded",))], "States.DataLimitExceeded") == 0


def test_delays_grow_to_their_limit() -> None:
    """min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** (attempt - 1))."""
    retrier = Retrier(("X",), interval_s=2, backoff_rate=3, most_delay_s=10)
    chance = random.Random(1)
    assert [delay_s(retrier, attempt, chance) for attempt in (1, 2, 3, 4000)] == [2, 6, 10, 10]


def test_jitter_takes_a_random_part_of_the_delay() -> None:
    """FULL draws between nothing and the whole."""
    retrier = Retrier(("X",), interval_s=8, is_jittered=True)
    delays = {delay_s(retrier, 1, random.Random(seed)) for seed in range(20)}
    assert len(delays) == 20
    assert all(0 <= delay <= 8 for delay in delays)
