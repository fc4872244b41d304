"""Buckets and listings, as a real boto3 client sees them."""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from support.refusals import refused

KEYS = ["a b", "a/1", "a/2", "b/x/1", "c+d", "é"]


@pytest.fixture
def filled(client: Any, bucket: str) -> str:
    """A bucket with KEYS in it."""
    for key in KEYS:
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    return bucket


def test_a_bucket_lives_and_ends(client: Any) -> None:
    """Made (twice, as us-east-1 allows), found, listed, refused while full, removed."""
    made = client.create_bucket(Bucket="short-lived")
    assert made["Location"] == "/short-lived"
    client.create_bucket(Bucket="short-lived")
    assert client.head_bucket(Bucket="short-lived")["BucketRegion"] == "us-east-1"
    assert "short-lived" in [found["Name"] for found in client.list_buckets()["Buckets"]]
    client.put_object(Bucket="short-lived", Key="key", Body=b"")
    assert refused(client.delete_bucket, Bucket="short-lived") == ("BucketNotEmpty", 409)
    client.delete_object(Bucket="short-lived", Key="key")
    client.delete_bucket(Bucket="short-lived")
    assert refused(client.head_bucket, Bucket="short-lived") == ("404", 404)
    assert refused(client.delete_bucket, Bucket="short-lived") == ("NoSuchBucket", 404)


@pytest.mark.parametrize("name", ["Capital", "under_score", "two..dots", "10.0.0.1"])
def test_names_that_s3_does_not_allow_are_refused(client: Any, name: str) -> None:
    """With S3's code, whatever the client let pass."""
    assert refused(client.create_bucket, Bucket=name) == ("InvalidBucketName", 400)


def test_a_bucket_is_made_where_the_request_goes(endpoint: str, client: Any) -> None:
    """Elsewhere than in us-east-1 the region must be named, and making it twice is an error."""
    abroad = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name="eu-west-1",
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="secret",
    )
    here = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    code = "IllegalLocationConstraintException"
    assert refused(abroad.create_bucket, Bucket="abroad") == (code, 400)
    assert refused(client.create_bucket, Bucket="abroad", **here) == (code, 400)
    abroad.create_bucket(Bucket="abroad", **here)
    again = refused(abroad.create_bucket, Bucket="abroad", **here)
    assert again == ("BucketAlreadyOwnedByYou", 409)
    assert client.head_bucket(Bucket="abroad")["BucketRegion"] == "eu-west-1"
    assert client.get_bucket_location(Bucket="abroad")["LocationConstraint"] == "eu-west-1"
    abroad.close()


def test_the_first_region_has_no_location(client: Any, bucket: str) -> None:
    """As S3 has it: us-east-1 is told as nothing."""
    assert client.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None


def test_an_expected_owner_must_be_the_owner(client: Any, bucket: str) -> None:
    """The account that the server plays is; any other is 403."""
    client.head_bucket(Bucket=bucket, ExpectedBucketOwner="123456789012")
    other = {"Bucket": bucket, "ExpectedBucketOwner": "111111111111"}
    assert refused(client.head_bucket, **other) == ("403", 403)
    assert refused(client.list_objects_v2, **other) == ("AccessDenied", 403)


def test_buckets_are_listed_in_pages(client: Any) -> None:
    """By name, with a prefix, each on one page."""
    names = [f"paged-{n}" for n in range(5)]
    for name in names:
        client.create_bucket(Bucket=name)
    found: list[str] = []
    params: dict[str, Any] = {"Prefix": "paged-", "MaxBuckets": 2}
    while True:
        page = client.list_buckets(**params)
        found += [bucket["Name"] for bucket in page["Buckets"]]
        if "ContinuationToken" not in page:
            break
        params["ContinuationToken"] = page["ContinuationToken"]
    assert found == names
    assert "BucketArn" not in page["Buckets"][0]
    for region, there in (("us-east-1", names), ("eu-west-1", [])):
        listed = client.list_buckets(Prefix="paged-", BucketRegion=region).get("Buckets", [])
        assert [bucket["Name"] for bucket in listed] == there


@pytest.mark.parametrize("size", [1, 2, 5, 6, 7])
@pytest.mark.parametrize("operation", ["list_objects_v2", "list_objects"])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_boto3s_paginators_find_everything_once(
    client: Any, filled: str, operation: str, size: int, delimiter: str
) -> None:
    """Whatever the page size, in both versions of the operation."""
    pages = list(
        client.get_paginator(operation).paginate(
            Bucket=filled, Delimiter=delimiter, PaginationConfig={"PageSize": size}
        )
    )
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    prefixes = [found["Prefix"] for page in pages for found in page.get("CommonPrefixes", [])]
    assert keys == (["a b", "c+d", "é"] if delimiter else KEYS)
    assert prefixes == (["a/", "b/"] if delimiter else [])


def test_a_page_says_what_it_is(client: Any, filled: str) -> None:
    """Everything that was asked for is repeated; every object has size, date, ETag and class."""
    page = client.list_objects_v2(
        Bucket=filled, Prefix="a", Delimiter="/", StartAfter="a", MaxKeys=1, FetchOwner=True
    )
    assert (page["Name"], page["Prefix"], page["Delimiter"]) == (filled, "a", "/")
    assert (page["StartAfter"], page["MaxKeys"], page["KeyCount"]) == ("a", 1, 1)
    assert page["IsTruncated"] is True
    [found] = page["Contents"]
    assert (found["Key"], found["Size"], found["StorageClass"]) == ("a b", 3, "STANDARD")
    assert len(found["Owner"]["ID"]) == 64
    assert "Owner" not in client.list_objects_v2(Bucket=filled)["Contents"][0]


def test_start_after_and_marker_begin_behind_a_key(client: Any, filled: str) -> None:
    """The key itself is not listed, whether it is there or not."""
    for start in ("a/2", "a/3"):
        found = client.list_objects_v2(Bucket=filled, StartAfter=start)["Contents"]
        assert [one["Key"] for one in found] == ["b/x/1", "c+d", "é"]
        found = client.list_objects(Bucket=filled, Marker=start)["Contents"]
        assert [one["Key"] for one in found] == ["b/x/1", "c+d", "é"]


def test_what_was_asked_for_comes_back_as_it_was(client: Any, filled: str) -> None:
    """Also line feeds and percent signs, which botocore lets the server encode."""
    for text in ("\n", "%", "a b", "é"):
        old = client.list_objects(Bucket=filled, Prefix=text, Delimiter=text, Marker=text)
        new = client.list_objects_v2(Bucket=filled, Prefix=text, Delimiter=text, StartAfter=text)
        assert [old[name] for name in ("Prefix", "Delimiter", "Marker")] == [text] * 3
        assert [new[name] for name in ("Prefix", "Delimiter", "StartAfter")] == [text] * 3
    assert client.list_objects(Bucket=filled, Prefix="\x01")["Prefix"] == "%01"


def test_page_sizes_have_their_bounds(client: Any, filled: str) -> None:
    """0 is an empty page, more than 1,000 is 1,000, less than 0 is refused."""
    empty = client.list_objects_v2(Bucket=filled, MaxKeys=0)
    assert (empty["KeyCount"], empty["IsTruncated"]) == (0, False)
    assert client.list_objects_v2(Bucket=filled, MaxKeys=5000)["MaxKeys"] == 1000
    below = {"Bucket": filled, "MaxKeys": -1}
    assert refused(client.list_objects_v2, **below) == ("InvalidArgument", 400)
    below = {"Bucket": filled, "MaxUploads": -1}
    assert refused(client.list_multipart_uploads, **below) == ("InvalidArgument", 400)


def test_a_foreign_token_is_refused(client: Any, filled: str) -> None:
    """It is the caller's mistake, not the server's."""
    params = {"Bucket": filled, "ContinuationToken": "not one of ours"}
    assert refused(client.list_objects_v2, **params) == ("InvalidArgument", 400)


def test_a_missing_bucket_has_no_listing(client: Any) -> None:
    """NoSuchBucket in both versions."""
    for operation in (client.list_objects_v2, client.list_objects):
        assert refused(operation, Bucket="no-such-bucket") == ("NoSuchBucket", 404)
