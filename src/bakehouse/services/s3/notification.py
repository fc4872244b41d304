"""What a bucket tells of changes of its objects: to functions itself, to others over the bus."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from functools import partial

from bakehouse.faults import InvalidInput
from bakehouse.notifications.bucket_rules import (
    SETTING_NAME,
    BucketRules,
    FunctionRule,
    check_rules,
    rules_from,
    to_document,
)
from bakehouse.notifications.targets import kind_of
from bakehouse.services.s3.errors import invalid_argument, malformed_xml, not_implemented
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import AwsError, Call, Operation, Params

KnowsFunction = Callable[[str], bool]
"""Whether there is a function with this ARN."""

_UNBUILT = {"QueueConfigurations": "SQS queues", "TopicConfigurations": "SNS topics"}
_FAMILIES = {
    "ObjectCreated": ("*", "Put", "Post", "Copy", "CompleteMultipartUpload"),
    "ObjectRemoved": ("*", "Delete", "DeleteMarkerCreated"),
}
_NEVER = (
    "Intelligent",
    "Lifecycle",
    "ObjectAcl",
    "ObjectRestore",
    "ObjectTagging",
    "ReducedRedundancyLostObject",
    "Replication",
)
"""Families of events that S3 has and that do not happen here."""
_FILTER_BYTES = 1024

ROOTS = {"GetBucketNotificationConfiguration": "NotificationConfiguration"}


def operations(store: ObjectStore, knows_function: KnowsFunction) -> dict[str, Operation]:
    """The operations on what buckets tell."""
    return {
        "PutBucketNotificationConfiguration": partial(_put, store, knows_function),
        "GetBucketNotificationConfiguration": partial(_get, store),
    }


async def _put(
    store: ObjectStore, knows_function: KnowsFunction, call: Call, params: Params
) -> Params:
    configuration = params.get("NotificationConfiguration", {})
    rules = rules_from_request(configuration)
    check_rules(rules)
    if not params.get("SkipDestinationValidation"):
        for rule in rules.functions:
            if not knows_function(rule.arn):
                raise _no_destination(rule.arn, "The destination Lambda function does not exist")
    is_empty = not rules.functions and not rules.to_bus
    document = None if is_empty else to_document(rules)
    await store.set_setting_async(params["Bucket"], SETTING_NAME, document)
    return {}


async def _get(store: ObjectStore, call: Call, params: Params) -> Params:
    return rules_to_response(rules_from(store.setting(params["Bucket"], SETTING_NAME)))


def rules_from_request(configuration: Params) -> BucketRules:
    """The rules of a NotificationConfiguration.

    Raises:
        AwsError: it is none, or names what bakehouse cannot tell, or to whom it cannot.
    """
    for member, named in _UNBUILT.items():
        if configuration.get(member):
            text = f"bakehouse does not deliver to {named} ({member})."
            raise not_implemented(text)
    given = configuration.get("LambdaFunctionConfigurations", [])
    functions = tuple(_function_rule(one) for one in given)
    return BucketRules(functions, "EventBridgeConfiguration" in configuration)


def rules_to_response(rules: BucketRules) -> Params:
    """A NotificationConfiguration; one that tells nothing has no members."""
    answer: Params = {}
    if rules.functions:
        answer["LambdaFunctionConfigurations"] = [_rule_to_response(r) for r in rules.functions]
    if rules.to_bus:
        answer["EventBridgeConfiguration"] = {}
    return answer


def _function_rule(given: Params) -> FunctionRule:
    if not given.get("Events") or "LambdaFunctionArn" not in given:
        raise malformed_xml()
    arn = given["LambdaFunctionArn"]
    if not _is_function(arn):
        raise _no_destination(arn, "The ARN is not well formed")
    events = tuple(_event(name) for name in given["Events"])
    rule_id = given.get("Id") or secrets.token_urlsafe(24)
    return FunctionRule(rule_id, arn, events, **_filter(given.get("Filter", {})))


def _is_function(arn: str) -> bool:
    try:
        return kind_of(arn) == "function"
    except InvalidInput:
        return False


def _event(name: str) -> str:
    """``ObjectCreated:Put`` of ``s3:ObjectCreated:Put``."""
    family, _, kind = name.removeprefix("s3:").partition(":")
    if name.startswith("s3:") and kind in _FAMILIES.get(family, ()):
        return f"{family}:{kind}"
    if name.startswith("s3:") and family.startswith(_NEVER):
        raise not_implemented(f"bakehouse does not make events {name}.")
    text = "A specified event is not supported for notifications."
    raise invalid_argument("Event", name, text)


def _filter(given: Params) -> dict[str, str]:
    chosen: dict[str, str] = {}
    for rule in given.get("Key", {}).get("FilterRules", ()):
        name = rule.get("Name", "").lower()
        if name not in ("prefix", "suffix"):
            text = "filter rule name must be either prefix or suffix"
            raise AwsError("InvalidArgument", text, 400)
        if name in chosen:
            text = f"Cannot specify more than one {name} rule in a filter."
            raise AwsError("InvalidArgument", text, 400)
        if len(rule.get("Value", "").encode()) > _FILTER_BYTES:
            text = "Filter rule value cannot be longer than 1024 bytes."
            raise AwsError("InvalidArgument", text, 400)
        chosen[name] = rule.get("Value", "")
    return chosen


def _rule_to_response(rule: FunctionRule) -> Params:
    answer: Params = {
        "Id": rule.rule_id,
        "LambdaFunctionArn": rule.arn,
        "Events": [f"s3:{event}" for event in rule.events],
    }
    chosen = [("Prefix", rule.prefix), ("Suffix", rule.suffix)]
    filters = [{"Name": name, "Value": value} for name, value in chosen if value]
    return answer | ({"Filter": {"Key": {"FilterRules": filters}}} if filters else {})


def _no_destination(arn: str, reason: str) -> AwsError:
    text = "Unable to validate the following destination configurations"
    fields = {"ArgumentName1": arn, "ArgumentValue1": reason}
    return AwsError("InvalidArgument", text, 400, fields)
