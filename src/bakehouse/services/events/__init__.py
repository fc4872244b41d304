"""Amazon EventBridge: rules of the default event bus, their targets, and events put by programs."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from functools import partial

from bakehouse.faults import NotFound, Rejected
from bakehouse.notifications import Notifications
from bakehouse.notifications.inputs import Event
from bakehouse.notifications.patterns import compile_pattern
from bakehouse.notifications.rules import Rules
from bakehouse.services import page_tokens
from bakehouse.services.events.errors import aws_error
from bakehouse.services.events.shapes import (
    event_from_entry,
    rule_from_request,
    rule_to_response,
    tags_from_request,
    target_from_request,
    target_to_response,
)
from bakehouse.wire.types import AwsError, Call, Params, Service

__all__ = ["aws_error", "service"]

_PAGE = 100
_PUT_BYTES = 1024 * 1024
_ENVELOPE = ("id", "account", "source", "time", "region", "resources", "detail-type")


def service(notifications: Notifications) -> Service:
    """The door to rules and events."""
    return Service(
        name="events",
        signing_name="events",
        operations={name: partial(_run, run, notifications) for name, run in _OPERATIONS.items()},
        aws_error=aws_error,
        target_prefix="AWSEvents",
        broken_code="InternalException",
    )


async def _run(run: _Run, notifications: Notifications, call: Call, params: Params) -> Params:
    """Run an operation, on the only bus that there is."""
    rules = notifications.rules
    bus = params.get("EventBusName", "default")
    if bus not in ("default", rules.bus_arn):
        raise NotFound("event bus", bus)
    return await run(notifications, call, params)


# Rules


async def _put_rule(notifications: Notifications, call: Call, params: Params) -> Params:
    rule = rule_from_request(params)
    await notifications.rules.put(rule)
    return {"RuleArn": notifications.rules.arn(rule.name)}


async def _describe_rule(notifications: Notifications, call: Call, params: Params) -> Params:
    rules = notifications.rules
    described = rule_to_response(rules.get(params["Name"]), rules)
    return described | {"CreatedBy": call.account_id}


async def _list_rules(notifications: Notifications, call: Call, params: Params) -> Params:
    rules, limit = notifications.rules, params.get("Limit", _PAGE)
    found = rules.listing(
        prefix=params.get("NamePrefix", ""),
        after=_place(params.get("NextToken")),
        limit=limit + 1,
    )
    answer: Params = {"Rules": [rule_to_response(rule, rules) for rule in found[:limit]]}
    if len(found) > limit:
        answer["NextToken"] = page_tokens.write(found[limit - 1].name)
    return answer


async def _delete_rule(notifications: Notifications, call: Call, params: Params) -> Params:
    await notifications.rules.delete(params["Name"])
    return {}


async def _enable_rule(notifications: Notifications, call: Call, params: Params) -> Params:
    await notifications.rules.enable(params["Name"], is_enabled=True)
    return {}


async def _disable_rule(notifications: Notifications, call: Call, params: Params) -> Params:
    await notifications.rules.enable(params["Name"], is_enabled=False)
    return {}


# Targets


async def _put_targets(notifications: Notifications, call: Call, params: Params) -> Params:
    targets = [target_from_request(given) for given in params["Targets"]]
    await notifications.rules.add_targets(params["Rule"], targets)
    return {"FailedEntryCount": 0, "FailedEntries": []}


async def _list_targets_by_rule(notifications: Notifications, call: Call, params: Params) -> Params:
    rule = notifications.rules.get(params["Rule"])
    return {"Targets": [target_to_response(target) for target in rule.targets]}


async def _list_rule_names_by_target(
    notifications: Notifications, call: Call, params: Params
) -> Params:
    arn, limit = params["TargetArn"], params.get("Limit", _PAGE)
    after = _place(params.get("NextToken"))
    names = [
        rule.name
        for rule in notifications.rules.every()
        if rule.name > after and any(target.arn == arn for target in rule.targets)
    ]
    answer: Params = {"RuleNames": names[:limit]}
    if len(names) > limit:
        answer["NextToken"] = page_tokens.write(names[limit - 1])
    return answer


async def _remove_targets(notifications: Notifications, call: Call, params: Params) -> Params:
    unknown = await notifications.rules.remove_targets(params["Rule"], params["Ids"])
    failed = [
        {
            "TargetId": target_id,
            "ErrorCode": "ResourceNotFoundException",
            "ErrorMessage": f"Target {target_id} does not exist.",
        }
        for target_id in unknown
    ]
    return {"FailedEntryCount": len(failed), "FailedEntries": failed}


# Events


async def _put_events(notifications: Notifications, call: Call, params: Params) -> Params:
    _check_size(params["Entries"])
    entries: list[Event | AwsError] = [
        _event_or_error(notifications.rules, entry, call) for entry in params["Entries"]
    ]
    events = [entry for entry in entries if not isinstance(entry, AwsError)]
    ids = iter(await notifications.put_events(events))
    told = [
        {"ErrorCode": entry.code, "ErrorMessage": entry.message}
        if isinstance(entry, AwsError)
        else {"EventId": next(ids)}
        for entry in entries
    ]
    return {"FailedEntryCount": len(entries) - len(events), "Entries": told}


def _event_or_error(rules: Rules, entry: Params, call: Call) -> Event | AwsError:
    try:
        if entry.get("EventBusName", "default") not in ("default", rules.bus_arn):
            raise NotFound("event bus", entry["EventBusName"])
        return event_from_entry(entry, call)
    except AwsError as error:
        return error
    except Rejected as fault:
        return aws_error(fault)


def _check_size(entries: list[Params]) -> None:
    size = sum(
        14 * ("Time" in entry)
        + sum(len(text.encode()) for text in entry.values() if isinstance(text, str))
        + sum(len(text.encode()) for text in entry.get("Resources", ()))
        for entry in entries
    )
    if size > _PUT_BYTES:
        text = f"Total size of the entries in the request is over the limit of {_PUT_BYTES} bytes."
        raise AwsError("ValidationException", text)


async def _test_event_pattern(notifications: Notifications, call: Call, params: Params) -> Params:
    matches = compile_pattern(params["EventPattern"])
    try:
        event = json.loads(params["Event"])
    except (ValueError, RecursionError) as error:
        text = "Parameter Event is not valid. Reason: Event is not valid JSON."
        raise AwsError("ValidationException", text) from error
    missing = [name for name in _ENVELOPE if not isinstance(event, dict) or name not in event]
    if missing:
        text = f"Parameter Event is not valid. Reason: {missing[0]} is a required field."
        raise AwsError("ValidationException", text)
    return {"Result": matches(event)}


# Tags and buses


async def _tag_resource(notifications: Notifications, call: Call, params: Params) -> Params:
    rules, name = notifications.rules, notifications.rules.name_in(params["ResourceARN"])
    await rules.tag(name, tags_from_request(params, rules.get(name).tags))
    return {}


async def _untag_resource(notifications: Notifications, call: Call, params: Params) -> Params:
    rules, name = notifications.rules, notifications.rules.name_in(params["ResourceARN"])
    kept = {k: v for k, v in rules.get(name).tags.items() if k not in params["TagKeys"]}
    await rules.tag(name, kept)
    return {}


async def _list_tags(notifications: Notifications, call: Call, params: Params) -> Params:
    rules = notifications.rules
    tags = rules.get(rules.name_in(params["ResourceARN"])).tags
    return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}


async def _describe_event_bus(notifications: Notifications, call: Call, params: Params) -> Params:
    bus = params.get("Name", "default")
    if bus not in ("default", notifications.rules.bus_arn):
        raise NotFound("event bus", bus)
    return _bus_to_response(notifications.rules)


async def _list_event_buses(notifications: Notifications, call: Call, params: Params) -> Params:
    is_meant = "default".startswith(params.get("NamePrefix", ""))
    return {"EventBuses": [_bus_to_response(notifications.rules)] if is_meant else []}


def _bus_to_response(rules: Rules) -> Params:
    return {"Name": "default", "Arn": rules.bus_arn}


def _place(token: str | None) -> str:
    """The name behind which a page begins; empty for the first page."""
    try:
        return page_tokens.read(token or "")
    except ValueError as error:
        raise AwsError("ValidationException", "The provided NextToken is not valid.") from error


_Run = Callable[[Notifications, Call, Params], Awaitable[Params]]

_OPERATIONS: dict[str, _Run] = {
    "DeleteRule": _delete_rule,
    "DescribeEventBus": _describe_event_bus,
    "DescribeRule": _describe_rule,
    "DisableRule": _disable_rule,
    "EnableRule": _enable_rule,
    "ListEventBuses": _list_event_buses,
    "ListRuleNamesByTarget": _list_rule_names_by_target,
    "ListRules": _list_rules,
    "ListTagsForResource": _list_tags,
    "ListTargetsByRule": _list_targets_by_rule,
    "PutEvents": _put_events,
    "PutRule": _put_rule,
    "PutTargets": _put_targets,
    "RemoveTargets": _remove_targets,
    "TagResource": _tag_resource,
    "TestEventPattern": _test_event_pattern,
    "UntagResource": _untag_resource,
}
