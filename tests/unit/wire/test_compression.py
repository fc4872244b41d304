"""Compressed bodies of requests."""

from __future__ import annotations

import gzip

import pytest

from bakehouse.wire.compression import plain_body
from bakehouse.wire.types import AwsError

GZIP = {"content-encoding": "gzip"}


def test_a_packed_body_is_unpacked() -> None:
    """The body is what it was before it was packed."""
    assert plain_body(GZIP, gzip.compress(b"a" * 5000), 10_000) == b"a" * 5000
    assert plain_body({"content-encoding": "GZIP"}, gzip.compress(b""), 10) == b""


@pytest.mark.parametrize(
    "headers", [{}, {"content-encoding": "identity"}, {"content-encoding": "amz-1.0"}]
)
def test_a_plain_body_stays(headers: dict[str, str]) -> None:
    """Without a packing nothing is done."""
    assert plain_body(headers, b"body", 10) == b"body"


def test_a_bomb_is_refused_before_it_fills_the_memory() -> None:
    """Not more is unpacked than the limit and one byte."""
    bomb = gzip.compress(b"\0" * 100_000_000)
    assert len(bomb) < 200_000
    with pytest.raises(AwsError) as refused:
        plain_body(GZIP, bomb, 1_000_000)
    assert (refused.value.code, refused.value.status) == ("RequestEntityTooLargeException", 413)


@pytest.mark.parametrize(
    "body",
    [b"", b"none", gzip.compress(b"x")[:-3], gzip.compress(b"x") + b"more", gzip.compress(b"") * 2],
    ids=["empty", "plain", "cut off", "more behind it", "two in a row"],  # gzip holds the time
)
def test_what_is_no_gzip_is_refused(body: bytes) -> None:
    """Not packed, cut off, or followed by something."""
    with pytest.raises(AwsError) as refused:
        plain_body(GZIP, body, 100)
    assert refused.value.code == "SerializationException"


def test_other_packings_are_refused_by_name() -> None:
    """What we cannot read is not taken for what was meant."""
    with pytest.raises(AwsError) as refused:
        plain_body({"content-encoding": "br"}, b"x", 100)
    assert refused.value.status == 415
    assert "br" in str(refused.value)
