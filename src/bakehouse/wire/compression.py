"""Bodies of requests that the client compressed: PutMetricData over 10 KiB, by botocore."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

from bakehouse.wire.types import AwsError

_GZIP = 16 + zlib.MAX_WBITS
_PLAIN = frozenset(["", "identity", "utf-8", "amz-1.0"])
"""Encodings that say nothing; some older SDKs send the last one with every request in JSON."""


def plain_body(headers: Mapping[str, str], body: bytes, limit_bytes: int) -> bytes:
    """The body as it was before ``Content-Encoding``.

    Raises:
        AwsError: it is no gzip, it is larger than the limit once unpacked (413), or it was encoded
            in another way (415).
    """
    encoding = headers.get("content-encoding", "").strip().lower()
    if encoding in _PLAIN:
        return body
    if encoding != "gzip":
        text = f"The content encoding {encoding} is not supported; gzip is."
        raise AwsError("UnsupportedMediaTypeException", text, 415)
    return _unzipped(body, limit_bytes)


def _unzipped(body: bytes, limit_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        plain = unpacker.decompress(body, limit_bytes + 1)
    except zlib.error as error:
        raise AwsError("SerializationException", f"The body is no gzip: {error}.") from error
    if len(plain) > limit_bytes:
        text = f"The request's body is over {limit_bytes} bytes once it is unpacked."
        raise AwsError("RequestEntityTooLargeException", text, 413)
    if not unpacker.eof or unpacker.unused_data:
        raise AwsError("SerializationException", "The body is not one whole gzip member.")
    return plain
