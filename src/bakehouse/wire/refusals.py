"""How each protocol family names a refused signature: one table from reason to code and text.

The checks raise ``AwsError`` with a reason of :data:`CODES` in the code's place; the door spells it
for the protocol in which the request came. Source: AWS General Reference "Common errors", Amazon S3
API Reference "Error responses".
"""

from __future__ import annotations

from collections.abc import Mapping

from bakehouse.wire.types import AwsError

_UNRECOGNIZED = {
    "json": ("UnrecognizedClientException", 400),
    "rest-json": ("UnrecognizedClientException", 403),
    "query": ("InvalidClientTokenId", 403),
}
_INVALID = {
    "json": ("InvalidSignatureException", 400),
    "rest-json": ("InvalidSignatureException", 403),
    "query": ("SignatureDoesNotMatch", 403),
}
_INCOMPLETE = {
    "json": ("IncompleteSignatureException", 400),
    "rest-json": ("IncompleteSignatureException", 403),
    "query": ("IncompleteSignature", 400),
}

CODES: Mapping[str, Mapping[str, tuple[str, int]]] = {
    "missing": {
        "json": ("MissingAuthenticationTokenException", 400),
        "rest-json": ("MissingAuthenticationTokenException", 403),
        "query": ("MissingAuthenticationToken", 403),
        "rest-xml": ("AccessDenied", 403),
    },
    "malformed": {**_INCOMPLETE, "rest-xml": ("AuthorizationHeaderMalformed", 400)},
    "unsupported": {**_INCOMPLETE, "rest-xml": ("InvalidArgument", 400)},
    "parameters": {**_INCOMPLETE, "rest-xml": ("AuthorizationQueryParametersError", 400)},
    "date": {**_INCOMPLETE, "rest-xml": ("AccessDenied", 403)},
    "key": {**_UNRECOGNIZED, "rest-xml": ("InvalidAccessKeyId", 403)},
    "token": {**_UNRECOGNIZED, "rest-xml": ("InvalidToken", 400)},
    "token-expired": {
        "json": ("ExpiredTokenException", 400),
        "rest-json": ("ExpiredTokenException", 403),
        "query": ("ExpiredToken", 403),
        "rest-xml": ("ExpiredToken", 400),
    },
    "mismatch": {**_INVALID, "rest-xml": ("SignatureDoesNotMatch", 403)},
    "scope": {**_INVALID, "rest-xml": ("AuthorizationHeaderMalformed", 400)},
    "unsigned": {**_INVALID, "rest-xml": ("AccessDenied", 403)},
    "skew": {**_INVALID, "rest-xml": ("RequestTimeTooSkewed", 403)},
    "expired": {**_INVALID, "rest-xml": ("AccessDenied", 403)},
    "denied": {
        "json": ("AccessDeniedException", 400),
        "rest-json": ("AccessDeniedException", 403),
        "query": ("AccessDenied", 403),
        "rest-xml": ("AccessDenied", 403),
    },
}
"""Reason → family → (code, HTTP status). A family that is not named here is one of JSON's."""

_XML_TEXTS = {
    "unsigned": "There were headers present in the request which were not signed",
    "missing": "Access Denied",
    "key": "The AWS Access Key Id you provided does not exist in our records.",
    "token": "The provided token is malformed or otherwise invalid.",
    "token-expired": "The provided token has expired.",
    "mismatch": (
        "The request signature we calculated does not match the signature you provided. "
        "Check your key and signing method."
    ),
    "skew": "The difference between the request time and the current time is too large.",
    "expired": "Request has expired",
}


def spelled(error: AwsError, family: str) -> AwsError:
    """A failed check in the words of a protocol family; any other error as it is."""
    if error.code not in CODES:
        return error
    spellings = CODES[error.code]
    code, status = spellings.get(family, spellings["json"])
    if family != "rest-xml":
        return AwsError(code, error.message, status)
    return AwsError(code, _XML_TEXTS.get(error.code, error.message), status, error.fields)
