"""Something that many can wait for, more than once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import Any


class Bell:
    """Rings for all who wait, and counts its rings. It belongs to one event loop."""

    def __init__(self) -> None:
        self.count = 0
        self._next = asyncio.Event()

    def ring(self) -> None:
        """Wake everyone who waits for a ring that is not counted yet."""
        self.count += 1
        self._next.set()
        self._next = asyncio.Event()

    async def rung(self, since: int) -> None:
        """Wait until more rings are counted than ``since``."""
        while self.count <= since:
            await self._next.wait()


async def at_most(waited: Awaitable[Any], timeout_s: float) -> None:
    """Wait for something, or for some seconds."""
    with suppress(TimeoutError):
        await asyncio.wait_for(waited, timeout_s)


async def came_first(wanted: Awaitable[Any], halt: asyncio.Event) -> bool:
    """Wait for something, or for the event; False if only the event came."""
    waiting = asyncio.ensure_future(wanted)
    halted = asyncio.ensure_future(halt.wait())
    try:
        await asyncio.wait((waiting, halted), return_when=asyncio.FIRST_COMPLETED)
        return waiting.done()
    finally:
        waiting.cancel()
        halted.cancel()
