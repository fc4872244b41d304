"""Training jobs with a life: accepted, queued, run, and told about afterwards."""

from __future__ import annotations

import asyncio
import logging
import re
import shutil
from collections.abc import Callable, Mapping, Set
from pathlib import Path

import bakehouse.training.job as steps
from bakehouse import clock
from bakehouse.bell import at_most, came_first
from bakehouse.faults import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    NotFound,
)
from bakehouse.storage.logs import LogStore
from bakehouse.storage.metrics import MetricStore
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
from bakehouse.training.job import Job, Order
from bakehouse.training.work import Algorithm, Halted, Run, Workbench

_JOB, _OPEN = "training/job", "training/open"
_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
_CHANNEL = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9.\-_]{1,64}")
_MOST_UNFINISHED = 1000
MOST_RESTARTS = 3
"""How often a job is begun again after its server ended; one that ends servers must not go on."""
_LEFT_OPEN = (
    "InternalServerError: The server ended four times while this training job was under way. "
    "Please start it again, under a new name."
)

_log = logging.getLogger(__name__)


class TrainingJobs:
    """The training jobs of a data folder. Everything but the reads belongs to the event loop.

    Args:
        records: where the jobs are kept.
        objects: where channels come from and artifacts go to.
        logs: gets every line, in the group ``/aws/sagemaker/TrainingJobs``.
        metrics: gets the algorithm's values, in the namespace of the same name.
        folder: gets a folder for each job that runs; nothing else may be in it.
        algorithm_for: from an image's URI to what runs; raises NotFound.
        account_id: twelve digits, for names (ARNs).
        region: the same.
        max_running: how many run at once; the others wait as ``Starting``.
        environment: the variables of every child process, ``PATH`` and all.
        grace_s: seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        records: Records,
        objects: ObjectStore,
        logs: LogStore,
        metrics: MetricStore,
        folder: Path,
        *,
        algorithm_for: Callable[[str], Algorithm],
        account_id: str,
        region: str,
        max_running: int,
        environment: Mapping[str, str],
        grace_s: float = 10.0,
    ) -> None:
        self._records, self._folder = records, folder
        self._workbench = Workbench(objects, logs, metrics, environment, grace_s)
        self._algorithm_for = algorithm_for
        self._account_id, self._region = account_id, region
        self._slots = asyncio.Semaphore(max_running)
        self._runs: dict[str, Run] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Take up again what a server before this one left unfinished.

        Jobs that waited wait again. One that was under way runs again, with the checkpoints that it
        has left; after three such restarts it has failed.
        """
        left = [self.describe(row.key) for row in every(self._records, _OPEN)]
        await asyncio.to_thread(self._clear, {job.name for job in left})
        for job in sorted(left, key=lambda job: job.created_ms):
            await self._take_up(job)

    def _clear(self, kept: Set[str]) -> None:
        """Remove the folders of jobs that are over; blocks."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in self._folder.iterdir():
            if folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)

    async def _take_up(self, job: Job) -> None:
        """Go on with a job of an earlier server, or say how it ended."""
        now = clock.epoch_ms()
        if job.status == "Stopping":
            await self._store(steps.halt(job, now))
        elif job.restarts >= MOST_RESTARTS:
            await self._store(steps.fail(job, _LEFT_OPEN, now))
        else:
            if job.started_ms is not None:
                job = steps.restart(job, now)
                await self._store(job)
            try:
                self._begin(job, self._algorithm_for(job.order.image))
            except NotFound as error:  # it was another version's
                await self._store(steps.fail(job, f"ClientError: {error.message}", now))

    async def stop(self) -> None:
        """Kill what runs. The jobs stay as they are, and go on when a server starts again."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def arn(self, name: str) -> str:
        """The Amazon resource name of a job."""
        return f"arn:aws:sagemaker:{self._region}:{self._account_id}:training-job/{name}"

    def algorithm(self, image: str) -> Algorithm:
        """What an image runs; NotFound if there is no such algorithm here."""
        return self._algorithm_for(image)

    def describe(self, name: str) -> Job:
        """The job of that name; NotFound if there is none."""
        row = self._records.get(_JOB, name)
        if row is None:
            raise NotFound("training job", name)
        return steps.from_row(row.value)

    def jobs(self) -> list[Job]:
        """Every job, by name."""
        return [steps.from_row(row.value) for row in every(self._records, _JOB)]

    async def create(self, order: Order, *beside: Write) -> Job:
        """Accept a job; it is stored when this returns, and runs as soon as there is room.

        What else is to be written for it is written by the same commit.

        Raises:
            InvalidInput: a name or a URI is not what SageMaker takes.
            NotFound: the image is of no algorithm that there is here.
            AlreadyExists: there is a job of that name.
            LimitExceeded: 1,000 jobs are unfinished.
        """
        _check(order)
        algorithm = self._algorithm_for(order.image)
        if len(self._runs) >= _MOST_UNFINISHED:
            raise LimitExceeded("The queue", len(self._runs) + 1, _MOST_UNFINISHED, "training jobs")
        job = steps.new_job(order, clock.epoch_ms())
        try:
            await commit_async(
                self._records,
                Insert(_JOB, job.name, steps.to_row(job)),
                Put(_OPEN, job.name, {}),
                *beside,
            )
        except KeyTaken as taken:
            raise AlreadyExists("training job", job.name) from taken
        self._begin(job, algorithm)
        return job

    def _begin(self, job: Job, algorithm: Algorithm) -> None:
        """Let a job wait for its turn."""
        run = Run(job, algorithm, self.arn(job.name), self._folder / job.name, self._store)
        self._runs[job.name] = run
        task = asyncio.create_task(self._run(run), name=f"training job {job.name}")
        self._tasks[job.name] = task
        task.add_done_callback(lambda _: self._tasks.pop(job.name))

    async def wait(self, name: str) -> Job:
        """The job when it is over; NotFound if there is none."""
        if task := self._tasks.get(name):
            await asyncio.wait((task,))
        return self.describe(name)

    async def settled(self, name: str, timeout_s: float) -> None:
        """Wait until a job is over, or for some seconds; at once if none of that name runs."""
        if run := self._runs.get(name):
            await at_most(run.over.wait(), timeout_s)

    def news(self, name: str) -> int:
        """How often a job has changed or said something so far; 0 if none of that name runs."""
        run = self._runs.get(name)
        return 0 if run is None else run.news.count

    async def changed(self, name: str, since: int, timeout_s: float) -> None:
        """Wait until there is more :meth:`news` of a job than ``since``, or for some seconds."""
        if run := self._runs.get(name):
            await at_most(run.news.rung(since), timeout_s)

    async def stop_job(self, name: str) -> None:
        """Ask a job to end: SIGTERM, and SIGKILL after some seconds; returns before it has ended.

        Raises:
            NotFound: there is no such job.
            Conflict: it is over.
        """
        run = self._runs.get(name)
        if run is None or run.job.is_over:
            status = self.describe(name).status
            raise Conflict("training job", name, status, "one that is InProgress")
        if not run.halt.is_set():
            run.halt.set()
            await run.record(steps.interrupt(run.job, clock.epoch_ms()))

    async def _run(self, run: Run) -> None:
        """From acceptance to the end, whatever it is; nothing but a cancellation comes out."""
        try:
            await self._queue_and_work(run)
        except Halted:
            await run.record(steps.halt(run.job, clock.epoch_ms()))
        except JobFailed as failure:
            await run.record(steps.fail(run.job, failure.message, clock.epoch_ms()))
        except Exception as error:  # noqa: BLE001  # a task's edge: the job must end, come what may
            _log.exception("Training job %s met an error of ours.", run.job.name)
            reason = f"InternalServerError: We encountered an internal error: {error!r}"
            await run.record(steps.fail(run.job, reason, clock.epoch_ms()))
        finally:
            del self._runs[run.job.name]
            run.tell(over=True)

    async def _queue_and_work(self, run: Run) -> None:
        if not await came_first(self._slots.acquire(), run.halt):
            raise Halted
        try:
            await self._workbench.work(run)
        except asyncio.CancelledError:
            raise  # the server ends: what the job has saved is needed when one starts again
        except BaseException:
            await self._remove(run.root)
            raise
        else:
            await self._remove(run.root)
        finally:
            self._slots.release()

    async def _remove(self, folder: Path) -> None:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)

    async def _store(self, job: Job) -> None:
        writes: list[Write] = [Put(_JOB, job.name, steps.to_row(job))]
        if job.is_over:
            writes.append(Delete(_OPEN, job.name))
        await commit_async(self._records, *writes)


def _check(order: Order) -> None:
    """Refuse names from which no path may be made, variables and URIs that are none."""
    if len(order.name) > 63 or not _NAME.fullmatch(order.name):
        raise InvalidInput("TrainingJobName", order.name, "1 to 63 of A-Z a-z 0-9 and inner -")
    names = [channel.name for channel in order.channels]
    for name in names:
        if not _CHANNEL.fullmatch(name) or names.count(name) > 1:
            raise InvalidInput("ChannelName", name, "1 to 64 of A-Z a-z 0-9 . - _, each name once")
    for name, value in order.environment.items():
        if "\x00" in name + value or "=" in name or not name:
            raise InvalidInput(f"Environment.{name}", value, "text without NUL, under a plain name")
    checkpoints = [order.checkpoint_uri] if order.checkpoint_uri is not None else []
    for uri in (order.output_uri, *checkpoints, *(channel.uri for channel in order.channels)):
        parse_s3_uri(uri)
