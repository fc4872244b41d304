"""Object lock: what keeps a version from being removed, and who may take it off."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from support.refusals import refused

DENIED = ("AccessDenied", 403)
FAR = datetime(2040, 1, 1, tzinfo=UTC)
_numbers = itertools.count()


@pytest.fixture
def locking(client: Any) -> str:
    """The name of a bucket whose objects can be locked."""
    name = f"locking-{next(_numbers)}"
    client.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    return name


def put(client: Any, bucket: str, **more: Any) -> dict[str, Any]:
    """A new object, as the parameters that name its version."""
    named = {"Bucket": bucket, "Key": "key"}
    version: str = client.put_object(**named, Body=b"", **more)["VersionId"]
    return {**named, "VersionId": version}


def default(**retention: Any) -> dict[str, Any]:
    """A configuration with a default retention."""
    return {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}}


def test_a_bucket_that_locks_keeps_versions(client: Any, locking: str) -> None:
    """For good: they cannot be suspended."""
    assert client.get_bucket_versioning(Bucket=locking)["Status"] == "Enabled"
    suspend = {"VersioningConfiguration": {"Status": "Suspended"}}
    assert refused(client.put_bucket_versioning, Bucket=locking, **suspend) == (
        "InvalidBucketState",
        409,
    )
    found = client.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"]
    assert found == {"ObjectLockEnabled": "Enabled"}


def test_versions_may_be_locked_from_now_on(client: Any, bucket: str) -> None:
    """In a bucket that keeps versions, not in one that does not."""
    given = {"ObjectLockConfiguration": default(Mode="GOVERNANCE", Days=1)}
    lock = client.put_object_lock_configuration
    assert refused(lock, Bucket=bucket, **given) == ("InvalidBucketState", 409)
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    lock(Bucket=bucket, **given)
    found = client.get_object_lock_configuration(Bucket=bucket)
    assert found["ObjectLockConfiguration"] == given["ObjectLockConfiguration"]


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        (default(Mode="GOVERNANCE", Days=1, Years=1), "MalformedXML"),
        (default(Mode="GOVERNANCE"), "MalformedXML"),
        (default(Mode="governance", Days=1), "MalformedXML"),
        (default(Mode="GOVERNANCE", Days=0), "InvalidRetentionPeriod"),
        (default(Mode="COMPLIANCE", Years=-1), "InvalidRetentionPeriod"),
        ({**default(Mode="GOVERNANCE", Days=1), "ObjectLockEnabled": "Disabled"}, "MalformedXML"),
    ],
)
def test_defaults_that_s3_does_not_take(
    client: Any, locking: str, configuration: dict[str, Any], code: str
) -> None:
    """Each with the code that S3 has for it."""
    given = {"Bucket": locking, "ObjectLockConfiguration": configuration}
    assert refused(client.put_object_lock_configuration, **given) == (code, 400)


def test_a_hold_keeps_a_version_until_it_is_taken_off(client: Any, locking: str) -> None:
    """No bypass helps; a delete marker may be put over it."""
    version = put(client, locking)
    client.put_object_legal_hold(**version, LegalHold={"Status": "ON"})
    assert client.get_object_legal_hold(**version)["LegalHold"] == {"Status": "ON"}
    assert client.head_object(**version)["ObjectLockLegalHoldStatus"] == "ON"
    assert refused(client.delete_object, **version, BypassGovernanceRetention=True) == DENIED
    assert client.delete_object(Bucket=locking, Key="key")["DeleteMarker"] is True
    client.put_object_legal_hold(**version, LegalHold={"Status": "OFF"})
    client.delete_object(**version)
    assert refused(client.head_object, **version)[1] == 404


def test_governance_keeps_a_version_from_those_who_do_not_bypass_it(
    client: Any, locking: str
) -> None:
    """Also among many; the others of a call are removed."""
    kept, other = put(client, locking), put(client, locking)
    retention = {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}
    client.put_object_retention(**kept, Retention=retention)
    assert client.get_object_retention(**kept)["Retention"] == retention
    head = client.head_object(**kept)
    assert (head["ObjectLockMode"], head["ObjectLockRetainUntilDate"]) == ("GOVERNANCE", FAR)
    assert refused(client.delete_object, **kept) == DENIED
    objects = [{"Key": "key", "VersionId": one["VersionId"]} for one in (kept, other)]
    told = client.delete_objects(Bucket=locking, Delete={"Objects": objects})
    assert [one["VersionId"] for one in told["Deleted"]] == [other["VersionId"]]
    assert [(one["Code"], one["VersionId"]) for one in told["Errors"]] == [
        ("AccessDenied", kept["VersionId"])
    ]
    client.delete_object(**kept, BypassGovernanceRetention=True)


def test_compliance_keeps_a_version_from_everyone(client: Any, locking: str) -> None:
    """It may only become longer, and goes when its time is over."""
    soon = datetime.now(UTC) + timedelta(seconds=1.2)
    version = put(client, locking, ObjectLockMode="COMPLIANCE", ObjectLockRetainUntilDate=soon)
    assert refused(client.delete_object, **version, BypassGovernanceRetention=True) == DENIED
    weaker = {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}
    change = client.put_object_retention
    bypass = {"BypassGovernanceRetention": True}
    assert refused(change, **version, Retention=weaker, **bypass) == DENIED
    until = client.head_object(**version)["ObjectLockRetainUntilDate"]
    while datetime.now(UTC) < until + timedelta(milliseconds=20):
        client.head_object(**version)
    client.delete_object(**version)


def test_governance_becomes_shorter_by_bypass_only(client: Any, locking: str) -> None:
    """Longer it may become by itself."""
    version = put(client, locking)

    def until(year: int) -> dict[str, Any]:
        moment = datetime(year, 1, 1, tzinfo=UTC)
        return {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": moment}}

    change = client.put_object_retention
    change(**version, **until(2040))
    change(**version, **until(2041))
    assert refused(change, **version, **until(2040)) == DENIED
    change(**version, **until(2040), BypassGovernanceRetention=True)
    assert client.get_object_retention(**version)["Retention"] == until(2040)["Retention"]
    client.delete_object(**version, BypassGovernanceRetention=True)


def test_a_buckets_default_is_every_new_objects(client: Any, locking: str) -> None:
    """Unless its writer says something else."""
    configuration = default(Mode="GOVERNANCE", Years=1)
    client.put_object_lock_configuration(Bucket=locking, ObjectLockConfiguration=configuration)
    before = datetime.now(UTC) + timedelta(days=365)
    version = put(client, locking, ObjectLockLegalHoldStatus="ON")
    head = client.head_object(**version)
    assert abs(head["ObjectLockRetainUntilDate"] - before) < timedelta(minutes=1)
    assert (head["ObjectLockMode"], head["ObjectLockLegalHoldStatus"]) == ("GOVERNANCE", "ON")
    own = put(client, locking, ObjectLockMode="GOVERNANCE", ObjectLockRetainUntilDate=FAR)
    assert client.head_object(**own)["ObjectLockRetainUntilDate"] == FAR


def test_locks_need_a_bucket_that_locks(client: Any, bucket: str) -> None:
    """InvalidRequest elsewhere; an object without a lock tells so."""
    named = {"Bucket": bucket, "Key": "key"}
    client.put_object(**named, Body=b"")
    invalid = ("InvalidRequest", 400)
    retention = {"Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}}
    assert refused(client.put_object_retention, **named, **retention) == invalid
    assert refused(client.get_object_retention, **named) == invalid
    hold = {"LegalHold": {"Status": "ON"}}
    assert refused(client.put_object_legal_hold, **named, **hold) == invalid
    assert refused(client.get_object_legal_hold, **named) == invalid
    locked = {"Body": b"", "ObjectLockLegalHoldStatus": "ON"}
    assert refused(client.put_object, **named, **locked) == invalid


def test_locks_that_are_none(client: Any, locking: str) -> None:
    """Words that S3 does not have, and dates that are over."""
    version = put(client, locking)
    missing = ("NoSuchObjectLockConfiguration", 404)
    assert refused(client.get_object_retention, **version) == missing
    assert refused(client.get_object_legal_hold, **version) == missing
    over = datetime(2020, 1, 1, tzinfo=UTC)
    for retention, code in (
        ({"Mode": "governance", "RetainUntilDate": FAR}, "MalformedXML"),
        ({"Mode": "GOVERNANCE"}, "MalformedXML"),
        ({"Mode": "GOVERNANCE", "RetainUntilDate": over}, "InvalidArgument"),
    ):
        change = client.put_object_retention
        assert refused(change, **version, Retention=retention) == (code, 400)
    hold = {"LegalHold": {"Status": "maybe"}}
    assert refused(client.put_object_legal_hold, **version, **hold) == ("MalformedXML", 400)
    half = {"Bucket": locking, "Key": "key", "Body": b"", "ObjectLockMode": "GOVERNANCE"}
    assert refused(client.put_object, **half) == ("InvalidArgument", 400)
