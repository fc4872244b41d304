"""The Lambda Runtime API, as one sandbox's runtime client sees it.

Source: "Lambda runtime API" of the AWS developer guide, version 2018-06-01. A poll for the next
event is held open for as long as there is none, because the official client takes any other answer
for its end. Every answer leaves in one write: split in two, each costs 40 ms of delayed
acknowledgement.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httptools

from bakehouse.functions.invocation import (
    RESPONSE_BYTES,
    Event,
    Outcome,
    event_headers,
    failed,
    response_too_large,
    succeeded,
)

_HEAD_BYTES = 4 << 20  # the client sends tracebacks for X-Ray in a header of up to 1 MiB
_REPORT = re.compile(rb"/2018-06-01/runtime/invocation/([^/?]+)/(response|error)")
_NEXT = b"/2018-06-01/runtime/invocation/next"
_INIT_ERROR = b"/2018-06-01/runtime/init/error"
_ACCEPTED = (202, b'{"status":"OK"}\n')
_REASONS = {200: "OK", 202: "Accepted", 400: "Bad Request", 404: "Not Found"}


class RuntimeApi:
    """One sandbox's endpoint. All of it runs in the event loop.

    Args:
        on_poll: called when the runtime asks for an event; it is ready for :meth:`hand_over` then.
        on_outcome: called with the request id that the runtime reports on (None: its start failed)
            and the outcome; returns whether that invocation is the current one.
    """

    def __init__(
        self, on_poll: Callable[[], None], on_outcome: Callable[[str | None, Outcome], bool]
    ) -> None:
        self._on_poll, self._on_outcome = on_poll, on_outcome
        self._poll: _Connection | None = None
        self._connections: set[_Connection] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> str:
        """Listen on a free loopback port; returns ``host:port``."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()[:2]
        return f"{host}:{port}"

    def stop(self) -> None:
        """Stop listening and drop every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()

    @property
    def is_polled(self) -> bool:
        """Whether the runtime waits for an event."""
        return self._poll is not None

    def hand_over(self, event: Event, deadline_ms: int) -> None:
        """Answer the waiting poll with an event."""
        poll, self._poll = self._poll, None
        if poll is not None:
            poll.answer(200, event.payload, event_headers(event, deadline_ms))

    def forget(self) -> None:
        """Drop the connections of a runtime that is gone."""
        self._poll = None
        for connection in list(self._connections):
            connection.abort()

    # What connections report

    def opened(self, connection: _Connection) -> None:
        """A connection is there."""
        self._connections.add(connection)

    def closed(self, connection: _Connection) -> None:
        """A connection is gone, and its poll with it: an event must not go there."""
        self._connections.discard(connection)
        if self._poll is connection:
            self._poll = None

    def requested(self, connection: _Connection, method: bytes, path: bytes) -> None:
        """Route one whole request."""
        report = _REPORT.fullmatch(path)
        if method == b"GET" and path == _NEXT:
            self._poll = connection
            self._on_poll()
        elif method == b"POST" and path == _INIT_ERROR:
            self._on_outcome(None, replace(_outcome_of(connection, b"error"), ends=True))
            connection.answer(*_ACCEPTED)
        elif method == b"POST" and report:
            outcome = _outcome_of(connection, report[2])
            known = self._on_outcome(report[1].decode("latin-1"), outcome)
            connection.answer(*(_ACCEPTED if known else _refusal(400, "InvalidRequestID")))
        else:
            connection.answer(*_refusal(404, "UnknownPath"))


def _outcome_of(connection: _Connection, kind: bytes) -> Outcome:
    if connection.is_oversized:
        return response_too_large()
    body = connection.body()
    return succeeded(body) if kind == b"response" else failed(body)


def _refusal(status: int, kind: str) -> tuple[int, bytes]:
    return status, b'{"errorMessage":"%b","errorType":"%b"}' % (kind.encode(), kind.encode())


class _Connection(asyncio.Protocol):
    """HTTP/1.1, one request after the other; a body over the limit is read and dropped."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api
        self._transport: Any = None
        self._parser = httptools.HttpRequestParser(self)
        self._reset()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        wire = transport.get_extra_info("socket")
        wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._api.opened(self)

    def data_received(self, data: bytes) -> None:
        self._head_bytes += 0 if self._in_body else len(data)
        if self._head_bytes > _HEAD_BYTES:
            self.abort()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._api.closed(self)

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_headers_complete(self) -> None:
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self.is_oversized:
            self._body.clear()
        else:
            self._body.append(body)

    def on_message_complete(self) -> None:
        method, path = self._parser.get_method(), self._path
        self._api.requested(self, method, path)
        self._reset()

    @property
    def is_oversized(self) -> bool:
        return self._body_bytes > RESPONSE_BYTES

    def body(self) -> bytes:
        return b"".join(self._body)

    def answer(
        self, status: int, body: bytes, headers: list[tuple[str, str]] | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {status} {_REASONS[status]}"]
        lines += [f"{name}: {value}" for name, value in headers or ()]
        lines += [f"Content-Length: {len(body)}", "", ""]
        self._transport.write("\r\n".join(lines).encode("ascii") + body)

    def abort(self) -> None:
        self._transport.abort()

    def _reset(self) -> None:
        self._path = b""
        self._body: list[bytes] = []
        self._body_bytes = self._head_bytes = 0
        self._in_body = False
