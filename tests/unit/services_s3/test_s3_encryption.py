"""Server-side encryption, as a real boto3 client asks for it and is told of it."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from support.refusals import refused

KEY, OTHER = bytes(range(32)), bytes(32)


def customer(key: bytes, prefix: str = "") -> dict[str, str]:
    """The parameters of a customer's key; boto3 encodes it and adds its MD5."""
    return {
        f"{prefix}SSECustomerAlgorithm": "AES256",
        f"{prefix}SSECustomerKey": key.decode("latin-1"),
    }


@pytest.fixture
def target(bucket: str) -> dict[str, str]:
    return {"Bucket": bucket, "Key": "key"}


@pytest.mark.parametrize(
    "asked",
    [
        {"ServerSideEncryption": "AES256"},
        {"ServerSideEncryption": "aws:kms"},
        {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "k-1", "BucketKeyEnabled": True},
    ],
)
def test_what_a_writer_asks_for_is_told(
    client: Any, target: dict[str, str], asked: dict[str, Any]
) -> None:
    """By the answer to the write, to every reader, and not of a copy that asks for nothing."""
    told = [
        client.put_object(**target, Body=b"x", **asked),
        client.head_object(**target),
        client.get_object(**target),
        client.copy_object(
            Bucket=target["Bucket"], Key="copy", CopySource=f"{target['Bucket']}/key", **asked
        ),
    ]
    for answer in told:
        assert {name: answer[name] for name in asked} == asked
    client.copy_object(Bucket=target["Bucket"], Key="plain", CopySource=f"{target['Bucket']}/key")
    plain = client.head_object(Bucket=target["Bucket"], Key="plain")
    assert "ServerSideEncryption" not in plain


@pytest.mark.parametrize(
    "asked",
    [
        {"ServerSideEncryption": "ROT13"},
        {"SSEKMSKeyId": "k-1"},
        {"ServerSideEncryption": "AES256", "SSEKMSKeyId": "k-1"},
        {"ServerSideEncryption": "AES256", **customer(KEY)},
        customer(b"short"),
        {"SSECustomerAlgorithm": "AES256"},
        {
            "SSECustomerAlgorithm": "AES256",
            "SSECustomerKey": base64.b64encode(KEY).decode(),
            "SSECustomerKeyMD5": base64.b64encode(bytes(16)).decode(),
        },
    ],
)
def test_what_contradicts_itself_is_refused(
    client: Any, target: dict[str, str], asked: dict[str, str]
) -> None:
    """And nothing is written."""
    assert refused(client.put_object, **target, **asked) == ("InvalidArgument", 400)
    assert refused(client.head_object, **target) == ("404", 404)


def test_other_algorithms_have_an_error_of_their_own(client: Any, target: dict[str, str]) -> None:
    """There is only one for customers' keys."""
    asked = {**customer(KEY), "SSECustomerAlgorithm": "DES"}
    told = refused(client.put_object, **target, **asked)
    assert told == ("InvalidEncryptionAlgorithmError", 400)


def test_a_bucket_has_a_default(client: Any, target: dict[str, str]) -> None:
    """It holds for writes that ask for nothing, in one piece or in parts, from then on."""
    bucket = target["Bucket"]
    client.put_object(**target, Body=b"before")
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "k"}
    }
    client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert "ServerSideEncryption" not in client.head_object(**target)
    put = client.put_object(**target, Body=b"after")
    begun = client.create_multipart_upload(**target)
    for answer in (put, client.head_object(**target), begun):
        assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", "k")
    own = client.put_object(**target, Body=b"own", ServerSideEncryption="AES256")
    assert own["ServerSideEncryption"] == "AES256"


def test_who_reads_must_bring_the_writers_key(client: Any, target: dict[str, str]) -> None:
    """The same one, where there was one, and none where there was none."""
    written = client.put_object(**target, Body=b"content", **customer(KEY))
    digest = base64.b64encode(hashlib.md5(KEY).digest()).decode()
    got = client.get_object(**target, **customer(KEY))
    assert got["Body"].read() == b"content"
    for answer in (written, got, client.head_object(**target, **customer(KEY))):
        assert answer["SSECustomerAlgorithm"] == "AES256"
        assert answer["SSECustomerKeyMD5"] == digest
    assert refused(client.get_object, **target) == ("InvalidRequest", 400)
    assert refused(client.head_object, **target) == ("400", 400)
    assert refused(client.get_object, **target, **customer(OTHER)) == ("InvalidRequest", 400)
    client.put_object(**target, Body=b"content")
    assert refused(client.get_object, **target, **customer(KEY)) == ("InvalidRequest", 400)


def test_a_part_is_looked_for_before_the_key(client: Any, target: dict[str, str]) -> None:
    """Who asks for a part that there is not is told so, with the key or without."""
    client.put_object(**target, Body=b"x", **customer(KEY))
    for given in ({}, customer(KEY)):
        assert refused(client.get_object, **target, **given, PartNumber=2) == ("InvalidPart", 400)
    assert refused(client.get_object, **target, PartNumber=1) == ("InvalidRequest", 400)


def test_a_copy_needs_the_key_of_its_source(client: Any, target: dict[str, str]) -> None:
    """And has the key that it is given itself."""
    client.put_object(**target, Body=b"content", **customer(KEY))
    copy = {"Bucket": target["Bucket"], "Key": "copy", "CopySource": f"{target['Bucket']}/key"}
    assert refused(client.copy_object, **copy) == ("InvalidRequest", 400)
    source = customer(KEY, "CopySource")
    client.copy_object(**copy, **source, **customer(OTHER))
    named = {"Bucket": target["Bucket"], "Key": "copy"}
    assert client.get_object(**named, **customer(OTHER))["Body"].read() == b"content"
    client.copy_object(**copy, **source)
    assert client.get_object(**named)["Body"].read() == b"content"


def test_parts_come_with_the_key_of_their_upload(client: Any, target: dict[str, str]) -> None:
    """Each of them; and the object can be read with it."""
    begun = client.create_multipart_upload(**target, **customer(KEY))
    upload = {**target, "UploadId": begun["UploadId"]}
    part = {**upload, "PartNumber": 1, "Body": b"x"}
    for wrong in ({}, customer(OTHER)):
        assert refused(client.upload_part, **part, **wrong) == ("InvalidRequest", 400)
    sent = client.upload_part(**part, **customer(KEY))
    assert sent["SSECustomerAlgorithm"] == "AES256"
    parts = {"Parts": [{"PartNumber": 1, "ETag": sent["ETag"]}]}
    client.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert client.get_object(**target, **customer(KEY))["Body"].read() == b"x"
    assert refused(client.get_object, **target) == ("InvalidRequest", 400)


@pytest.mark.parametrize("read", ["get_object", "head_object"])
def test_a_reader_asks_for_no_encryption(client: Any, target: dict[str, str], read: str) -> None:
    """A read with a header of writes is refused, also where it names what the object has."""
    client.put_object(**target, Body=b"x", ServerSideEncryption="AES256")
    event, header = (
        f"before-call.s3.{read.title().replace('_', '')}",
        "x-amz-server-side-encryption",
    )

    def add(params: dict[str, Any], **_: Any) -> None:
        params["headers"][header] = "AES256"

    client.meta.events.register(event, add)
    try:
        assert refused(getattr(client, read), **target)[1] == 400
    finally:
        client.meta.events.unregister(event, add)
    assert getattr(client, read)(**target)["ServerSideEncryption"] == "AES256"


def test_a_completion_brings_no_other_key(client: Any, target: dict[str, str]) -> None:
    """It may bring the key of its upload, which is told then; with a checksum it has to."""
    for algorithm in ({}, {"ChecksumAlgorithm": "SHA256"}):
        upload = client.create_multipart_upload(**target, **customer(KEY), **algorithm)["UploadId"]
        named = {**target, "UploadId": upload}
        part = client.upload_part(
            **named, PartNumber=1, Body=b"x", **customer(KEY), ChecksumAlgorithm="SHA256"
        )
        found = {"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA256": part["ChecksumSHA256"]}
        named["MultipartUpload"] = {"Parts": [found]}
        complete = client.complete_multipart_upload
        assert refused(complete, **named, **customer(OTHER)) == ("InvalidRequest", 400)
        if algorithm:
            assert refused(complete, **named) == ("InvalidArgument", 400)
        for _ in range(2):
            told = complete(**named, **customer(KEY))["ResponseMetadata"]["HTTPHeaders"]
            digest = hashlib.md5(KEY, usedforsecurity=False).digest()
            given = told["x-amz-server-side-encryption-customer-key-md5"]
            assert given == base64.b64encode(digest).decode()


def test_a_bucket_can_block_customers_keys(client: Any, target: dict[str, str]) -> None:
    """For what is new; what was written with one before can still be read."""
    bucket = target["Bucket"]
    client.put_object(**target, Body=b"x", **customer(KEY))

    def block(kind: str) -> None:
        rule = {"BlockedEncryptionTypes": {"EncryptionType": [kind]}}
        client.put_bucket_encryption(
            Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]}
        )

    block("SSE-C")
    new = {"Bucket": bucket, "Key": "new"}
    denied = ("AccessDenied", 403)
    assert refused(client.put_object, **new, Body=b"x", **customer(KEY)) == denied
    assert refused(client.create_multipart_upload, **new, **customer(KEY)) == denied
    client.put_object(**new, Body=b"x")
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": new}
    assert refused(client.copy_object, **copy, **customer(KEY)) == denied
    assert client.get_object(**target, **customer(KEY))["Body"].read() == b"x"
    block("NONE")
    client.put_object(**new, Body=b"x", **customer(KEY))
