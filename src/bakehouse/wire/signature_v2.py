"""Signature Version 2 of S3: older than V4, and still what boto3 presigns with in us-east-1.

What is signed is the method, three headers, the ``x-amz-`` headers, the bucket with the key, and a
few parameters of the query. Source: Amazon S3 Developer Guide, "Signing and authenticating REST
requests".
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import unquote, unquote_plus

from bakehouse import clock
from bakehouse.wire.types import AwsError, Request

SERVICE = "s3"
"""The only service that takes this version."""
SKEW = timedelta(minutes=15)
"""How far a client's clock may be from ours, in either version."""
_NO_DATE = "AWS authentication requires a valid Date or x-amz-date header"
_SUB_RESOURCES = frozenset(
    {
        "accelerate",
        "acl",
        "analytics",
        "cors",
        "defaultObjectAcl",
        "delete",
        "intelligent-tiering",
        "inventory",
        "legal-hold",
        "lifecycle",
        "location",
        "logging",
        "metrics",
        "notification",
        "object-lock",
        "ownershipControls",
        "partNumber",
        "policy",
        "policyStatus",
        "publicAccessBlock",
        "replication",
        "requestPayment",
        "response-cache-control",
        "response-content-disposition",
        "response-content-encoding",
        "response-content-language",
        "response-content-type",
        "response-expires",
        "restore",
        "retention",
        "select",
        "select-type",
        "storageClass",
        "tagging",
        "torrent",
        "uploadId",
        "uploads",
        "versionId",
        "versioning",
        "versions",
        "website",
    }
)
"""The parameters of the query that are signed; others may be added by anyone."""


@dataclass(frozen=True, slots=True)
class SignatureV2:
    """What a signature of version 2 says, in the ``Authorization`` header or in the query."""

    access_key_id: str
    value: str
    """Base64 of an HMAC-SHA-1."""
    token: str = ""
    expires: str | None = None
    """Seconds since 1970 as the query has them; None for a header."""
    service: str = SERVICE
    region: str = ""


def check_time(request: Request, signature: SignatureV2, now: datetime) -> None:
    """Refuse a presigned URL that has expired, or a header of another time.

    Raises:
        AwsError: "date", "expired" or "skew".
    """
    if signature.expires is not None:
        _check_expiry(signature.expires, now)
        return
    text = request.headers.get("x-amz-date", request.headers.get("date", ""))
    try:
        signed = parsedate_to_datetime(text)
    except ValueError as error:
        raise AwsError("date", _NO_DATE, 403) from error
    signed = signed if signed.tzinfo else signed.replace(tzinfo=UTC)
    if signed.timestamp() < 0:
        raise AwsError("date", _NO_DATE, 403)
    if abs(now - signed) > SKEW:
        raise AwsError("skew", "The request was signed at another time.", 403)


def _check_expiry(expires: str, now: datetime) -> None:
    if not (expires.isdecimal() and len(expires) < 12):
        text = f"Invalid date (should be seconds since epoch): {expires}"
        raise AwsError("date", text, 403)
    if now.timestamp() > int(expires):
        until = datetime.fromtimestamp(int(expires), UTC)
        fields = {"Expires": clock.to_iso(until), "ServerTime": clock.to_iso(now)}
        raise AwsError("expired", "Request has expired", 403, fields)


def strings_to_sign(request: Request, signature: SignatureV2) -> Iterator[bytes]:
    """What the client may have signed: nearly always the first.

    Clients differ in whether a bucket alone ends with a slash, and in whether they sign the bytes
    of a header beyond ASCII as they send them or as UTF-8.

    Args:
        request: the request with its bucket in the path, and with those parameters of the query
            that stand for headers among the headers.
        signature: what it says of itself.
    """
    headers = request.headers
    date = signature.expires
    if date is None:
        date = "" if "x-amz-date" in headers else headers.get("date", "")
    first = (
        request.method,
        _one_line(headers.get("content-md5", "")),
        _one_line(headers.get("content-type", "")),
        date,
    )
    amz = sorted(name for name in headers if name.startswith("x-amz-"))
    lines = "".join(f"{name}:{_one_line(headers[name])}\n" for name in amz)
    named = "&".join(sorted(_sub_resources(request.query)))
    for path in _paths(request.path):
        resource = f"{path}?{named}" if named else path
        text = "\n".join(first) + f"\n{lines}{resource}"
        yield text.encode("latin-1", "replace")
        if not text.isascii():
            yield text.encode()


def _one_line(value: str) -> str:
    """A header's value as it is signed; from a URL it may hold line ends, and none is the next."""
    return value.strip().replace("\n", " ")


def _paths(path: str) -> tuple[str, ...]:
    is_bucket = path.count("/") == 1 and len(path) > 1
    return (path, f"{path}/") if is_bucket else (path,)


def _sub_resources(query: str) -> Iterator[str]:
    for part in query.split("&") if query else ():
        name, equals, value = part.partition("=")
        name = unquote_plus(name)  # as whoever acts on it reads it
        if name in _SUB_RESOURCES:
            yield f"{name}={unquote(value)}" if equals else name


def hmac_sha1(secret: str, text: bytes) -> str:
    """The signature of a text, as version 2 writes it."""
    return base64.b64encode(hmac.digest(secret.encode(), text, "sha1")).decode()
