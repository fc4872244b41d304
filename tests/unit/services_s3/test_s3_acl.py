"""Access control lists, and what they open to those who do not sign."""

from __future__ import annotations

import json
from typing import Any

import pytest

from support.refusals import refused
from support.signed_s3 import SignedS3

EVERYONE = "http://acs.amazonaws.com/groups/global/AllUsers"
SIGNED = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers"
DENIED = ("AccessDenied", 403)


def short(acl: dict[str, Any]) -> list[tuple[str, str]]:
    """Who may do what: the group, or ``owner``, and the permission."""
    mine = acl["Owner"]["ID"]
    return [
        (
            "owner" if grant["Grantee"].get("ID") == mine else grant["Grantee"].get("URI", "other"),
            grant["Permission"],
        )
        for grant in acl["Grants"]
    ]


def test_a_bucket_and_an_object_are_their_owners(client: Any, bucket: str) -> None:
    """Unless something else is said, the owner alone may do everything."""
    client.put_object(Bucket=bucket, Key="key", Body=b"")
    of_bucket = client.get_bucket_acl(Bucket=bucket)
    assert short(of_bucket) == [("owner", "FULL_CONTROL")]
    assert of_bucket["Grants"][0]["Grantee"] == {"Type": "CanonicalUser", **of_bucket["Owner"]}
    of_object = client.get_object_acl(Bucket=bucket, Key="key")
    assert of_object["Owner"] == of_bucket["Owner"] == client.list_buckets()["Owner"]
    assert short(of_object) == [("owner", "FULL_CONTROL")]


@pytest.mark.parametrize(
    ("canned", "groups"),
    [
        ("private", []),
        ("public-read", [(EVERYONE, "READ")]),
        ("public-read-write", [(EVERYONE, "READ"), (EVERYONE, "WRITE")]),
        ("authenticated-read", [(SIGNED, "READ")]),
    ],
)
def test_canned_acls_are_what_their_names_say(
    client: Any, bucket: str, canned: str, groups: list[tuple[str, str]]
) -> None:
    """At the making of a bucket, on a bucket, with a new object and on an object."""
    wanted = [*groups, ("owner", "FULL_CONTROL")]
    client.create_bucket(Bucket=f"canned-{canned}", ACL=canned)
    assert short(client.get_bucket_acl(Bucket=f"canned-{canned}")) == wanted
    client.put_bucket_acl(Bucket=bucket, ACL=canned)
    assert short(client.get_bucket_acl(Bucket=bucket)) == wanted
    client.put_object(Bucket=bucket, Key="new", Body=b"", ACL=canned)
    assert short(client.get_object_acl(Bucket=bucket, Key="new")) == wanted
    client.put_object_acl(Bucket=bucket, Key="new", ACL="private")
    assert short(client.get_object_acl(Bucket=bucket, Key="new")) == [("owner", "FULL_CONTROL")]


def test_an_upload_in_parts_and_a_copy_have_the_acl_that_they_are_given(
    client: Any, bucket: str
) -> None:
    """A copy does not inherit its source's."""
    named = {"Bucket": bucket, "Key": "whole"}
    upload = client.create_multipart_upload(**named, ACL="public-read")["UploadId"]
    part = client.upload_part(**named, UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(**named, UploadId=upload, MultipartUpload=parts)
    assert short(client.get_object_acl(**named))[0] == (EVERYONE, "READ")
    client.copy_object(Bucket=bucket, Key="copy", CopySource=f"{bucket}/whole")
    assert short(client.get_object_acl(Bucket=bucket, Key="copy")) == [("owner", "FULL_CONTROL")]


def test_a_written_acl_is_kept(client: Any, bucket: str) -> None:
    """To the owner, to another account and to a group, which comes first; the object stays."""
    etag = client.put_object(Bucket=bucket, Key="key", Body=b"bytes")["ETag"]
    mine = client.get_object_acl(Bucket=bucket, Key="key")["Owner"]
    other = {"Type": "CanonicalUser", "ID": "a" * 64}
    grants = [
        {"Grantee": {"Type": "CanonicalUser", "ID": mine["ID"]}, "Permission": "WRITE_ACP"},
        {"Grantee": other, "Permission": "READ_ACP"},
        {"Grantee": {"Type": "Group", "URI": SIGNED}, "Permission": "READ"},
    ]
    policy = {"Owner": mine, "Grants": grants}
    client.put_object_acl(Bucket=bucket, Key="key", AccessControlPolicy=policy)
    found = client.get_object_acl(Bucket=bucket, Key="key")
    assert found["Grants"] == [
        grants[2],
        {"Grantee": {"Type": "CanonicalUser", **mine}, "Permission": "WRITE_ACP"},
        grants[1],
    ]
    assert client.head_object(Bucket=bucket, Key="key")["ETag"] == etag
    client.put_bucket_acl(Bucket=bucket, AccessControlPolicy={"Owner": mine, "Grants": []})
    assert client.get_bucket_acl(Bucket=bucket)["Grants"] == []


def test_headers_grant_too(client: Any, bucket: str) -> None:
    """One for each permission, with several grantees; they replace the owner's own."""
    other = "b" * 64
    client.put_bucket_acl(
        Bucket=bucket, GrantRead=f'uri="{EVERYONE}", id={other}', GrantFullControl=f"id={other}"
    )
    assert short(client.get_bucket_acl(Bucket=bucket)) == [
        (EVERYONE, "READ"),
        ("other", "READ"),
        ("other", "FULL_CONTROL"),
    ]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({}, "MissingSecurityHeader"),
        ({"ACL": "public"}, "InvalidArgument"),
        ({"ACL": "private", "GrantRead": f"id={'a' * 64}"}, "InvalidRequest"),
        ({"GrantRead": "everyone"}, "InvalidArgument"),
        ({"GrantRead": "id=_foo"}, "InvalidArgument"),
        ({"GrantRead": "emailAddress=a@example.com"}, "UnresolvableGrantByEmailAddress"),
        ({"GrantRead": 'uri="http://example.com/everyone"'}, "InvalidArgument"),
        (
            {
                "AccessControlPolicy": {
                    "Grants": [
                        {"Grantee": {"Type": "CanonicalUser", "ID": "a" * 64}, "Permission": "ALL"}
                    ]
                }
            },
            "MalformedACLError",
        ),
    ],
)
def test_acls_that_s3_does_not_take(
    client: Any, bucket: str, given: dict[str, Any], code: str
) -> None:
    """Each is refused with the code that S3 has for it."""
    assert refused(client.put_bucket_acl, Bucket=bucket, **given) == (code, 400)
    assert short(client.get_bucket_acl(Bucket=bucket)) == [("owner", "FULL_CONTROL")]


def test_nobody_gives_a_bucket_away(client: Any, bucket: str) -> None:
    """Another owner in an ACL is refused."""
    policy = {"Owner": {"ID": "c" * 64}, "Grants": []}
    refusal = refused(client.put_bucket_acl, Bucket=bucket, AccessControlPolicy=policy)
    assert refusal == DENIED


def test_who_does_not_sign_is_let_in_by_an_acl_only(signed: SignedS3, own_bucket: str) -> None:
    """An object that everyone may read, and nothing else of its bucket."""
    owner, anyone = signed.owner, signed.anyone
    owner.put_object(Bucket=own_bucket, Key="open", Body=b"for all", ACL="public-read")
    owner.put_object(Bucket=own_bucket, Key="shut", Body=b"mine")
    owner.put_object(Bucket=own_bucket, Key="half", Body=b"mine", ACL="authenticated-read")
    named = {"Bucket": own_bucket}
    assert anyone.get_object(**named, Key="open")["Body"].read() == b"for all"
    assert anyone.head_object(**named, Key="open")["ContentLength"] == 7
    for key in ("shut", "half", "missing"):
        assert refused(anyone.get_object, **named, Key=key) == DENIED
    assert refused(anyone.list_objects_v2, **named) == DENIED
    assert refused(anyone.put_object, **named, Key="open", Body=b"") == DENIED
    assert refused(anyone.delete_object, **named, Key="open") == DENIED
    assert refused(anyone.get_object_acl, **named, Key="open") == DENIED
    assert refused(anyone.list_buckets) == DENIED
    assert refused(anyone.create_bucket, Bucket="of-nobody") == DENIED


def test_a_bucket_that_everyone_may_read_or_write(signed: SignedS3, own_bucket: str) -> None:
    """Reading is listing, and being told what is missing; writing is also removing."""
    owner, anyone, named = signed.owner, signed.anyone, {"Bucket": own_bucket}
    owner.put_bucket_acl(**named, ACL="public-read")
    assert anyone.list_objects_v2(**named)["KeyCount"] == 0
    assert refused(anyone.get_object, **named, Key="missing") == ("NoSuchKey", 404)
    assert refused(anyone.put_object, **named, Key="key", Body=b"") == DENIED
    owner.put_bucket_acl(**named, ACL="public-read-write")
    anyone.put_object(**named, Key="key", Body=b"from outside")
    assert owner.get_object(**named, Key="key")["Body"].read() == b"from outside"
    anyone.delete_object(**named, Key="key")
    assert owner.list_objects_v2(**named)["KeyCount"] == 0
    for forbidden in (anyone.delete_bucket, anyone.get_bucket_policy, anyone.get_bucket_acl):
        assert refused(forbidden, **named) == DENIED


def test_only_the_owner_removes_versions(signed: SignedS3, own_bucket: str) -> None:
    """Whoever may write puts a delete marker, and takes nothing that the bucket keeps."""
    owner, anyone, named = signed.owner, signed.anyone, {"Bucket": own_bucket}
    owner.put_bucket_acl(**named, ACL="public-read-write")
    owner.put_bucket_versioning(**named, VersioningConfiguration={"Status": "Enabled"})
    version = owner.put_object(**named, Key="key", Body=b"")["VersionId"]
    assert refused(anyone.delete_object, **named, Key="key", VersionId=version) == DENIED
    assert anyone.delete_object(**named, Key="key")["DeleteMarker"] is True


def test_each_version_has_its_own_acl(signed: SignedS3, own_bucket: str) -> None:
    """An open current version does not open the ones before it."""
    owner, anyone, named = signed.owner, signed.anyone, {"Bucket": own_bucket, "Key": "key"}
    versioning = {"VersioningConfiguration": {"Status": "Enabled"}}
    owner.put_bucket_versioning(Bucket=own_bucket, **versioning)
    shut = owner.put_object(**named, Body=b"shut")["VersionId"]
    opened = owner.put_object(**named, Body=b"open", ACL="public-read")["VersionId"]
    assert anyone.get_object(**named)["Body"].read() == b"open"
    assert anyone.get_object(**named, VersionId=opened)["Body"].read() == b"open"
    assert refused(anyone.get_object, **named, VersionId=shut) == DENIED
    owner.put_object_acl(**named, VersionId=shut, ACL="public-read")
    assert anyone.get_object(**named, VersionId=shut)["Body"].read() == b"shut"


def test_who_does_not_sign_does_not_choose_headers(signed: SignedS3, own_bucket: str) -> None:
    """Nobody makes a page of an open object by a link."""
    named = {"Bucket": own_bucket, "Key": "key"}
    signed.owner.put_object(**named, Body=b"", ACL="public-read")
    asked = {**named, "ResponseContentType": "text/html"}
    assert refused(signed.anyone.get_object, **asked) == ("InvalidRequest", 400)
    assert signed.owner.get_object(**asked)["ContentType"] == "text/html"


def test_a_block_shuts_what_acls_opened(signed: SignedS3, own_bucket: str) -> None:
    """As long as it is there; and so does an owner who has no ACLs at all."""
    owner, anyone, named = signed.owner, signed.anyone, {"Bucket": own_bucket}
    owner.put_object(**named, Key="open", Body=b"for all", ACL="public-read")
    block = {"IgnorePublicAcls": True}
    owner.put_public_access_block(**named, PublicAccessBlockConfiguration=block)
    assert refused(anyone.get_object, **named, Key="open") == DENIED
    owner.delete_public_access_block(**named)
    assert anyone.get_object(**named, Key="open")["Body"].read() == b"for all"
    controls = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    owner.put_bucket_ownership_controls(**named, OwnershipControls=controls)
    assert refused(anyone.get_object, **named, Key="open") == DENIED


def test_a_policy_opens_and_shuts_too(signed: SignedS3, own_bucket: str) -> None:
    """What it names, for everyone; a denial wins, a condition never opens, a block shuts it."""
    owner, anyone, named = signed.owner, signed.anyone, {"Bucket": own_bucket}
    for key in ("web/page", "mine"):
        owner.put_object(**named, Key=key, Body=key.encode())
    arn = f"arn:aws:s3:::{own_bucket}"
    everyone = {"Principal": "*"}
    statements = [
        {**everyone, "Effect": "Allow", "Action": "s3:GetObj*", "Resource": f"{arn}/web/*"},
        {**everyone, "Effect": "Deny", "Action": "s3:*", "Resource": f"{arn}/web/sec?et"},
        {
            **everyone,
            "Effect": "Allow",
            "Action": "s3:ListBucket",
            "Resource": arn,
            "Condition": {"IpAddress": {"aws:SourceIp": "127.0.0.1/32"}},
        },
        {
            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*",
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    owner.put_bucket_policy(**named, Policy=policy)
    assert anyone.get_object(**named, Key="web/page")["Body"].read() == b"web/page"
    assert refused(anyone.get_object, **named, Key="web/missing") == ("NoSuchKey", 404)
    for key in ("web/secret", "mine"):
        assert refused(anyone.get_object, **named, Key=key) == DENIED
    assert refused(anyone.list_objects_v2, **named) == DENIED
    block = {"RestrictPublicBuckets": True}
    owner.put_public_access_block(**named, PublicAccessBlockConfiguration=block)
    assert refused(anyone.get_object, **named, Key="web/page") == DENIED


def test_what_is_not_there_is_told_to_everyone(signed: SignedS3) -> None:
    """A bucket's name is no secret, as on S3."""
    read = {"Bucket": "there-is-none", "Key": "key"}
    assert refused(signed.anyone.get_object, **read) == ("NoSuchBucket", 404)
    assert refused(signed.anyone.delete_object, **read) == ("NoSuchBucket", 404)
