"""Which fleet answers for which endpoint: loaded in the background, swapped, restored, taken down.

An endpoint's record says where it stands, so a restart takes up every change that was under way.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

from bakehouse import clock
from bakehouse.faults import ModelFailed, NotFound
from bakehouse.hosting.catalogue import Catalogue
from bakehouse.hosting.fleet import Fleet, Loader
from bakehouse.hosting.types import Deployment, Endpoint, Overloaded

RELOAD_S = 60.0
"""The longest that an invocation waits for an endpoint that is loaded again after a restart."""
_REASON_CHARACTERS = 1024

_log = logging.getLogger(__name__)


class Fleets:
    """All fleets of a data folder. To be used in one event loop.

    Args:
        loader: makes them.
        endpoints: where an endpoint's state is stored.
        report: (fleet) is told of each one that came up.
        complain: (endpoint, sentence) is told of each one that did not.
    """

    def __init__(
        self,
        loader: Loader,
        endpoints: Catalogue[Endpoint],
        *,
        report: Callable[[Fleet], None],
        complain: Callable[[str, str], None],
    ) -> None:
        self._loader, self._endpoints = loader, endpoints
        self._report, self._complain = report, complain
        self._thread = ThreadPoolExecutor(1, "loading")
        self._up: dict[str, Fleet] = {}
        self._rising: dict[str, asyncio.Task[None]] = {}

    async def settle(self, name: str) -> None:
        """Wait until nothing is being loaded for an endpoint."""
        while (rising := self._rising.get(name)) is not None:
            await asyncio.wait([rising])

    async def get(self, name: str) -> Fleet:
        """The fleet that answers for an endpoint. Names compare exactly.

        Raises:
            NotFound: no endpoint of that name is in service.
            Overloaded: it is, but is still being loaded after a restart.
        """
        if (fleet := self._up.get(name)) is not None:
            return fleet
        rising = self._rising.get(name)
        if rising is not None and self._endpoints.find(name).status != "Creating":
            await asyncio.wait([rising], timeout=RELOAD_S)
            if not rising.done():
                raise Overloaded(f"The endpoint {name} is still being loaded; try again later.")
        if name not in self._up:
            raise NotFound("endpoint", name)
        return self._up[name]

    def raise_one(self, endpoint: Endpoint) -> None:
        """Begin to load what the endpoint needs next: what is current, then what is upcoming."""
        step = self._update if endpoint.name in self._up else self._bring_up
        task = asyncio.create_task(step(endpoint), name=f"endpoint {endpoint.name}")
        self._rising[endpoint.name] = task
        task.add_done_callback(lambda done: self._risen(endpoint.name, done))

    async def drop(self, name: str) -> None:
        """Stop loading for an endpoint and let go of its fleet."""
        if (rising := self._rising.get(name)) is not None:
            await cancel([rising])
        fleet = self._up.pop(name, None)
        if fleet is not None:
            fleet.close()

    async def close(self) -> None:
        """Let go of all; what is being loaded is let go of when it is there."""
        await cancel(self._rising.values())
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        for name in list(self._up):
            await self.drop(name)

    async def _bring_up(self, endpoint: Endpoint) -> None:
        """Load what is new, or what answered before a restart; then go on with an update."""
        try:
            self._swap(await self._load(endpoint.name, endpoint.current))
        except ModelFailed as failed:
            await self._settle(endpoint, "Failed", failed)
            return
        if endpoint.status == "Creating":
            await self._settle(endpoint, "InService")
        if endpoint.upcoming is not None:
            self.raise_one(endpoint)

    async def _update(self, endpoint: Endpoint) -> None:
        """Load what is upcoming. If it does not load, what is current goes on to answer."""
        upcoming = endpoint.upcoming or endpoint.current
        try:
            self._swap(await self._load(endpoint.name, upcoming))
        except ModelFailed as failed:
            await self._settle(endpoint, "InService", failed)
        else:
            await self._settle(replace(endpoint, current=upcoming), "InService")

    async def _load(self, name: str, deployment: Deployment) -> Fleet:
        future = self._thread.submit(self._loader.load, name, deployment)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            future.add_done_callback(_discard)
            raise

    def _swap(self, fleet: Fleet) -> None:
        before = self._up.get(fleet.endpoint)
        self._up[fleet.endpoint] = fleet
        self._report(fleet)
        if before is not None:
            before.close()

    async def _settle(
        self, endpoint: Endpoint, status: str, failed: ModelFailed | None = None
    ) -> None:
        reason = None if failed is None else str(failed)[:_REASON_CHARACTERS]
        if reason is not None:
            self._complain(endpoint.name, reason)
        settled = replace(
            endpoint,
            status=status,
            modified_ms=clock.epoch_ms(),
            upcoming=None,
            failure_reason=reason,
        )
        await self._endpoints.replace(settled)

    def _risen(self, name: str, task: asyncio.Task[None]) -> None:
        if self._rising.get(name) is task:
            del self._rising[name]
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("The state of endpoint %s is not stored: %s", name, error)


async def cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancel tasks and wait until they are gone."""
    ending = list(tasks)
    for task in ending:
        task.cancel()
    if ending:
        await asyncio.wait(ending)


def _discard(future: Future[Fleet]) -> None:
    """Nobody waits for this fleet any more."""
    if not future.cancelled() and future.exception() is None:
        future.result().close()
