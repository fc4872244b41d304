"""The proxy: ``CONNECT`` to a host of AWS is answered here, to any other host it is a tunnel.

What comes out of TLS goes to the server byte by byte, with the ``Host`` header as it was signed:
the signature's scope says which service is meant, and the host which bucket. Source: RFC 9110,
9.3.6 (CONNECT), and 11.7 (authentication of proxies).
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import logging
import re
from collections.abc import Callable, Sequence
from ssl import SSLContext

from bakehouse.proxy.streams import CONNECT_S, Refused, Target, head_of, opened, relay
from bakehouse.proxy.upstream import Upstream, tunnel

USER = "bakehouse"
HEAD_S = 10.0
CONNECTIONS = 512
_TARGET = re.compile(r"(?P<host>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]{1,253}):(?P<port>[0-9]{1,5})")

_log = logging.getLogger(__name__)


class Proxy:
    """The proxy's connections.

    Args:
        server: where the server is that plays AWS.
        context_of: the TLS context with which to answer as a host, or None for a host that is not
            AWS's.
        token: the password that a client must give; without one anybody on the machine could use
            the tunnels.
        upstream: the user's own proxy, for the tunnels.
        connections: how many there may be at the same time.
    """

    def __init__(
        self,
        server: Target,
        context_of: Callable[[str], SSLContext | None],
        token: str,
        upstream: Upstream | None = None,
        connections: int = CONNECTIONS,
    ) -> None:
        self._server, self._context_of, self._upstream = server, context_of, upstream
        self._credentials = base64.b64encode(f"{USER}:{token}".encode())
        self._connections, self._most = 0, connections

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        self._connections += 1
        try:
            await self._answer(reader, writer)
        except (OSError, TimeoutError, EOFError) as error:
            _log.info("A connection ended early: %s", error)
        finally:
            self._connections -= 1
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._connect(reader, writer)
        except Refused as refused:
            await _refuse(writer, refused)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections > self._most:
            raise Refused("503 Service Unavailable", f"There are {self._most} connections.")
        async with asyncio.timeout(HEAD_S):
            head = await head_of(reader)
        self._admit(head[1:])
        target = _target(head[0])
        context = self._context_of(target.host) if target.port == 443 else None
        ours = context is not None
        far = await (opened(self._server) if ours else tunnel(target, self._upstream))
        try:
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            if context is not None:
                await writer.start_tls(context, ssl_handshake_timeout=CONNECT_S)
            await relay((reader, writer), far, until_both_end=not ours)
        finally:
            far[1].close()

    def _admit(self, lines: Sequence[str]) -> None:
        """Refuse who does not show the token."""
        fields = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in fields}
        kind, _, given = headers.get("proxy-authorization", "").partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self._credentials)
        if kind.lower() != "basic" or not same:
            wanted = 'Proxy-Authenticate: Basic realm="bakehouse"'
            raise Refused("407 Proxy Authentication Required", "The token is missing.", wanted)


def _target(line: str) -> Target:
    """Where a request line wants to go.

    Raises:
        Refused: it is not ``CONNECT host:port``.
    """
    method, _, rest = line.partition(" ")
    found = _TARGET.fullmatch(rest.partition(" ")[0])
    if method != "CONNECT" or found is None or not 0 < int(found["port"]) < 65536:
        text = "This proxy takes CONNECT host:port only: name it in HTTPS_PROXY."
        raise Refused("405 Method Not Allowed", text, "Allow: CONNECT")
    return Target(found["host"].strip("[]").lower().rstrip("."), int(found["port"]))


async def _refuse(writer: asyncio.StreamWriter, refused: Refused) -> None:
    text = f"{refused}\n"
    header = f"{refused.header}\r\n" if refused.header else ""
    head = f"HTTP/1.1 {refused.status}\r\n{header}Content-Type: text/plain; charset=utf-8\r\n"
    head += f"Content-Length: {len(text.encode())}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode() + text.encode())
    await writer.drain()
