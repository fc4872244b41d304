"""Endpoint metrics, summed in memory and handed to the metric store some times a minute.

One invocation is six measurements; storing each alone would cost more than most models.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bakehouse.faults import StorageFailed
from bakehouse.hosting.types import Variant
from bakehouse.storage.metrics import Datum, MetricStore

NAMESPACE = "AWS/SageMaker"
STORED_EVERY_S = 5.0
_MICROSECONDS = "Microseconds"

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Sum:
    unit: str
    at: datetime
    count: int = 0
    total: float = 0.0
    least: float = math.inf
    most: float = -math.inf

    def add(self, value: float) -> None:
        self.count += 1
        self.total += value
        self.least = min(self.least, value)
        self.most = max(self.most, value)


class Tally:
    """What was measured since it was last stored. To be used in one event loop.

    Args:
        metrics: where it is stored.
    """

    def __init__(self, metrics: MetricStore) -> None:
        self._metrics = metrics
        self._sums: dict[tuple[str, str, str, datetime], _Sum] = {}

    async def run(self) -> None:
        """Store what was counted, again and again."""
        while True:
            await asyncio.sleep(STORED_EVERY_S)
            await self.store()

    async def store(self) -> None:
        """Store one datum for each metric, variant and minute, and begin anew."""
        data, self._sums = list(self._data()), {}
        if data:
            try:
                await asyncio.wrap_future(self._metrics.put(data))
            except StorageFailed as failed:
                _log.warning("Endpoint metrics were lost: %s", failed)

    def count(
        self,
        endpoint: str,
        variant: Variant,
        at: datetime,
        status: int,
        *,
        model_s: float | None = None,
        overhead_s: float = 0.0,
    ) -> None:
        """Add one invocation.

        Args:
            endpoint: the endpoint's name.
            variant: who answered; its instances share its traffic.
            at: when it came.
            status: what the model answered, as HTTP has it; 0 for no answer at all.
            model_s: what the model took; None where it did not answer.
            overhead_s: all the rest that the invocation took.
        """
        minute = at.replace(second=0, microsecond=0)
        client, server = 400 <= status < 500, status >= 500 or status == 0
        values = {
            "Invocations": 1.0,
            "InvocationsPerInstance": 1.0 / variant.instance_count,
            "Invocation4XXErrors": float(client),
            "Invocation5XXErrors": float(server),
            "InvocationModelErrors": float(client or server),
        }
        for name, value in values.items():
            self._sum(endpoint, variant.name, name, minute, "None").add(value)
        if model_s is not None:
            self._sum(endpoint, variant.name, "ModelLatency", minute, _MICROSECONDS).add(
                model_s * 1e6
            )
            self._sum(endpoint, variant.name, "OverheadLatency", minute, _MICROSECONDS).add(
                overhead_s * 1e6
            )

    def _sum(self, endpoint: str, variant: str, name: str, minute: datetime, unit: str) -> _Sum:
        key = (endpoint, variant, name, minute)
        found = self._sums.get(key)
        if found is None:
            found = self._sums[key] = _Sum(unit, minute)
        return found

    def _data(self) -> Iterator[Datum]:
        for (endpoint, variant, name, at), summed in self._sums.items():
            yield Datum(
                NAMESPACE,
                name,
                (("EndpointName", endpoint), ("VariantName", variant)),
                summed.total / summed.count,
                at,
                unit=summed.unit,
                count=summed.count,
                minimum=summed.least,
                maximum=summed.most,
            )
