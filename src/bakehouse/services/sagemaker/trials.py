"""Training jobs as a tuning job needs them: begun by a request, read by name, watched."""

from __future__ import annotations

from datetime import timedelta

from bakehouse import clock
from bakehouse.faults import NotFound
from bakehouse.services.sagemaker.refusals import check_training_request
from bakehouse.services.sagemaker.training import order_from_request
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.records import Document
from bakehouse.training import TrainingJobs
from bakehouse.training.work import LOG_GROUP
from bakehouse.tuning import Seen

_BEFORE = timedelta(days=400)
"""No value of a metric is older."""


class Trials:
    """The trainer of all tuning jobs.

    Args:
        jobs: the training jobs.
        metrics: where the values of their metrics are.
    """

    def __init__(self, jobs: TrainingJobs, metrics: MetricStore) -> None:
        self._jobs, self._metrics = jobs, metrics

    async def start(self, request: Document) -> None:
        """Begin a job; raises what CreateTrainingJob does."""
        check_training_request(request)
        await self._jobs.create(order_from_request(request))

    def read(self, name: str) -> Seen | None:
        """The job as it stands."""
        try:
            job = self._jobs.describe(name)
        except NotFound:
            return None
        final = {metric.name: metric.value for metric in job.metrics}
        return Seen(job.status, final, job.started_ms, job.ended_ms, job.failure)

    def values(self, name: str, metric: str) -> list[float]:
        """Every value that a metric of the job has had, in order."""
        now, dimensions = clock.now(), (("TrainingJobName", name),)
        found = self._metrics.statistics(
            LOG_GROUP, metric, dimensions, start=now - _BEFORE, end=now + timedelta(seconds=1)
        )
        return [one.total for one in found]

    def news(self, name: str) -> int:
        """How often there was news of the job."""
        return self._jobs.news(name)

    async def changed(self, name: str, since: int, timeout_s: float) -> None:
        """Wait for more news than ``since``, or for some seconds."""
        await self._jobs.changed(name, since, timeout_s)

    async def stop(self, name: str) -> None:
        """Ask the job to end, if it runs."""
        try:
            status = self._jobs.describe(name).status
        except NotFound:
            return
        if status == "InProgress":
            await self._jobs.stop_job(name)
