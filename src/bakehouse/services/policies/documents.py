"""Policy documents: what is one, and what its statements say.

Source: IAM User Guide, "IAM JSON policy element reference" and "Grammar of the IAM JSON policy
language".
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bakehouse.wire.types import AwsError

_VERSIONS = ("2012-10-17", "2008-10-17")
_TRUST_ACTIONS = ("sts:assumerole", "sts:tagsession", "sts:setsourceidentity", "sts:setcontext")
_SYNTAX = "Syntax errors in policy."


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a policy, read.

    Lists stand for a single value too. Of an element and its ``Not…`` twin one is None.
    """

    allows: bool
    actions: tuple[str, ...] | None = None
    not_actions: tuple[str, ...] | None = None
    resources: tuple[str, ...] | None = None
    not_resources: tuple[str, ...] | None = None
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    """Operator → context key → values, one of which must hold."""


def trust_statements(text: str) -> list[Statement]:
    """The statements of a document that says who may assume a role.

    Raises:
        AwsError: MalformedPolicyDocument.
    """
    found = []
    for stated in _stated(text):
        if "Principal" not in stated and "NotPrincipal" not in stated:
            raise malformed("Missing required field Principal")
        if "Resource" in stated or "NotResource" in stated:
            raise malformed("Has prohibited field Resource")
        statement = _statement(stated)
        for action in statement.actions or ():
            if not action.lower().startswith(_TRUST_ACTIONS):
                text = "AssumeRole policy may only specify STS AssumeRole actions."
                raise malformed(text)
        found.append(statement)
    return found


def identity_statements(text: str) -> list[Statement]:
    """The statements of a document that says what somebody may do.

    Raises:
        AwsError: MalformedPolicyDocument.
    """
    found = []
    for stated in _stated(text):
        if "Principal" in stated or "NotPrincipal" in stated:
            raise malformed("Policy document should not specify a principal.")
        statement = _statement(stated)
        _check_actions(statement.actions or statement.not_actions or ())
        _check_resources(statement)
        found.append(statement)
    return found


def malformed(text: str) -> AwsError:
    """A document that is no policy, in IAM's words."""
    return AwsError("MalformedPolicyDocument", text, 400)


def _stated(text: str) -> Iterator[Mapping[str, Any]]:
    """The statements of a document as they stand in it."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise malformed("This policy contains invalid Json") from error
    if not isinstance(document, dict) or document.keys() - {"Version", "Id", "Statement"}:
        raise malformed(_SYNTAX)
    if document.get("Version", _VERSIONS[0]) not in _VERSIONS:
        raise malformed(_SYNTAX)
    statements = document.get("Statement")
    statements = [statements] if isinstance(statements, dict) else statements
    if not isinstance(statements, list) or not statements:
        raise malformed(_SYNTAX)
    named = [one.get("Sid") for one in statements if isinstance(one, dict) and "Sid" in one]
    if len({str(name) for name in named}) < len(named):
        raise malformed("Statement IDs (SID) in a single policy must be unique.")
    for stated in statements:
        if not isinstance(stated, dict) or stated.get("Effect") not in ("Allow", "Deny"):
            raise malformed(_SYNTAX)
        yield stated


def _statement(stated: Mapping[str, Any]) -> Statement:
    if ("Action" in stated) == ("NotAction" in stated):
        raise malformed("Policy statement must contain actions.")
    if "Resource" in stated and "NotResource" in stated:
        raise malformed(_SYNTAX)
    return Statement(
        stated["Effect"] == "Allow",
        _texts(stated.get("Action")),
        _texts(stated.get("NotAction")),
        _texts(stated.get("Resource")),
        _texts(stated.get("NotResource")),
        _conditions(stated.get("Condition", {})),
    )


def _texts(value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str) for one in values):
        raise malformed(_SYNTAX)
    return tuple(values)


def _conditions(stated: object) -> dict[str, dict[str, tuple[str, ...]]]:
    if not isinstance(stated, dict) or not all(isinstance(v, dict) for v in stated.values()):
        raise malformed(_SYNTAX)
    return {
        operator: {key: _scalars(values) for key, values in wanted.items()}
        for operator, wanted in stated.items()
    }


def _scalars(value: object) -> tuple[str, ...]:
    """The values of a condition as texts: JSON's numbers and truth values may stand there too."""
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | bool | int | float) for one in values):
        raise malformed(_SYNTAX)
    return tuple(one if isinstance(one, str) else json.dumps(one) for one in values)


def _check_actions(actions: tuple[str, ...]) -> None:
    for action in actions:
        if action != "*" and not all(action.partition(":")):
            text = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            raise malformed(text)


def _check_resources(statement: Statement) -> None:
    resources = statement.resources or statement.not_resources
    if not resources:
        raise malformed("Policy statement must contain resources.")
    for resource in resources:
        if resource != "*" and not resource.startswith("arn:"):
            raise malformed(f'Resource {resource} must be in ARN format or "*".')
