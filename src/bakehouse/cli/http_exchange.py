"""One request of a connection and the answer to it, as ASGI's ``receive`` and ``send``."""

from __future__ import annotations

import asyncio
import http
import logging
import re
from collections.abc import Callable
from typing import Any, Protocol

_log = logging.getLogger(__name__)

_STATUS_LINES = {s.value: f"HTTP/1.1 {s.value} {s.phrase}\r\n".encode() for s in http.HTTPStatus}
_NOT_IN_NAMES = re.compile(b'[\x00-\x1f\x7f()<>@,;:\\[\\]={} \t\\\\"]')
_NOT_IN_VALUES = re.compile(b"[\x00-\x08\x0a-\x1f\x7f]")
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_FAILED = b"Internal Server Error"
_COPIED_BYTES = 64 * 1024  # below this, one copy is cheaper than a list of buffers

Headers = list[tuple[bytes, bytes]]


class Connection(Protocol):
    """What an exchange needs of its connection."""

    transport: asyncio.Transport
    can_write: asyncio.Event
    """Cleared while the client takes less than it is sent."""

    @property
    def default_headers(self) -> Headers:
        """Sent with every answer."""
        ...

    def resume_reading(self) -> None:
        """Take more of what the client sends."""
        ...

    def note(self, scope: dict[str, Any], status: int) -> None:
        """An answer begins."""
        ...

    def finish(self, exchange: Exchange) -> None:
        """An answer was sent."""
        ...


class Exchange:
    """A request whose body may still be on its way, and what was sent of its answer.

    Args:
        connection: the connection on which it came.
        scope: ASGI's description of it.
        expects: whether the client waits to be told to send the body.
        keep_alive: whether the client may send another request afterwards.
    """

    def __init__(
        self, connection: Connection, scope: dict[str, Any], *, expects: bool, keep_alive: bool
    ) -> None:
        self._connection, self._transport = connection, connection.transport
        self._scope, self._expects = scope, expects
        self.keep_alive = keep_alive
        """Whether the connection stays open after the answer."""
        self.is_complete = False
        """Whether the whole answer was sent."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._has_all = self._told_all = self._has_left = False
        self._changed: asyncio.Event | None = None
        self._head: bytes | None = None
        self._has_begun = self._is_chunked = False
        self._missing_bytes: int | None = None

    # What the connection tells

    def add(self, body: bytes) -> int:
        """Take a piece of the body; returns how many bytes wait to be read."""
        if self.is_complete:
            return 0
        self._pieces.append(body)
        self._size += len(body)
        self._tell()
        return self._size

    def end(self) -> None:
        """The body is whole."""
        self._has_all = True
        self._tell()

    def leave(self) -> None:
        """The client has gone."""
        self._has_left = True
        self._tell()

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()

    # What the server calls

    async def run(self, app: Callable[..., Any]) -> None:
        """Let the server answer; whatever happens, the connection does not wait for ever."""
        try:
            await app(self._scope, self.receive, self.send)
        except Exception:  # noqa: BLE001  # the last resort of a connection: all is logged
            _log.exception("A request failed beyond its door.")
            if not self._has_begun:
                await self._fail()
        finally:
            if not self.is_complete:
                self._transport.close()

    async def receive(self) -> dict[str, Any]:
        """The next piece of the body; after the last, ``http.disconnect`` once all is over."""
        if self._expects and not self._transport.is_closing():
            self._expects = False
            self._transport.write(_CONTINUE)
        while not (self._has_left or self.is_complete):
            if not self._told_all and (self._pieces or self._has_all):
                return self._next_piece()
            self._connection.resume_reading()
            if self._changed is None:
                self._changed = asyncio.Event()
            self._changed.clear()
            await self._changed.wait()
        return {"type": "http.disconnect"}

    def _next_piece(self) -> dict[str, Any]:
        pieces = self._pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._pieces, self._size = [], 0
        self._told_all = self._has_all
        return {"type": "http.request", "body": body, "more_body": not self._has_all}

    async def send(self, message: dict[str, Any]) -> None:
        """Send the answer. A head leaves with the first piece of its body, if that has a length."""
        if not self._connection.can_write.is_set():
            await self._connection.can_write.wait()
        if self._has_left:
            return
        if message["type"] == "http.response.start":
            self._head = self._begin(message["status"], message["headers"])
            if self._is_chunked:  # its first piece may be long in coming
                self._write(b"", is_last=False)
        else:
            self._write(message.get("body", b""), is_last=not message.get("more_body", False))

    async def _fail(self) -> None:
        length = str(len(_FAILED)).encode()
        headers = [(b"content-type", b"text/plain"), (b"content-length", length)]
        self.keep_alive = False
        await self.send({"type": "http.response.start", "status": 500, "headers": headers})
        await self.send({"type": "http.response.body", "body": _FAILED})

    def _begin(self, status: int, headers: Headers) -> bytes:
        """The head of the answer, and by what the end of its body will be known."""
        self._has_begun, self._expects = True, False
        self._connection.note(self._scope, status)
        _check(headers)
        lines = [_STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status]
        is_old = self._scope["http_version"] == "1.0"
        has_body = self._scope["method"] != "HEAD" and status not in (204, 304)
        has_length = False
        for name, value in (*self._connection.default_headers, *headers):
            if name == b"content-length":
                has_length = True
                self._missing_bytes = int(value) if has_body else None
            elif name == b"connection" and value == b"close":
                self.keep_alive = False
                continue
            lines += (name, b": ", value, b"\r\n")
        if has_body and not has_length:
            self._is_chunked = not is_old
            self.keep_alive = self.keep_alive and not is_old
        if self._is_chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        return b"".join(lines)

    def _write(self, body: bytes, *, is_last: bool) -> None:
        if self.is_complete:
            raise RuntimeError("The answer was sent already.")
        pieces = [] if self._head is None else [self._head]
        self._head = None
        pieces += self._framed(body, is_last=is_last)
        if len(body) < _COPIED_BYTES:
            pieces = [b"".join(pieces)]
        self._transport.writelines(pieces)
        if is_last:
            self.is_complete = True
            self._tell()
            self._connection.finish(self)

    def _framed(self, body: bytes, *, is_last: bool) -> list[bytes]:
        """A piece of the body as it travels."""
        if self._scope["method"] == "HEAD":
            return []
        if self._is_chunked:
            chunk = [b"%x\r\n" % len(body), body, b"\r\n"] if body else []
            return [*chunk, b"0\r\n\r\n"] if is_last else chunk
        if self._missing_bytes is not None:
            self._missing_bytes -= len(body)
            if self._missing_bytes < 0 or (is_last and self._missing_bytes):
                raise RuntimeError("The answer has not as many bytes as its head says.")
        return [body]


def _check(headers: Headers) -> None:
    """Make sure that no header is more than one."""
    if _NOT_IN_NAMES.search(b"".join([name for name, _ in headers])) or _NOT_IN_VALUES.search(
        b"".join([value for _, value in headers])
    ):
        raise RuntimeError("A header of the answer holds what no header can hold.")
