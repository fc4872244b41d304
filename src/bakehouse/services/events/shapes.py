"""Rules, targets and events between AWS's words and ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput, LimitExceeded, Unimplemented
from bakehouse.notifications.inputs import Event, Shape
from bakehouse.notifications.rules import Rule, Rules, Target
from bakehouse.notifications.targets import kind_of
from bakehouse.services.tagging import checked_tags
from bakehouse.states import json_text
from bakehouse.wire.types import AwsError, Call, Params

_SHAPES = ("Input", "InputPath", "InputTransformer")
_KNOWN = {"Id", "Arn", "RoleArn", "RetryPolicy", *_SHAPES}
_ENTRY_MEMBERS = {"Source", "DetailType", "Detail"}
_STATES = {"ENABLED": True, "DISABLED": False}
_MOST_TAGS = 50


def rule_from_request(params: Params) -> Rule:
    """The rule that a request describes.

    Raises:
        Unimplemented: it is for a schedule, or for the events that CloudTrail makes.
        AwsError: it is for nothing.
    """
    if "ScheduleExpression" in params:
        raise Unimplemented("events", "rules with a ScheduleExpression")
    if params.get("State", "ENABLED") not in _STATES:
        raise Unimplemented("events", f"rules in the state {params['State']}")
    if "EventPattern" not in params:
        text = "Parameter(s) EventPattern or ScheduleExpression must be specified."
        raise AwsError("ValidationException", text)
    return Rule(
        params["Name"],
        params["EventPattern"],
        _STATES[params.get("State", "ENABLED")],
        params.get("Description"),
        params.get("RoleArn"),
        tags=tags_from_request(params),
    )


def rule_to_response(rule: Rule, rules: Rules) -> Params:
    """A rule as listings and descriptions have it."""
    answer: Params = {
        "Name": rule.name,
        "Arn": rules.arn(rule.name),
        "EventPattern": rule.pattern,
        "State": "ENABLED" if rule.is_enabled else "DISABLED",
        "EventBusName": "default",
    }
    return answer | _given({"Description": rule.description, "RoleArn": rule.role_arn})


def target_from_request(given: Params) -> Target:
    """The target that a request describes.

    Raises:
        Unimplemented: it is something to which bakehouse cannot deliver, or delivers otherwise.
        AwsError: it says two things of its input, or lacks the role of a state machine.
    """
    for name in given.keys() - _KNOWN:
        raise Unimplemented("events", f"targets with {name}")
    try:
        kind = kind_of(given["Arn"])
    except InvalidInput as error:
        if given["Arn"].startswith("arn:"):
            service = given["Arn"].split(":")[2]
            raise Unimplemented("events", f"targets of the service {service}") from error
        text = (
            f"Parameter {given['Arn'][:200]} is not valid. Reason: Provided Arn is not in correct "
        )
        raise AwsError("ValidationException", f"{text}format.") from error
    if kind == "machine" and "RoleArn" not in given:
        text = f"RoleArn is required for target {given['Arn']}."
        raise AwsError("ValidationException", text)
    if sum(name in given for name in _SHAPES) > 1:
        text = "Only one of Input, InputPath, or InputTransformer must be provided for target "
        raise AwsError("ValidationException", f"{text}{given['Id']}.")
    shape = _shape_from_request(given)
    return Target(given["Id"], given["Arn"], given.get("RoleArn"), shape, _retry(given))


def target_to_response(target: Target) -> Params:
    """A target as ListTargetsByRule has it."""
    shape = target.shape
    answer: Params = {"Id": target.target_id, "Arn": target.arn}
    answer |= _given({"RoleArn": target.role_arn, "Input": shape.constant, "InputPath": shape.path})
    if shape.template is not None:
        transformer: Params = {"InputTemplate": shape.template}
        answer["InputTransformer"] = transformer | (
            {"InputPathsMap": dict(shape.paths)} if shape.paths else {}
        )
    if target.retry:
        answer["RetryPolicy"] = _given(
            {
                "MaximumRetryAttempts": target.retry.get("attempts"),
                "MaximumEventAgeInSeconds": target.retry.get("age_s"),
            }
        )
    return answer


def event_from_entry(entry: Params, call: Call) -> Event:
    """The event of one entry of PutEvents, without what the bus adds.

    Raises:
        AwsError: it lacks something, or its detail is no JSON object; told of this entry alone.
    """
    for name in sorted(_ENTRY_MEMBERS - entry.keys()):
        text = f"Parameter {name} is not valid. Reason: {name} is a required argument."
        raise AwsError("InvalidArgument", text)
    if entry["Source"].startswith("aws."):
        raise AwsError("NotAuthorizedForSourceException", "Not authorized for the source.")
    at = entry.get("Time") or clock.now()
    return {
        "detail-type": entry["DetailType"],
        "source": entry["Source"],
        "time": clock.to_iso(at),
        "resources": entry.get("Resources", []),
        "detail": _detail(entry["Detail"]),
    }


def tags_from_request(params: Params, kept: Mapping[str, str] | None = None) -> dict[str, str]:
    """The tags that a request gives, over those that its rule has already.

    Raises:
        InvalidInput: AWS does not allow one of them.
        LimitExceeded: together they are more than 50.
    """
    given = checked_tags((tag["Key"], tag["Value"]) for tag in params.get("Tags", ()))
    tags = {**(kept or {}), **given}
    if len(tags) > _MOST_TAGS:
        raise LimitExceeded("A rule", len(tags), _MOST_TAGS, "tags")
    return tags


def _shape_from_request(given: Params) -> Shape:
    transformer = given.get("InputTransformer", {})
    return Shape(
        constant=given.get("Input"),
        path=given.get("InputPath"),
        template=transformer.get("InputTemplate"),
        paths=transformer.get("InputPathsMap", {}),
    )


def _retry(given: Params) -> Mapping[str, int]:
    policy = given.get("RetryPolicy", {})
    return _given(
        {
            "attempts": policy.get("MaximumRetryAttempts"),
            "age_s": policy.get("MaximumEventAgeInSeconds"),
        }
    )


def _detail(text: str) -> dict[str, Any]:
    try:
        detail = json_text.parse(text)
    except json_text.NotJson as error:
        raise AwsError("MalformedDetail", "Detail is malformed.") from error
    if not isinstance(detail, dict):
        raise AwsError("MalformedDetail", "Detail is malformed.")
    return detail


def _given(members: Params) -> Params:
    return {name: value for name, value in members.items() if value is not None}
