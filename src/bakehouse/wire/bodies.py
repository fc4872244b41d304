"""Bodies of requests: read whole up to a limit, and compared with what the client signed."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterable, AsyncIterator

from bakehouse.faults import LimitExceeded
from bakehouse.wire.signatures import UNSIGNED
from bakehouse.wire.types import AwsError, Request


async def read_whole(chunks: AsyncIterable[bytes], limit_bytes: int) -> bytes:
    """All bytes of a request's body.

    Raises:
        LimitExceeded: there are more than the limit; told as soon as they arrive.
    """
    found: list[bytes] = []
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size > limit_bytes:
            raise LimitExceeded("The request's body", size, limit_bytes, "bytes")
        found.append(chunk)
    return b"".join(found)


class CheckedBody:
    """A streamed body that is compared with the digest which the client signed.

    Raises:
        AwsError: its form is one that is not read yet.
    """

    def __init__(self, request: Request) -> None:
        self._body = request.body
        self._declared = request.headers.get("x-amz-content-sha256", "")
        if self._declared.startswith("STREAMING-"):
            text = f"Bodies of the form {self._declared} are not read yet; send the body whole."
            raise AwsError("NotImplemented", text, 501)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        digest = hashlib.sha256()
        async for chunk in self._body:
            digest.update(chunk)
            yield chunk
        if self._declared and self._declared not in (UNSIGNED, digest.hexdigest()):
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            raise AwsError("XAmzContentSHA256Mismatch", text, 400)

    async def read(self, limit_bytes: int) -> bytes:
        """All bytes at once, compared; raises ``LimitExceeded`` where there are more."""
        return await read_whole(self, limit_bytes)
