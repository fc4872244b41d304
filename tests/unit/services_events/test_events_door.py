"""EventBridge as boto3 sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from bakehouse.notifications import Notifications
from bakehouse.services.events import service
from bakehouse.storage.memory import MemoryRecords
from support.doors import client, served
from support.refusals import refused

ARN = "arn:aws:events:us-east-1:123456789012"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:told"
MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:run"
ROLE = "arn:aws:iam::123456789012:role/events"
PATTERN = json.dumps({"source": ["shop"]})
INVALID = ("ValidationException", 400)
MISSING = ("ResourceNotFoundException", 400)


async def nothing(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    return {}


def unheard(group: str, stream: str, events: Sequence[tuple[int, str]]) -> None:
    raise AssertionError(events)


@pytest.fixture(scope="module")
def door() -> Iterator[Any]:
    """A boto3 client of the door."""
    told = Notifications(
        MemoryRecords(),
        call=nothing,
        append_log=unheard,
        account_id="123456789012",
        region="us-east-1",
    )
    with served([service(told)], [told]) as url:
        made = client("events", url)
        yield made
        made.close()


@pytest.fixture
def events(door: Any) -> Iterator[Any]:
    """The same, with no rules left behind."""
    yield door
    for rule in door.list_rules()["Rules"]:
        targets = door.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if targets:
            door.remove_targets(Rule=rule["Name"], Ids=[target["Id"] for target in targets])
        door.delete_rule(Name=rule["Name"])


def test_a_rule_lives_and_ends(events: Any) -> None:
    """Put, described, disabled, enabled, changed, listed, deleted twice."""
    made = events.put_rule(Name="orders", EventPattern=PATTERN, Description="all", RoleArn=ROLE)
    assert made["RuleArn"] == f"{ARN}:rule/orders"
    found = events.describe_rule(Name="orders")
    assert found.pop("ResponseMetadata")
    assert found == {
        "Name": "orders",
        "Arn": f"{ARN}:rule/orders",
        "EventPattern": PATTERN,
        "State": "ENABLED",
        "Description": "all",
        "RoleArn": ROLE,
        "EventBusName": "default",
        "CreatedBy": "123456789012",
    }
    events.disable_rule(Name="orders")
    assert events.describe_rule(Name="orders")["State"] == "DISABLED"
    events.enable_rule(Name="orders", EventBusName=f"{ARN}:event-bus/default")
    events.put_rule(Name="orders", EventPattern=PATTERN, State="DISABLED")
    (rule,) = events.list_rules(NamePrefix="ord")["Rules"]
    assert (rule["State"], "Description" in rule) == ("DISABLED", False)
    events.delete_rule(Name="orders")
    events.delete_rule(Name="orders")
    assert refused(events.describe_rule, Name="orders") == MISSING
    assert events.list_rules()["Rules"] == []


def test_rules_come_in_pages(events: Any) -> None:
    """By name; the token goes on where the page ended."""
    for number in range(5):
        events.put_rule(Name=f"r{number}", EventPattern=PATTERN)
    pages = events.get_paginator("list_rules").paginate(PaginationConfig={"PageSize": 2})
    assert [[rule["Name"] for rule in page["Rules"]] for page in pages] == [
        ["r0", "r1"],
        ["r2", "r3"],
        ["r4"],
    ]
    assert refused(events.list_rules, NextToken="no token") == INVALID


def test_targets_are_put_listed_and_removed(events: Any) -> None:
    """As they were given; a rule with targets is not deleted."""
    events.put_rule(Name="orders", EventPattern=PATTERN)
    transformer = {"InputPathsMap": {"id": "$.detail.id"}, "InputTemplate": '{"id": <id>}'}
    policy = {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 60}
    targets = [
        {"Id": "f", "Arn": FUNCTION, "InputTransformer": transformer, "RetryPolicy": policy},
        {"Id": "m", "Arn": MACHINE, "RoleArn": ROLE, "InputPath": "$.detail"},
        {"Id": "c", "Arn": f"{FUNCTION}:$LATEST", "Input": "{}"},
    ]
    assert events.put_targets(Rule="orders", Targets=targets)["FailedEntryCount"] == 0
    assert events.list_targets_by_rule(Rule="orders")["Targets"] == targets
    assert events.list_rule_names_by_target(TargetArn=MACHINE)["RuleNames"] == ["orders"]
    assert events.list_rule_names_by_target(TargetArn=f"{MACHINE}2")["RuleNames"] == []
    assert refused(events.delete_rule, Name="orders") == INVALID
    failed = events.remove_targets(Rule="orders", Ids=["f", "m", "c", "x"])["FailedEntries"]
    assert [(one["TargetId"], one["ErrorCode"]) for one in failed] == [
        ("x", "ResourceNotFoundException")
    ]
    events.delete_rule(Name="orders")


@pytest.mark.parametrize(
    ("target", "refusal"),
    [
        ({"Arn": MACHINE}, INVALID),
        ({"Arn": "nonsense"}, INVALID),
        ({"Arn": "arn:aws:sqs:us-east-1:123456789012:q"}, ("NotImplemented", 501)),
        ({"Arn": FUNCTION, "Input": "{}", "InputPath": "$"}, INVALID),
        ({"Arn": FUNCTION, "Input": "{"}, INVALID),
        ({"Arn": FUNCTION, "InputPath": "detail"}, INVALID),
        ({"Arn": FUNCTION, "DeadLetterConfig": {"Arn": FUNCTION}}, ("NotImplemented", 501)),
    ],
)
def test_targets_to_which_nothing_can_go(
    events: Any, target: dict[str, Any], refusal: tuple[str, int]
) -> None:
    """Are refused when they are put; what is not built, by its name."""
    events.put_rule(Name="orders", EventPattern=PATTERN)
    put = events.put_targets
    assert refused(put, Rule="orders", Targets=[{"Id": "1", **target}]) == refusal


def test_rules_that_cannot_be(events: Any) -> None:
    """Without a pattern, with a bad one, for a schedule, or on a bus that is not there."""
    put = events.put_rule
    assert refused(put, Name="r") == INVALID
    bad = ("InvalidEventPatternException", 400)
    assert refused(put, Name="r", EventPattern='{"source": "shop"}') == bad
    schedule = refused(put, Name="r", ScheduleExpression="rate(5 minutes)")
    assert schedule == ("NotImplemented", 501)
    assert refused(put, Name="r", EventPattern=PATTERN, EventBusName="other") == MISSING
    assert refused(events.put_targets, Rule="r", Targets=[{"Id": "1", "Arn": FUNCTION}]) == MISSING
    assert refused(events.create_event_bus, Name="other") == ("NotImplemented", 501)


def test_events_are_taken_one_by_one(events: Any) -> None:
    """Each entry has an id or an error of its own."""
    good = {"Source": "shop", "DetailType": "order", "Detail": '{"id": 1}'}
    entries = [
        good,
        {**good, "Detail": "[1]"},
        {**good, "Detail": "no JSON"},
        {**good, "Detail": '{"half": "\\ud800"}'},
        {**good, "Detail": '{"number": NaN}'},
        {**good, "Detail": '{"a":' * 900 + "1" + "}" * 900},
        {**good, "Source": "aws.s3"},
        {"Source": "shop", "Detail": "{}"},
        {**good, "EventBusName": "other"},
        {**good, "Resources": ["arn:of:something"], "Time": 1_700_000_000},
    ]
    told = events.put_events(Entries=entries)
    assert told["FailedEntryCount"] == 8
    assert [entry.get("ErrorCode") for entry in told["Entries"]] == [
        None,
        *["MalformedDetail"] * 5,
        "NotAuthorizedForSourceException",
        "InvalidArgument",
        "ResourceNotFoundException",
        None,
    ]
    ids = {entry["EventId"] for entry in told["Entries"] if "EventId" in entry}
    assert len(ids) == 2
    large = {**good, "Detail": json.dumps({"text": "a" * 1_100_000})}
    assert refused(events.put_events, Entries=[large]) == INVALID


def test_a_pattern_can_be_tried(events: Any) -> None:
    """On an event in its envelope."""
    names = ("id", "account", "time", "region", "detail-type")
    event: dict[str, Any] = {**dict.fromkeys(names, "x"), "source": "shop", "resources": []}
    ask = events.test_event_pattern
    assert ask(EventPattern=PATTERN, Event=json.dumps(event))["Result"] is True
    event["source"] = "other"
    assert ask(EventPattern=PATTERN, Event=json.dumps(event))["Result"] is False
    assert refused(ask, EventPattern=PATTERN, Event="{}") == INVALID
    assert refused(ask, EventPattern=PATTERN, Event="{") == INVALID
    bad = ("InvalidEventPatternException", 400)
    assert refused(ask, EventPattern="{}", Event=json.dumps(event)) == bad


def test_tags_that_aws_does_not_allow_are_refused(events: Any) -> None:
    """One key twice, its own prefix, odd signs, and the fifty-first are errors; nothing is lost."""
    arn = events.put_rule(Name="tagged", EventPattern=PATTERN)["RuleArn"]
    many = [{"Key": f"k{n}", "Value": ""} for n in range(50)]
    events.tag_resource(ResourceARN=arn, Tags=many)
    twice = [{"Key": "k1", "Value": "a"}, {"Key": "k1", "Value": "b"}]
    for bad in (twice, [{"Key": "aws:k", "Value": ""}], [{"Key": "k<", "Value": ""}]):
        assert refused(events.tag_resource, ResourceARN=arn, Tags=bad)[0] == "ValidationException"
    more = [{"Key": "one more", "Value": ""}]
    code = refused(events.tag_resource, ResourceARN=arn, Tags=more)[0]
    assert code == "LimitExceededException"
    assert len(events.list_tags_for_resource(ResourceARN=arn)["Tags"]) == len(many)
    events.delete_rule(Name="tagged")


def test_rules_have_tags(events: Any) -> None:
    """From the beginning, added, removed."""
    tags = [{"Key": "a", "Value": "1"}]
    arn = events.put_rule(Name="orders", EventPattern=PATTERN, Tags=tags)["RuleArn"]
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == tags
    events.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    events.untag_resource(ResourceARN=arn, TagKeys=["a"])
    found = events.list_tags_for_resource(ResourceARN=arn)["Tags"]
    assert found == [{"Key": "b", "Value": "2"}]
    assert refused(events.list_tags_for_resource, ResourceARN=f"{arn}x") == MISSING


def test_there_is_one_bus(events: Any) -> None:
    """The default one."""
    bus = {"Name": "default", "Arn": f"{ARN}:event-bus/default"}
    described = events.describe_event_bus()
    assert {name: described[name] for name in bus} == bus
    assert events.list_event_buses()["EventBuses"] == [bus]
    assert events.list_event_buses(NamePrefix="x")["EventBuses"] == []
    assert refused(events.describe_event_bus, Name="other") == MISSING
