"""HTTP/1.1 for uvicorn's server: one connection, its requests in turn, bounds on all it may send.

httptools finds the requests in the bytes. What uvicorn's own protocol does beside that, it does for
every request: timers, copies of the body, a write for the head of an answer and one for its body.
Here an answer leaves in one write and a connection has one timer. A head cannot be longer or slower
than its bounds; it would be kept in memory, from anyone, before a signature can be looked at.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import Any, cast
from urllib.parse import unquote

import httptools
import uvicorn
from uvicorn.server import ServerState

from bakehouse.cli.http_exchange import Exchange, Headers

HEAD_BYTES = 64 * 1024
"""The longest head that may come in pieces; one that is read at once may be longer."""
_access = logging.getLogger("uvicorn.access")
_BUFFERED_BYTES = 256 * 1024
_BAD_REQUEST = (
    b"HTTP/1.1 400 Bad Request\r\n"
    b"content-type: text/plain; charset=utf-8\r\ncontent-length: 30\r\nconnection: close\r\n\r\n"
    b"Invalid HTTP request received."
)
_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"connection: close\r\ncontent-length: 0\r\n\r\n"
)


class HttpConnection(asyncio.Protocol):
    """What uvicorn makes for each connection; its arguments are uvicorn's."""

    head_s = 30.0
    """The time in which a head that has begun must be complete."""
    tick_s = 5.0
    """How often a connection looks whether its time is over."""
    transport: asyncio.Transport
    can_write: asyncio.Event

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # uvicorn gives it; nothing is kept there
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.loop = _loop or asyncio.get_running_loop()
        self.can_write = asyncio.Event()
        self.can_write.set()
        self._state = server_state
        self._notes = config.access_log and _access.hasHandlers()
        self._app, self._keep_alive_s = config.loaded_app, config.timeout_keep_alive
        self._parser = httptools.HttpRequestParser(self)
        self._latest: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._is_paused = False
        self._went_on = False
        self._quiet_bytes = 0
        self._idle_since: float | None = None
        self._quiet_since: float | None = None

    @property
    def default_headers(self) -> Headers:
        """The date, which uvicorn renews every second."""
        return self._state.default_headers

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        self._state.connections.add(cast(Any, self))
        self._idle_since = self.loop.time()
        self._timer = self.loop.call_later(self.tick_s, self._tick)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever still works for this client that it has gone."""
        self._state.connections.discard(cast(Any, self))
        self._timer.cancel()
        self.can_write.set()
        for exchange in (self._latest, *self._queue):
            if exchange is not None:
                exchange.leave()
        self._queue.clear()

    def pause_writing(self) -> None:
        """Hold answers back: the client does not read them as fast as they come."""
        self.can_write.clear()

    def resume_writing(self) -> None:
        """Go on with the answer."""
        self.can_write.set()

    def resume_reading(self) -> None:
        """Take more of what the client sends."""
        if self._is_paused:
            self._is_paused = False
            self.transport.resume_reading()

    def shutdown(self) -> None:
        """End after the answer that is under way: the server ends."""
        if self._latest is None or self._latest.is_complete:
            self.transport.close()
        else:
            self._latest.keep_alive = False

    def _pause_reading(self) -> None:
        if not self._is_paused:
            self._is_paused = True
            self.transport.pause_reading()

    def _tick(self) -> None:
        """Close the connection if nothing came for too long, or a head is not done in its time."""
        now = self.loop.time()
        idle, quiet = self._idle_since, self._quiet_since
        if (idle is not None and now - idle > self._keep_alive_s) or (
            quiet is not None and now - quiet > self.head_s
        ):
            self.transport.close()
            return
        self._timer = self.loop.call_later(self.tick_s, self._tick)

    # From bytes to requests

    def data_received(self, data: bytes) -> None:
        """Parse a piece; refuse what is no HTTP, and heads that go on beyond the bounds."""
        self._went_on = False
        self._idle_since = None
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            return  # the request is answered as it is, in HTTP/1.1, and is the last one
        except httptools.HttpParserError:
            self._refuse(_BAD_REQUEST)
            return
        if self._went_on:
            self._quiet_bytes, self._quiet_since = 0, None
            return
        self._quiet_bytes += len(data)
        if self._quiet_bytes > HEAD_BYTES:
            self._refuse(_TOO_LARGE)
        elif self._quiet_since is None:
            self._quiet_since = self.loop.time()

    def _refuse(self, answer: bytes) -> None:
        """Close the connection; with an answer, unless one is under way."""
        if self._latest is None or self._latest.is_complete:
            self.transport.write(answer)
        self.transport.close()

    def on_message_begin(self) -> None:
        """Parser: a request begins."""
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects = False
        self._in_head = True

    def on_url(self, url: bytes) -> None:
        """Parser: a piece of the request's target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Parser: a header. Those after a chunked body are passed over."""
        if not self._in_head:
            return
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Parser: a head is whole, so its request can be answered."""
        self._went_on, self._in_head = True, False
        parser = self._parser
        version = parser.get_http_version()
        stays = version != "1.0" and parser.should_keep_alive() and not parser.should_upgrade()
        exchange = Exchange(self, self._scope(version), expects=self._expects, keep_alive=stays)
        before, self._latest = self._latest, exchange
        if before is None or before.is_complete:
            self._start(exchange)
        else:
            self._pause_reading()
            self._queue.append(exchange)

    def on_body(self, body: bytes) -> None:
        """Parser: a piece of the body of the latest request."""
        self._went_on = True
        exchange = self._latest
        if exchange is not None and exchange.add(body) > _BUFFERED_BYTES:
            self._pause_reading()

    def on_message_complete(self) -> None:
        """Parser: the latest request is whole."""
        self._went_on = True
        if self._latest is not None:
            self._latest.end()

    def _scope(self, version: str) -> dict[str, Any]:
        path, query = _target(self._url)
        text = path.decode("ascii")
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": version,
            "method": self._parser.get_method().decode("ascii"),
            "scheme": "http",
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "root_path": "",
            "headers": self._headers,
            "client": self.transport.get_extra_info("peername"),
            "server": self.transport.get_extra_info("sockname"),
        }

    # From one request to the next

    def _start(self, exchange: Exchange) -> None:
        task = self.loop.create_task(exchange.run(self._app))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def note(self, scope: dict[str, Any], status: int) -> None:
        """Log an answer, if the server was told to."""
        if self._notes:
            client = ":".join(str(part) for part in (scope["client"] or ())[:2])
            target = (
                (scope["raw_path"] + b"?" + scope["query_string"]).rstrip(b"?").decode("latin-1")
            )
            words = (client, scope["method"], target, scope["http_version"], status)
            _access.info('%s - "%s %s HTTP/%s" %d', *words)

    def finish(self, exchange: Exchange) -> None:
        """An answer was sent; go on with the next request of the connection."""
        self._state.total_requests += 1
        if not exchange.keep_alive:
            self.transport.close()
        if self.transport.is_closing():
            return
        self.resume_reading()
        if self._queue:
            self._start(self._queue.popleft())
        else:
            self._idle_since = self.loop.time()


def _target(url: bytes) -> tuple[bytes, bytes]:
    """Path and query of a request's target, as they were sent."""
    if url.startswith(b"/") and b"#" not in url:
        path, _, query = url.partition(b"?")
        return path, query
    parsed = httptools.parse_url(url)  # with a host before the path, as to a proxy
    return parsed.path or b"/", parsed.query or b""
