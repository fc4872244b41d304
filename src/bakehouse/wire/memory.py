"""How much of the machine's memory the bodies of requests may take, all of them together."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

from bakehouse.wire.types import AwsError

FREE_BYTES = 64 * 1024
"""Bodies of up to this size are not counted."""
_PATIENCE_S = 20.0
_LEAST_RATE = 100_000
_BUSY = "Please reduce your request rate."


class Memory:
    """Room for bodies that are held whole; whoever finds none waits, first come, first served.

    Args:
        limit_bytes: the room for all of them; a single larger body has it for itself.
        patience_s: after how many seconds a request that waits is told to come again.
    """

    def __init__(self, limit_bytes: int, patience_s: float = _PATIENCE_S) -> None:
        self._limit, self._patience_s = limit_bytes, patience_s
        self._free = limit_bytes
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @contextlib.asynccontextmanager
    async def room(self, size_bytes: int) -> AsyncIterator[None]:
        """Hold room for a body for the life of a block.

        Raises:
            AwsError: 503, there was none in time.
        """
        size_bytes = min(size_bytes, self._limit)
        await self._take(size_bytes)
        try:
            yield
        finally:
            self._free += size_bytes
            self._admit()

    async def _take(self, size_bytes: int) -> None:
        if not self._waiting and size_bytes <= self._free:
            self._free -= size_bytes
            return
        turn = asyncio.get_running_loop().create_future()
        waiting = (size_bytes, turn)
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(self._patience_s):
                await turn
        except TimeoutError as error:
            self._leave(waiting)
            raise AwsError("ServiceUnavailable", _BUSY, 503) from error
        except asyncio.CancelledError:
            self._leave(waiting)
            raise

    def _leave(self, waiting: tuple[int, asyncio.Future[None]]) -> None:
        """Give up a turn, or the room that came with it in the same moment."""
        size_bytes, turn = waiting
        if turn.done() and not turn.cancelled():
            self._free += size_bytes
        else:
            self._waiting.remove(waiting)
        self._admit()

    def _admit(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            size_bytes, turn = self._waiting.popleft()
            self._free -= size_bytes
            turn.set_result(None)


def reading_time_s(size_bytes: int) -> float:
    """How long a body of this size may take to arrive: whoever holds room must go on sending."""
    return 60.0 + size_bytes / _LEAST_RATE


def too_slow() -> AwsError:
    """The answer to a request whose body does not arrive in that time."""
    text = (
        "Your socket connection to the server was not read from or written to within the timeout "
        "period. Idle connections will be closed."
    )
    return AwsError("RequestTimeout", text, 400)
