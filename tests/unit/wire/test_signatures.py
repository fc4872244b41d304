"""Signature Version 4, with botocore as the signer."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bakehouse.wire.claims import claim_of
from bakehouse.wire.refusals import CODES, spelled
from bakehouse.wire.signatures import UNSIGNED, Signature, Unreadable, Verifier
from bakehouse.wire.types import AwsError, Caller, Request
from support.bodies import Bytes

KEY, SECRET = "AKIAEXAMPLE", "a secret"
CALLER = Caller(KEY, SECRET, "arn:aws:sts::1:assumed-role/a/b", "A:b", KEY)


def find(access_key_id: str, token: str, now: datetime) -> Caller:
    """The one caller there is."""
    if access_key_id != KEY:
        raise AwsError("key", "nobody", 403)
    return CALLER


VERIFIER = Verifier(find)


def signed(
    method: str = "POST",
    url: str = "http://127.0.0.1:4566/",
    body: bytes = b"{}",
    service: str = "sagemaker",
    *,
    key: str = KEY,
    secret: str = SECRET,
    headers: dict[str, str] | None = None,
) -> Request:
    """A request as botocore signs it."""
    request = AWSRequest(method, url, headers or {}, body)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    request.context["client_config"] = None
    auth(Credentials(key, secret), service, "us-east-1").add_auth(request)
    prepared = request.prepare()
    parts = urlsplit(prepared.url)
    given = {
        k.lower(): v if isinstance(v, str) else v.decode() for k, v in prepared.headers.items()
    }
    return Request(method, parts.path, parts.query, {"host": parts.netloc, **given}, Bytes(body))


def verify(request: Request, body: bytes = b"{}", **changed: Any) -> str:
    """Verify a request; return the access key id that signed it."""
    wanted: dict[str, Any] = {"encode_twice": True, "now": datetime.now(UTC)} | changed
    digest = wanted.pop("digest", hashlib.sha256(body).hexdigest())
    claim = claim_of(request)
    caller = VERIFIER.admit(claim, wanted["now"])
    assert claim is not None
    VERIFIER.verify(request, claim, caller, digest, **wanted)
    return caller.access_key_id


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:4566/",
        "http://127.0.0.1:4566/2015-03-31/functions/arn%3Aaws%3Alambda/invocations?Qualifier=%24LATEST",
        "http://127.0.0.1:4566/endpoints/demo/invocations?b=2&a=1&a=0&empty=",
    ],
)
def test_a_request_that_botocore_signed_is_accepted(url: str) -> None:
    """Paths with escapes and queries in any order verify."""
    assert verify(signed(url=url)) == KEY


@pytest.mark.parametrize("key", ["k", "a%20b/%C3%BC%2B%26.txt", "a//b", "%25", "~x"])
def test_s3_paths_are_encoded_once(key: str) -> None:
    """S3 signs the path as it is sent."""
    request = signed("PUT", f"http://127.0.0.1:4566/bucket/{key}", b"x", "s3")
    digest = request.headers["x-amz-content-sha256"]
    assert digest in (UNSIGNED, hashlib.sha256(b"x").hexdigest())
    assert verify(request, digest=digest, encode_twice=False) == KEY


def refused(request: Request, **changed: Any) -> str:
    """Why a request is refused."""
    with pytest.raises(AwsError) as caught:
        verify(request, **changed)
    return caught.value.code


def test_a_changed_body_is_refused() -> None:
    """The digest of the body is part of what is signed."""
    assert refused(signed(), body=b'{"changed": 1}') == "mismatch"


def test_a_changed_header_or_path_is_refused() -> None:
    """What was signed must be what arrives."""
    request = signed(headers={"X-Amz-Target": "SageMaker.ListModels"})
    headers = {**request.headers, "x-amz-target": "SageMaker.DeleteModel"}
    assert refused(Request("POST", "/", "", headers, request.body)) == "mismatch"
    assert refused(Request("POST", "/other", "", request.headers, request.body)) == "mismatch"
    assert refused(Request("GET", "/", "", request.headers, request.body)) == "mismatch"


def test_a_wrong_secret_is_a_mismatch_and_an_unknown_key_is_told_apart() -> None:
    """A key that nobody has is named as such."""
    assert refused(signed(secret="another")) == "mismatch"
    assert refused(signed(key="AKIANOBODY")) == "key"


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "missing"),
        ("Basic abc", "unsupported"),
        ("AWS4-HMAC-SHA256", "malformed"),
        ("AWS4-HMAC-SHA256 Credential=x", "malformed"),
        ("AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=0", "malformed"),
        ("AWS x", "unsupported"),
    ],
)
def test_what_cannot_be_read_is_told_apart_from_nothing(header: str, reason: str) -> None:
    """A request that means to be signed says so, and is refused for how."""
    request = Request("GET", "/", "", {"authorization": header}, Bytes(b""))
    claim = claim_of(request)
    assert isinstance(claim, Unreadable) or (claim is None and not header)
    assert refused(request) == reason


def test_a_header_that_lacks_parts_names_them() -> None:
    """Each missing part is a sentence, as the JSON services write it."""
    start = "AWS4-HMAC-SHA256 Credential=A/20260101/us-east-1/logs/aws4_request"
    request = Request("POST", "/", "", {"authorization": start}, Bytes(b""))
    with pytest.raises(AwsError, match=r"requires 'Signature' parameter.*'SignedHeaders'"):
        VERIFIER.admit(claim_of(request), datetime.now(UTC))


@pytest.mark.parametrize("stamp", ["", "yesterday", "19691231T235959Z"])
def test_a_request_without_a_sound_date_is_refused(stamp: str) -> None:
    """Neither a missing nor an impossible date is taken for now."""
    request = signed()
    headers = {**request.headers, "x-amz-date": stamp}
    assert refused(Request("POST", "/", "", headers, request.body)) == "date"


def test_the_date_may_stand_in_the_older_header() -> None:
    """Without ``X-Amz-Date``, the ``Date`` header counts, in either form."""
    request = signed()
    stamp = request.headers["x-amz-date"]
    moment = datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    for date in (stamp, format_datetime(moment, usegmt=True)):
        headers = {k: v for k, v in request.headers.items() if k != "x-amz-date"}
        claim = claim_of(Request("POST", "/", "", headers | {"date": date}, request.body))
        assert isinstance(claim, Signature)
        assert claim.stamp == stamp


@pytest.mark.parametrize("minutes", [-16, 16])
def test_a_request_of_another_time_is_refused(minutes: int) -> None:
    """Fifteen minutes of clock skew are allowed, either way."""
    assert refused(signed(), now=datetime.now(UTC) + timedelta(minutes=minutes)) == "skew"
    assert verify(signed(), now=datetime.now(UTC) + timedelta(minutes=minutes * 14 / 16)) == KEY


def test_the_host_must_be_signed() -> None:
    """A signature that leaves the host out could be replayed against another."""
    request = signed()
    parts = request.headers["authorization"].replace("host;", "")
    headers = {**request.headers, "authorization": parts}
    assert refused(Request("POST", "/", "", headers, request.body)) == "mismatch"


@pytest.mark.parametrize("name", ["x-amz-target", "x-amz-copy-source", "x-amz-meta-a"])
def test_a_header_that_was_added_on_the_way_is_refused(name: str) -> None:
    """Every header that says what a request means must be among the signed ones."""
    request = signed()
    headers = {**request.headers, name: "added"}
    assert refused(Request("POST", "/", "", headers, request.body)) == "unsigned"


@pytest.mark.parametrize(
    ("sent", "arrived"), [("prefix=a%2Bb", "prefix=a+b"), ("prefix=%FF", "prefix=%FE")]
)
def test_a_changed_query_is_refused(sent: str, arrived: str) -> None:
    """A plus sign is a space in a query, and bytes that are no UTF-8 are told apart."""
    request = signed("GET", f"http://127.0.0.1:4566/bucket?{sent}", b"", "s3")
    digest = request.headers["x-amz-content-sha256"]
    changed = Request("GET", "/bucket", arrived, request.headers, request.body)
    assert refused(changed, digest=digest, encode_twice=False) == "mismatch"


@pytest.mark.parametrize("reason", CODES)
@pytest.mark.parametrize("family", ["json", "query", "rest-json", "rest-xml"])
def test_every_failed_check_has_a_name_in_every_protocol(reason: str, family: str) -> None:
    """Each protocol spells a refused signature with its own code and a 4xx status."""
    error = spelled(AwsError(reason, "text", 403), family)
    assert error.code not in CODES
    assert spelled(AwsError(reason, "text", 403), "cbor").code == CODES[reason]["json"][0]
    assert 400 <= error.status < 500


def test_other_errors_keep_their_spelling() -> None:
    """Only failed checks are translated."""
    error = AwsError("NoSuchBucket", "text", 404)
    assert spelled(error, "json") is error
