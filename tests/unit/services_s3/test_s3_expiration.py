"""When lifecycle rules would expire an object, as the answers of S3 tell it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import pytest


def set_rules(client: Any, bucket: str, *rules: dict[str, Any]) -> None:
    named = [
        {"Status": "Enabled", "ID": f"rule {number}", **rule} for number, rule in enumerate(rules)
    ]
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": named}
    )


def test_all_who_write_and_read_are_told(client: Any, bucket: str) -> None:
    """The midnight after so many days, and the id of the rule as URLs have it."""
    set_rules(client, bucket, {"Prefix": "logs/", "Expiration": {"Days": 1}})
    named = {"Bucket": bucket, "Key": "logs/1"}
    answers = [client.put_object(**named, Body=b"x")]
    answers += [client.head_object(**named), client.get_object(**named)]
    answers += [client.copy_object(Bucket=bucket, Key="logs/2", CopySource=named)]
    upload = client.create_multipart_upload(**named)["UploadId"]
    part = client.upload_part(**named, UploadId=upload, PartNumber=1, Body=b"x")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    answers += [client.complete_multipart_upload(**named, UploadId=upload, MultipartUpload=parts)]
    for answer in answers:
        date, _, rule = answer["Expiration"].removeprefix('expiry-date="').partition('", ')
        assert rule == 'rule-id="rule%200"'
        moment = parsedate_to_datetime(date)
        assert (moment.hour, moment.minute, moment.second) == (0, 0, 0)
        left = moment - datetime.now(UTC)
        assert timedelta(hours=23) < left <= timedelta(days=2)


def test_the_earliest_of_the_rules_is_told(client: Any, bucket: str) -> None:
    """A date counts as well as days do."""
    moment = datetime(2015, 1, 1, tzinfo=UTC)
    set_rules(
        client,
        bucket,
        {"Prefix": "", "Expiration": {"Days": 1}},
        {"Prefix": "", "Expiration": {"Date": moment}},
    )
    told = client.put_object(Bucket=bucket, Key="key", Body=b"x")["Expiration"]
    assert told == 'expiry-date="Thu, 01 Jan 2015 00:00:00 GMT", rule-id="rule%201"'


@pytest.mark.parametrize(
    ("rule", "is_named"),
    [
        ({"Filter": {}}, True),
        ({"Filter": {"Prefix": "ke"}}, True),
        ({"Filter": {"Prefix": "kex"}}, False),
        ({"Prefix": "", "Status": "Disabled"}, False),
        ({"Prefix": "", "Expiration": {"ExpiredObjectDeleteMarker": True}}, False),
        ({"Filter": {"Tag": {"Key": "a", "Value": "1"}}}, True),
        ({"Filter": {"Tag": {"Key": "a", "Value": "2"}}}, False),
        ({"Filter": {"And": {"Prefix": "k", "Tags": [{"Key": "b", "Value": "2"}]}}}, True),
        (
            {"Filter": {"And": {"Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "3"}]}}},
            False,
        ),
        ({"Filter": {"ObjectSizeGreaterThan": 2}}, True),
        ({"Filter": {"ObjectSizeGreaterThan": 3}}, False),
        ({"Filter": {"ObjectSizeLessThan": 3}}, False),
        ({"Filter": {"And": {"ObjectSizeGreaterThan": 1, "ObjectSizeLessThan": 4}}}, True),
    ],
)
def test_a_rule_is_told_of_what_it_names(
    client: Any, bucket: str, rule: dict[str, Any], is_named: bool
) -> None:
    """By prefix, tags and size; not of other objects, and not where it is off."""
    set_rules(client, bucket, {"Expiration": {"Days": 1}, **rule})
    client.put_object(Bucket=bucket, Key="key", Body=b"123", Tagging="a=1&b=2")
    assert ("Expiration" in client.head_object(Bucket=bucket, Key="key")) == is_named
