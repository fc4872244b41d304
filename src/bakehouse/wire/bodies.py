"""Bodies of requests: read whole up to a limit, decoded, and compared with what was signed."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping

from bakehouse.faults import LimitExceeded
from bakehouse.wire.chunked import ChunkDecoder
from bakehouse.wire.signatures import UNSIGNED, Chain
from bakehouse.wire.types import AwsError, Body, Payload, Request

STREAMING = "STREAMING-"
"""What ``x-amz-content-sha256`` starts with where the body comes as ``aws-chunked``."""
_SIGNED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_FORMS = (_SIGNED, f"{_SIGNED}-TRAILER", "STREAMING-UNSIGNED-PAYLOAD-TRAILER")
_SHA256 = re.compile("[0-9a-f]{64}")
_BLOCK_BYTES = 1024 * 1024
_MOST_TRAILERS = 8
_TRAILERS = "x-amz-checksum-"


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


async def sha256(content: bytes) -> str:
    """The hexadecimal digest; of much, in a thread."""
    if len(content) <= _BLOCK_BYTES:
        return hashlib.sha256(content).hexdigest()
    return (await asyncio.to_thread(hashlib.sha256, content)).hexdigest()


def opened(request: Request, declared: str, chain: Chain | None) -> Request:
    """The request with a body that is decoded and compared as it is read.

    Its headers say what its body then is: no ``aws-chunked``, and the length of the content.

    Args:
        request: a request whose signature was verified.
        declared: what it says of its body: a digest, or what stands for one; may be empty.
        chain: checks the signatures of chunks; None where nothing is verified.

    Raises:
        AwsError: its form is none of AWS's, or it does not tell its length.
    """
    headers = request.headers
    if "content-encoding" in headers:
        headers = _without_chunks(headers)
    if declared.startswith(STREAMING):
        body: Payload = ChunkedBody(request, declared, chain)
        headers = {**headers, "content-length": headers["x-amz-decoded-content-length"]}
    else:
        body = CheckedBody(request.body, declared)
    return Request(request.method, request.path, request.query, headers, body, request.sent)


def _without_chunks(headers: Mapping[str, str]) -> Mapping[str, str]:
    """The headers without ``aws-chunked``, which is the request's form and not the content's."""
    codings = [coding.strip() for coding in headers["content-encoding"].split(",")]
    kept = ",".join(coding for coding in codings if coding.lower() != "aws-chunked")
    rest = {name: value for name, value in headers.items() if name != "content-encoding"}
    return rest | ({"content-encoding": kept} if kept else {})


class CheckedBody:
    """A body that is compared with the digest which the client signed.

    Raises:
        AwsError: what the client gives for a digest is none.
    """

    announced: tuple[str, ...] = ()
    trailers: Mapping[str, str] = {}

    def __init__(self, body: Body, declared: str) -> None:
        if declared not in ("", UNSIGNED) and not _SHA256.fullmatch(declared):
            text = (
                "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                f"{', '.join(_FORMS)} or a valid sha256 value."
            )
            raise AwsError("InvalidArgument", text, 400)
        self._body, self._declared = body, declared

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self._declared in ("", UNSIGNED):
            async for chunk in self._body:
                yield chunk
            return
        digest = hashlib.sha256()
        waiting: list[bytes] = []
        size = 0
        async for chunk in self._body:
            waiting.append(chunk)
            size += len(chunk)
            if size >= _BLOCK_BYTES:
                block = b"".join(waiting)
                waiting, size = [], 0
                await asyncio.to_thread(digest.update, block)
                yield block
        block = b"".join(waiting)
        digest.update(block)
        self._compare(digest.hexdigest())
        if block:
            yield block

    async def read(self, limit_bytes: int) -> bytes:
        """All bytes at once, compared; raises ``LimitExceeded`` where there are more."""
        content = await self._body.read(limit_bytes)
        if self._declared not in ("", UNSIGNED):
            self._compare(await sha256(content))
        return content

    def _compare(self, found: str) -> None:
        if found != self._declared:
            text = "The provided 'x-amz-content-sha256' header does not match what was computed."
            fields = {
                "ClientComputedContentSHA256": self._declared,
                "S3ComputedContentSHA256": found,
            }
            raise AwsError("XAmzContentSHA256Mismatch", text, 400, fields)


class ChunkedBody:
    """A body in ``aws-chunked`` form: its content, and then the headers that follow it.

    Raises:
        AwsError: the form is none of AWS's, or the request does not tell the content's length.
    """

    def __init__(self, request: Request, declared: str, chain: Chain | None) -> None:
        if declared not in _FORMS:
            text = f"bakehouse does not read bodies of the form {declared}."
            raise AwsError("NotImplemented", text, 501)
        self.announced = _announced(request.headers.get("x-amz-trailer", ""))
        self.trailers: Mapping[str, str] = {}
        self._body = request.body
        self._decoder = ChunkDecoder(
            _length(request.headers.get("x-amz-decoded-content-length", "")),
            chain,
            signed=declared.startswith(_SIGNED),
            announced=self.announced,
        )

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._body:
            for content in self._decoder.feed(piece):
                yield content
        self._decoder.end()
        self.trailers = self._decoder.trailers

    async def read(self, limit_bytes: int) -> bytes:
        """All of the content at once; raises ``LimitExceeded`` where there is more."""
        return await read_whole(self, limit_bytes)


def _announced(text: str) -> tuple[str, ...]:
    names = dict.fromkeys(name.strip().lower() for name in text.split(",") if name.strip())
    if len(names) > _MOST_TRAILERS or not all(name.startswith(_TRAILERS) for name in names):
        text = "The value specified in the x-amz-trailer header is not supported"
        raise AwsError("InvalidRequest", text, 400)
    return tuple(names)


def _length(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        text = "You must provide the Content-Length HTTP header."
        raise AwsError("MissingContentLength", text, 411)
    return int(text)
