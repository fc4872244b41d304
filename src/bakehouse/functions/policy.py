"""A function's resource policy: who may invoke it, statement by statement.

The statements are kept and told; nothing is refused because of them: whoever has keys of this
server may invoke every function.

Source: the AWS Lambda developer guide, "Resource-based policies", and its AddPermission.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import orjson

from bakehouse.faults import AlreadyExists, LimitExceeded, NotFound
from bakehouse.functions.definition import Function, RevisionChanged

MOST_BYTES = 20_480
"""The longest policy, as JSON."""

Statement = Mapping[str, Any]
"""One statement of a policy in IAM's language, with its ``Sid``."""


class PolicyTooLong(LimitExceeded):
    """A statement more would make the policy longer than it may be."""


def policy_text(function: Function) -> str:
    """The policy as JSON.

    Raises:
        NotFound: it has no statement.
    """
    if not function.policy:
        raise NotFound("policy", function.name)
    return _text(function.policy)


def policy_revision(function: Function) -> str:
    """An id that changes with the policy."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{function.name} {_text(function.policy)}"))


def permit(function: Function, statement: Statement, revision: str | None = None) -> Function:
    """The function with a statement more.

    Raises:
        AlreadyExists: there is one of that ``Sid``.
        PolicyTooLong: the policy would have more than 20 KB.
        RevisionChanged: the policy is not the one that the caller means.
    """
    _check_revision(function, revision)
    if any(one["Sid"] == statement["Sid"] for one in function.policy):
        raise AlreadyExists("statement", statement["Sid"])
    policy = (*function.policy, dict(statement))
    size = len(_text(policy))
    if size > MOST_BYTES:
        raise PolicyTooLong("The policy", size, MOST_BYTES, "bytes")
    return replace(function, policy=policy)


def forbid(function: Function, sid: str, revision: str | None = None) -> Function:
    """The function without the statement of that ``Sid``.

    Raises:
        NotFound: there is none.
        RevisionChanged: the policy is not the one that the caller means.
    """
    _check_revision(function, revision)
    left = tuple(one for one in function.policy if one["Sid"] != sid)
    if len(left) == len(function.policy):
        raise NotFound("statement", sid)
    return replace(function, policy=left)


def _check_revision(function: Function, revision: str | None) -> None:
    if revision not in (None, policy_revision(function)):
        raise RevisionChanged(str(revision))


def _text(policy: tuple[Statement, ...]) -> str:
    whole = {"Version": "2012-10-17", "Id": "default", "Statement": policy}
    return orjson.dumps(whole).decode()
