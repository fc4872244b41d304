"""Transform jobs with a life: accepted, queued, run, and told about afterwards."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from uuid import uuid4

import bakehouse.transform.job as steps
from bakehouse import clock
from bakehouse.bell import Bell, at_most, came_first
from bakehouse.faults import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    NotFound,
)
from bakehouse.storage.logs import LogStore
from bakehouse.storage.objects import ObjectStore, parse_s3_uri
from bakehouse.storage.records import (
    Delete,
    Insert,
    KeyTaken,
    Put,
    Records,
    Write,
    commit_async,
    every,
)
from bakehouse.transform.job import Order, TransformJob
from bakehouse.transform.work import OpenModel, Workbench

_JOB, _OPEN = "transform/job", "transform/open"
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_MOST_UNFINISHED = 1000

_log = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Run:
    """A job that is not over."""

    job: TransformJob
    streams: list[str]
    store: Callable[[TransformJob], Awaitable[None]]
    halt: asyncio.Event = field(default_factory=asyncio.Event)
    news: Bell = field(default_factory=Bell)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def record(self, job: TransformJob) -> None:
        """Let this be the state of the job."""
        self.job = job
        await self.store(job)
        self.news.ring()
        if job.is_over:
            self.over.set()


class TransformJobs:
    """The transform jobs of a data folder. Everything but the reads belongs to the event loop.

    Args:
        records: where the jobs are kept.
        objects: where inputs come from and answers go to.
        logs: gets their lines, in the group ``/aws/sagemaker/TransformJobs``.
        open_model: loads a model by its name.
        account_id: twelve digits, for names (ARNs).
        region: the same.
        max_running: how many run at once; the others wait.
    """

    def __init__(
        self,
        records: Records,
        objects: ObjectStore,
        logs: LogStore,
        *,
        open_model: OpenModel,
        account_id: str,
        region: str,
        max_running: int = 2,
    ) -> None:
        self._records = records
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "transform")
        self._workbench = Workbench(objects, logs, open_model, self._threads)
        self._account_id, self._region = account_id, region
        self._slots = asyncio.Semaphore(max_running)
        self._runs: dict[str, _Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Go on with what a server before this one left unfinished."""
        left = [self.describe(row.key) for row in every(self._records, _OPEN)]
        for job in sorted(left, key=lambda job: job.created_ms):
            if job.status == "Stopping":
                await self._store(steps.end(job, "Stopped", clock.epoch_ms()))
            else:
                self._begin(job)

    async def stop(self) -> None:
        """Let go of what runs. The jobs stay as they are, and go on when a server starts again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown, cancel_futures=True)

    def arn(self, name: str) -> str:
        """The Amazon resource name of a job."""
        return f"arn:aws:sagemaker:{self._region}:{self._account_id}:transform-job/{name}"

    def describe(self, name: str) -> TransformJob:
        """The job of that name; NotFound if there is none."""
        row = self._records.get(_JOB, name)
        if row is None:
            raise NotFound("transform job", name)
        return steps.from_row(row.value)

    def jobs(self) -> list[TransformJob]:
        """Every job, by name."""
        return [steps.from_row(row.value) for row in every(self._records, _JOB)]

    async def create(self, order: Order, *beside: Write) -> TransformJob:
        """Accept a job; it is stored when this returns, and runs as soon as there is room.

        What else is to be written for it is written by the same commit.

        Raises:
            InvalidInput: the name or a URI is not what SageMaker takes.
            AlreadyExists: there is a job of that name.
            LimitExceeded: 1,000 jobs are unfinished.
        """
        if len(order.name) > 63 or not _NAME.fullmatch(order.name):
            raise InvalidInput("TransformJobName", order.name, "1 to 63 of A-Z a-z 0-9 and inner -")
        for uri in (order.input_uri, order.output_uri):
            parse_s3_uri(uri)
        if len(self._runs) >= _MOST_UNFINISHED:
            waiting = len(self._runs) + 1
            raise LimitExceeded("The queue", waiting, _MOST_UNFINISHED, "transform jobs")
        job = steps.new_job(order, clock.epoch_ms())
        row, open_row = Insert(_JOB, job.name, steps.to_row(job)), Put(_OPEN, job.name, {})
        try:
            await commit_async(self._records, row, open_row, *beside)
        except KeyTaken as taken:
            raise AlreadyExists("transform job", job.name) from taken
        self._begin(job)
        return job

    async def wait(self, name: str) -> TransformJob:
        """The job when it is over; NotFound if there is none."""
        if task := self._tasks.get(name):
            await asyncio.wait((task,))
        return self.describe(name)

    async def settled(self, name: str, timeout_s: float) -> None:
        """Wait until a job is over, or for some seconds; at once if none of that name runs."""
        if run := self._runs.get(name):
            await at_most(run.over.wait(), timeout_s)

    def news(self, name: str) -> int:
        """How often a job has changed so far; 0 if none of that name runs."""
        run = self._runs.get(name)
        return 0 if run is None else run.news.count

    async def changed(self, name: str, since: int, timeout_s: float) -> None:
        """Wait until there is more :meth:`news` of a job than ``since``, or for some seconds."""
        if run := self._runs.get(name):
            await at_most(run.news.rung(since), timeout_s)

    async def stop_job(self, name: str) -> None:
        """Ask a job to end after the objects that it has in hand; returns before it has ended.

        Raises:
            NotFound: there is no such job.
            Conflict: it is over.
        """
        run = self._runs.get(name)
        if run is None or run.job.is_over:
            status = self.describe(name).status
            raise Conflict("transform job", name, status, "one that is InProgress")
        if not run.halt.is_set():
            run.halt.set()
            await run.record(steps.interrupt(run.job, clock.epoch_ms()))

    def _begin(self, job: TransformJob) -> None:
        """Let a job wait for its turn."""
        streams = [f"{job.name}/i-{uuid4().hex[:17]}" for _ in range(job.order.instances)]
        run = _Run(job, streams, self._store)
        self._runs[job.name] = run
        task = asyncio.create_task(self._run(run), name=f"transform job {job.name}")
        self._tasks[job.name] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.name))

    async def _run(self, run: _Run) -> None:
        """From acceptance to the end, whatever it is; nothing but a cancellation comes out."""
        try:
            await self._queue_and_work(run)
        except JobFailed as failure:
            await self._fail(run, failure.message)
        except Exception as error:  # noqa: BLE001  # a task's edge: the job must end, come what may
            _log.exception("Transform job %s met an error of ours.", run.job.name)
            await self._fail(
                run, f"InternalServerError: We encountered an internal error: {error!r}"
            )
        finally:
            del self._runs[run.job.name]
            run.over.set()

    async def _queue_and_work(self, run: _Run) -> None:
        if await came_first(self._slots.acquire(), run.halt):
            try:
                await run.record(steps.begin(run.job, clock.epoch_ms()))
                await self._workbench.work(run.job, run.streams, run.halt)
            finally:
                self._slots.release()
        status = "Stopped" if run.halt.is_set() else "Completed"
        await run.record(steps.end(run.job, status, clock.epoch_ms()))

    async def _fail(self, run: _Run, reason: str) -> None:
        await run.record(steps.end(run.job, "Failed", clock.epoch_ms(), reason))

    async def _store(self, job: TransformJob) -> None:
        writes: list[Write] = [Put(_JOB, job.name, steps.to_row(job))]
        if job.is_over:
            writes.append(Delete(_OPEN, job.name))
        await commit_async(self._records, *writes)
