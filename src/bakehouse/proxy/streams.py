"""Connections of the proxy: opened in bounded time, and carried both ways."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

Opened = tuple[asyncio.StreamReader, asyncio.StreamWriter]

HEAD_BYTES = 64 * 1024
CONNECT_S = 20.0
"""The time in which a far end must be reached, and TLS agreed on."""
_PIECE_BYTES = 256 * 1024


class Target(NamedTuple):
    """Where a connection goes."""

    host: str
    port: int


class Refused(Exception):
    """A request that is answered with a status and a sentence."""

    def __init__(self, status: str, text: str, header: str = "") -> None:
        super().__init__(text)
        self.status, self.header = status, header


async def opened(target: Target) -> Opened:
    """A connection to a target.

    Raises:
        Refused: it cannot be reached in time.
    """
    try:
        async with asyncio.timeout(CONNECT_S):
            return await asyncio.open_connection(target.host, target.port, limit=HEAD_BYTES)
    except (OSError, TimeoutError, UnicodeError) as error:
        text = f"{target.host}:{target.port} cannot be reached: {error or 'no answer'}."
        raise Refused("502 Bad Gateway", text) from error


async def head_of(reader: asyncio.StreamReader) -> list[str]:
    """The lines of a head, up to the empty one.

    Raises:
        Refused: it is longer than 64 KiB.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.LimitOverrunError as error:
        text = f"The head is longer than {HEAD_BYTES} bytes."
        raise Refused("431 Request Header Fields Too Large", text) from error
    return head.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")


async def relay(near: Opened, far: Opened, *, until_both_end: bool) -> None:
    """Carry bytes both ways.

    Args:
        near: the client.
        far: where it is led.
        until_both_end: one side may end before the other; TLS has no such half-closed connections.
    """
    ways = [_carry(near[0], far[1]), _carry(far[0], near[1])]
    tasks = [asyncio.ensure_future(way) for way in ways]
    when = asyncio.FIRST_EXCEPTION if until_both_end else asyncio.FIRST_COMPLETED
    try:
        await asyncio.wait(tasks, return_when=when)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while piece := await source.read(_PIECE_BYTES):
        sink.write(piece)
        await sink.drain()
    if sink.can_write_eof():
        sink.write_eof()
