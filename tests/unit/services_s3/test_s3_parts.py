"""Parts of uploads and of objects: what is told of them, read and copied one by one."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from typing import Any

import pytest

from bakehouse.storage.digests import Digests
from support.refusals import refused

PART = 5 * 1024**2
BODIES = [os.urandom(PART), os.urandom(PART + 1), b"the last part may be short"]
WHOLE = b"".join(BODIES)
INVALID = ("InvalidArgument", 400)


def begin(client: Any, bucket: str, key: str = "key", **more: Any) -> dict[str, str]:
    created = client.create_multipart_upload(Bucket=bucket, Key=key, **more)
    return {"Bucket": bucket, "Key": key, "UploadId": created["UploadId"]}


def send(client: Any, upload: dict[str, str], **more: Any) -> list[dict[str, Any]]:
    """Send all parts; what a completion says of them."""
    told = ("ETag", "ChecksumCRC32", "ChecksumSHA256", "ChecksumSHA1")
    parts = []
    for number, body in enumerate(BODIES, 1):
        part = client.upload_part(**upload, PartNumber=number, Body=body, **more)
        known = {name: part[name] for name in told if name in part}
        parts.append({"PartNumber": number, **known})
    return parts


def complete(client: Any, upload: dict[str, str], parts: Any, **more: Any) -> Any:
    return client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts}, **more)


def checksum(algorithm: str, content: bytes) -> str:
    digests = Digests([algorithm])
    digests.update(content)
    return digests.checksums[algorithm]


def test_an_object_is_read_part_by_part(client: Any, bucket: str) -> None:
    """With the number of its parts, and the place of each."""
    upload = begin(client, bucket)
    complete(client, upload, send(client, upload))
    start = 0
    for number, body in enumerate(BODIES, 1):
        key = {"Bucket": bucket, "Key": "key", "PartNumber": number}
        got = client.get_object(**key)
        assert got["Body"].read() == body
        span = f"bytes {start}-{start + len(body) - 1}/{len(WHOLE)}"
        for answer in (got, client.head_object(**key)):
            assert answer["ResponseMetadata"]["HTTPStatusCode"] == 206
            assert (answer["PartsCount"], answer["ContentLength"]) == (3, len(body))
            assert answer["ContentRange"] == span
        start += len(body)
    key = {"Bucket": bucket, "Key": "key"}
    assert refused(client.get_object, **key, PartNumber=4) == ("InvalidPart", 400)
    both = {**key, "PartNumber": 1, "Range": "bytes=0-1"}
    assert refused(client.get_object, **both) == ("InvalidRequest", 400)


def test_an_object_that_came_whole_has_one_part(client: Any, bucket: str) -> None:
    """Itself, and nothing is told of a number of parts; an empty one has no range."""
    key = {"Bucket": bucket, "Key": "key"}
    for body in (b"content", b""):
        client.put_object(**key, Body=body)
        got = client.get_object(**key, PartNumber=1)
        assert (got["Body"].read(), got.get("PartsCount")) == (body, None)
        assert refused(client.get_object, **key, PartNumber=2) == ("InvalidPart", 400)


@pytest.mark.parametrize(
    ("algorithm", "kind"),
    [
        ("CRC32", "FULL_OBJECT"),
        ("CRC32", "COMPOSITE"),
        ("SHA256", "COMPOSITE"),
        ("SHA1", "COMPOSITE"),
    ],
)
def test_the_checksum_of_parts_is_kept_and_told(
    client: Any, bucket: str, algorithm: str, kind: str
) -> None:
    """Of the whole, or of the parts' checksums; each part keeps its own, which boto3 verifies."""
    member = f"Checksum{algorithm}"
    upload = begin(client, bucket, ChecksumAlgorithm=algorithm, ChecksumType=kind)
    parts = send(client, upload, ChecksumAlgorithm=algorithm)
    sums = [checksum(algorithm, body) for body in BODIES]
    assert [part[member] for part in parts] == sums
    listed = client.list_parts(**upload)
    assert (listed["ChecksumAlgorithm"], listed["ChecksumType"]) == (algorithm, kind)
    assert [part[member] for part in listed["Parts"]] == sums
    of_parts = checksum(algorithm, b"".join(base64.b64decode(one) for one in sums)) + "-3"
    expected = checksum(algorithm, WHOLE) if kind == "FULL_OBJECT" else of_parts
    wrong = refused(complete, client=client, upload=upload, parts=parts, **{member: "bad"})
    assert wrong == ("BadDigest", 400)
    done = complete(client, upload, parts, **{member: expected}, MpuObjectSize=len(WHOLE))
    assert (done[member], done["ChecksumType"]) == (expected, kind)
    key = {"Bucket": bucket, "Key": "key"}
    head = client.head_object(**key, ChecksumMode="ENABLED")
    assert (head[member], head["ChecksumType"]) == (expected, kind)
    assert member not in client.head_object(**key)
    got = client.get_object(**key, PartNumber=2)
    assert (got["Body"].read(), got[member]) == (BODIES[1], sums[1])


def test_checksum_types_that_an_algorithm_cannot_have_are_refused(client: Any, bucket: str) -> None:
    """Only a CRC of the whole follows from those of the parts, and CRC64NVME is always of it."""
    for algorithm, kind in (("SHA256", "FULL_OBJECT"), ("CRC64NVME", "COMPOSITE")):
        more = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
        told = refused(client.create_multipart_upload, Bucket=bucket, Key="key", **more)
        assert told == ("InvalidRequest", 400)


def test_a_completion_names_what_came(client: Any, bucket: str) -> None:
    """Another checksum, another size, no part at all; none of them ends the upload."""
    upload = begin(client, bucket, ChecksumAlgorithm="CRC32")
    parts = send(client, upload)
    other = [{**parts[0], "ChecksumCRC32": "AAAAAA=="}, *parts[1:]]
    for given, more, code in (
        (other, {}, "InvalidPart"),
        (parts, {"MpuObjectSize": 1}, "InvalidRequest"),
        ([], {}, "MalformedXML"),
        ([{"PartNumber": 9999, "ETag": parts[0]["ETag"]}], {}, "InvalidPart"),
        (parts[::-1], {}, "InvalidPartOrder"),
    ):
        told = refused(complete, client=client, upload=upload, parts=given, **more)
        assert told == (code, 400)
    done = complete(client, upload, parts)
    assert complete(client, upload, parts)["ETag"] == done["ETag"]
    gone = refused(complete, client=client, upload=upload, parts=parts[:1])
    assert gone == ("NoSuchUpload", 404)


def test_the_last_of_a_part_that_was_sent_twice_counts(client: Any, bucket: str) -> None:
    """Also where the completion names both, in the order in which they were acknowledged."""
    upload = begin(client, bucket)
    parts = [
        {"PartNumber": 1, "ETag": client.upload_part(**upload, PartNumber=1, Body=body)["ETag"]}
        for body in (b"first", b"second")
    ]
    complete(client, upload, parts)
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == b"second"


def test_the_attributes_of_an_object_are_told_as_asked(client: Any, bucket: str) -> None:
    """Those of its parts in pages; the ETag without quotes."""
    upload = begin(client, bucket, ChecksumAlgorithm="SHA256", StorageClass="STANDARD_IA")
    done = complete(client, upload, send(client, upload))
    key = {"Bucket": bucket, "Key": "key"}
    every = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]
    told = client.get_object_attributes(**key, ObjectAttributes=every)
    assert told["ETag"] == done["ETag"].strip('"')
    assert (told["ObjectSize"], told["StorageClass"]) == (len(WHOLE), "STANDARD_IA")
    assert told["Checksum"]["ChecksumSHA256"] == done["ChecksumSHA256"]
    parts = told["ObjectParts"]
    assert (parts["TotalPartsCount"], parts["IsTruncated"]) == (3, False)
    assert [(p["PartNumber"], p["Size"]) for p in parts["Parts"]] == [
        (number, len(body)) for number, body in enumerate(BODIES, 1)
    ]
    assert parts["Parts"][2]["ChecksumSHA256"] == checksum("SHA256", BODIES[2])
    page = client.get_object_attributes(
        **key, ObjectAttributes=["ObjectParts"], MaxParts=1, PartNumberMarker=1
    )
    assert "ETag" not in page
    assert [p["PartNumber"] for p in page["ObjectParts"]["Parts"]] == [2]
    assert (page["ObjectParts"]["IsTruncated"], page["ObjectParts"]["MaxParts"]) == (True, 1)
    assert page["ObjectParts"]["NextPartNumberMarker"] == 2
    client.put_object(**key, Body=b"x")
    assert "ObjectParts" not in client.get_object_attributes(**key, ObjectAttributes=every)
    wrong = {**key, "ObjectAttributes": ["Colour"]}
    assert refused(client.get_object_attributes, **wrong) == INVALID


def test_parts_are_copied_from_exact_ranges(client: Any, bucket: str) -> None:
    """First and last byte, both in the source; nothing else is a range of a copy."""
    client.put_object(Bucket=bucket, Key="source", Body=BODIES[0])
    upload = begin(client, bucket)
    copy = {**upload, "PartNumber": 1, "CopySource": f"{bucket}/source"}
    for span in ("0-2", "bytes=0", "bytes=a-b", "bytes=0-", "bytes=-5", "bytes=0-2,3-5"):
        assert refused(client.upload_part_copy, **copy, CopySourceRange=span) == INVALID
    beyond = f"bytes=0-{PART}"
    told = refused(client.upload_part_copy, **copy, CopySourceRange=beyond)
    assert told == ("InvalidRange", 416)
    part = client.upload_part_copy(**copy, CopySourceRange="bytes=7-9")["CopyPartResult"]
    assert part["ETag"].strip('"') == hashlib.md5(BODIES[0][7:10]).hexdigest()
    crc = base64.b64encode(zlib.crc32(BODIES[0][7:10]).to_bytes(4, "big")).decode()
    assert part["ChecksumCRC32"] == crc


def test_uploads_are_listed_by_key_with_prefixes_rolled_up(client: Any, bucket: str) -> None:
    """In pages too; keys are percent-encoded when that is asked for."""
    keys = ["a b", "d/1", "d/2", "e", "e"]
    ids = [begin(client, bucket, key)["UploadId"] for key in keys]
    page = client.list_multipart_uploads(Bucket=bucket)
    assert [(u["Key"], u["UploadId"]) for u in page["Uploads"]] == list(zip(keys, ids, strict=True))
    rolled = client.list_multipart_uploads(Bucket=bucket, Delimiter="/", EncodingType="url")
    assert [p["Prefix"] for p in rolled["CommonPrefixes"]] == ["d/"]
    assert [u["Key"] for u in rolled["Uploads"]] == ["a%20b", "e", "e"]
    found: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = client.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=1, **after)
        found += [u["UploadId"] for u in page.get("Uploads", [])]
        if not page["IsTruncated"]:
            break
        after = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert found == [ids[0], ids[3], ids[4]]
    prefixed = client.list_multipart_uploads(Bucket=bucket, Prefix="d/")
    assert [u["UploadId"] for u in prefixed["Uploads"]] == ids[1:3]


def test_an_upload_says_all_of_its_object_when_it_begins(client: Any, bucket: str) -> None:
    """Type, metadata, headers, tags, class and encryption are those of the completed object."""
    upload = begin(
        client,
        bucket,
        ContentType="text/x",
        Metadata={"a": "b"},
        CacheControl="no-cache",
        ContentEncoding="gzip, aws-chunked",
        Tagging="c=d",
        StorageClass="STANDARD_IA",
        ServerSideEncryption="AES256",
    )
    done = complete(client, upload, send(client, upload))
    head = client.head_object(Bucket=bucket, Key="key")
    assert (head["ContentType"], head["Metadata"]) == ("text/x", {"a": "b"})
    assert (head["CacheControl"], head["ContentEncoding"]) == ("no-cache", "gzip")
    assert (head["StorageClass"], head["ServerSideEncryption"]) == ("STANDARD_IA", "AES256")
    assert done["ServerSideEncryption"] == "AES256"
    assert client.get_object(Bucket=bucket, Key="key", Range="bytes=0-0")["TagCount"] == 1
    (listed,) = client.list_objects_v2(Bucket=bucket)["Contents"]
    assert listed["StorageClass"] == "STANDARD_IA"
