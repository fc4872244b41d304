"""Something that many can wait for, more than once."""

from __future__ import annotations

import asyncio


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
