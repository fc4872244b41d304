"""Event patterns: the operators of EventBridge, and what is no pattern."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.faults import InvalidInput
from bakehouse.notifications.patterns import compile_pattern

EVENT: dict[str, Any] = {
    "source": "aws.s3",
    "detail-type": "Object Created",
    "resources": ["arn:aws:s3:::photos", "arn:aws:s3:::other"],
    "detail": {
        "bucket": {"name": "photos"},
        "object": {"key": "in/Cat.PNG", "size": 120, "etag": None},
        "source-ip-address": "10.0.0.7",
        "is-new": True,
        "labels": [{"name": "cat", "score": 0.9}, {"name": "dog", "score": 0.1}],
    },
}


def matches(pattern: Any) -> bool:
    """Whether a pattern is for EVENT."""
    return compile_pattern(json.dumps(pattern))(EVENT)


def of_key(test: Any) -> dict[str, Any]:
    """A pattern that tests the object's key."""
    return {"detail": {"object": {"key": [test]}}}


def of_size(*comparison: Any) -> dict[str, Any]:
    """A pattern that compares the object's size."""
    return {"detail": {"object": {"size": [{"numeric": list(comparison)}]}}}


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.s3"]},
        {"source": ["aws.ec2", "aws.s3"], "detail-type": ["Object Created"]},
        {"resources": ["arn:aws:s3:::other"]},
        {"detail": {"bucket": {"name": ["photos"]}, "object": {"size": [120]}}},
        {"detail": {"object": {"size": [120.0], "etag": [None]}, "is-new": [True]}},
        {"detail": {"labels": {"name": ["dog"]}}},
        of_key({"prefix": "in/"}),
        of_key({"suffix": ".PNG"}),
        of_key({"prefix": {"equals-ignore-case": "IN/"}}),
        of_key({"suffix": {"equals-ignore-case": ".png"}}),
        of_key({"equals-ignore-case": "IN/CAT.png"}),
        of_key({"wildcard": "in/*.PNG"}),
        of_key({"wildcard": "*Cat*"}),
        of_key({"wildcard": "*"}),
        of_key({"anything-but": "out"}),
        of_key({"anything-but": ["out", "in"]}),
        of_key({"anything-but": {"prefix": "out/"}}),
        of_key({"anything-but": {"suffix": [".txt", ".csv"]}}),
        of_key({"anything-but": {"wildcard": "*.txt"}}),
        of_key({"exists": True}),
        {"detail": {"object": {"missing": [{"exists": False}]}}},
        {"detail": {"nothing": {"at-all": [{"exists": False}]}}},
        of_size("=", 120),
        of_size(">", 100, "<=", 120),
        of_size(">=", 120, "<", 1e9),
        {"detail": {"source-ip-address": [{"cidr": "10.0.0.0/24"}]}},
        {"detail": {"$or": [{"is-new": [False]}, {"bucket": {"name": ["photos"]}}]}},
    ],
    ids=json.dumps,
)
def test_a_pattern_that_is_for_an_event(pattern: dict[str, Any]) -> None:
    """It names less than the event has, and one of what it lists is there."""
    assert matches(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["aws.s"]},
        {"source": ["AWS.S3"]},
        {"source": ["aws.s3"], "region": ["us-east-1"]},
        {"detail": {"bucket": ["photos"]}},
        {"detail": {"bucket": {"name": {"first": ["photos"]}}}},
        {"detail": {"object": {"size": ["120"]}}},
        {"detail": {"is-new": [1]}},
        of_key({"prefix": "In/"}),
        of_key({"wildcard": "in/*.png"}),
        of_key({"wildcard": "in/Cat.PNG*x"}),
        of_key({"wildcard": "*t*t*"}),
        of_key({"anything-but": ["in/Cat.PNG"]}),
        of_key({"anything-but": {"prefix": ["out/", "in/"]}}),
        of_key({"exists": False}),
        {"detail": {"object": {"missing": [{"anything-but": "x"}]}}},
        of_size("<", 120),
        {"detail": {"is-new": [{"numeric": ["=", 1]}]}},
        {"detail": {"source-ip-address": [{"cidr": "10.0.1.0/24"}]}},
        {"detail": {"bucket": {"name": [{"cidr": "10.0.0.0/8"}]}}},
        {"detail": {"$or": [{"is-new": [False]}, {"bucket": {"name": ["other"]}}]}},
    ],
    ids=json.dumps,
)
def test_a_pattern_that_is_for_other_events(pattern: dict[str, Any]) -> None:
    """Something that it names is missing, another, or of another kind."""
    assert not matches(pattern)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"source": "aws.s3"}',
        '{"source": []}',
        '{"source": [["aws.s3"]]}',
        '{"source": [{}]}',
        '{"source": [{"like": "x"}]}',
        '{"source": [{"prefix": "a", "suffix": "b"}]}',
        '{"source": [{"prefix": 1}]}',
        '{"source": [{"prefix": ""}]}',
        '{"source": [{"exists": "yes"}]}',
        '{"source": [{"numeric": ["~", 1]}]}',
        '{"source": [{"numeric": [">"]}]}',
        '{"source": [{"numeric": [">", true]}]}',
        '{"source": [{"numeric": [">", 1e10]}]}',
        '{"source": [{"cidr": "10.0.0.0/99"}]}',
        '{"source": [{"wildcard": "a**b"}]}',
        '{"source": [{"wildcard": "a\\\\b"}]}',
        '{"source": [{"anything-but": []}]}',
        '{"source": [{"anything-but": {"exists": true}}]}',
        '{"detail": {}}',
        '{"$or": [{"source": ["a"]}]}',
        '{"source": ["' + "a" * 4096 + '"]}',
        "[" * 3000,
        '{"a":' * 51 + '["b"]' + "}" * 51,
        '{"$or":[' * 51 + '{"a":["b"]},{"a":["b"]}' + "]}" * 51,
    ],
)
def test_what_is_no_pattern(text: str) -> None:
    """Is refused with EventBridge's sentence and the reason."""
    with pytest.raises(InvalidInput, match=r"Event pattern is not valid\. Reason: "):
        compile_pattern(text)


def test_a_star_after_a_backslash_is_a_star() -> None:
    """And a backslash after one is a backslash."""
    test = compile_pattern(json.dumps({"key": [{"wildcard": "a\\*b\\\\*"}]}))
    assert test({"key": "a*b\\c"})
    assert not test({"key": "axb\\c"})


@given(st.text("ab*", min_size=1, max_size=8), st.text("ab", max_size=12))
def test_a_wildcard_means_what_a_shell_means(pattern: str, text: str) -> None:
    """Held against a plain recursion, for all short patterns and texts."""

    def fits(rest: str, left: str) -> bool:
        if not rest:
            return not left
        if rest[0] == "*":
            return any(fits(rest[1:], left[at:]) for at in range(len(left) + 1))
        return bool(left) and left[0] == rest[0] and fits(rest[1:], left[1:])

    if "**" in pattern:
        return
    test = compile_pattern(json.dumps({"key": [{"wildcard": pattern}]}))
    assert test({"key": text}) == fits(pattern, text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)


@given(_JSON, st.dictionaries(st.sampled_from(["a", "b"]), _JSON))
def test_any_json_is_a_pattern_or_refused(pattern: Any, event: dict[str, Any]) -> None:
    """And any event is looked at without a failure."""
    try:
        test = compile_pattern(json.dumps(pattern))
    except InvalidInput:
        return
    assert test(event) in (True, False)
