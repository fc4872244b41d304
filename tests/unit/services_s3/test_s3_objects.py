"""Objects, as a real boto3 client writes and reads them."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from support.refusals import refused

CONTENT = b"0123456789"
LARGE = os.urandom(3_000_000)


def crc32(content: bytes) -> str:
    return base64.b64encode(zlib.crc32(content).to_bytes(4, "big")).decode()


@pytest.mark.parametrize("content", [b"", CONTENT, LARGE], ids=["empty", "small", "large"])
def test_an_object_comes_back_as_it_was_sent(client: Any, bucket: str, content: bytes) -> None:
    """With its type, metadata, headers, ETag and the checksum that boto3 sent and verifies."""
    expires = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    put = client.put_object(
        Bucket=bucket,
        Key="a/key",
        Body=content,
        ContentType="image/png",
        CacheControl="no-cache",
        ContentEncoding="gzip",
        Expires=expires,
        Metadata={"Colour": "red", "camera": "a b"},
    )
    etag = f'"{hashlib.md5(content).hexdigest()}"'
    assert (put["ETag"], put["ChecksumCRC32"]) == (etag, crc32(content))
    got = client.get_object(Bucket=bucket, Key="a/key")
    assert got["Body"].read() == content
    head = client.head_object(Bucket=bucket, Key="a/key", ChecksumMode="ENABLED")
    for answer in (got, head):
        assert answer["ETag"] == etag
        assert answer["ContentLength"] == len(content)
        assert answer["ContentType"] == "image/png"
        assert answer["CacheControl"] == "no-cache"
        assert answer["ContentEncoding"] == "gzip"
        assert answer["ExpiresString"] == "Wed, 02 Jan 2030 03:04:05 GMT"
        assert answer["Metadata"] == {"colour": "red", "camera": "a b"}
        assert (answer["ChecksumCRC32"], answer["ChecksumType"]) == (crc32(content), "FULL_OBJECT")
        assert abs(answer["LastModified"] - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    "key", ["../x", "a//b/", "/", ".", "é ü", "a+b%2Fc", "?q=1#f", "😀", "a&<b>\"'", " ", "\t\n"]
)
def test_any_key_can_be_used_and_listed(client: Any, bucket: str, key: str) -> None:
    """Whatever has a meaning in paths, URLs or XML has none in a key."""
    client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert client.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    for listing in (client.list_objects_v2, client.list_objects):
        assert [found["Key"] for found in listing(Bucket=bucket)["Contents"]] == [key]
    client.delete_object(Bucket=bucket, Key=key)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("asked", "content", "told"),
    [
        ("bytes=2-4", b"234", "bytes 2-4/10"),
        ("bytes=7-", b"789", "bytes 7-9/10"),
        ("bytes=-3", b"789", "bytes 7-9/10"),
        ("bytes=-99", CONTENT, "bytes 0-9/10"),
        ("bytes=8-99", b"89", "bytes 8-9/10"),
        ("bytes=0-0", b"0", "bytes 0-0/10"),
        ("bytes=0-1,3-4", CONTENT, None),
        ("bytes=4-2", CONTENT, None),
        ("bytes=-", CONTENT, None),
        ("lines=1-2", CONTENT, None),
        ("bytes=0-" + "9" * 5000, CONTENT, None),
    ],
)
def test_a_range_is_answered_as_s3_does(
    client: Any, bucket: str, asked: str, content: bytes, told: str | None
) -> None:
    """206 with Content-Range and no checksum of the whole, or 200 where it means nothing."""
    client.put_object(Bucket=bucket, Key="key", Body=CONTENT)
    got = client.get_object(Bucket=bucket, Key="key", Range=asked)
    assert got["Body"].read() == content
    assert got.get("ContentRange") == told
    assert got["ResponseMetadata"]["HTTPStatusCode"] == (206 if told else 200)
    assert ("ChecksumCRC32" in got) == (told is None)
    assert client.head_object(Bucket=bucket, Key="key", Range=asked)["ContentLength"] == len(
        content
    )


@pytest.mark.parametrize("asked", ["bytes=10-", "bytes=10-20", "bytes=-0"])
def test_a_range_outside_is_not_satisfiable(client: Any, bucket: str, asked: str) -> None:
    """416 InvalidRange with the size that the object has."""
    client.put_object(Bucket=bucket, Key="key", Body=CONTENT)
    with pytest.raises(ClientError) as caught:
        client.get_object(Bucket=bucket, Key="key", Range=asked)
    error = caught.value.response["Error"]
    assert (error["Code"], error["ActualObjectSize"]) == ("InvalidRange", "10")
    assert refused(client.head_object, Bucket=bucket, Key="key", Range=asked) == ("416", 416)


def test_a_range_of_a_large_object_is_streamed(client: Any, bucket: str) -> None:
    """Over several pieces of what is read from the disk."""
    client.put_object(Bucket=bucket, Key="key", Body=LARGE)
    got = client.get_object(Bucket=bucket, Key="key", Range="bytes=500000-2900000")
    assert got["Body"].read() == LARGE[500_000:2_900_001]


def test_conditions_of_readers_hold(client: Any, bucket: str) -> None:
    """If-Match, If-None-Match and the dates, in the precedence of RFC 9110."""
    etag = client.put_object(Bucket=bucket, Key="key", Body=CONTENT)["ETag"]
    changed = client.head_object(Bucket=bucket, Key="key")["LastModified"]
    before, after = changed - timedelta(hours=1), changed + timedelta(hours=1)
    fine: list[dict[str, Any]] = [
        {"IfMatch": etag},
        {"IfMatch": "*"},
        {"IfMatch": f'"x", {etag}'},
        {"IfMatch": etag, "IfUnmodifiedSince": before},
        {"IfNoneMatch": '"x"'},
        {"IfNoneMatch": '"x"', "IfModifiedSince": after},
        {"IfModifiedSince": before},
        {"IfUnmodifiedSince": changed},
    ]
    failed: list[dict[str, Any]] = [{"IfMatch": '"x"'}, {"IfUnmodifiedSince": before}]
    same: list[dict[str, Any]] = [
        {"IfNoneMatch": etag},
        {"IfNoneMatch": "*"},
        {"IfNoneMatch": f"W/{etag}"},
        {"IfNoneMatch": etag, "IfModifiedSince": before},
        {"IfModifiedSince": changed},
    ]
    for conditions in fine:
        assert client.get_object(Bucket=bucket, Key="key", **conditions)["Body"].read() == CONTENT
    for conditions in failed:
        expected = ("PreconditionFailed", 412)
        assert refused(client.get_object, Bucket=bucket, Key="key", **conditions) == expected
    for conditions in same:
        assert refused(client.get_object, Bucket=bucket, Key="key", **conditions) == ("304", 304)
        assert refused(client.head_object, Bucket=bucket, Key="key", **conditions) == ("304", 304)


def test_conditions_of_writers_hold(client: Any, bucket: str) -> None:
    """If-None-Match: * makes a key once, If-Match replaces only what was seen."""
    once = {"Bucket": bucket, "Key": "key", "IfNoneMatch": "*"}
    etag = client.put_object(Body=b"1", **once)["ETag"]
    assert refused(client.put_object, Body=b"2", **once) == ("PreconditionFailed", 412)
    seen = {"Bucket": bucket, "Key": "key", "IfMatch": etag}
    client.put_object(Body=b"3", **seen)
    assert refused(client.put_object, Body=b"4", **seen) == ("PreconditionFailed", 412)
    missing = {"Bucket": bucket, "Key": "missing", "IfMatch": etag}
    assert refused(client.put_object, Body=b"5", **missing) == ("NoSuchKey", 404)
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == b"3"


def test_of_many_conditional_writers_one_wins(client: Any, bucket: str) -> None:
    """The others get 412, or 409 while the first is being written; its bytes are whole."""
    contents = [bytes([n]) * (100_000 if n % 2 else 100) for n in range(8)]

    def write(content: bytes) -> int:
        try:
            client.put_object(Bucket=bucket, Key="key", Body=content, IfNoneMatch="*")
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return 200

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(write, contents))
    assert outcomes.count(200) == 1
    assert set(outcomes) <= {200, 409, 412}
    won = contents[outcomes.index(200)]
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() == won


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"ChecksumCRC32": crc32(b"other")}, "BadDigest"),
        ({"ChecksumSHA256": base64.b64encode(bytes(32)).decode()}, "BadDigest"),
        ({"ChecksumCRC32": "AAAA"}, "BadDigest"),
        ({"ChecksumSHA1": "not base64"}, "BadDigest"),
        ({"ContentMD5": base64.b64encode(bytes(16)).decode()}, "BadDigest"),
        ({"ContentMD5": "AAAA"}, "InvalidDigest"),
    ],
)
def test_what_arrives_otherwise_than_it_was_sent_is_refused(
    client: Any, bucket: str, given: dict[str, str], code: str
) -> None:
    """And leaves nothing behind, whether it is small or large."""
    for content in (CONTENT, LARGE):
        wrong = {"Bucket": bucket, "Key": "key", "Body": content, **given}
        assert refused(client.put_object, **wrong) == (code, 400)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_verified_kept_and_returned(client: Any, bucket: str, algorithm: str) -> None:
    """boto3 computes each when it writes, and checks it when it reads."""
    put = client.put_object(Bucket=bucket, Key="key", Body=CONTENT, ChecksumAlgorithm=algorithm)
    got = client.get_object(Bucket=bucket, Key="key")
    assert got["Body"].read() == CONTENT
    assert got[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    assert client.list_objects_v2(Bucket=bucket)["Contents"][0]["ChecksumAlgorithm"] == [algorithm]


@pytest.mark.parametrize(
    ("member", "checksum"), [("ChecksumCRC64NVME", "rosUhgp5mIg="), ("ChecksumCRC32C", "4waSgw==")]
)
def test_checksums_that_boto3_itself_cannot_make_are_verified(
    client: Any, bucket: str, member: str, checksum: str
) -> None:
    """As the AWS command line and clients with awscrt send them; of "123456789"."""
    sent = {"Bucket": bucket, "Key": "key", "Body": b"123456789"}
    assert client.put_object(**sent, **{member: checksum})[member] == checksum
    assert client.head_object(Bucket=bucket, Key="key", ChecksumMode="ENABLED")[member] == checksum
    other = {**sent, "Body": b"123456780", member: checksum}
    assert refused(client.put_object, **other) == ("BadDigest", 400)


@pytest.mark.parametrize(
    "unsupported",
    [
        {"ChecksumXXHASH3": "AAAAAAAAAAA="},
        {"WebsiteRedirectLocation": "/elsewhere"},
    ],
)
def test_what_is_not_built_is_refused_and_not_ignored(
    client: Any, bucket: str, unsupported: dict[str, str]
) -> None:
    """501 NotImplemented; nothing is written."""
    params = {"Bucket": bucket, "Key": "key", "Body": b"", **unsupported}
    assert refused(client.put_object, **params) == ("NotImplemented", 501)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    restored = refused(client.restore_object, Bucket=bucket, Key="key")
    assert restored == ("NotImplemented", 501)


def test_errors_are_those_of_s3(client: Any, bucket: str) -> None:
    """Code and status; a HEAD has no body, so its code is its status."""
    nowhere, key = "no-such-bucket", {"Key": "key"}
    assert refused(client.get_object, Bucket=bucket, **key) == ("NoSuchKey", 404)
    assert refused(client.head_object, Bucket=bucket, **key) == ("404", 404)
    assert refused(client.get_object, Bucket=nowhere, **key) == ("NoSuchBucket", 404)
    assert refused(client.put_object, Bucket=nowhere, Body=LARGE, **key) == ("NoSuchBucket", 404)
    assert refused(client.delete_object, Bucket=nowhere, **key) == ("NoSuchBucket", 404)
    long = {"Bucket": bucket, "Key": "é" * 513}
    assert refused(client.put_object, Body=b"", **long) == ("KeyTooLongError", 400)
    much = {"Bucket": bucket, "Metadata": {"a": "x" * 2048}, **key}
    assert refused(client.put_object, Body=b"", **much) == ("MetadataTooLarge", 400)
    owned = {"Bucket": bucket, "ExpectedBucketOwner": "111111111111", **key}
    assert refused(client.put_object, Body=b"", **owned) == ("AccessDenied", 403)
    too_large = {"Bucket": bucket, "Body": bytes(20 * 1024**2 + 1), **key}
    assert refused(client.put_object, **too_large) == ("EntityTooLarge", 400)
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_an_announced_size_is_refused_before_the_bytes_come(endpoint: str, bucket: str) -> None:
    """Whoever waits for the go-ahead gets the refusal instead."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    connection.putrequest("PUT", f"/{bucket}/key")
    connection.putheader("Content-Length", str(10**12))
    connection.putheader("Expect", "100-continue")
    connection.endheaders()
    answer = connection.getresponse()
    assert answer.status == 400
    assert b"<Code>EntityTooLarge</Code>" in answer.read()
    connection.close()


def test_a_body_that_ends_early_is_no_object(endpoint: str, client: Any, bucket: str) -> None:
    """A client that goes away in the middle leaves neither an object nor a file."""
    connection = http.client.HTTPConnection(endpoint.removeprefix("http://"), timeout=10)
    connection.putrequest("PUT", f"/{bucket}/key")
    connection.putheader("Content-Length", "3000000")
    connection.endheaders(LARGE[:2_500_000])
    connection.close()
    assert refused(client.head_object, Bucket=bucket, Key="key") == ("404", 404)


def test_concurrent_writers_leave_one_whole_object(client: Any, bucket: str, folder: Path) -> None:
    """Small and large, from eight clients at once; no blob is left beside it."""
    size = 234_567  # that no other test here leaves behind
    contents = [bytes([n]) * (size if n % 2 else 1000) for n in range(16)]

    def write(content: bytes) -> None:
        client.put_object(Bucket=bucket, Key="key", Body=content)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, contents))
    assert client.get_object(Bucket=bucket, Key="key")["Body"].read() in contents
    client.delete_object(Bucket=bucket, Key="key")
    sizes = [path.stat().st_size for path in (folder / "blobs" / "kept").iterdir()]
    assert size not in sizes


def test_answers_can_be_dressed_for_their_reader(client: Any, bucket: str) -> None:
    """The Response… parameters replace what was stored, for this answer."""
    client.put_object(Bucket=bucket, Key="key", Body=CONTENT, ContentType="text/plain")
    got = client.get_object(
        Bucket=bucket, Key="key", ResponseContentType="a/b", ResponseContentDisposition="inline"
    )
    assert (got["ContentType"], got["ContentDisposition"]) == ("a/b", "inline")
    assert client.head_object(Bucket=bucket, Key="key")["ContentType"] == "text/plain"


def test_a_copy_keeps_or_replaces_what_is_said_of_it(client: Any, bucket: str) -> None:
    """Its bytes are the source's; COPY keeps type and metadata, REPLACE takes the new ones."""
    source = {"Bucket": bucket, "Key": "a +%/é"}
    said = {"ContentType": "image/png", "Metadata": {"a": "b"}}
    for content in (CONTENT, LARGE):
        client.put_object(Body=content, **source, **said)
        copied = client.copy_object(Bucket=bucket, Key="copy", CopySource=source)
        assert copied["CopyObjectResult"]["ETag"] == f'"{hashlib.md5(content).hexdigest()}"'
        got = client.get_object(Bucket=bucket, Key="copy")
        assert (got["Body"].read(), got["ContentType"]) == (content, "image/png")
        assert got["Metadata"] == {"a": "b"}
    client.copy_object(
        Bucket=bucket,
        Key="copy",
        CopySource=source,
        MetadataDirective="REPLACE",
        Metadata={"c": "d"},
    )
    head = client.head_object(Bucket=bucket, Key="copy")
    assert (head["Metadata"], head["ContentType"]) == ({"c": "d"}, "binary/octet-stream")


def test_copies_that_cannot_be_are_refused(client: Any, bucket: str) -> None:
    """Onto itself without a change, of what is not there, of what a condition excludes."""
    etag = client.put_object(Bucket=bucket, Key="key", Body=CONTENT)["ETag"]
    to_itself = {"Bucket": bucket, "Key": "key", "CopySource": f"{bucket}/key"}
    assert refused(client.copy_object, **to_itself) == ("InvalidRequest", 400)
    missing = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/missing"}
    assert refused(client.copy_object, **missing) == ("NoSuchKey", 404)
    malformed = {"Bucket": bucket, "Key": "copy", "CopySource": bucket}
    assert refused(client.copy_object, **malformed) == ("InvalidArgument", 400)
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": f"{bucket}/key"}
    for condition in ({"CopySourceIfMatch": '"x"'}, {"CopySourceIfNoneMatch": etag}):
        assert refused(client.copy_object, **copy, **condition) == ("PreconditionFailed", 412)


def test_many_objects_are_deleted_at_once(client: Any, bucket: str) -> None:
    """Those that are not there count as deleted; Quiet names none."""
    for n in range(3):
        client.put_object(Bucket=bucket, Key=f"é/{n}", Body=LARGE[:100_000])
    wanted = [{"Key": "é/0"}, {"Key": "é/1"}, {"Key": "missing"}]
    answer = client.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
    assert answer["Deleted"] == wanted
    answer = client.delete_objects(
        Bucket=bucket, Delete={"Objects": [{"Key": "é/2"}], "Quiet": True}
    )
    assert "Deleted" not in answer
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    many = [{"Key": str(n)} for n in range(1001)]
    params = {"Bucket": bucket, "Delete": {"Objects": many}}
    assert refused(client.delete_objects, **params) == ("MalformedXML", 400)


def test_there_are_no_torrents(client: Any, bucket: str) -> None:
    """Of an object that is there no more than of one that is not."""
    client.put_object(Bucket=bucket, Key="key", Body=b"x")
    for key in ("key", "missing"):
        told = refused(client.get_object_torrent, Bucket=bucket, Key=key)
        assert told == ("NoSuchKey", 404)
