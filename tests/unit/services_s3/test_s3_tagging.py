"""Tags of objects and buckets, as a real boto3 client sets and reads them."""

from __future__ import annotations

from typing import Any

import pytest

from support.refusals import refused

TAGS = [{"Key": "colour", "Value": "red"}, {"Key": "ü", "Value": ""}]


def test_tags_are_set_read_and_taken_away(client: Any, bucket: str) -> None:
    """By their keys; an object without tags has an empty set, and its header counts them."""
    named = {"Bucket": bucket, "Key": "key"}
    client.put_object(**named, Body=b"bytes", Metadata={"kept": "yes"})
    assert client.get_object_tagging(**named)["TagSet"] == []
    client.put_object_tagging(**named, Tagging={"TagSet": TAGS[::-1]})
    assert client.get_object_tagging(**named)["TagSet"] == TAGS
    found = client.get_object(**named)
    assert (found["TagCount"], found["Metadata"], found["Body"].read()) == (
        2,
        {"kept": "yes"},
        b"bytes",
    )
    assert client.delete_object_tagging(**named)["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert client.get_object_tagging(**named)["TagSet"] == []
    assert "TagCount" not in client.get_object(**named)


def test_a_write_brings_its_tags(client: Any, bucket: str) -> None:
    """By PutObject and by an upload in parts, written as a query; without them old ones go."""
    named = {"Bucket": bucket, "Key": "key"}
    client.put_object(**named, Body=b"", Tagging="colour=red&%C3%BC=")
    assert client.get_object_tagging(**named)["TagSet"] == TAGS
    client.put_object(**named, Body=b"")
    assert client.get_object_tagging(**named)["TagSet"] == []
    upload = client.create_multipart_upload(**named, Tagging="a=1")["UploadId"]
    part = client.upload_part(**named, UploadId=upload, PartNumber=1, Body=b"part")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    client.complete_multipart_upload(**named, UploadId=upload, MultipartUpload=parts)
    assert client.get_object_tagging(**named)["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_a_copy_has_its_sources_tags_or_those_that_it_is_given(client: Any, bucket: str) -> None:
    """As the tagging directive says; left out, it copies them."""
    client.put_object(Bucket=bucket, Key="from", Body=b"", Tagging="a=1")
    source = f"{bucket}/from"
    client.copy_object(Bucket=bucket, Key="to", CopySource=source)
    assert client.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [
        {"Key": "a", "Value": "1"}
    ]
    other = {"CopySource": source, "TaggingDirective": "REPLACE", "Tagging": "b=2"}
    client.copy_object(Bucket=bucket, Key="to", **other)
    assert client.get_object_tagging(Bucket=bucket, Key="to")["TagSet"] == [
        {"Key": "b", "Value": "2"}
    ]


def test_each_version_has_its_own_tags(client: Any, bucket: str) -> None:
    """The version is named in the request and told in the answer."""
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old, new = (
        client.put_object(Bucket=bucket, Key="key", Body=b"", Tagging=f"n={n}")["VersionId"]
        for n in (1, 2)
    )
    tagging = {"TagSet": [{"Key": "n", "Value": "one"}]}
    client.put_object_tagging(Bucket=bucket, Key="key", VersionId=old, Tagging=tagging)
    first = client.get_object_tagging(Bucket=bucket, Key="key", VersionId=old)
    assert (first["TagSet"], first["VersionId"]) == (tagging["TagSet"], old)
    current = client.get_object_tagging(Bucket=bucket, Key="key")
    assert (current["TagSet"], current["VersionId"]) == ([{"Key": "n", "Value": "2"}], new)


@pytest.mark.parametrize(
    "tags",
    [
        [(str(n), "") for n in range(11)],
        [("k" * 129, "")],
        [("k", "v" * 257)],
        [("", "v")],
        [("k", "1"), ("k", "2")],
        [("aws:mine", "1")],
    ],
    ids=["too many", "long key", "long value", "no key", "twice", "AWS's own"],
)
def test_tags_that_s3_does_not_take_are_refused(
    client: Any, bucket: str, tags: list[tuple[str, str]]
) -> None:
    """InvalidTag, and the object keeps those that it has."""
    named = {"Bucket": bucket, "Key": "key"}
    client.put_object(**named, Body=b"", Tagging="a=1")
    tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in tags]}
    if tags[0][0]:  # boto3 itself refuses an empty key
        assert refused(client.put_object_tagging, **named, Tagging=tagging) == ("InvalidTag", 400)
    header = "&".join(f"{key}={value}" for key, value in tags)
    assert refused(client.put_object, **named, Tagging=header) == ("InvalidTag", 400)
    assert client.get_object_tagging(**named)["TagSet"] == [{"Key": "a", "Value": "1"}]


def test_the_largest_tags_fit(client: Any, bucket: str) -> None:
    """Ten of them, with keys of 128 and values of 256 characters."""
    tags = [{"Key": f"{n}".ljust(128, "k"), "Value": "v" * 256} for n in range(10)]
    client.put_object(Bucket=bucket, Key="key", Body=b"")
    client.put_object_tagging(Bucket=bucket, Key="key", Tagging={"TagSet": tags})
    assert client.get_object_tagging(Bucket=bucket, Key="key")["TagSet"] == tags


def test_tags_of_what_is_not_there(client: Any, bucket: str) -> None:
    """NoSuchKey, and NoSuchBucket."""
    assert refused(client.get_object_tagging, Bucket=bucket, Key="no") == ("NoSuchKey", 404)
    put = client.put_object_tagging
    tagging = {"TagSet": TAGS}
    assert refused(put, Bucket=bucket, Key="no", Tagging=tagging) == ("NoSuchKey", 404)
    assert refused(put, Bucket="no-bucket", Key="no", Tagging=tagging) == ("NoSuchBucket", 404)


def test_a_bucket_has_tags_of_its_own(client: Any, bucket: str) -> None:
    """NoSuchTagSet without any; up to fifty."""
    assert refused(client.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
    client.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": TAGS})
    assert client.get_bucket_tagging(Bucket=bucket)["TagSet"] == TAGS
    many = {"TagSet": [{"Key": str(n), "Value": ""} for n in range(51)]}
    assert refused(client.put_bucket_tagging, Bucket=bucket, Tagging=many) == ("InvalidTag", 400)
    client.delete_bucket_tagging(Bucket=bucket)
    assert refused(client.get_bucket_tagging, Bucket=bucket) == ("NoSuchTagSet", 404)
