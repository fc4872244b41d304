"""What policies allow."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakehouse.faults import Unimplemented
from bakehouse.services.policies.documents import identity_statements, trust_statements
from bakehouse.services.policies.evaluation import Context, Decision, decide, matches
from bakehouse.wire.types import AwsError


def policy(*statements: dict[str, Any]) -> str:
    """A document of statements that allow everything where they do not say otherwise."""
    made = [{"Effect": "Allow", "Resource": "*"} | one for one in statements]
    for one in made:
        if "NotResource" in one:
            del one["Resource"]
        if "NotAction" not in one:
            one.setdefault("Action", "*")
    return json.dumps({"Version": "2012-10-17", "Statement": made})


def decision(
    document: str, action: str, resource: str = "*", context: Context | None = None
) -> Decision:
    """What a single policy decides."""
    statements = [("p", one) for one in identity_statements(document)]
    return decide(statements, action, resource, context or {})


@pytest.mark.parametrize(
    ("statement", "action", "resource", "verdict"),
    [
        ({"Action": "s3:Get*"}, "s3:GetObject", "arn:aws:s3:::b/k", "allowed"),
        ({"Action": "S3:getobject"}, "s3:GetObject", "arn:aws:s3:::b/k", "allowed"),
        ({"Action": "s3:Get?bject"}, "s3:GetObject", "*", "allowed"),
        ({"Action": "s3:Get*"}, "s3:PutObject", "*", "implicitDeny"),
        ({"NotAction": ["s3:Put*"]}, "s3:GetObject", "*", "allowed"),
        ({"NotAction": ["s3:Put*"]}, "s3:PutObject", "*", "implicitDeny"),
        ({"Resource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::b/k/l", "allowed"),
        ({"Resource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::B/k", "implicitDeny"),
        ({"NotResource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::c/k", "allowed"),
        ({"NotResource": "arn:aws:s3:::b/*"}, "s3:GetObject", "arn:aws:s3:::b/k", "implicitDeny"),
        ({"Effect": "Deny"}, "s3:GetObject", "*", "explicitDeny"),
    ],
)
def test_a_statement_decides(
    statement: dict[str, Any], action: str, resource: str, verdict: str
) -> None:
    """Actions are compared without their case, resources with it."""
    assert decision(policy(statement), action, resource).verdict == verdict


def test_a_denial_wins() -> None:
    """Whatever else allows it, and wherever it stands."""
    document = policy({}, {"Effect": "Deny", "Action": "s3:Delete*"}, {"Action": "s3:*"})
    assert decision(document, "s3:DeleteObject").verdict == "explicitDeny"
    assert decision(document, "s3:GetObject").verdict == "allowed"


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"StringEquals": {"aws:Who": ["me", "you"]}}, True),
        ({"StringEquals": {"aws:who": "they"}}, False),
        ({"StringNotEquals": {"aws:who": ["you", "they"]}}, True),
        ({"StringNotEquals": {"aws:who": ["me", "they"]}}, False),
        ({"StringLike": {"aws:who": "m*"}}, True),
        ({"StringEquals": {"aws:other": "x"}}, False),
        ({"StringEqualsIfExists": {"aws:other": "x"}}, True),
        ({"StringNotEquals": {"aws:other": "x"}}, True),
        ({"Null": {"aws:other": True}}, True),
        ({"Null": {"aws:who": "true"}}, False),
        ({"Bool": {"aws:secure": True}}, True),
        ({"NumericLessThan": {"n": 5}}, True),
        ({"NumericLessThan": {"aws:who": 5}}, False),
        ({"ForAnyValue:StringEquals": {"tags": ["a"]}}, True),
        ({"ForAllValues:StringEquals": {"tags": ["a"]}}, False),
        ({"ForAllValues:StringEquals": {"none": ["a"]}}, True),
        ({"StringEquals": {"aws:who": "me"}, "Bool": {"aws:secure": "false"}}, False),
    ],
)
def test_a_condition_holds_or_not(condition: dict[str, Any], holds: bool) -> None:
    """All operators of a statement must hold, each for one of its values."""
    context = {
        "aws:who": ("me",),
        "aws:secure": ("true",),
        "n": ("3",),
        "tags": ("a", "b"),
    }
    found = decision(policy({"Condition": condition}), "s3:GetObject", "*", context)
    assert found.verdict == ("allowed" if holds else "implicitDeny")


def test_keys_that_nobody_gave_are_named() -> None:
    """As the simulator of IAM names them."""
    document = policy({"Condition": {"StringEquals": {"aws:SourceVpc": "v"}}})
    assert decision(document, "s3:GetObject").missing == ("aws:SourceVpc",)


def test_a_condition_that_is_not_evaluated_is_named() -> None:
    """Better than to guess what it means."""
    document = policy({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})
    with pytest.raises(Unimplemented, match="IpAddress"):
        decision(document, "s3:GetObject")


def test_variables_are_replaced_by_what_is_known() -> None:
    """A pattern with a variable that is not known fits nothing."""
    document = policy({"Resource": "arn:aws:s3:::home/${aws:username}/*"})
    context = {"aws:username": ("ada",)}
    here, there = "arn:aws:s3:::home/ada/x", "arn:aws:s3:::home/bob/x"
    assert decision(document, "s3:GetObject", here, context).verdict == "allowed"
    assert decision(document, "s3:GetObject", there, context).verdict == "implicitDeny"
    assert decision(document, "s3:GetObject", here).verdict == "implicitDeny"


def test_a_pattern_of_many_stars_is_soon_compared() -> None:
    """A hostile pattern costs the product of both lengths and no more."""
    assert not matches("*a" * 1000 + "b", "a" * 2000)
    assert matches("*a" * 1000, "a" * 1000)
    assert matches("a**?", "abc")
    assert not matches("a?", "a")


STATEMENT = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}


@pytest.mark.parametrize(
    ("document", "text"),
    [
        ("{", "invalid Json"),
        ("[" * 100_000, "invalid Json"),
        ("[]", "Syntax errors"),
        ("{}", "Syntax errors"),
        ({"Version": "2020-01-01", "Statement": [STATEMENT]}, "Syntax errors"),
        ({"Statement": []}, "Syntax errors"),
        ({"Statement": [STATEMENT], "Other": 1}, "Syntax errors"),
        ({"Statement": STATEMENT | {"Effect": "Maybe"}}, "Syntax errors"),
        ({"Statement": STATEMENT | {"Action": 1}}, "Syntax errors"),
        ({"Statement": STATEMENT | {"Condition": []}}, "Syntax errors"),
        ({"Statement": STATEMENT | {"NotAction": "s3:*"}}, "must contain actions"),
        ({"Statement": STATEMENT | {"Action": "everything"}}, "prefaced by a vendor"),
        ({"Statement": STATEMENT | {"Resource": "bucket"}}, "must be in ARN format"),
        ({"Statement": {"Effect": "Allow", "Action": "s3:*"}}, "must contain resources"),
        ({"Statement": STATEMENT | {"Principal": "*"}}, "not specify a principal"),
        ({"Statement": [STATEMENT | {"Sid": "a"}] * 2}, "must be unique"),
    ],
)
def test_what_is_no_policy_is_refused(document: Any, text: str) -> None:
    """With IAM's own sentence."""
    given = document if isinstance(document, str) else json.dumps(document)
    with pytest.raises(AwsError, match=text) as caught:
        identity_statements(given)
    assert caught.value.code == "MalformedPolicyDocument"


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"Resource": "*"}, "prohibited field Resource"),
        ({"Action": "s3:*"}, "STS AssumeRole actions"),
        ({"Principal": None}, "required field Principal"),
    ],
)
def test_what_says_nothing_of_who_may_assume_is_refused(changed: dict[str, Any], text: str) -> None:
    """A trust policy has a principal and no resource."""
    stated = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"} | changed
    kept = {name: value for name, value in stated.items() if value is not None}
    with pytest.raises(AwsError, match=text):
        trust_statements(json.dumps({"Statement": kept}))
