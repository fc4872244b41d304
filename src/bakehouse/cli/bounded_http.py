"""uvicorn's HTTP/1.1 protocol with bounded heads.

A request line and headers of any length would otherwise be kept in memory, from anyone, before a
signature can be looked at.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""The longest head that may come in pieces; one that is read at once may be longer."""
HEAD_S = 30.0
"""The time in which a head that has begun must be complete."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection whose request has a head that is too long or too slow."""

    _heads = 0
    _head_bytes = 0
    _in_head = True
    _overdue: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Parse a piece; refuse the request if its head goes on beyond the bounds."""
        before = self._in_head, self._heads
        super().data_received(data)
        if before != (True, self._heads) or self.transport.is_closing():
            return  # it was no piece of a head only
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_BYTES:
            self.transport.write(_TOO_LARGE)
            self.transport.close()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(HEAD_S, self.transport.close)

    def on_headers_complete(self) -> None:
        """Go on with a request whose head is whole."""
        self._in_head, self._heads, self._head_bytes = False, self._heads + 1, 0
        self._on_time()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Be ready for the next request of the connection."""
        self._in_head = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the bound in time."""
        self._on_time()
        super().connection_lost(exc)

    def _on_time(self) -> None:
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
