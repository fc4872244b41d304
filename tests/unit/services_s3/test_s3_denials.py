"""What a bucket's policy denies its own account, as a real boto3 client finds it."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext
from typing import Any

import pytest

from bakehouse.faults import AccessDenied
from bakehouse.services.s3.denials import check_not_denied
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectStore
from bakehouse.wire.types import Call, Caller
from support.refusals import refused

DENIED = ("AccessDenied", 403)
SSE = "s3:x-amz-server-side-encryption"


@pytest.fixture
def deny(client: Any, bucket: str) -> Any:
    """Gives the bucket a policy that denies one thing, to everyone if nothing else is said."""

    def put(action: str, path: str = "/*", **changed: Any) -> None:
        given = {"Effect": "Deny", "Principal": "*", "Action": action}
        given["Resource"] = f"arn:aws:s3:::{bucket}{path}"
        kept = {name: value for name, value in (given | changed).items() if value is not None}
        policy = json.dumps({"Version": "2012-10-17", "Statement": kept})
        client.put_bucket_policy(Bucket=bucket, Policy=policy)

    return put


def test_objects_can_be_required_to_be_encrypted(client: Any, bucket: str, deny: Any) -> None:
    """A write that does not ask for what the policy demands is denied, also where it is no word."""
    new = {"Bucket": bucket, "Key": "key", "Body": b"x"}
    deny("s3:PutObject", Condition={"StringNotEquals": {SSE: "aws:kms"}})
    for method in ("AES256", "ROT13"):
        assert refused(client.put_object, **new, ServerSideEncryption=method) == DENIED
    assert refused(client.create_multipart_upload, Bucket=bucket, Key="key") == DENIED
    client.put_object(**new, ServerSideEncryption="aws:kms", SSEKMSKeyId="k-1")
    deny("s3:PutObject", Condition={"Null": {SSE: True}})
    assert refused(client.put_object, **new) == DENIED
    client.put_object(**new, ServerSideEncryption="AES256")


def test_reading_is_denied_in_each_way_to_read(client: Any, bucket: str, deny: Any) -> None:
    """What is denied of an object holds for its copies and its head, and for no other object."""
    for key in ("secret/1", "open"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    deny("s3:getobject", "/secret/*")
    hidden = {"Bucket": bucket, "Key": "secret/1"}
    assert refused(client.get_object, **hidden) == DENIED
    assert refused(client.head_object, **hidden) == ("403", 403)
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": hidden}
    assert refused(client.copy_object, **copy) == DENIED
    begun = client.create_multipart_upload(Bucket=bucket, Key="copy")["UploadId"]
    assert refused(client.upload_part_copy, **copy, UploadId=begun, PartNumber=1) == DENIED
    assert client.get_object(Bucket=bucket, Key="open")["Body"].read() == b"x"


def test_many_removals_are_denied_one_by_one(client: Any, bucket: str, deny: Any) -> None:
    """DeleteObjects removes what it may and tells of the rest."""
    for key in ("kept/1", "gone"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    deny("s3:DeleteObject", "/kept/*")
    objects = [{"Key": "kept/1"}, {"Key": "gone"}]
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert [(one["Key"], one["Code"]) for one in answer["Errors"]] == [("kept/1", "AccessDenied")]
    assert [one["Key"] for one in answer["Deleted"]] == ["gone"]


def test_versions_have_actions_of_their_own(client: Any, bucket: str, deny: Any) -> None:
    """Who may not remove versions may still put a delete marker over them."""
    status = {"Status": "Enabled"}
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration=status)
    named = {"Bucket": bucket, "Key": "key"}
    version_id = client.put_object(**named, Body=b"x")["VersionId"]
    deny("s3:DeleteObjectVersion")
    assert refused(client.delete_object, **named, VersionId=version_id) == DENIED
    assert client.delete_object(**named)["DeleteMarker"]


def test_the_tags_of_an_object_can_decide(client: Any, bucket: str, deny: Any) -> None:
    """Those that it has, and those that a write would give it."""
    client.put_object(Bucket=bucket, Key="key", Body=b"x", Tagging="level=high")
    deny("s3:*", Condition={"StringEquals": {"s3:ExistingObjectTag/level": "high"}})
    assert refused(client.get_object_tagging, Bucket=bucket, Key="key") == DENIED
    deny("s3:*", Condition={"StringLike": {"s3:RequestObjectTag/level": ["hi*", "low"]}})
    tags = {"TagSet": [{"Key": "level", "Value": "high"}]}
    named = {"Bucket": bucket, "Key": "key"}
    assert refused(client.put_object_tagging, **named, Tagging=tags) == DENIED
    assert refused(client.put_object, **named, Body=b"x", Tagging="level=low") == DENIED
    client.put_object(**named, Body=b"x", Tagging="level=middle")


@pytest.mark.parametrize(
    ("changed", "is_bound"),
    [
        ({"Principal": {"AWS": "123456789012"}}, True),
        ({"Principal": {"AWS": ["arn:aws:iam::123456789012:root"]}}, True),
        ({"Principal": {"AWS": "111122223333"}}, False),
        ({"Principal": {"Service": "logging.s3.amazonaws.com"}}, False),
        ({"Principal": None, "NotPrincipal": {"AWS": "111122223333"}}, True),
        ({"Principal": None, "NotPrincipal": {"AWS": "123456789012"}}, False),
        ({"Action": None, "NotAction": "s3:GetBucketTagging"}, True),
        ({"Resource": None, "NotResource": "arn:aws:s3:::*/*"}, True),
        ({"Effect": "Allow", "Principal": {"AWS": "111122223333"}}, False),
    ],
)
def test_a_denial_binds_whom_it_names(
    client: Any, bucket: str, deny: Any, changed: dict[str, Any], is_bound: bool
) -> None:
    """The account by its number or as its root, and everyone whom it does not leave out."""
    deny("s3:GetBucketPublicAccessBlock", "", **changed)
    if is_bound:
        assert refused(client.get_public_access_block, Bucket=bucket) == DENIED
    else:
        client.get_public_access_block(Bucket=bucket)


@pytest.mark.parametrize(
    "condition",
    [
        {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}},
        {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
        {"Bool": {"aws:SecureTransport": False}},
        {"Sounds": {"aws:Referer": "alike"}},
    ],
)
def test_what_cannot_be_known_here_denies_nothing(
    client: Any, bucket: str, deny: Any, condition: dict[str, Any]
) -> None:
    """Networks, and operators that are none; and the way to one's own machine is secure."""
    deny("s3:*", "*", Condition=condition)
    client.put_object(Bucket=bucket, Key="key", Body=b"x")


def test_a_policy_can_always_be_mended(client: Any, bucket: str, deny: Any) -> None:
    """Even one that denies everything."""
    deny("s3:*", "*")
    assert refused(client.list_objects_v2, Bucket=bucket) == DENIED
    assert "Deny" in client.get_bucket_policy(Bucket=bucket)["Policy"]
    client.delete_bucket_policy(Bucket=bucket)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("principal", "is_bound"),
    [
        ("arn:aws:iam::123456789012:role/trainer", True),
        ("arn:aws:sts::123456789012:assumed-role/trainer/me", True),
        ("arn:aws:iam::123456789012:role/other", False),
        ("arn:aws:iam::123456789012:user/trainer", False),
    ],
)
def test_a_role_can_be_named_for_its_sessions(principal: str, is_bound: bool) -> None:
    """Whoever plays a role is bound by what it is denied."""
    store = ObjectStore(MemoryRecords(), MemoryBlobs())
    store.create_bucket("bucket")
    statement = {"Effect": "Deny", "Principal": {"AWS": principal}, "Action": "s3:*"}
    policy = {"Statement": statement | {"Resource": "arn:aws:s3:::*"}}
    asyncio.run(store.set_setting_async("bucket", "policy", {"text": json.dumps(policy)}))
    caller = Caller("k", "s", "arn:aws:sts::123456789012:assumed-role/trainer/me", "id", "k")
    call = Call("ListObjectsV2", "id", "123456789012", "us-east-1", "k", caller=caller)
    refusing = pytest.raises(AccessDenied) if is_bound else nullcontext()
    with refusing:
        check_not_denied(store, call.operation, call, {"Bucket": "bucket"})
