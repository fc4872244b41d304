"""Signature Version 4: who sent a request, and whether it is as it was sent.

Source: AWS General Reference, "Signature Version 4 signing process"; Amazon S3 API Reference,
"Authenticating Requests". S3 encodes the path once, all other services twice, and S3 names the
body's digest in a header. :mod:`claims` reads what a request says of its signature.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import NamedTuple

from bakehouse import clock
from bakehouse.wire import signature_v2
from bakehouse.wire.canonical import canonical_requests
from bakehouse.wire.signature_v2 import SKEW, SignatureV2
from bakehouse.wire.types import AwsError, Caller, Request

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
_STAMP = "%Y%m%dT%H%M%SZ"
_STAMP_FORM = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SHA256_BLOCK = 64
_EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()
_MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
_UNSIGNED_HEADERS = "There were headers present in the request which were not signed"


class Signature(NamedTuple):
    """What a signature says of itself, in the ``Authorization`` header or in the query."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str
    stamp: str
    """``20261123T062248Z``; empty if the request does not tell."""
    token: str
    """The session token of a temporary key; empty for a key of one's own."""
    expires_s: int | None = None
    """For how long a presigned URL holds; None for a header."""

    @property
    def scope(self) -> str:
        """The credential scope: ``20261123/us-east-1/s3/aws4_request``."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A signature that cannot be one; the refusal waits until the protocol is known."""

    error: AwsError
    access_key_id: str = ""
    region: str = ""
    service: str = ""
    token: str = ""


Claim = Signature | SignatureV2 | Unreadable
"""Who a request says that it is from; nothing of it is believed until it is verified."""

Find = Callable[[str, str, datetime], Caller]
"""Access key id, session token and time → who that is.

Raises ``AwsError`` with "key", "token" or "token-expired" in the code's place.
"""


class Verifier:
    """Checks requests against the keys that ``find`` knows.

    Every error has a reason of :data:`bakehouse.wire.refusals.CODES` in the code's place.
    """

    def __init__(self, find: Find) -> None:
        self._find = find

    def admit(self, claim: Claim | None, now: datetime) -> Caller:
        """Refuse who cannot have signed, before a byte of the body is read.

        Raises:
            AwsError: there is no signature, none that can be read, or nobody has its key.
        """
        if claim is None:
            raise AwsError("missing", "Missing Authentication Token", 403)
        if isinstance(claim, Unreadable):
            raise claim.error
        return self._find(claim.access_key_id, claim.token, now)

    def verify(
        self,
        request: Request,
        claim: Claim,
        caller: Caller,
        payload_sha256: str,
        *,
        encode_twice: bool,
        now: datetime,
    ) -> None:
        """Check a request, in some 10 µs.

        Args:
            request: the request as it came.
            claim: what it says of its signature.
            caller: whose signature it must be, as :meth:`admit` found it.
            payload_sha256: the hexadecimal digest of the body, or what stands for it.
            encode_twice: False for S3, whose canonical path is the path encoded once.
            now: the time of the check.

        Raises:
            AwsError: it was signed otherwise, at another time, or not in full.
        """
        if isinstance(claim, SignatureV2):
            _verify_v2(request, claim, caller, now)
        elif isinstance(claim, Signature):
            sent = request.sent or request
            _verify_v4(sent, claim, caller, payload_sha256, encode_twice, now)
        else:
            raise claim.error

    def verify_text(self, text: str, claim: Signature | SignatureV2, now: datetime) -> Caller:
        """Check the signature of a text, such as the policy of a form; return who signed it.

        Raises:
            AwsError: nobody has the key, or it was signed otherwise. Times are not looked at.
        """
        caller = self.admit(claim, now)
        if isinstance(claim, Signature):
            key = _key_of(claim, caller)
            expected = key.hex(text)
        else:
            expected = signature_v2.hmac_sha1(caller.secret_access_key, text.encode())
        if not _same(expected, claim.value):
            raise _mismatch(claim, text, "")
        return caller


class Chain:
    """The signatures of a body's chunks, each of which includes the one before.

    Args:
        signature: the request's own, which the first chunk's includes.
        caller: who signed.
    """

    def __init__(self, signature: Signature, caller: Caller) -> None:
        self._key = _key_of(signature, caller)
        self._scope = f"{signature.stamp}\n{signature.scope}"
        self._last = signature.value

    def chunk(self, sha256: str, given: str) -> None:
        """Check the next chunk by the digest of its data.

        Raises:
            AwsError: "mismatch".
        """
        self._next("AWS4-HMAC-SHA256-PAYLOAD", f"{_EMPTY_SHA256}\n{sha256}", given)

    def trailer(self, sha256: str, given: str) -> None:
        """Check the headers that follow the last chunk, by the digest of ``name:value`` lines.

        Raises:
            AwsError: "mismatch".
        """
        self._next("AWS4-HMAC-SHA256-TRAILER", sha256, given)

    def _next(self, kind: str, rest: str, given: str) -> None:
        text = f"{kind}\n{self._scope}\n{self._last}\n{rest}"
        expected = self._key.hex(text)
        if not _same(expected, given):
            raise AwsError("mismatch", _MISMATCH, 403)
        self._last = given


def _verify_v4(
    request: Request,
    signature: Signature,
    caller: Caller,
    payload_sha256: str,
    encode_twice: bool,
    now: datetime,
) -> None:
    _check_time(signature, now)
    key = _key_of(signature, caller)
    to_sign = ""
    for canonical in canonical_requests(
        request, signature.signed_headers, payload_sha256, encode_twice
    ):
        digest = hashlib.sha256(canonical).hexdigest()
        to_sign = f"{ALGORITHM}\n{signature.stamp}\n{signature.scope}\n{digest}"
        if _same(key.hex(to_sign), signature.value):
            break
    else:
        raise _mismatch(signature, to_sign, canonical.decode("utf-8", "replace"))
    meant = {"host"} | {name for name in request.headers if name.startswith("x-amz-")}
    if unsigned := sorted(meant.difference(signature.signed_headers)):
        # They say what a request means, and anybody could have added them to it.
        text = f"{_UNSIGNED_HEADERS}: {', '.join(unsigned)}"
        raise AwsError("unsigned", text, 403, {"HeadersNotSigned": ", ".join(unsigned)})


def _verify_v2(request: Request, signature: SignatureV2, caller: Caller, now: datetime) -> None:
    signature_v2.check_time(request, signature, now)
    secret, text = caller.secret_access_key, b""
    for text in signature_v2.strings_to_sign(request, signature):
        if _same(signature_v2.hmac_sha1(secret, text), signature.value):
            return
    raise _mismatch(signature, text.decode("utf-8", "replace"), "")


def _same(expected: str, given: str) -> bool:
    """Whether two signatures are one, in a time that tells nothing."""
    return hmac.compare_digest(expected.encode(), given.encode())


def _mismatch(claim: Signature | SignatureV2, to_sign: str, canonical: str) -> AwsError:
    """The refusal of a signature, with what it should have been made of."""
    fields = {
        "AWSAccessKeyId": claim.access_key_id,
        "StringToSign": to_sign,
        "SignatureProvided": claim.value,
        "StringToSignBytes": to_sign.encode().hex(" "),
    }
    if canonical:
        fields |= {
            "CanonicalRequest": canonical,
            "CanonicalRequestBytes": canonical.encode().hex(" "),
        }
    return AwsError("mismatch", _MISMATCH, 403, fields)


# The time


def _check_time(signature: Signature, now: datetime) -> None:
    signed = _moment(signature.stamp)
    if signature.expires_s is not None:
        _check_expiry(signature, signed, now)
    elif abs(now - signed) > SKEW:
        stamp, current = signature.stamp, now.strftime(_STAMP)
        text = f"Signature expired: {stamp} is not within 15 minutes of {current}."
        fields = {
            "RequestTime": stamp,
            "ServerTime": clock.to_iso(now),
            "MaxAllowedSkewMilliseconds": round(SKEW.total_seconds() * 1000),
        }
        raise AwsError("skew", text, 403, fields)
    if not signature.stamp.startswith(signature.date):
        text = (
            f'Invalid credential date "{signature.date}". This date is not the same as X-Amz-Date: '
            f'"{signature.stamp[:8]}".'
        )
        raise AwsError("scope", text, 403)


@functools.lru_cache(maxsize=64)
def _moment(stamp: str) -> datetime:
    try:
        signed = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        text = "AWS authentication requires a valid Date or x-amz-date header"
        raise AwsError("date", text, 403) from error
    if signed.year < 1970:
        raise AwsError("date", f"The date {stamp} is before the year 1970.", 403)
    return signed


def _check_expiry(signature: Signature, signed: datetime, now: datetime) -> None:
    if now < signed - SKEW:
        raise AwsError("AccessDenied", "Request is not yet valid", 403)
    until = signed + timedelta(seconds=signature.expires_s or 0)
    if now > until:
        fields = {
            "X-Amz-Expires": signature.expires_s,
            "Expires": clock.to_iso(until),
            "ServerTime": clock.to_iso(now),
        }
        text = f"Signature expired: {clock.to_iso(until)} is earlier than {clock.to_iso(now)}."
        raise AwsError("expired", text, 403, fields)


def stamp_of(headers: Mapping[str, str]) -> str:
    """When a request says that it was signed: ``X-Amz-Date``, or ``Date`` in either form."""
    stamp = headers.get("x-amz-date")
    if stamp is not None:
        return stamp
    date = headers.get("date", "")
    if _STAMP_FORM.fullmatch(date):
        return date
    try:
        return parsedate_to_datetime(date).astimezone(UTC).strftime(_STAMP)
    except (ValueError, OverflowError):
        return ""


# Keys


class _SigningKey:
    """A key for HMAC-SHA-256 (RFC 2104) whose pads are hashed once: a quarter of the time.

    Args:
        key: 64 bytes at most.
    """

    def __init__(self, key: bytes) -> None:
        block = key.ljust(_SHA256_BLOCK, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def hex(self, text: str) -> str:
        """The signature of a text."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(text.encode())
        outer.update(inner.digest())
        return outer.hexdigest()


def _key_of(signature: Signature, caller: Caller) -> _SigningKey:
    return _signing_key(
        caller.secret_access_key, signature.date, signature.region, signature.service
    )


@functools.lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> _SigningKey:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return _SigningKey(key)
