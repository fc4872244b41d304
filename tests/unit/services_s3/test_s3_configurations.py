"""What is set of buckets as a whole, through a real boto3 client."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from support.refusals import refused

RULE = {"ID": "one", "Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 1}}


def told(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer without what is told of the request itself."""
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("bucket_cors", "NoSuchCORSConfiguration"),
        ("bucket_encryption", "ServerSideEncryptionConfigurationNotFoundError"),
        ("bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration"),
        ("bucket_ownership_controls", "OwnershipControlsNotFoundError"),
        ("bucket_policy", "NoSuchBucketPolicy"),
        ("bucket_replication", "ReplicationConfigurationNotFoundError"),
        ("bucket_website", "NoSuchWebsiteConfiguration"),
        ("object_lock_configuration", "ObjectLockConfigurationNotFoundError"),
    ],
)
def test_what_was_not_set_is_not_found(client: Any, bucket: str, name: str, code: str) -> None:
    """Each sub-resource has a code of its own; without the bucket all have the same."""
    read = getattr(client, f"get_{name}")
    assert refused(read, Bucket=bucket) == (code, 404)
    assert refused(read, Bucket="there-is-none") == ("NoSuchBucket", 404)


def test_what_always_has_an_answer(client: Any, bucket: str) -> None:
    """Who pays, and what is off."""
    assert told(client.get_bucket_request_payment(Bucket=bucket)) == {"Payer": "BucketOwner"}
    assert told(client.get_bucket_accelerate_configuration(Bucket=bucket)) == {}
    assert told(client.get_bucket_logging(Bucket=bucket)) == {}
    assert told(client.get_bucket_notification_configuration(Bucket=bucket)) == {}


def test_encryption_is_kept_and_taken_away(client: Any, bucket: str) -> None:
    """As it was written, with a key of KMS too."""
    by_default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "some-key"}
    wanted = {"Rules": [{"ApplyServerSideEncryptionByDefault": by_default}]}
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=wanted)
    found = client.get_bucket_encryption(Bucket=bucket)
    assert found["ServerSideEncryptionConfiguration"] == wanted
    written = client.put_object(Bucket=bucket, Key="key", Body=b"")
    assert written["ServerSideEncryption"] == "aws:kms"
    assert client.head_object(Bucket=bucket, Key="key")["SSEKMSKeyId"] == "some-key"
    other = {"ServerSideEncryption": "AES256"}
    assert client.put_object(Bucket=bucket, Key="key", Body=b"", **other).items() >= other.items()
    wrong = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "rot13"}}]}
    put = client.put_bucket_encryption
    given = {"Bucket": bucket, "ServerSideEncryptionConfiguration": wrong}
    assert refused(put, **given) == ("MalformedXML", 400)
    gone = client.delete_bucket_encryption(Bucket=bucket)
    assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert refused(client.get_bucket_encryption, Bucket=bucket)[1] == 404


def test_lifecycle_rules_come_back_with_their_dates(client: Any, bucket: str) -> None:
    """Filters, transitions and tags as they were; a rule without an id is given one."""
    moment = datetime(2027, 1, 1, tzinfo=UTC)
    rules = [
        RULE,
        {
            "ID": "two",
            "Status": "Disabled",
            "Filter": {"And": {"Prefix": "a", "Tags": [{"Key": "k", "Value": "v"}]}},
            "Transitions": [{"Date": moment, "StorageClass": "GLACIER"}],
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3},
        },
        {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Date": moment}},
    ]
    client.put_bucket_lifecycle_configuration(
        Bucket=bucket, LifecycleConfiguration={"Rules": rules}
    )
    *named, unnamed = client.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    assert named == rules[:2]
    assert unnamed.pop("ID")
    assert unnamed == rules[2]
    client.delete_bucket_lifecycle(Bucket=bucket)
    assert refused(client.get_bucket_lifecycle_configuration, Bucket=bucket)[1] == 404


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"ID": "i" * 256}, "InvalidArgument"),
        ({"Status": "enabled"}, "MalformedXML"),
        ({"Expiration": {"Days": 0}}, "InvalidArgument"),
        ({"Expiration": {"Days": 1, "Date": datetime(2027, 1, 1, tzinfo=UTC)}}, "MalformedXML"),
        ({"Expiration": {"Date": datetime(2027, 1, 1, 7, tzinfo=UTC)}}, "InvalidArgument"),
        ({"Filter": {"Prefix": "both"}}, "MalformedXML"),
        ({"Expiration": {}}, "InvalidRequest"),
        ({"Transitions": [{"Days": 1, "StorageClass": "ATTIC"}]}, "MalformedXML"),
    ],
)
def test_lifecycle_rules_that_s3_does_not_take(
    client: Any, bucket: str, changed: dict[str, Any], code: str
) -> None:
    """Each is refused with the code that S3 has for it, and nothing is kept."""
    put = client.put_bucket_lifecycle_configuration
    given = {"LifecycleConfiguration": {"Rules": [{**RULE, **changed}]}}
    assert refused(put, Bucket=bucket, **given) == (code, 400)
    assert refused(client.get_bucket_lifecycle_configuration, Bucket=bucket)[1] == 404


def test_two_lifecycle_rules_need_two_ids(client: Any, bucket: str) -> None:
    """The same id twice is refused."""
    given = {"LifecycleConfiguration": {"Rules": [RULE, {**RULE, "Prefix": "other/"}]}}
    put = client.put_bucket_lifecycle_configuration
    assert refused(put, Bucket=bucket, **given) == ("InvalidArgument", 400)


def statement(bucket: str, **changed: Any) -> str:
    """A policy of one statement that lets everyone list a bucket, changed."""
    given = {
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "s3:ListBucket",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        **changed,
    }
    kept = {name: value for name, value in given.items() if value is not None}
    return json.dumps({"Version": "2012-10-17", "Statement": [kept]})


def test_a_policy_comes_back_as_the_text_that_it_was(client: Any, bucket: str) -> None:
    """To the letter, until it is deleted."""
    text = statement(bucket).replace(",", " , ")
    put = client.put_bucket_policy(Bucket=bucket, Policy=text)
    assert put["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.get_bucket_policy(Bucket=bucket)["Policy"] == text
    client.delete_bucket_policy(Bucket=bucket)
    assert refused(client.get_bucket_policy, Bucket=bucket) == ("NoSuchBucketPolicy", 404)


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        '{"Version": "2012-10-17"}',
        '{"Version": "1999-01-01", "Statement": []}',
        statement("b", Effect="Maybe"),
        statement("b", Principal=None),
        statement("b", Principal=[["*"]]),
        statement("b", Principal=None, NotPrincipal={"AWS": "arn:aws:iam::111122223333:root"}),
        statement("b", Condition=["StringEquals"]),
        statement("b", Condition={"StringEquals": "s3:prefix"}),
        statement("b", Condition={"StringEquals": {"s3:prefix": [{}]}}),
        statement("b", Action=None),
        statement("b", Resource=None),
        statement("b", Resource="arn:aws:sqs:::b"),
        statement("b", Action="sqs:SendMessage"),
        "[" * 10_000,
    ],
)
def test_what_is_no_policy_is_refused(client: Any, bucket: str, text: str) -> None:
    """MalformedPolicy, whatever is wrong with it."""
    assert refused(client.put_bucket_policy, Bucket=bucket, Policy=text) == (
        "MalformedPolicy",
        400,
    )


@pytest.mark.parametrize(
    ("changed", "is_public"),
    [
        ({}, True),
        ({"Principal": "*"}, True),
        ({"Principal": {"AWS": "arn:aws:iam::111122223333:root"}}, False),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/32"}}}, False),
        ({"Effect": "Deny"}, False),
    ],
)
def test_the_status_tells_whether_a_policy_is_public(
    client: Any, bucket: str, changed: dict[str, Any], is_public: bool
) -> None:
    """It is where it allows anything to everyone without a condition."""
    client.put_bucket_policy(Bucket=bucket, Policy=statement(bucket, **changed))
    status = client.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]
    assert status == {"IsPublic": is_public}


def test_a_block_of_public_access(client: Any, bucket: str) -> None:
    """There is one that blocks nothing, until it is set or taken away."""
    read = client.get_public_access_block
    names = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    nothing = dict.fromkeys(names, False)
    assert read(Bucket=bucket)["PublicAccessBlockConfiguration"] == nothing
    some = nothing | {"BlockPublicAcls": True, "BlockPublicPolicy": True}
    client.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration=some)
    assert read(Bucket=bucket)["PublicAccessBlockConfiguration"] == some
    denied = ("AccessDenied", 403)
    policy = statement(bucket)
    assert refused(client.put_bucket_policy, Bucket=bucket, Policy=policy) == denied
    assert refused(client.put_bucket_acl, Bucket=bucket, ACL="public-read") == denied
    put = {"Bucket": bucket, "Key": "key", "Body": b""}
    assert refused(client.put_object, **put, ACL="authenticated-read") == denied
    client.put_bucket_acl(Bucket=bucket, ACL="private")
    client.delete_public_access_block(Bucket=bucket)
    missing = ("NoSuchPublicAccessBlockConfiguration", 404)
    assert refused(read, Bucket=bucket) == missing
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")


def test_acls_that_let_others_in_end_first(client: Any, bucket: str) -> None:
    """Before its owner has all objects, nobody else may be named in the bucket's ACL."""
    client.put_bucket_acl(Bucket=bucket, ACL="public-read")
    put = client.put_bucket_ownership_controls
    given: dict[str, Any] = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    in_the_way = ("InvalidBucketAclWithObjectOwnership", 400)
    assert refused(put, Bucket=bucket, OwnershipControls=given) == in_the_way
    client.put_bucket_acl(Bucket=bucket, ACL="private")
    put(Bucket=bucket, OwnershipControls=given)


def test_owners_of_objects(client: Any, bucket: str) -> None:
    """Kept; where the bucket's owner has them all there are no ACLs."""
    for ownership in ("ObjectWriter", "BucketOwnerEnforced"):
        controls = {"Rules": [{"ObjectOwnership": ownership}]}
        client.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls=controls)
        found = client.get_bucket_ownership_controls(Bucket=bucket)
        assert found["OwnershipControls"] == controls
    none = ("AccessControlListNotSupported", 400)
    assert refused(client.put_bucket_acl, Bucket=bucket, ACL="public-read") == none
    put = {"Bucket": bucket, "Key": "key", "Body": b""}
    assert refused(client.put_object, **put, ACL="public-read") == none
    client.put_object(**put, ACL="bucket-owner-full-control")


@pytest.mark.parametrize(
    ("name", "params"),
    [
        (
            "put_bucket_logging",
            {"BucketLoggingStatus": {"LoggingEnabled": {"TargetBucket": "b", "TargetPrefix": ""}}},
        ),
        ("put_bucket_website", {"WebsiteConfiguration": {"IndexDocument": {"Suffix": "i"}}}),
        (
            "put_bucket_replication",
            {
                "ReplicationConfiguration": {
                    "Role": "r",
                    "Rules": [{"Status": "Enabled", "Destination": {"Bucket": "b"}}],
                }
            },
        ),
    ],
)
def test_what_would_not_be_done_is_refused(
    client: Any, bucket: str, name: str, params: dict[str, Any]
) -> None:
    """501 by its name, rather than kept and never done."""
    assert refused(getattr(client, name), Bucket=bucket, **params) == ("NotImplemented", 501)


def test_settings_go_with_their_bucket(client: Any) -> None:
    """One that is made again has none of those of the one before."""
    client.create_bucket(Bucket="comes-again")
    client.put_bucket_tagging(
        Bucket="comes-again", Tagging={"TagSet": [{"Key": "k", "Value": "v"}]}
    )
    client.delete_bucket(Bucket="comes-again")
    client.create_bucket(Bucket="comes-again")
    assert refused(client.get_bucket_tagging, Bucket="comes-again") == ("NoSuchTagSet", 404)
