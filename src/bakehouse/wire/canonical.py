"""The canonical request of Signature Version 4: what client and server each hash.

Source: AWS General Reference, "Create a canonical request".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote, unquote_to_bytes

from bakehouse.wire.types import Request

_UNRESERVED = "-_.~"
_CANONICAL_PATH = re.compile(r"[A-Za-z0-9/_.~-]*")


def canonical_requests(
    request: Request, signed_headers: tuple[str, ...], payload_sha256: str, encode_twice: bool
) -> Iterator[bytes]:
    """What the client may have signed: nearly always the first.

    Clients differ in what they encode of an S3 path on its way, and in whether they sign the bytes
    of a header beyond ASCII as they send them or as UTF-8.
    """
    headers = "".join(
        [f"{name}:{_folded(request.headers.get(name, ''))}\n" for name in signed_headers]
    )
    names = ";".join(signed_headers)
    query = _canonical_query(request.query)
    for path in _canonical_paths(request.path, encode_twice):
        text = f"{request.method}\n{path or '/'}\n{query}\n{headers}\n{names}\n{payload_sha256}"
        yield text.encode("latin-1", "replace")
        if not text.isascii():
            yield text.encode()


def _canonical_paths(path: str, encode_twice: bool) -> tuple[str, ...]:
    if _CANONICAL_PATH.fullmatch(path):
        return (path,)
    if encode_twice:
        return (quote(path, safe="/" + _UNRESERVED),)
    return path, quote(unquote_to_bytes(path.encode("latin-1")), safe="/" + _UNRESERVED)


def _folded(value: str) -> str:
    """A header's value in its canonical form; beyond ASCII, bytes are no white space."""
    if value.isascii():
        return " ".join(value.split())
    return b" ".join(value.encode("latin-1").split()).decode("latin-1")


def _canonical_query(query: str) -> str:
    if not query:
        return ""
    pairs = (part.partition("=")[::2] for part in query.split("&") if part)
    encoded = ((_encoded_once(name), _encoded_once(value)) for name, value in pairs)
    kept = sorted(pair for pair in encoded if pair[0] != "X-Amz-Signature")
    return "&".join([f"{name}={value}" for name, value in kept])


def _encoded_once(text: str) -> str:
    """A name or value of a query in its canonical form; a plus sign is a space there."""
    return quote(unquote_to_bytes(text.replace("+", "%20")), safe=_UNRESERVED)
