"""Bucket policies: what is one, and what it lets those do who do not sign.

Whoever has a key of this server is of the account that owns the buckets, and is bound only by what
a policy denies (see ``denials``).
"""

from __future__ import annotations

import json
from typing import Any

from bakehouse.services.policies.evaluation import matches
from bakehouse.wire.types import AwsError

_POLICY_BYTES = 20 * 1024
_VERSIONS = ("2012-10-17", "2008-10-17")
_DEPTH = "The policy is nested too deeply"


def check_policy(text: str) -> dict[str, Any]:
    """The policy that a text holds.

    Raises:
        AwsError: ``MalformedPolicy``, it is none that a bucket may have.
    """
    if len(text.encode()) > _POLICY_BYTES:
        raise _malformed(f"Policy is larger than {_POLICY_BYTES} bytes")
    try:
        policy = json.loads(text)
    except ValueError as error:
        raise _malformed("Policies must be valid JSON and the first byte must be '{'") from error
    except RecursionError as error:
        raise _malformed(_DEPTH) from error
    if not isinstance(policy, dict):
        raise _malformed("Policies must be valid JSON and the first byte must be '{'")
    if policy.get("Version", _VERSIONS[1]) not in _VERSIONS:
        raise _malformed("The policy must contain a valid version string")
    if not statements_of(policy):
        raise _malformed("Missing required field Statement")
    for statement in statements_of(policy):
        _check_statement(statement)
    return policy


def statements_of(policy: dict[str, Any]) -> list[Any]:
    """The statements of a policy, of which a single one needs no list."""
    return listed(policy.get("Statement", []))


def is_public_policy(policy: dict[str, Any]) -> bool:
    """Whether it allows anything to everyone, without any condition."""
    return any(
        statement["Effect"] == "Allow"
        and not statement.get("Condition")
        and _names_everyone(statement["Principal"])
        for statement in statements_of(policy)
    )


def verdict_for_everyone(policy: dict[str, Any], action: str, resource: str) -> str | None:
    """``Deny`` or ``Allow`` for someone unknown who would do this; None where nothing is said.

    No condition is looked at, so a statement with one denies, and does not allow.
    """
    effects = {
        statement["Effect"]
        for statement in statements_of(policy)
        if _concerns(statement, action, resource)
        and (statement["Effect"] == "Deny" or not statement.get("Condition"))
    }
    return next((effect for effect in ("Deny", "Allow") if effect in effects), None)


def _concerns(statement: dict[str, Any], action: str, resource: str) -> bool:
    """Whether a statement is about everyone, this action and this resource."""
    if not ("NotPrincipal" in statement or _names_everyone(statement["Principal"])):
        return False
    return all(
        _is_among(value, statement[name])
        if name in statement
        else not _is_among(value, statement[f"Not{name}"])
        for name, value in (("Action", action), ("Resource", resource))
    )


def _is_among(value: str, patterns: Any) -> bool:
    """Whether a value fits one of some patterns, in which ``*`` and ``?`` stand for anything."""
    return any(matches(pattern, value) for pattern in listed(patterns))


def _names_everyone(principal: Any) -> bool:
    named = principal.values() if isinstance(principal, dict) else [principal]
    return any("*" in listed(who) for who in named)


def _check_statement(statement: Any) -> None:
    if not isinstance(statement, dict):
        raise _malformed("Statement is invalid")
    if statement.get("Effect") not in ("Allow", "Deny"):
        raise _malformed(f"Invalid effect: {statement.get('Effect')}")
    for name, negated in (("Principal", "NotPrincipal"), ("Action", "NotAction")):
        if (name in statement) == (negated in statement):
            raise _malformed(f"Missing required field {name}")
    if "NotPrincipal" in statement and statement["Effect"] == "Allow":
        raise _malformed("Allow with NotPrincipal is not allowed.")
    _check_principal(statement["Principal" if "Principal" in statement else "NotPrincipal"])
    _check_conditions(statement.get("Condition", {}))
    resources = statement.get("Resource", statement.get("NotResource"))
    if resources is None:
        raise _malformed("Missing required field Resource")
    for resource in listed(resources):
        if not isinstance(resource, str) or not resource.startswith(("arn:aws:s3:", "*")):
            raise _malformed("Policy has invalid resource")
    for action in listed(statement.get("Action", statement.get("NotAction"))):
        if not isinstance(action, str) or not action.startswith(("s3:", "*")):
            raise _malformed("Policy has invalid action")


def _check_principal(principal: Any) -> None:
    named = principal.values() if isinstance(principal, dict) else [principal]
    if not all(isinstance(one, str) for who in named for one in listed(who)):
        raise _malformed("Invalid principal in policy")


def _check_conditions(conditions: Any) -> None:
    """They are objects of objects of single values or lists of such."""
    asked = conditions.values() if isinstance(conditions, dict) else ()
    if not isinstance(conditions, dict) or not all(isinstance(wanted, dict) for wanted in asked):
        raise _malformed("Policy has an invalid condition")
    values = [one for wanted in asked for value in wanted.values() for one in listed(value)]
    if not all(isinstance(one, str | bool | int | float) for one in values):
        raise _malformed("Policy has an invalid condition value")


def listed(value: Any) -> list[Any]:
    """What a policy says as a list, where a single value needs none."""
    return value if isinstance(value, list) else [value]


def _malformed(text: str) -> AwsError:
    return AwsError("MalformedPolicy", text, 400)
