"""Bodies that are compared with what was signed."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import pytest

from bakehouse.faults import LimitExceeded
from bakehouse.wire.bodies import CheckedBody, opened, read_whole
from bakehouse.wire.signatures import UNSIGNED
from bakehouse.wire.types import AwsError, Body, Request
from support.bodies import Bytes

CONTENT = bytes(range(256)) * 12_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Pieces:
    """A body that arrives in pieces of 64 KiB."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(0, len(CONTENT), 65_536):
            yield CONTENT[at : at + 65_536]

    async def read(self, limit_bytes: int) -> bytes:
        return await read_whole(self, limit_bytes)


async def streamed(body: Body) -> bytes:
    """All of a body, piece by piece."""
    return b"".join([chunk async for chunk in body])


@pytest.mark.parametrize("declared", [SHA256, UNSIGNED, ""])
def test_a_body_is_what_was_signed(declared: str) -> None:
    """Streamed or read at once, compared or as it is."""
    assert asyncio.run(streamed(CheckedBody(Pieces(), declared))) == CONTENT
    assert asyncio.run(CheckedBody(Pieces(), declared).read(len(CONTENT))) == CONTENT
    with pytest.raises(LimitExceeded):
        asyncio.run(CheckedBody(Pieces(), declared).read(len(CONTENT) - 1))


def test_another_body_is_refused() -> None:
    """At its end, with both digests."""
    declared = hashlib.sha256(b"").hexdigest()
    for read in (streamed, lambda body: body.read(1 << 30)):
        with pytest.raises(AwsError) as caught:
            asyncio.run(read(CheckedBody(Pieces(), declared)))
        assert caught.value.code == "XAmzContentSHA256Mismatch"
        assert caught.value.fields["S3ComputedContentSHA256"] == SHA256


@pytest.mark.parametrize("declared", ["x", SHA256.upper(), SHA256 + "0"])
def test_what_is_no_digest_is_named_before_anything_is_read(declared: str) -> None:
    """The value is wrong, whatever the body holds."""
    with pytest.raises(AwsError) as caught:
        CheckedBody(Bytes(b""), declared)
    assert caught.value.code == "InvalidArgument"


def asked(**headers: str) -> Request:
    """A request with these headers."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Request("PUT", "/b/k", "", named, Bytes(b""))


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("aws-chunked", None),
        ("gzip, aws-chunked", "gzip"),
        ("aws-chunked,gzip,br", "gzip,br"),
        ("gzip", "gzip"),
    ],
)
def test_chunks_are_no_encoding_of_the_content(sent: str, kept: str | None) -> None:
    """What the operation sees is the content's own encoding."""
    headers = opened(asked(content_encoding=sent), "", None).headers
    assert headers.get("content-encoding") == kept


@pytest.mark.parametrize(
    ("declared", "headers", "code"),
    [
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", {}, "NotImplemented"),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", {}, "MissingContentLength"),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            {"x_amz_decoded_content_length": "-1"},
            "MissingContentLength",
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            {"x_amz_decoded_content_length": "1", "x_amz_trailer": "content-type"},
            "InvalidRequest",
        ),
    ],
)
def test_a_form_that_cannot_be_read_is_refused(
    declared: str, headers: dict[str, str], code: str
) -> None:
    """Before a byte of it is."""
    with pytest.raises(AwsError) as caught:
        opened(asked(**headers), declared, None)
    assert caught.value.code == code


def test_the_length_is_that_of_the_content() -> None:
    """What limits an object's size looks at it, not at the chunks around it."""
    told = opened(
        asked(x_amz_decoded_content_length="5", content_length="99"),
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        None,
    )
    assert told.headers["content-length"] == "5"
