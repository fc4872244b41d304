"""The sandboxes of one revision of a function: reused, made when needed, ended when idle."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bakehouse.functions.definition import Throttled
from bakehouse.functions.invocation import Event, Invocation
from bakehouse.functions.sandbox import Sandbox


class Pool:
    """Gives each event a sandbox for itself; the one that was used last comes first.

    Args:
        make: makes a new sandbox.
        limit: how many there may be.
        idle_s: seconds after which an idle one ends.
    """

    def __init__(self, make: Callable[[], Sandbox], *, limit: int, idle_s: float) -> None:
        self._make, self._limit, self._idle_s = make, limit, idle_s
        self._idle: dict[Sandbox, asyncio.TimerHandle] = {}
        self._busy: set[Sandbox] = set()
        self._stopping: set[asyncio.Task[None]] = set()
        self._calm = asyncio.Event()
        self._calm.set()
        self._retired = False

    async def invoke(self, event: Event) -> Invocation:
        """Run an event in a free sandbox.

        Raises:
            Throttled: all are busy and there may be no more.
        """
        sandbox = self._take()
        try:
            return await sandbox.invoke(event)
        finally:
            self._put_back(sandbox)

    async def retire(self) -> None:
        """Let what runs come to its end, then end all sandboxes."""
        self._retired = True
        for sandbox in list(self._idle):
            self._end(sandbox)
        await self._calm.wait()
        await self._stopped()

    async def stop(self) -> None:
        """End all sandboxes at once, the busy ones too."""
        self._retired = True
        for sandbox in [*self._idle, *self._busy]:
            self._end(sandbox)
        await self._stopped()

    def _take(self) -> Sandbox:
        if self._idle:
            sandbox, timer = self._idle.popitem()
            timer.cancel()
        elif len(self._busy) < self._limit:
            sandbox = self._make()
        else:
            count = len(self._busy) + 1
            raise Throttled("The number of concurrent invocations", count, self._limit, "sandboxes")
        self._busy.add(sandbox)
        self._calm.clear()
        return sandbox

    def _put_back(self, sandbox: Sandbox) -> None:
        self._busy.discard(sandbox)
        if not self._busy:
            self._calm.set()
        loop = asyncio.get_running_loop()
        self._idle[sandbox] = loop.call_later(self._idle_s, self._end, sandbox)
        if self._retired:
            self._end(sandbox)

    def _end(self, sandbox: Sandbox) -> None:
        timer = self._idle.pop(sandbox, None)
        if timer is not None:
            timer.cancel()
        task = asyncio.get_running_loop().create_task(sandbox.stop())
        self._stopping.add(task)
        task.add_done_callback(self._stopping.discard)

    async def _stopped(self) -> None:
        if self._stopping:
            await asyncio.gather(*self._stopping)
