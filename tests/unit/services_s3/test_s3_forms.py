"""Uploads by HTML forms; botocore makes their policies and signatures, urllib3 their bodies."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
import urllib3
from botocore.config import Config

from support.signed_s3 import ACCESS_KEY, SECRET_KEY, SignedS3

CONDITIONS: list[Any] = [
    ["starts-with", "$key", "up/"],
    {"acl": "private"},
    ["starts-with", "$Content-Type", "text/"],
    ["content-length-range", 0, 1024],
]
FIELDS = {"key": "up/a.txt", "acl": "private", "Content-Type": "text/plain"}


def send(
    signed: SignedS3, bucket: str, fields: Mapping[str, str], content: bytes = b"bar"
) -> urllib3.BaseHTTPResponse:
    """Send a form with a file as a browser does."""
    parts: list[Any] = [*fields.items(), ("file", ("C:\\pictures\\name.txt", content))]
    body, kind = urllib3.encode_multipart_formdata(parts)
    url = f"{signed.url}/{bucket}"
    return signed.browser.request("POST", url, body=body, headers={"Content-Type": kind})


def by_hand(bucket: str, policy: Mapping[str, Any] | str | None = None) -> dict[str, str]:
    """Policy and signature of version 2."""
    if policy is None:
        policy = {"expiration": later(), "conditions": [{"bucket": bucket}, *CONDITIONS]}
    text = policy if isinstance(policy, str) else json.dumps(policy)
    encoded = base64.b64encode(text.encode())
    digest = hmac.new(SECRET_KEY.encode(), encoded, hashlib.sha1).digest()
    return {
        "AWSAccessKeyId": ACCESS_KEY,
        "policy": encoded.decode(),
        "signature": base64.b64encode(digest).decode(),
    }


def later(seconds: int = 600) -> str:
    """A moment from now, as policies write it."""
    return f"{datetime.now(UTC) + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%SZ}"


def code(answer: urllib3.BaseHTTPResponse) -> tuple[str | None, int]:
    """Code and status of a refusal."""
    return ElementTree.fromstring(answer.data).findtext("Code"), answer.status


def stored(signed: SignedS3, bucket: str, key: str) -> bytes:
    """The bytes of an object."""
    found: bytes = signed.owner.get_object(Bucket=bucket, Key=key)["Body"].read()
    return found


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_a_form_that_botocore_signed_uploads(
    signed: SignedS3, own_bucket: str, version: str
) -> None:
    """With either signature, a key from the file's name, and a document for an answer."""
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=signed.url,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY,
        aws_secret_access_key=SECRET_KEY,
        config=Config(signature_version=version),
    )
    extra = {"success_action_status": "201", "x-amz-meta-who": "me"}
    made = client.generate_presigned_post(
        own_bucket,
        "up/${filename}",
        Fields=extra,
        Conditions=[{name: value} for name, value in extra.items()],
    )
    answer = send(signed, own_bucket, made["fields"], b"by form")
    client.close()
    told = ElementTree.fromstring(answer.data)
    assert (answer.status, told.tag) == (201, "PostResponse")
    assert (told.findtext("Bucket"), told.findtext("Key")) == (own_bucket, "up/name.txt")
    found = signed.owner.get_object(Bucket=own_bucket, Key="up/name.txt")
    assert (found["Body"].read(), found["Metadata"]) == (b"by form", {"who": "me"})
    assert told.findtext("ETag") == answer.headers["ETag"] == found["ETag"]


def test_fields_say_what_the_headers_of_put_object_say(signed: SignedS3, own_bucket: str) -> None:
    """Type, disposition, tags and ACL; names of fields may be in any case."""
    tags = "<Tagging><TagSet><Tag><Key>k&amp;1</Key><Value>v</Value></Tag></TagSet></Tagging>"
    policy = {
        "expiration": later(),
        "conditions": [
            {"BucKet": own_bucket},
            *CONDITIONS,
            ["STARTS-WITH", "$TagginG", ""],
            {"content-disposition": "inline"},
        ],
    }
    fields = {**FIELDS, "TAGGING": tags, "Content-Disposition": "inline", "x-ignore-me": "x"}
    assert send(signed, own_bucket, {**fields, **by_hand(own_bucket, policy)}).status == 204
    named = {"Bucket": own_bucket, "Key": "up/a.txt"}
    found = signed.owner.get_object(**named)
    assert (found["ContentType"], found["ContentDisposition"]) == ("text/plain", "inline")
    assert signed.owner.get_object_tagging(**named)["TagSet"] == [{"Key": "k&1", "Value": "v"}]


@pytest.mark.parametrize("name", ["a b", "a\tb", "é", "☃", ""])
def test_metadata_has_the_name_of_a_header(signed: SignedS3, own_bucket: str, name: str) -> None:
    """An object that nobody could read again is not kept."""
    fields = {**FIELDS, f"x-amz-meta-{name}": "x"}
    policy = {
        "expiration": later(),
        "conditions": [{"bucket": own_bucket}, *CONDITIONS, {f"x-amz-meta-{name}": "x"}],
    }
    answer = send(signed, own_bucket, {**fields, **by_hand(own_bucket, policy)})
    assert code(answer) == ("InvalidArgument", 400)
    assert signed.owner.list_objects_v2(Bucket=own_bucket)["KeyCount"] == 0


def test_a_large_file_streams(signed: SignedS3, own_bucket: str) -> None:
    """Bytes that look like boundaries and line ends arrive as they are."""
    policy = {
        "expiration": later(),
        "conditions": [{"bucket": own_bucket}, *CONDITIONS[:3]],
    }
    content = b"\r\n--boundary\r\n--" * 200_000
    answer = send(signed, own_bucket, {**FIELDS, **by_hand(own_bucket, policy)}, content)
    assert answer.status == 204
    assert stored(signed, own_bucket, "up/a.txt") == content


def test_the_form_says_what_comes_next(signed: SignedS3, own_bucket: str) -> None:
    """Another page, told what was written; 200 or 204; anything else means 204."""
    page = "https://example.com/done?x=1"
    policy = {
        "expiration": later(),
        "conditions": [
            {"bucket": own_bucket},
            *CONDITIONS,
            {"success_action_redirect": page},
        ],
    }
    fields = {**FIELDS, "success_action_redirect": page, **by_hand(own_bucket, policy)}
    answer = send(signed, own_bucket, fields)
    etag = answer.headers["ETag"].strip('"')
    assert answer.status == 303
    assert answer.headers["Location"] == (
        f"{page}&bucket={own_bucket}&key=up%2Fa.txt&etag=%22{etag}%22"
    )
    for asked, status in (("200", 200), ("204", 204), ("404", 204)):
        wanted = ["starts-with", "$success_action_status", ""]
        conditions = [{"bucket": own_bucket}, *CONDITIONS, wanted]
        signing = by_hand(own_bucket, {"expiration": later(), "conditions": conditions})
        fields = {**FIELDS, "success_action_status": asked, **signing}
        answer = send(signed, own_bucket, fields)
        assert (answer.status, answer.data) == (status, b"")


def test_without_a_policy_only_an_open_bucket_takes_a_form(
    signed: SignedS3, own_bucket: str
) -> None:
    """One that everyone may write."""
    fields = {"key": "a", "acl": "public-read"}
    assert code(send(signed, own_bucket, fields)) == ("AccessDenied", 403)
    signed.owner.put_bucket_acl(Bucket=own_bucket, ACL="public-read-write")
    assert send(signed, own_bucket, fields).status == 204
    assert stored(signed, own_bucket, "a") == b"bar"
    assert code(send(signed, "there-is-none", fields)) == ("NoSuchBucket", 404)


def test_where_nothing_is_verified_no_policy_is_needed(
    endpoint: str, client: Any, bucket: str
) -> None:
    """As nothing else needs a signature there."""
    body, kind = urllib3.encode_multipart_formdata([("key", "a"), ("file", ("f", b"bar"))])
    url, headers = f"{endpoint}/{bucket}", {"Content-Type": kind, "Connection": "close"}
    assert urllib3.request("POST", url, body=body, headers=headers).status == 204
    assert client.get_object(Bucket=bucket, Key="a")["Body"].read() == b"bar"


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"AWSAccessKeyId": "AKIAUNKNOWN"}, ("InvalidAccessKeyId", 403)),
        ({"signature": "bm90IGl0"}, ("SignatureDoesNotMatch", 403)),
        ({"signature": None}, ("InvalidArgument", 400)),
        ({"policy": None}, ("InvalidArgument", 400)),
        ({"key": None}, ("InvalidArgument", 400)),
        ({"key": "elsewhere"}, ("AccessDenied", 403)),
        ({"acl": "public-read"}, ("AccessDenied", 403)),
        ({"acl": None}, ("AccessDenied", 403)),
        ({"x-amz-meta-more": "x"}, ("AccessDenied", 403)),
        ({"key": "up/" + "k" * 1025}, ("KeyTooLongError", 400)),
    ],
    ids=str,
)
def test_what_a_policy_does_not_allow(
    signed: SignedS3, own_bucket: str, changed: dict[str, str | None], refusal: tuple[str, int]
) -> None:
    """Is refused with S3's code, and nothing is written."""
    fields = {**FIELDS, **by_hand(own_bucket), **changed}
    sent = {name: value for name, value in fields.items() if value is not None}
    assert code(send(signed, own_bucket, sent)) == refusal
    assert signed.owner.list_objects_v2(Bucket=own_bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("changed", "refusal"),
    [
        ({"expiration": None}, ("InvalidPolicyDocument", 400)),
        ({"expiration": "tomorrow"}, ("InvalidPolicyDocument", 400)),
        ({"expiration": "2026-13-01T00:00:00Z"}, ("InvalidPolicyDocument", 400)),
        ({"expiration": "2020-01-01T00:00:00Z"}, ("AccessDenied", 403)),
        ({"conditions": None}, ("InvalidPolicyDocument", 400)),
        ({"conditions": [{}]}, ("InvalidPolicyDocument", 400)),
        ({"conditions": ["x"]}, ("InvalidPolicyDocument", 400)),
        ({"conditions": [["like", "$key", "x"]]}, ("InvalidPolicyDocument", 400)),
        ({"conditions": CONDITIONS}, ("AccessDenied", 403)),
        ({"conditions": [["content-length-range", 0]]}, ("InvalidPolicyDocument", 400)),
        ({"conditions": [["content-length-range", -1, 5]]}, ("InvalidPolicyDocument", 400)),
        ({"conditions": [["content-length-range", 0, 1e999]]}, ("InvalidPolicyDocument", 400)),
    ],
    ids=str,
)
def test_a_policy_must_be_one(
    signed: SignedS3, own_bucket: str, changed: dict[str, Any], refusal: tuple[str, int]
) -> None:
    """What is missing, wrong or over is told; the bucket must be spoken of."""
    policy = {"expiration": later(), "conditions": [{"bucket": own_bucket}, *CONDITIONS]}
    given = {name: value for name, value in {**policy, **changed}.items() if value is not None}
    fields = {**FIELDS, **by_hand(own_bucket, given)}
    assert code(send(signed, own_bucket, fields)) == refusal


def test_a_policy_is_json(signed: SignedS3, own_bucket: str) -> None:
    """However it was signed."""
    for text in ("no JSON", "[]", "[" * 5000):
        fields = {**FIELDS, **by_hand(own_bucket, text)}
        assert code(send(signed, own_bucket, fields)) == ("InvalidPolicyDocument", 400)


@pytest.mark.parametrize(
    ("limits", "refusal"), [([0, 2], "EntityTooLarge"), ([4, 9], "EntityTooSmall")]
)
def test_a_policy_limits_the_size(
    signed: SignedS3, own_bucket: str, limits: list[int], refusal: str
) -> None:
    """Of the file, not of the form; what is too large or too small is not kept."""
    range_ = ["content-length-range", *limits]
    conditions = [{"bucket": own_bucket}, *CONDITIONS[:3], range_]
    signing = by_hand(own_bucket, {"expiration": later(), "conditions": conditions})
    assert code(send(signed, own_bucket, {**FIELDS, **signing})) == (refusal, 400)
    assert signed.owner.list_objects_v2(Bucket=own_bucket)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "MalformedPOSTRequest"),
        (b"--x", "MalformedPOSTRequest"),
        (b"--x\r\n\r\nvalue\r\n--x--", "MalformedPOSTRequest"),
        (b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x--', "InvalidArgument"),
        (b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n--x', None),
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\nnever ends',
            "InvalidArgument",
        ),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n' + b"a" * 30_000,
            "MaxPostPreDataLengthExceeded",
        ),
        (b"a" * 100_000, "MaxPostPreDataLengthExceeded"),
        (
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n\r\n' * 300 + b"--x--",
            None,
        ),
    ],
)
def test_bodies_that_are_no_forms(
    signed: SignedS3, own_bucket: str, body: bytes, refusal: str | None
) -> None:
    """They are refused in bounded memory, whatever they hold, and never with a 5xx."""
    kind = {"Content-Type": "multipart/form-data; boundary=x"}
    answer = signed.browser.request("POST", f"{signed.url}/{own_bucket}", body=body, headers=kind)
    assert answer.status == 400
    assert refusal in (None, code(answer)[0])
    nameless = {"Content-Type": "multipart/form-data"}
    url = f"{signed.url}/{own_bucket}"
    answer = signed.browser.request("POST", url, body=body, headers=nameless)
    assert code(answer) == ("MalformedPOSTRequest", 400)
