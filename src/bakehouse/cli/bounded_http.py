"""uvicorn's HTTP/1.1 protocol with bounded heads, and few of them waiting.

A request line and headers of any length, what follows a chunked body, or thousands of requests in a
piece would otherwise be kept in memory, from anyone, before a signature can be looked at.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bakehouse.faults import LimitExceeded

HEAD_BYTES = 64 * 1024
"""The longest head that may come in pieces; one that is read at once may be longer."""

MOST_WAITING = 100
"""How many requests of one connection may wait for the answers to those before them."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class BoundedHeads(HttpToolsProtocol):
    """Ends a connection whose request has a head, or trailers, too long or too slow."""

    head_s = 30.0
    """The time in which a head that has begun must be complete."""
    _went_on = False
    _quiet_bytes = 0
    _overdue: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Parse a piece; refuse the request if its head goes on beyond the bounds."""
        self._went_on = False
        super().data_received(data)
        if self._went_on or self.transport.is_closing():
            self._begin_anew()
            return
        self._quiet_bytes += len(data)
        if self._quiet_bytes > HEAD_BYTES:
            self._refuse()
        elif self._overdue is None:
            self._overdue = self.loop.call_later(self.head_s, self.transport.close)

    def on_message_begin(self) -> None:
        """Take one more request, unless too many wait; the parser then fails, which answers 400."""
        if len(self.pipeline) >= MOST_WAITING:
            raise LimitExceeded("The connection", MOST_WAITING + 1, MOST_WAITING, "requests")
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Go on with a request whose head is whole."""
        self._went_on = True
        super().on_headers_complete()
        if self.parser.should_upgrade():  # what follows is not read, so nothing may follow
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        self._went_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """Be ready for the next request of the connection."""
        self._went_on = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the bound in time."""
        self._begin_anew()
        super().connection_lost(exc)

    def _refuse(self) -> None:
        if self.cycle is None or self.cycle.response_complete:  # else an answer is under way
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _begin_anew(self) -> None:
        self._quiet_bytes = 0
        if self._overdue is not None:
            self._overdue.cancel()
            self._overdue = None
