"""``aws-chunked``, with the examples of Amazon's documentation."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bakehouse.wire.chunked import ChunkDecoder
from bakehouse.wire.signatures import Chain, Signature
from bakehouse.wire.types import AwsError, Caller
from support import chunks

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
STAMP = "20130524T000000Z"
SCOPE = "20130524/us-east-1/s3/aws4_request"
CONTENT = b"a" * 66_560
SUM = "x-amz-checksum-crc32c"


def chain(seed: str) -> Chain:
    """The chain that follows a request's signature."""
    signature = Signature("A", "20130524", "us-east-1", "s3", ("host",), seed, STAMP, "")
    return Chain(signature, Caller("A", SECRET, "", "", "A"))


def decoded(decoder: ChunkDecoder, body: bytes, step: int = 1 << 20) -> bytes:
    """The content of a body that arrives in pieces."""
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    found = b"".join(part for piece in pieces for part in decoder.feed(piece))
    decoder.end()
    return found


def test_the_documented_example_verifies() -> None:
    """Amazon's example of a signed upload, its three signatures as they are printed there."""
    body = (
        b"10000;chunk-signature="
        b"ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n"
        + b"a"
        * 65_536
        + b"\r\n400;chunk-signature="
        b"0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n"
        + b"a"
        * 1024
        + b"\r\n0;chunk-signature="
        b"b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n"
    )
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    decoder = ChunkDecoder(len(CONTENT), chain(seed), signed=True, announced=())
    assert decoded(decoder, body) == CONTENT


@pytest.mark.parametrize("gap", [b"\r\n", b"\n\r\n"])
def test_the_documented_example_with_a_trailer_verifies(gap: bytes) -> None:
    """Amazon's example of a checksum behind the last chunk, with either end of its line."""
    body = (
        b"10000;chunk-signature="
        b"b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2\r\n"
        + b"a"
        * 65_536
        + b"\r\n400;chunk-signature="
        b"1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7\r\n"
        + b"a"
        * 1024
        + b"\r\n0;chunk-signature="
        b"2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992\r\n"
        + b"x-amz-checksum-crc32c:sOO8/Q=="
        + gap
        + b"x-amz-trailer-signature:"
        b"d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n\r\n"
    )
    seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
    decoder = ChunkDecoder(len(CONTENT), chain(seed), signed=True, announced=(SUM,))
    assert decoded(decoder, body) == CONTENT
    assert decoder.trailers == {SUM: "sOO8/Q=="}


@given(st.binary(max_size=70_000), st.integers(8192, 30_000), st.integers(1, 20_000))
def test_a_body_may_arrive_in_any_pieces(content: bytes, size: int, step: int) -> None:
    """Where a piece ends has nothing to do with where a chunk does."""
    signer = chunks.Signer(SECRET, STAMP, SCOPE, "0" * 64)
    sums = {SUM: base64.b64encode(b"1234").decode()}
    body = chunks.encoded(content, size, signer, sums)
    decoder = ChunkDecoder(len(content), chain("0" * 64), signed=True, announced=(SUM,))
    assert decoded(decoder, body, step) == content
    assert decoder.trailers == sums


def test_a_chunk_is_handed_on_before_it_has_ended() -> None:
    """Memory does not grow with the size of a chunk, which the client chooses."""
    decoder = ChunkDecoder(1 << 32, None, signed=False, announced=())
    list(decoder.feed(b"100000000\r\n"))
    for _ in range(8):
        (part,) = decoder.feed(b"x" * 65_536)
        assert len(part) == 65_536


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "IncompleteBody"),
        (b"2\r\nab\r\n", "IncompleteBody"),
        (b"2\r\nab\r\n0", "IncompleteBody"),
        (b"3\r\nabc\r\n0\r\n\r\n", "IncompleteBody"),
        (b"1\r\na\r\n0\r\n\r\n", "IncompleteBody"),
        (b"2\r\nab0\r\n\r\n", "IncompleteBody"),
        (b"-2\r\nab\r\n0\r\n\r\n", "IncompleteBody"),
        (b"0x2\r\nab\r\n0\r\n\r\n", "IncompleteBody"),
        (b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "InvalidChunkSizeError"),
        (b"2\r\nab\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n", "MalformedTrailerError"),
        (b"2\r\nab\r\n0\r\nanything\r\n\r\n", "MalformedTrailerError"),
        (b"2;" + b"a" * 300, "IncompleteBody"),
        (b"2\r\nab\r\n0\r\n" + b"a" * 20_000, "MalformedTrailerError"),
        (b"2\r\nab\r\n0\r\n" + b"\n" * 20_000, "MalformedTrailerError"),
    ],
)
def test_what_is_not_of_this_form_is_refused(body: bytes, code: str) -> None:
    """Each with AWS's code, and none is kept in memory on the way."""
    with pytest.raises(AwsError) as caught:
        decoded(ChunkDecoder(2, None, signed=False, announced=()), body)
    assert caught.value.code == code


def test_a_trailer_must_come_if_it_was_announced() -> None:
    """A checksum that was cut off cannot be missed."""
    decoder = ChunkDecoder(0, None, signed=False, announced=(SUM,))
    with pytest.raises(AwsError) as caught:
        decoded(decoder, b"0\r\n\r\n")
    assert caught.value.code == "MalformedTrailerError"


def test_signed_chunks_need_signatures() -> None:
    """A chunk without one is not of this form, also where nothing is verified."""
    decoder = ChunkDecoder(2, None, signed=True, announced=())
    with pytest.raises(AwsError):
        decoded(decoder, b"2\r\nab\r\n0\r\n\r\n")
