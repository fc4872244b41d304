"""Bodies of requests that never saw a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

from bakehouse.wire.bodies import read_whole


class Bytes:
    """A body that is already here."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content

    async def read(self, limit_bytes: int) -> bytes:
        return await read_whole(self, limit_bytes)
