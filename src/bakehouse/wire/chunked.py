"""``aws-chunked``: a body in chunks that are signed one by one, with headers after the last.

A chunk is its length in hexadecimal, perhaps its signature, and its data; one of length 0 ends the
body, and the headers that ``x-amz-trailer`` announced follow it. Data is handed on as it arrives
and compared at its chunk's end, so that memory does not grow with a chunk. Source: Amazon S3 API
Reference, "Signature Calculations for the Authorization Header: Transferring Payload in Multiple
Chunks".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

from bakehouse.wire.signatures import Chain
from bakehouse.wire.types import AwsError

LEAST_CHUNK_BYTES = 8192
"""Only the last chunk may be smaller."""
_HEAD_BYTES = 256
_TRAILER_BYTES = 16 * 1024
_HEAD = re.compile(rb"([0-9A-Fa-f]{1,12})(?:;chunk-signature=([0-9a-f]{64}))?[ \t]*")
_SIGNATURE = "x-amz-trailer-signature"


class ChunkDecoder:
    """Takes the bytes of such a body as they come and gives those of its content.

    Args:
        length: how many bytes the content has.
        chain: checks the signatures; None takes them as they are.
        signed: whether the chunks, and the trailer, carry signatures at all.
        announced: the headers that follow, in lower case.
    """

    def __init__(
        self, length: int, chain: Chain | None, *, signed: bool, announced: tuple[str, ...]
    ) -> None:
        self.trailers: dict[str, str] = {}
        self._missing, self._chain, self._signed = length, chain, signed
        self._announced = announced
        self._line = bytearray()
        self._left = 0
        self._size: int | None = None
        self._small = False
        self._ended = False
        self._signature = ""
        self._trailer_signature = ""
        self._trailer_bytes = 0
        self._digest = hashlib.sha256()

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The content in the next bytes of the body.

        Raises:
            AwsError: the body is not of this form, or not what was signed.
        """
        position = 0
        while position < len(piece):
            if self._left:
                part = piece[position : position + self._left]
                position += len(part)
                self._take(part)
                yield part
            else:
                position = self._read_line(piece, position)

    def end(self) -> None:
        """Make sure that all has come.

        Raises:
            AwsError: it has not, or the headers at the end are not what was announced.
        """
        if not self._ended or self._line or self._missing:
            raise _incomplete()
        if self.trailers.keys() != set(self._announced):
            raise _malformed_trailer()
        if self._chain is not None and self._signed and self._announced:
            lines = "".join(f"{name}:{value}\n" for name, value in self.trailers.items())
            digest = hashlib.sha256(lines.encode("latin-1")).hexdigest()
            self._chain.trailer(digest, self._trailer_signature)

    def _take(self, part: bytes) -> None:
        self._left -= len(part)
        self._missing -= len(part)
        if self._missing < 0:
            raise _incomplete()
        if self._signed:
            self._digest.update(part)
        if not self._left:
            self._check_chunk()

    def _read_line(self, piece: bytes, position: int) -> int:
        """Read on in a line, up to its end or the piece's; return where to go on."""
        end = piece.find(b"\n", position)
        stop = len(piece) if end < 0 else end
        self._line += piece[position:stop]
        if len(self._line) > (_TRAILER_BYTES if self._ended else _HEAD_BYTES):
            raise _malformed_trailer() if self._ended else _incomplete()
        if end < 0:
            return stop
        line = bytes(self._line).removesuffix(b"\r")
        self._line.clear()
        self._on_line(line)
        return end + 1

    def _on_line(self, line: bytes) -> None:
        if self._ended:
            self._on_trailer(line)
        elif self._size is None:
            self._on_head(line)
        elif line:
            raise _incomplete()  # data goes on where its chunk should have ended
        else:
            self._size = None

    def _on_head(self, line: bytes) -> None:
        found = _HEAD.fullmatch(line)
        if found is None or (self._signed and found[2] is None):
            raise _incomplete()
        size = int(found[1], 16)
        if self._small and size:
            raise _small_chunk(LEAST_CHUNK_BYTES)
        self._small = size < LEAST_CHUNK_BYTES
        self._size = self._left = size
        self._signature = (found[2] or b"").decode()
        if size == 0:
            self._ended = True
            self._check_chunk()

    def _check_chunk(self) -> None:
        if self._chain is not None and self._signed:
            self._chain.chunk(self._digest.hexdigest(), self._signature)
        self._digest = hashlib.sha256()

    def _on_trailer(self, line: bytes) -> None:
        """One line behind the last chunk; empty ones stand at its end, or before the signature."""
        self._trailer_bytes += len(line) + 1
        if self._trailer_bytes > _TRAILER_BYTES:
            raise _malformed_trailer()
        if not line:
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name, value = name.strip().lower(), value.strip()
        if name == _SIGNATURE and self._signed:
            self._trailer_signature = value
            return
        wanted = name in self._announced and name not in self.trailers
        if not colon or not wanted:
            raise _malformed_trailer()
        self.trailers[name] = value


def _incomplete() -> AwsError:
    return AwsError("IncompleteBody", "The request body terminated unexpectedly", 400)


def _small_chunk(least: int) -> AwsError:
    text = f"Only the last chunk is allowed to have a size less than {least} bytes"
    return AwsError("InvalidChunkSizeError", text, 403)


def _malformed_trailer() -> AwsError:
    text = (
        "The request contained trailing data that was not well-formed or did not conform to our "
        "published schema."
    )
    return AwsError("MalformedTrailerError", text, 400)
