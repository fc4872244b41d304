"""A function's resource policy and its tags."""

from __future__ import annotations

import re
from dataclasses import replace
from functools import partial
from typing import Any

import orjson

from bakehouse.faults import InvalidInput, LimitExceeded
from bakehouse.functions.definition import LATEST, Function, spoken_name
from bakehouse.functions.functions import Functions
from bakehouse.functions.policy import forbid, permit, policy_revision, policy_text
from bakehouse.services.tagging import checked_tags
from bakehouse.wire.types import Answer, Call, Params

_ACCOUNT = re.compile(r"\d{12}")
_SERVICE = re.compile(r"[a-z0-9.\-]+\.amazonaws\.com(\.cn)?")
_CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
    "InvokedViaFunctionUrl": ("Bool", "lambda:InvokedViaFunctionUrl"),
}
"""AddPermission's member → the operator and the key of the condition that it becomes."""
_MOST_TAGS = 50


async def add_permission(functions: Functions, call: Call, params: Params) -> Answer:
    """Add a statement to a function's policy. It is told and not enforced."""
    name = _function_name(functions, params)
    statement = statement_from_request(params, functions.arn(name))
    await functions.annotate(
        name, partial(permit, statement=statement, revision=params.get("RevisionId"))
    )
    return Answer({"Statement": orjson.dumps(statement).decode()}, status=201)


async def remove_permission(functions: Functions, call: Call, params: Params) -> Answer:
    """Remove a statement from a function's policy."""
    name = _function_name(functions, params)
    await functions.annotate(
        name, partial(forbid, sid=params["StatementId"], revision=params.get("RevisionId"))
    )
    return Answer({}, status=204)


async def get_policy(functions: Functions, call: Call, params: Params) -> Params:
    """A function's policy."""
    function = functions.get(_function_name(functions, params))
    return {"Policy": policy_text(function), "RevisionId": policy_revision(function)}


async def list_tags(functions: Functions, call: Call, params: Params) -> Params:
    """A function's tags."""
    return {"Tags": dict(functions.get(_tagged_name(functions, params)).tags)}


async def tag_resource(functions: Functions, call: Call, params: Params) -> Answer:
    """Add tags to a function, or give those that are there another value."""
    new = tags_from_request(params)
    await functions.annotate(_tagged_name(functions, params), partial(_tagged, new=new))
    return Answer({}, status=204)


async def untag_resource(functions: Functions, call: Call, params: Params) -> Answer:
    """Remove tags from a function."""
    keys = set(params["TagKeys"])
    await functions.annotate(_tagged_name(functions, params), partial(_untagged, keys=keys))
    return Answer({}, status=204)


def tags_from_request(params: Params) -> dict[str, str]:
    """The tags of a request.

    Raises:
        InvalidInput: they are not allowed.
    """
    return checked_tags(params.get("Tags", {}).items())


def statement_from_request(params: Params, resource: str) -> dict[str, Any]:
    """AddPermission's parameters as a statement of a policy.

    Raises:
        InvalidInput: the principal is none.
    """
    statement: dict[str, Any] = {
        "Sid": params["StatementId"],
        "Effect": "Allow",
        "Principal": _principal(params["Principal"]),
        "Action": params["Action"],
        "Resource": resource,
    }
    condition: dict[str, dict[str, str]] = {}
    for member, (operator, key) in _CONDITIONS.items():
        if member in params:
            wanted = params[member]
            text = str(wanted).lower() if isinstance(wanted, bool) else wanted
            condition.setdefault(operator, {})[key] = text
    return statement | ({"Condition": condition} if condition else {})


def _principal(spoken: str) -> str | dict[str, str]:
    if spoken == "*":
        return spoken
    if _ACCOUNT.fullmatch(spoken):
        return {"AWS": f"arn:aws:iam::{spoken}:root"}
    if spoken.startswith("arn:"):
        return {"AWS": spoken}
    if _SERVICE.fullmatch(spoken):
        return {"Service": spoken}
    text = "The provided principal was invalid. Please check the principal and try again."
    raise InvalidInput("Principal", spoken, "a service, an account, an ARN or *", text)


def _function_name(functions: Functions, params: Params) -> str:
    """The function that is meant; its policy is the one of the unqualified function."""
    name, qualifier = spoken_name(params["FunctionName"], params.get("Qualifier"))
    if qualifier == LATEST:
        text = "We currently do not support adding policies for $LATEST."
        raise InvalidInput("Qualifier", qualifier, "none", text)
    return functions.get(name, qualifier).name


def _tagged_name(functions: Functions, params: Params) -> str:
    """The function of an ARN; versions have no tags of their own."""
    name, qualifier = spoken_name(params["Resource"])
    if qualifier is not None:
        text = (
            "Tags on function aliases and versions are not supported. "
            "Please specify a function ARN."
        )
        raise InvalidInput("Resource", params["Resource"], "a function's ARN", text)
    return functions.get(name).name


def _tagged(function: Function, new: dict[str, str]) -> Function:
    tags = {**function.tags, **new}
    if len(tags) > _MOST_TAGS:
        raise LimitExceeded("The number of tags", len(tags), _MOST_TAGS, "tags")
    return replace(function, tags=tags)


def _untagged(function: Function, keys: set[str]) -> Function:
    left = {key: value for key, value in function.tags.items() if key not in keys}
    return replace(function, tags=left)
