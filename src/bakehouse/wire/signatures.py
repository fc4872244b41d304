"""Signature Version 4: who sent a request, and whether it is as it was sent.

Source: AWS General Reference, "Signature Version 4 signing process". S3 encodes the path once, all
other services twice, and S3 names the body's digest in a header.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote_to_bytes

from bakehouse.wire.types import AwsError, Request

ALGORITHM = "AWS4-HMAC-SHA256"
SKEW = timedelta(minutes=15)
UNSIGNED = "UNSIGNED-PAYLOAD"
_STAMP = "%Y%m%dT%H%M%SZ"
_UNRESERVED = "-_.~"


@dataclass(frozen=True, slots=True)
class Signature:
    """What an ``Authorization`` header says."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    value: str

    @property
    def scope(self) -> str:
        """The credential scope: ``20261123/us-east-1/s3/aws4_request``."""
        return f"{self.date}/{self.region}/{self.service}/aws4_request"


def signature_of(headers: Mapping[str, str]) -> Signature | None:
    """The signature that a request carries, or None if it carries none that can be read."""
    kind, _, rest = headers.get("authorization", "").partition(" ")
    if kind != ALGORITHM:
        return None
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = parts.get("Credential", "").rsplit("/", 4)
    if len(scope) != 5 or scope[4] != "aws4_request" or not parts.get("Signature"):
        return None
    names = tuple(parts.get("SignedHeaders", "").split(";"))
    return Signature(scope[0], scope[1], scope[2], scope[3], names, parts["Signature"])


class Verifier:
    """Checks requests against the secret keys that it was given.

    Args:
        secrets: access key id → secret access key.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self._secrets = secrets

    def admit(self, signature: Signature | None) -> Signature:
        """Refuse who cannot have signed, before a byte of the body is read.

        Raises:
            AwsError: "missing" or "key", as in :meth:`verify`.
        """
        if signature is None:
            raise AwsError("missing", "Missing Authentication Token", 403)
        if signature.access_key_id not in self._secrets:
            raise AwsError("key", "The security token included in the request is invalid.", 403)
        return signature

    def verify(
        self,
        request: Request,
        signature: Signature | None,
        payload_sha256: str,
        *,
        encode_twice: bool,
        now: datetime,
    ) -> Signature:
        """Check a request, in some 10 µs; return its signature.

        Args:
            request: the request as it came.
            signature: what :func:`signature_of` read from it.
            payload_sha256: the hexadecimal digest of the body, or what stands for it.
            encode_twice: False for S3, whose canonical path is the path as sent.
            now: the time of the check.

        Raises:
            AwsError: with one of the codes of :data:`CODES` ("missing", "key", "mismatch",
                "unsigned", "skew"); the door spells it as its protocol family does.
        """
        signature = self.admit(signature)
        secret = self._secrets[signature.access_key_id]
        stamp = request.headers.get("x-amz-date", "")
        _check_time(stamp, signature, now)
        key = _signing_key(secret, signature.date, signature.region, signature.service)
        canonical = _canonical_request(request, signature, payload_sha256, encode_twice)
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        to_sign = f"{ALGORITHM}\n{stamp}\n{signature.scope}\n{digest}"
        expected = hmac.new(key, to_sign.encode(), hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), signature.value.encode()):
            raise AwsError("mismatch", MISMATCH, 403)
        if unsigned := _unsigned(request.headers, signature):
            text = f"{UNSIGNED_HEADERS}: {', '.join(unsigned)}"
            raise AwsError("unsigned", text, 403, {"HeadersNotSigned": ", ".join(unsigned)})
        return signature


MISMATCH = (
    "The request signature we calculated does not match the signature you provided. "
    "Check your AWS Secret Access Key and signing method. "
    "Consult the service documentation for details."
)
UNSIGNED_HEADERS = "There were headers present in the request which were not signed"


def _unsigned(headers: Mapping[str, str], signature: Signature) -> list[str]:
    """The headers which say what a request means and that anybody could have added to it."""
    meant = {"host"} | {name for name in headers if name.startswith("x-amz-")}
    return sorted(meant.difference(signature.signed_headers))


def _check_time(stamp: str, signature: Signature, now: datetime) -> None:
    try:
        signed = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
    except ValueError as error:
        raise AwsError("mismatch", "Date must be in ISO-8601 'basic format'.", 403) from error
    if not stamp.startswith(signature.date):
        text = "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date"
        raise AwsError("mismatch", f"{text} from HTTP", 403)
    if abs(now - signed) > SKEW:
        text = f"Signature expired: {stamp} is not within 15 minutes of {now.strftime(_STAMP)}."
        raise AwsError("skew", text, 403)


@functools.lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key


def _canonical_request(
    request: Request, signature: Signature, payload_sha256: str, encode_twice: bool
) -> str:
    path = quote(request.path, safe="/" + _UNRESERVED) if encode_twice else request.path
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n"
        for name in signature.signed_headers
    )
    names = ";".join(signature.signed_headers)
    query = _canonical_query(request.query)
    return f"{request.method}\n{path or '/'}\n{query}\n{headers}\n{names}\n{payload_sha256}"


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = (part.partition("=")[::2] for part in query.split("&") if part)
    encoded = ((_encoded_once(name), _encoded_once(value)) for name, value in pairs)
    return "&".join(f"{name}={value}" for name, value in sorted(encoded))


def _encoded_once(text: str) -> str:
    """A name or value of a query in its canonical form; a plus sign is a space there."""
    return quote(unquote_to_bytes(text.replace("+", "%20")), safe=_UNRESERVED)


CODES: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "missing": {
        "json": ("MissingAuthenticationTokenException", 400),
        "rest-json": ("MissingAuthenticationTokenException", 403),
        "query": ("MissingAuthenticationToken", 403),
        "rest-xml": ("AccessDenied", 403),
    },
    "key": {
        "json": ("UnrecognizedClientException", 400),
        "rest-json": ("UnrecognizedClientException", 403),
        "query": ("InvalidClientTokenId", 403),
        "rest-xml": ("InvalidAccessKeyId", 403),
    },
    "mismatch": {
        "json": ("InvalidSignatureException", 400),
        "rest-json": ("InvalidSignatureException", 403),
        "query": ("SignatureDoesNotMatch", 403),
        "rest-xml": ("SignatureDoesNotMatch", 403),
    },
    "unsigned": {
        "json": ("InvalidSignatureException", 400),
        "rest-json": ("InvalidSignatureException", 403),
        "query": ("SignatureDoesNotMatch", 403),
        "rest-xml": ("AccessDenied", 403),
    },
    "skew": {
        "json": ("InvalidSignatureException", 400),
        "rest-json": ("InvalidSignatureException", 403),
        "query": ("SignatureDoesNotMatch", 403),
        "rest-xml": ("RequestTimeTooSkewed", 403),
    },
}
"""How each protocol family names a failed check: reason → family → (code, HTTP status)."""

_XML_TEXTS = {
    "unsigned": UNSIGNED_HEADERS,
    "missing": "Access Denied",
    "key": "The AWS Access Key Id you provided does not exist in our records.",
    "mismatch": (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    ),
    "skew": "The difference between the request time and the current time is too large.",
}


def spelled(error: AwsError, family: str) -> AwsError:
    """A failed check in the words of a protocol family; any other error as it is."""
    if error.code not in CODES:
        return error
    code, status = CODES[error.code][family]
    text = _XML_TEXTS[error.code] if family == "rest-xml" else error.message
    return AwsError(code, text, status, error.fields if family == "rest-xml" else None)
