"""Uploads in parts, as boto3's transfer manager and its plain client send them."""

from __future__ import annotations

import io
import os
from typing import Any

from support.refusals import refused

MEBIBYTE = 1024**2
CONTENT = os.urandom(9 * MEBIBYTE)


def test_boto3s_transfers_go_in_parts_and_back(client: Any, bucket: str) -> None:
    """upload_fileobj of 9 MiB takes two parts; what it says of the object is kept."""
    said = {"ContentType": "a/b", "Metadata": {"c": "d"}}
    client.upload_fileobj(io.BytesIO(CONTENT), bucket, "key", ExtraArgs=said)
    head = client.head_object(Bucket=bucket, Key="key")
    assert head["ETag"].endswith('-2"')
    assert (head["ContentType"], head["Metadata"]) == ("a/b", {"c": "d"})
    received = io.BytesIO()
    client.download_fileobj(bucket, "key", received)
    assert received.getvalue() == CONTENT
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []


def test_parts_are_listed_completed_and_forgotten(client: Any, bucket: str) -> None:
    """A part that was sent and one that was copied become an object; then the upload is gone."""
    client.put_object(Bucket=bucket, Key="source", Body=CONTENT[:100])
    upload = {"Bucket": bucket, "Key": "a key"}
    made = client.create_multipart_upload(
        **upload, ChecksumAlgorithm="CRC32", ChecksumType="FULL_OBJECT"
    )
    upload["UploadId"] = made["UploadId"]
    sent = client.upload_part(**upload, PartNumber=3, Body=CONTENT[: 5 * MEBIBYTE])
    source = {"Bucket": bucket, "Key": "source"}
    copied = client.upload_part_copy(
        **upload, PartNumber=5, CopySource=source, CopySourceRange="bytes=10-19"
    )["CopyPartResult"]
    [waiting] = client.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert (waiting["Key"], waiting["UploadId"]) == ("a key", upload["UploadId"])
    listed = client.list_parts(**upload, MaxParts=1)
    assert [part["PartNumber"] for part in listed["Parts"]] == [3]
    assert (listed["IsTruncated"], listed["NextPartNumberMarker"]) == (True, 3)
    listed = client.list_parts(**upload, PartNumberMarker=3)
    assert [(part["PartNumber"], part["Size"]) for part in listed["Parts"]] == [(5, 10)]
    parts = [
        {"PartNumber": 3, "ETag": sent["ETag"], "ChecksumCRC32": sent["ChecksumCRC32"]},
        {"PartNumber": 5, "ETag": copied["ETag"]},
    ]
    done = client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
    assert done["ChecksumType"] == "FULL_OBJECT"
    got = client.get_object(Bucket=bucket, Key="a key")
    assert got["Body"].read() == CONTENT[: 5 * MEBIBYTE] + CONTENT[10:20]
    assert got["ChecksumCRC32"] == done["ChecksumCRC32"]
    assert refused(client.list_parts, **upload) == ("NoSuchUpload", 404)


def test_completions_that_do_not_fit_are_refused(client: Any, bucket: str) -> None:
    """With S3's code for each; the upload can still be completed or aborted."""
    upload = {"Bucket": bucket, "Key": "key"}
    upload["UploadId"] = client.create_multipart_upload(**upload)["UploadId"]
    one = client.upload_part(**upload, PartNumber=1, Body=b"short")
    two = client.upload_part(**upload, PartNumber=2, Body=b"short as well")
    first = {"PartNumber": 1, "ETag": one["ETag"]}
    second = {"PartNumber": 2, "ETag": two["ETag"]}

    def completion(*parts: dict[str, Any], **more: str) -> tuple[str, int]:
        wanted = {**upload, "MultipartUpload": {"Parts": list(parts)}, **more}
        return refused(client.complete_multipart_upload, **wanted)

    assert completion(second, first) == ("InvalidPartOrder", 400)
    assert completion(first, second) == ("EntityTooSmall", 400)
    assert completion({**first, "ETag": two["ETag"]}) == ("InvalidPart", 400)
    assert completion({**first, "ChecksumCRC32": "AAAAAA=="}) == ("InvalidPart", 400)
    assert completion(first, ChecksumCRC32="AAAAAA==") == ("BadDigest", 400)
    assert completion() == ("MalformedXML", 400)
    assert refused(client.upload_part, **upload, PartNumber=10_001, Body=b"") == (
        "InvalidArgument",
        400,
    )
    wrong = {**upload, "PartNumber": 3, "Body": b"x", "ChecksumCRC32": "AAAAAA=="}
    assert refused(client.upload_part, **wrong) == ("BadDigest", 400)
    client.abort_multipart_upload(**upload)
    assert completion(first) == ("NoSuchUpload", 404)


def test_a_bucket_with_an_unfinished_upload_can_be_removed(client: Any, bucket: str) -> None:
    """And the upload ends with it."""
    client.create_multipart_upload(Bucket=bucket, Key="key")
    client.delete_bucket(Bucket=bucket)
    client.create_bucket(Bucket=bucket)
    assert client.list_multipart_uploads(Bucket=bucket).get("Uploads", []) == []
