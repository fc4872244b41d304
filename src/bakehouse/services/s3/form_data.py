"""Bodies of HTML forms (``multipart/form-data``): fields that are read, then a file that streams.

Source: RFC 7578; Amazon S3 API Reference, "POST Object": what follows the file is passed over.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import Message

from bakehouse.services.s3.errors import invalid_argument
from bakehouse.wire.types import AwsError, Body

_FIELDS_BYTES = 20 * 1024
_HEADERS_BYTES = 8 * 1024
_MOST_FIELDS = 200
_BOUNDARY_LENGTH = 70
_PARAMETER = re.compile(r';\s*(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]*))')


@dataclass(frozen=True, slots=True)
class Form:
    """The fields that stand before the file, and what is told of the file."""

    fields: dict[str, str]
    """By names in lower case; of a name that is there twice, the last value."""
    filename: str
    """Without any folder; empty if the form does not tell."""


def boundary_of(content_type: str) -> bytes:
    """What divides the parts of a body of this type.

    Raises:
        AwsError: it does not tell.
    """
    header = Message()
    header["content-type"] = content_type
    boundary = header.get_param("boundary")
    if not isinstance(boundary, str) or not 1 <= len(boundary) <= _BOUNDARY_LENGTH:
        raise _malformed()
    return boundary.encode()


class FormReader:
    """Reads a form as it arrives, in as much memory as its fields take.

    Args:
        body: the request's body.
        boundary: what divides its parts.
    """

    def __init__(self, body: Body, boundary: bytes) -> None:
        self._chunks = aiter(body)
        self._mark = b"\r\n--" + boundary
        self._buffer = bytearray(b"\r\n")

    async def form(self) -> Form:
        """The form up to its file.

        Raises:
            AwsError: it is not well-formed, has no file, or too much before it.
        """
        fields: dict[str, str] = {}
        left = _FIELDS_BYTES
        await self._until(self._mark, _HEADERS_BYTES)
        while len(fields) < _MOST_FIELDS and await self._is_part():
            name, filename = _disposition(await self._until(b"\r\n\r\n", _HEADERS_BYTES))
            if name == "file":
                return Form(fields, re.split(r"[/\\]", filename)[-1])
            value = await self._until(self._mark, left)
            left -= len(name) + len(value)
            fields[name] = value.decode("utf-8", "replace")
        text = "POST requires exactly one file upload per request."
        raise invalid_argument("file", 0, text)

    async def file(self) -> AsyncIterator[bytes]:
        """The bytes of the file, once the form was read; raises where they do not end."""
        while (at := self._buffer.find(self._mark)) < 0:
            ready = len(self._buffer) - len(self._mark)
            if ready > 0:
                yield bytes(self._buffer[:ready])
                del self._buffer[:ready]
            await self._fill()
        yield bytes(self._buffer[:at])

    async def _is_part(self) -> bool:
        """Whether a part follows, rather than the end."""
        while len(self._buffer) < 2:
            await self._fill()
        start = bytes(self._buffer[:2])
        del self._buffer[:2]
        if start not in (b"\r\n", b"--"):
            raise _malformed()
        if start == b"\r\n":
            self._buffer[:0] = b"\r\n"  # so that a part without headers ends like any other
        return start == b"\r\n"

    async def _until(self, mark: bytes, limit: int) -> bytes:
        """What stands before a mark, which is passed over."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > limit + len(mark):
                raise _too_much()
            await self._fill()
        if at > limit:
            raise _too_much()
        found = bytes(self._buffer[:at])
        del self._buffer[: at + len(mark)]
        return found

    async def _fill(self) -> None:
        try:
            self._buffer += await anext(self._chunks)
        except StopAsyncIteration as error:
            raise _malformed() from error


def _disposition(headers: bytes) -> tuple[str, str]:
    """The name of a field, in lower case, and its file's name, from the headers of a part."""
    for line in headers.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            given = {
                found[1].lower(): (found[2] or found[3] or "").replace('\\"', '"')
                for found in _PARAMETER.finditer(value)
            }
            return given.get("name", "").lower(), given.get("filename", "")
    raise _malformed()


def _malformed() -> AwsError:
    text = "The body of your POST request is not well-formed multipart/form-data."
    return AwsError("MalformedPOSTRequest", text, 400)


def _too_much() -> AwsError:
    text = "Your POST request fields preceding the upload file were too large."
    fields = {"MaxPostPreDataLengthBytes": _FIELDS_BYTES}
    return AwsError("MaxPostPreDataLengthExceeded", text, 400, fields)
