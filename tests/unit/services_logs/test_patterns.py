"""Filter patterns of CloudWatch Logs: which messages they want."""

from __future__ import annotations

import time

import pytest

from bakehouse.services.logs.patterns import matcher
from bakehouse.wire.types import AwsError

TERMS = [
    ("", "anything", True),
    ("ERROR", "[ERROR 400] BAD REQUEST", True),
    ("ERROR", "[error 400]", False),
    ("ERROR ARGUMENTS", "ERROR 419 MISSING ARGUMENTS", True),
    ("ERROR ARGUMENTS", "ERROR 400 BAD REQUEST", False),
    ("?ERROR ?WARN", "[WARN] slow", True),
    ("?ERROR ?WARN", "[INFO] fine", False),
    ("ERROR -EXITING", "ERROR 401", True),
    ("ERROR -EXITING", "ERROR EXITING", False),
    ("-DEBUG", "INFO", True),
    ("?ERROR REQUEST", "INFO REQUEST", True),
    ('"INTERNAL SERVER ERROR"', "[ERROR 500] INTERNAL SERVER ERROR", True),
    ('-"disk full"', "the disk full", False),
    (r'"say \"hi\""', 'they say "hi"', True),
    ("a-b", "x a-b", True),
]
EVENT = '{"code": 404, "who": {"name": "Jane"}, "tags": ["x", 7], "ok": true, "none": null}'
JSON = [
    ("{ $.code = 404 }", True),
    ("{ $.code != 404 }", False),
    ("{ $.code >= 400 && $.code < 500 }", True),
    ("{ $.code > 404 || $.who.name = Jane }", True),
    ('{ $.who.name = "J*e" }', True),
    ('{ $.who.name != "J*" }', False),
    ('{ $.who["name"] = "Jane" }', True),
    ("{ $.tags[0] = x }", True),
    ("{ $.tags[1] <= 7.0 }", True),
    ("{ $.tags[9] = x }", False),
    ("{ $.ok IS TRUE }", True),
    ("{ $.none IS NULL }", True),
    ("{ $.code IS NULL }", False),
    ("{ $.missing NOT EXISTS }", True),
    ("{ $.code NOT EXISTS }", False),
    ("{ $.missing != 1 }", False),
    ("{ ($.code = 1 || $.code = 404) && $.ok IS TRUE }", True),
    ("{ $.code = 1 || $.code = 404 && $.ok IS FALSE }", False),
    ("{ $.ok = 1 }", False),
    ("{ $.code = 4e2 }", False),
]


@pytest.mark.parametrize(("pattern", "message", "is_wanted"), TERMS)
def test_terms(pattern: str, message: str, is_wanted: bool) -> None:
    """Plain terms all, optional ones one, excluded ones none; case counts."""
    assert matcher(pattern)(message) is is_wanted


@pytest.mark.parametrize(("pattern", "is_wanted"), JSON)
def test_conditions_on_json(pattern: str, is_wanted: bool) -> None:
    """Values are compared by their kind; what is absent is neither equal nor unequal."""
    assert matcher(pattern)(EVENT) is is_wanted


@pytest.mark.parametrize("message", ["plain", "{broken", "[1, 2]", ""])
def test_a_condition_wants_no_message_that_is_no_such_object(message: str) -> None:
    """Where a message is no JSON object, nothing is said of its members."""
    assert not matcher("{ $.a = 1 }")(message)


@pytest.mark.parametrize(
    "pattern",
    [
        "[ip, user]",
        "%ERR.*%",
        '"open',
        "{ $.a = 1",
        "{ $.a }",
        "{ $.a = }",
        "{ a = 1 }",
        "{ $.a < x }",
        "{ $.a = 1 } x",
        "{ $.a = %re% }",
        "{ $.a IS WRONG }",
        "{ " + "(" * 200 + "$.a = 1" + ")" * 200 + " }",
        "{",
        "a{",
    ],
)
def test_other_patterns_are_refused(pattern: str) -> None:
    """A form that is not built is an error and never read as another."""
    with pytest.raises(AwsError) as refused:
        matcher(pattern)
    assert refused.value.code == "InvalidParameterException"


def test_no_wildcard_takes_long() -> None:
    """Many stars and a long text cost what the text is long, not a power of it."""
    wanted = matcher('{ $.a = "' + "a*" * 300 + 'b" }')
    message = '{"a": "' + "a" * 100_000 + '"}'
    started = time.perf_counter()
    assert not wanted(message)
    assert time.perf_counter() - started < 1
