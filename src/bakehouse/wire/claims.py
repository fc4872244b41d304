"""What a request says of its signature: read, and not yet believed.

A signature stands in the ``Authorization`` header, or in the query of a presigned URL, each in
version 4 and, for S3, in version 2. What means to be a signature and is none becomes
:class:`Unreadable`, which the door refuses in the words of its protocol.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl

from bakehouse.wire.signature_v2 import SERVICE, SignatureV2
from bakehouse.wire.signatures import ALGORITHM, Claim, Signature, Unreadable, stamp_of
from bakehouse.wire.types import AwsError, Request

LONGEST_S = 604_800
"""Seven days: the longest life of a presigned URL of version 4."""
_EXPECTED = 'expecting "<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request".'
_THREE = "the authorization header requires three components: Credential, SignedHeaders, and"
_SIX = (
    "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
    "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters."
)
_NEEDED = ("credential", "signature", "date", "signedheaders", "expires")
_THREE_OF_V2 = (
    "Query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters"
)
_ONE_ONLY = (
    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query "
    "string parameter or the Authorization header should be specified"
)
_ASYMMETRIC = "AWS4-ECDSA-P256-SHA256"
_NUMBER = re.compile("-?[0-9]+")
_AMZ_HEADER = re.compile(r"x-amz-[!#$%&'*+.^_`|~0-9a-z-]+")
_OF_THE_SIGNATURE = {
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-expires",
    "x-amz-signedheaders",
    "x-amz-signature",
}
_NOT_COMPARED = {
    "x-amz-checksum-crc32",
    "x-amz-checksum-crc32c",
    "x-amz-checksum-crc64nvme",
    "x-amz-checksum-sha1",
    "x-amz-checksum-sha256",
}
"""AWS holds no body against a sum in a URL of version 4: signers put that of an empty one there."""


def claim_of(request: Request) -> Claim | None:
    """What a request says of its signature; None if it says nothing."""
    authorization, query = request.headers.get("authorization"), request.query
    presigned = "X-Amz-Algorithm=" in query or "X-Amz-Signature=" in query
    older = not presigned and ("AWSAccessKeyId=" in query)
    if authorization and presigned:
        return Unreadable(AwsError("unsupported", _ONE_ONLY, 400))
    if authorization:
        return _of_header(authorization, request.headers)
    if presigned:
        return _of_query(query)
    return _of_older_query(query) if older else None


def in_headers(request: Request) -> Request:
    """A presigned request with those parameters among its headers that stand for headers.

    Signers put ``x-amz-`` headers, and in version 2 the type and the digest of the body, into the
    URL; there they are signed. A header that was sent as well wins.
    """
    older = "AWSAccessKeyId=" in request.query
    left_out = _OF_THE_SIGNATURE if older else _OF_THE_SIGNATURE | _NOT_COMPARED
    taken = ("content-type", "content-md5") if older else ()
    given = {name.lower(): v for name, v in parse_qsl(request.query, keep_blank_values=True)}
    found = {
        name: value
        for name, value in given.items()
        if name not in left_out and (_AMZ_HEADER.fullmatch(name) or name in taken)
    }
    if not found:
        return request
    sent = request.sent or request
    return replace(request, headers={**found, **request.headers}, sent=sent)


# The header


def _of_header(authorization: str, headers: Mapping[str, str]) -> Claim:
    kind, _, rest = authorization.partition(" ")
    if kind == ALGORITHM:
        return _of_version_4(rest, headers)
    if kind == "AWS":
        key, _, value = rest.strip().rpartition(":")
        if key and value:
            return SignatureV2(key, value, headers.get("x-amz-security-token", ""))
        text = "AWS authorization header is invalid.  Expected AwsAccessKeyId:signature"
        return Unreadable(AwsError("unsupported", text, 400), service=SERVICE)
    if kind == _ASYMMETRIC:
        return Unreadable(_asymmetric())
    return Unreadable(AwsError("unsupported", "Unsupported Authorization Type", 400))


def _of_version_4(rest: str, headers: Mapping[str, str]) -> Claim:
    parts = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    scope = parts.get("Credential", "").rsplit("/", 4)
    service = scope[3] if len(scope) == 5 else ""
    names = parts.get("SignedHeaders")
    value = parts.get("Signature")
    if not (names and value and "Credential" in parts):
        return Unreadable(_incomplete(parts, service, rest), service=service)
    if not _is_scope(scope):
        text = f"The authorization header is malformed; the Credential is mal-formed; {_EXPECTED}"
        return Unreadable(AwsError("malformed", text, 400), service=service)
    return Signature(
        scope[0],
        scope[1],
        scope[2],
        service,
        tuple(names.split(";")),
        value,
        stamp_of(headers),
        headers.get("x-amz-security-token", ""),
    )


def _is_scope(scope: list[str]) -> bool:
    return len(scope) == 5 and all(scope) and scope[4] == "aws4_request"


def _incomplete(parts: Mapping[str, str], service: str, rest: str) -> AwsError:
    """A header that lacks a part; S3 has one sentence for it, the others one for each part."""
    if service == SERVICE or not service:
        text = f"The authorization header is malformed; {_THREE} Signature."
        return AwsError("malformed", text, 400)
    missing = [n for n in ("Credential", "Signature", "SignedHeaders") if not parts.get(n)]
    told = " ".join(f"Authorization header requires '{name}' parameter." for name in missing)
    return AwsError("malformed", f"{told} Authorization={ALGORITHM} {rest}", 400)


def _asymmetric() -> AwsError:
    text = f"bakehouse does not verify {_ASYMMETRIC} signatures; sign with {ALGORITHM}."
    return AwsError("NotImplemented", text, 501)


# The query


def _of_query(query: str) -> Claim:
    parts = {
        name[len("x-amz-") :].lower(): value
        for name, value in parse_qsl(query, keep_blank_values=True)
        if name.lower().startswith("x-amz-")
    }
    scope = parts.get("credential", "").rsplit("/", 4)
    service = scope[3] if len(scope) == 5 else ""
    if parts.get("algorithm") == _ASYMMETRIC:
        return Unreadable(_asymmetric(), service=service)
    problem = _problem(parts, scope)
    if problem is not None:
        return Unreadable(AwsError("parameters", problem, 400), service=service)
    return Signature(
        scope[0],
        scope[1],
        scope[2],
        service,
        tuple(parts["signedheaders"].split(";")),
        parts["signature"],
        parts["date"],
        parts.get("security-token", ""),
        int(parts["expires"]),
    )


def _problem(parts: Mapping[str, str], scope: list[str]) -> str | None:
    """What is wrong with the parameters of a presigned URL, in AWS's words."""
    if parts.get("algorithm", ALGORITHM) != ALGORITHM:
        return f'X-Amz-Algorithm only supports "{ALGORITHM} and {_ASYMMETRIC}"'
    if not all(name in parts for name in _NEEDED):
        return _SIX
    if not _is_scope(scope):
        start = "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; "
        return start + _EXPECTED
    if not _NUMBER.fullmatch(parts["expires"]):
        return "X-Amz-Expires should be a number"
    if parts["expires"].startswith("-"):
        return "X-Amz-Expires must be non-negative"
    if len(parts["expires"]) > 9 or int(parts["expires"]) > LONGEST_S:
        start = "X-Amz-Expires must be less than a week (in seconds); that is, the given "
        return f"{start}X-Amz-Expires must be less than {LONGEST_S} seconds"
    return None


def _of_older_query(query: str) -> Claim:
    parts = dict(parse_qsl(query, keep_blank_values=True))
    key, value, expires = (parts.get(n) for n in ("AWSAccessKeyId", "Signature", "Expires"))
    if not (key and value and expires):
        return Unreadable(AwsError("date", _THREE_OF_V2, 403), service=SERVICE)
    return SignatureV2(key, value, parts.get("x-amz-security-token", ""), expires)
