"""What a tuning job needs of training jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from bakehouse.storage.records import Document


@dataclass(frozen=True, slots=True)
class Seen:
    """A training job as it stands. ``final`` are its metrics' last values, when it is over."""

    status: str
    final: dict[str, float]
    started_ms: int | None
    ended_ms: int | None
    failure: str | None


class Trainer(Protocol):
    """Training jobs, by name."""

    async def start(self, request: Document) -> None:
        """Begin a job, with CreateTrainingJob's parameters; raises a Rejected."""
        ...

    def read(self, name: str) -> Seen | None:
        """The job as it stands; None if there is none."""
        ...

    def values(self, name: str, metric: str) -> list[float]:
        """Every value that a metric of the job has had, in order."""
        ...

    def news(self, name: str) -> int:
        """How often there was news of the job."""
        ...

    async def changed(self, name: str, since: int, timeout_s: float) -> None:
        """Wait for more news than ``since``, or for some seconds."""
        ...

    async def stop(self, name: str) -> None:
        """Ask the job to end, if it runs."""
        ...
