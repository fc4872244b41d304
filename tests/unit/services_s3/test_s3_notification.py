"""What a bucket is told to tell, through a real boto3 client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bakehouse.services import s3
from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore
from support.doors import client, served
from support.refusals import refused

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:known"


def rule(rule_id: str = "one", **changed: Any) -> dict[str, Any]:
    """A rule for a function, changed."""
    given = {"Id": rule_id, "LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:*"]}
    return given | changed


def name_filter(**values: str) -> dict[str, Any]:
    """A filter by the beginning and the end of keys."""
    rules = [{"Name": name, "Value": value} for name, value in values.items()]
    return {"Key": {"FilterRules": rules}}


@pytest.fixture
def told(tmp_path: Path) -> Any:
    """A client of a door that knows one function; there is the bucket ``telling``."""
    store = ObjectStore(MemoryRecords(), FileBlobs(tmp_path))
    store.create_bucket("telling")
    with served([s3.service(store, knows_function=lambda arn: arn == FUNCTION)]) as url:
        made = client("s3", url)
        yield made
        made.close()


def put(told: Any, *rules: dict[str, Any], **more: Any) -> Any:
    """Set rules for functions."""
    configuration = {"LambdaFunctionConfigurations": list(rules)}
    return told.put_bucket_notification_configuration(
        Bucket="telling", NotificationConfiguration=configuration, **more
    )


def test_rules_come_back_as_they_were(told: Any) -> None:
    """With their filters, whose names begin with a capital, and the bus; nothing clears them."""
    first = rule(Filter=name_filter(prefix="in/", Suffix=".png"))
    second = rule("two", Events=["s3:ObjectRemoved:Delete"])
    wanted = {"LambdaFunctionConfigurations": [first, second], "EventBridgeConfiguration": {}}
    told.put_bucket_notification_configuration(Bucket="telling", NotificationConfiguration=wanted)
    found = told.get_bucket_notification_configuration(Bucket="telling")
    first["Filter"] = name_filter(Prefix="in/", Suffix=".png")
    assert found["LambdaFunctionConfigurations"] == [first, second]
    assert found["EventBridgeConfiguration"] == {}
    told.put_bucket_notification_configuration(Bucket="telling", NotificationConfiguration={})
    found = told.get_bucket_notification_configuration(Bucket="telling")
    assert "LambdaFunctionConfigurations" not in found
    assert "EventBridgeConfiguration" not in found


@pytest.mark.parametrize(
    ("rules", "refusal"),
    [
        ([rule(LambdaFunctionArn=f"{FUNCTION}-not")], ("InvalidArgument", 400)),
        ([rule(LambdaFunctionArn="known")], ("InvalidArgument", 400)),
        ([rule(Events=["s3:ObjectVanished"])], ("InvalidArgument", 400)),
        ([rule(Events=["s3:ObjectRestore:*"])], ("NotImplemented", 501)),
        ([rule(Filter=name_filter(middle="x"))], ("InvalidArgument", 400)),
        ([rule(), rule()], ("InvalidArgument", 400)),
        ([rule(), rule("two", Events=["s3:ObjectCreated:Put"])], ("InvalidArgument", 400)),
        (
            [rule(Filter=name_filter(prefix="a")), rule("two", Filter=name_filter(prefix="ab"))],
            ("InvalidArgument", 400),
        ),
    ],
)
def test_rules_that_s3_does_not_take(
    told: Any, rules: list[dict[str, Any]], refusal: tuple[str, int]
) -> None:
    """No such function, no such event, or two rules for the same change."""
    given = {"LambdaFunctionConfigurations": rules}
    change = told.put_bucket_notification_configuration
    assert refused(change, Bucket="telling", NotificationConfiguration=given) == refusal


def test_rules_for_different_changes_go_together(told: Any) -> None:
    """By their events, or by what keys begin or end with."""
    put(
        told,
        rule("1", Filter=name_filter(prefix="a")),
        rule("2", Filter=name_filter(prefix="b")),
        rule("3", Events=["s3:ObjectRemoved:*"]),
    )
    put(
        told,
        rule("1", Filter=name_filter(suffix=".png")),
        rule("2", Filter=name_filter(suffix=".txt")),
    )


def test_a_function_may_come_later(told: Any) -> None:
    """Where the caller asks that it is not looked for."""
    put(told, rule(LambdaFunctionArn=f"{FUNCTION}-later"), SkipDestinationValidation=True)


@pytest.mark.parametrize(
    ("member", "arn"),
    [
        ("QueueConfigurations", {"QueueArn": "arn:aws:sqs:us-east-1:123456789012:q"}),
        ("TopicConfigurations", {"TopicArn": "arn:aws:sns:us-east-1:123456789012:t"}),
    ],
)
def test_queues_and_topics_are_refused_by_name(told: Any, member: str, arn: dict[str, str]) -> None:
    """They are not built."""
    given = {member: [{**arn, "Events": ["s3:ObjectCreated:*"]}]}
    change = told.put_bucket_notification_configuration
    refusal = refused(change, Bucket="telling", NotificationConfiguration=given)
    assert refusal == ("NotImplemented", 501)
