"""Conditions on writes, removals and copies, as a real boto3 client sets them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

PAST = datetime(2015, 1, 1, tzinfo=UTC)
FAILED = ("PreconditionFailed", 412)
MISSING = ("NoSuchKey", 404)


def outcome(call: Any, **params: Any) -> tuple[str, int]:
    """Code and status of a call; ``OK`` where it is not refused."""
    try:
        answer = call(**params)
    except ClientError as error:
        answer = error.response
    code = answer.get("Error", {}).get("Code", "OK")
    return code, answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(params=["plain", "versioned"])
def target(request: pytest.FixtureRequest, client: Any, bucket: str) -> dict[str, str]:
    """A key in an empty bucket, with and without versions."""
    if request.param == "versioned":
        client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    return {"Bucket": bucket, "Key": "key"}


def complete(client: Any, target: dict[str, str], **conditions: str) -> tuple[str, int]:
    """The outcome of an upload in parts that is completed under conditions."""
    upload = target | {"UploadId": client.create_multipart_upload(**target)["UploadId"]}
    etag = client.upload_part(**upload, PartNumber=1, Body=b"x")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    return outcome(client.complete_multipart_upload, **upload, MultipartUpload=parts, **conditions)


@pytest.mark.parametrize("how", ["put", "parts", "copy"])
def test_a_write_depends_on_what_is_there(client: Any, target: dict[str, str], how: str) -> None:
    """By its ETag or by being there at all; a delete marker is as good as nothing."""
    client.put_object(Bucket=target["Bucket"], Key="source", Body=b"x")

    def write(**conditions: str) -> tuple[str, int]:
        if how == "parts":
            return complete(client, target, **conditions)
        if how == "put":
            return outcome(client.put_object, **target, Body=b"x", **conditions)
        source = f"{target['Bucket']}/source"
        return outcome(client.copy_object, **target, CopySource=source, **conditions)

    assert write(IfMatch="*") == write(IfMatch='"0"') == MISSING
    assert write(IfNoneMatch="*") == ("OK", 200)
    etag = client.head_object(**target)["ETag"]
    assert write(IfNoneMatch="*") == write(IfNoneMatch=etag) == FAILED
    assert write(IfMatch='"0"') == FAILED
    assert write(IfMatch=etag) == write(IfMatch="*") == write(IfNoneMatch='"0"') == ("OK", 200)
    client.delete_object(**target)
    assert write(IfMatch=etag) == MISSING
    assert write(IfNoneMatch="*") == ("OK", 200)


def test_a_removal_depends_on_what_is_there(client: Any, target: dict[str, str]) -> None:
    """By ETag, time and size; where nothing is, there is nothing to compare."""
    wrong: list[dict[str, Any]] = [
        {"IfMatch": '"0"'},
        {"IfMatchLastModifiedTime": PAST},
        {"IfMatchSize": 5},
    ]
    for condition in wrong:
        assert outcome(client.delete_object, **target, **condition) == ("OK", 204)
    client.put_object(**target, Body=b"content")
    head = client.head_object(**target)
    for condition in wrong:
        assert outcome(client.delete_object, **target, **condition) == FAILED
    right: list[dict[str, Any]] = [
        {"IfMatch": head["ETag"]},
        {"IfMatch": "*"},
        {"IfMatchSize": 7},
    ]
    for condition in right:
        assert outcome(client.delete_object, **target, **condition) == ("OK", 204)
        assert outcome(client.head_object, **target) == ("404", 404)
        client.put_object(**target, Body=b"content")
    modified = client.head_object(**target)["LastModified"]
    since = {"IfMatchLastModifiedTime": modified}
    assert outcome(client.delete_object, **target, **since) == ("OK", 204)


def test_many_removals_each_have_their_own_condition(client: Any, target: dict[str, str]) -> None:
    """Those that do not hold are told, the others are done."""
    for key in ("a", "b", "c", "d"):
        client.put_object(Bucket=target["Bucket"], Key=key, Body=b"x")
    head = client.head_object(Bucket=target["Bucket"], Key="d")
    wanted: list[dict[str, Any]] = [
        {"Key": "a", "ETag": '"0"'},
        {"Key": "b", "LastModifiedTime": PAST},
        {"Key": "c", "Size": 2},
        {"Key": "d", "ETag": head["ETag"], "LastModifiedTime": head["LastModified"], "Size": 1},
        {"Key": "e", "ETag": '"0"'},
    ]
    answer = client.delete_objects(Bucket=target["Bucket"], Delete={"Objects": wanted})
    assert [(e["Key"], e["Code"]) for e in answer["Errors"]] == [
        (key, "PreconditionFailed") for key in ("a", "b", "c")
    ]
    assert [entry["Key"] for entry in answer["Deleted"]] == ["d", "e"]


def test_a_delete_marker_has_no_etag_and_no_size(client: Any, bucket: str) -> None:
    """So only that it is there can be a condition; a version has its own."""
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    key = {"Bucket": bucket, "Key": "key"}
    version = client.put_object(**key, Body=b"content")["VersionId"]
    client.delete_object(**key)
    assert outcome(client.delete_object, **key, IfMatch='"0"') == FAILED
    assert outcome(client.delete_object, **key, IfMatchSize=7) == FAILED
    assert outcome(client.delete_object, **key, IfMatch="*") == ("OK", 204)
    named = {**key, "VersionId": version}
    assert outcome(client.delete_object, **named, IfMatchSize=8) == FAILED
    assert outcome(client.delete_object, **named, IfMatchSize=7) == ("OK", 204)
    assert outcome(client.delete_object, **named, IfMatchSize=8) == ("OK", 204)
