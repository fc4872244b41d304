"""Checksums between client and store: what was sent is what is kept, or it is refused."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from typing import Any

from bakehouse.services.s3.errors import entity_too_large, not_implemented
from bakehouse.storage.digests import ALGORITHMS, Digests
from bakehouse.storage.uploads import Upload
from bakehouse.wire.types import AwsError, Body, Call, Params, Payload

_NOT_SUMS = {"ChecksumAlgorithm", "ChecksumMode", "ChecksumType"}
_CHUNK_BYTES = 1024 * 1024


def algorithms_of(params: Params) -> list[str]:
    """The checksums that the client gives, or names to be made; CRC32 if it does neither.

    Raises:
        AwsError: 501, one of them cannot be computed here.
    """
    announced = (_sum_of(name) for name in _body(params).announced)
    chosen = list(dict.fromkeys((*given_sums(params), *announced)))
    chosen = chosen or [params.get("ChecksumAlgorithm", "CRC32")]
    for name in chosen:
        if name not in ALGORITHMS:
            can = ", ".join(ALGORITHMS)
            raise not_implemented(f"bakehouse cannot compute {name} checksums yet; it can {can}.")
    return chosen


def given_sums(params: Params) -> dict[str, str]:
    """Algorithm → base64, of the checksums in a request's headers."""
    return {
        name.removeprefix("Checksum"): value
        for name, value in params.items()
        if name.startswith("Checksum") and name not in _NOT_SUMS
    }


def trailing_sums(params: Params) -> dict[str, str]:
    """Algorithm → base64, of the checksums that came behind the body, once it was read."""
    return {_sum_of(name): value for name, value in _body(params).trailers.items()}


def _sum_of(header: str) -> str:
    return header.removeprefix("x-amz-checksum-").upper()


def _body(params: Params) -> Payload | _NoBody:
    body: Payload | bytes = params.get("Body", b"")
    return _NO_BODY if isinstance(body, bytes) else body


class _NoBody:
    """What a body that came from within has behind it: nothing."""

    announced: Sequence[str] = ()
    trailers: Mapping[str, str] = {}


_NO_BODY = _NoBody()


def sums_to_response(sums: dict[str, str]) -> Params:
    """Checksum members of an answer; a ``-<parts>`` at the end makes them composite."""
    if not sums:
        return {}
    composite = any("-" in value for value in sums.values())
    kind = "COMPOSITE" if composite else "FULL_OBJECT"
    return {f"Checksum{name}": value for name, value in sums.items()} | {"ChecksumType": kind}


def check_sums(params: Params, digests: Digests) -> None:
    """Compare what came with what the client says that it sent.

    Raises:
        AwsError: a checksum is not one, or is another.
    """
    found = digests.checksums
    for name, value in (given_sums(params) | trailing_sums(params)).items():
        if value != found[name]:
            text = f"The {name} you specified did not match the calculated checksum."
            raise AwsError("BadDigest", text, 400)
    _check_md5(params.get("ContentMD5"), digests.md5)


def _check_md5(given: str | None, found: bytes) -> None:
    if given is None:
        return
    if len(from_base64(given)) != len(found):
        raise AwsError("InvalidDigest", "The Content-MD5 you specified was invalid.", 400)
    if from_base64(given) != found:
        text = "The Content-MD5 you specified did not match what we received."
        raise AwsError("BadDigest", text, 400)


def from_base64(text: str) -> bytes:
    """The bytes of a header in base64; none where it is not base64."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


async def receive(call: Call, params: Params, upload: Upload[Any], limit_bytes: int) -> None:
    """Read a request's body into an upload and check it; large bodies leave the event loop free.

    Raises:
        AwsError: it is too large, or not what the client says that it sent.
    """
    announced = call.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > limit_bytes:
        raise entity_too_large(int(announced), limit_bytes)
    body: Body | bytes = params.get("Body", b"")
    if isinstance(body, bytes):
        await _write(upload, body)
    else:
        await _write_all(upload, body)
    check_sums(params, upload.digests)


async def _write_all(upload: Upload[Any], body: Body) -> None:
    waiting: list[bytes] = []
    size = 0
    async for chunk in body:
        waiting.append(chunk)
        size += len(chunk)
        if size >= _CHUNK_BYTES:
            await _write(upload, b"".join(waiting))
            waiting, size = [], 0
    await _write(upload, b"".join(waiting))


async def _write(upload: Upload[Any], chunk: bytes) -> None:
    if upload.takes_inline(len(chunk)):
        upload.write(chunk)
    else:
        await asyncio.to_thread(upload.write, chunk)
