"""The work of one job, between the moment it has a place and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import bakehouse.training.job as steps
from bakehouse import clock
from bakehouse.bell import Bell
from bakehouse.faults import InvalidInput, JobFailed, LimitExceeded, NotFound
from bakehouse.storage.logs import LogStore
from bakehouse.storage.metrics import Datum, MetricStore
from bakehouse.storage.objects import ObjectStore, parse_s3_uri
from bakehouse.training.artifact import has_files, merge, pack
from bakehouse.training.channels import fetch
from bakehouse.training.checkpoints import FOLDER, Uploads, fetch_checkpoints
from bakehouse.training.container import failure_text, hosts, lay_out, rendezvous, variables
from bakehouse.training.job import FinalMetric, Job, Order
from bakehouse.training.measures import Definition, gauges, read_values
from bakehouse.training.process import Ending, run_process

LOG_GROUP = "/aws/sagemaker/TrainingJobs"
"""The log group, and the metric namespace, of every training job."""

_ENDINGS = {"exited": steps.complete, "stopped": steps.halt, "overran": steps.overrun}


class Algorithm(Protocol):
    """What is known of a training image here."""

    @property
    def train_argv(self) -> tuple[str, ...]:
        """The command that trains in the folder that ``BAKEHOUSE_ML_ROOT`` names."""
        ...

    @property
    def metrics(self) -> Sequence[Definition]:
        """What to read from its log."""
        ...


class Halted(Exception):
    """The job was asked to end, between two steps."""


@dataclass(eq=False, slots=True)
class Run:
    """A job that is not over, with what its work needs to know.

    ``root`` is its folder, in which each host has one of its own; ``store`` makes a new state of it
    durable; when ``halt`` is set the job ends as soon as it can. ``news`` rings at every change of
    state and when lines of its log are stored; ``over`` is set when no more will come.
    """

    job: Job
    algorithm: Algorithm
    arn: str
    root: Path
    store: Callable[[Job], Awaitable[None]]
    halt: asyncio.Event = field(default_factory=asyncio.Event)
    last_values: dict[str, FinalMetric] = field(default_factory=dict)
    news: Bell = field(default_factory=Bell)
    over: asyncio.Event = field(default_factory=asyncio.Event)

    async def record(self, job: Job) -> None:
        """Let this be the state of the job."""
        self.job = job
        await self.store(job)
        self.tell(over=job.is_over)

    def tell(self, *, over: bool) -> None:
        """Wake who waits for news of the job, or for its end."""
        self.news.ring()
        if over:
            self.over.set()

    async def step(self, status: str, message: str) -> None:
        """Go on to the next status, unless the job was asked to end."""
        if self.halt.is_set():
            raise Halted
        await self.record(steps.advance(self.job, status, message, clock.epoch_ms()))


class Workbench:
    """The parts of the house that every job's work needs.

    Args:
        objects: where channels come from and artifacts go to.
        logs: gets every line.
        metrics: gets the algorithm's values.
        environment: the variables of every child process, ``PATH`` and all.
        grace_s: seconds between SIGTERM and SIGKILL.
    """

    def __init__(
        self,
        objects: ObjectStore,
        logs: LogStore,
        metrics: MetricStore,
        environment: Mapping[str, str],
        grace_s: float,
    ) -> None:
        self._objects, self._logs, self._metrics = objects, logs, metrics
        self._environment, self._grace_s = environment, grace_s

    async def work(self, run: Run) -> None:
        """Do all of a job's work and record its end.

        Raises:
            Halted: it was asked to end before its process ran.
            JobFailed: it came to nothing.
        """
        order = run.job.order
        if run.job.restarts == 0:
            await run.step("Starting", steps.PREPARING)
        roots = [run.root / host for host in hosts(order)]
        for root in roots:
            await asyncio.to_thread(lay_out, root, order, root.name)
        await run.step("Downloading", steps.DOWNLOADING)
        self._check_output(order)
        await asyncio.to_thread(self._fetch, order, roots)
        await run.step("Training", steps.TRAINING)
        try:
            root, ending = await self._train(run, roots)
        finally:
            run.job = replace(run.job, metrics=tuple(run.last_values.values()))
        if ending.cause == "exited" and ending.code != 0:
            raise _failure(root, ending.code)
        await self._end(run, roots, ending)

    def _fetch(self, order: Order, roots: Sequence[Path]) -> None:
        """Fill the channels, and the checkpoints of an earlier job; blocks."""
        data, room = [root / "input/data" for root in roots], order.volume_bytes
        fetch(self._objects, order.channels, data, most_bytes=room)
        if order.checkpoint_uri is not None and not has_files(roots[0] / FOLDER):
            fetch_checkpoints(self._objects, order.checkpoint_uri, roots[0], most_bytes=room)

    async def _train(self, run: Run, roots: Sequence[Path]) -> tuple[Path, Ending]:
        """Run the process of every host; the one that decides how the job ended, and its ending."""
        order, meeting, seconds = run.job.order, rendezvous(), clock.epoch_ms() // 1000
        together = asyncio.Event()
        failures: list[tuple[Path, Ending]] = []

        async def train_on(root: Path) -> Ending:
            stream = f"{order.name}/{root.name}-{seconds}"
            await asyncio.wrap_future(self._logs.append(LOG_GROUP, stream, []))
            ending = await run_process(
                run.algorithm.train_argv,
                folder=root,
                environment=variables(order, root, run.arn, self._environment, meeting),
                keep_lines=self._keeper(run, stream, measured=root is roots[0]),
                halt=together,
                limit_s=order.max_runtime_s,
                grace_s=self._grace_s,
            )
            if ending.cause == "exited" and ending.code != 0:
                failures.append((root, ending))
                together.set()  # the others would wait for it
            return ending

        tasks = [asyncio.create_task(train_on(root)) for root in roots]
        beside = [asyncio.create_task(_pass_on(run.halt, together))]
        uploads = self._uploads(order, roots[0])
        if uploads is not None:
            beside.append(asyncio.create_task(uploads.keep_on()))
        try:
            endings = await asyncio.gather(*tasks)
        finally:
            for task in (*tasks, *beside):
                task.cancel()
            await asyncio.wait((*tasks, *beside))
            if uploads is not None:
                await asyncio.to_thread(uploads.copy_changes)
        return failures[0] if failures else (roots[0], endings[0])

    def _uploads(self, order: Order, root: Path) -> Uploads | None:
        if order.checkpoint_uri is None:
            return None
        return Uploads(self._objects, order.checkpoint_uri, root / FOLDER)

    def _keeper(
        self, run: Run, stream: str, *, measured: bool
    ) -> Callable[[list[str]], Awaitable[None]]:
        """What stores the lines of a host, and the values in them where it is ``measured``."""
        dimensions = (("TrainingJobName", run.job.name),)
        found_by = gauges(run.algorithm.metrics) if measured else ()

        async def keep(lines: list[str]) -> None:
            at_ms = clock.epoch_ms()
            at = clock.from_epoch_ms(at_ms)
            values = read_values(found_by, lines)
            run.last_values |= {name: FinalMetric(name, value, at_ms) for name, value in values}
            data = [Datum(LOG_GROUP, name, dimensions, value, at) for name, value in values]
            stored = (
                self._logs.append(LOG_GROUP, stream, [(at_ms, line) for line in lines]),
                self._metrics.put(data),
            )
            await asyncio.gather(*map(asyncio.wrap_future, stored))
            run.tell(over=False)

        return keep

    async def _end(self, run: Run, roots: Sequence[Path], ending: Ending) -> None:
        """Store what there is of a model, and say how the job ended."""
        first, *others = roots
        for other in others:
            await asyncio.to_thread(merge, first / "model", other / "model")
            await asyncio.to_thread(merge, first / "output/data", other / "output/data")
        if ending.cause == "exited" or has_files(first / "model"):
            job = steps.advance(run.job, "Uploading", steps.UPLOADING, clock.epoch_ms())
            await run.record(job)
            uri = await asyncio.to_thread(self._upload, run.job.order, first)
            run.job = replace(run.job, artifact_uri=uri)
        await run.record(_ENDINGS[ending.cause](run.job, clock.epoch_ms()))

    def _upload(self, order: Order, root: Path) -> str:
        """Write the artifact, and whatever else the algorithm has put out; blocks."""
        uri = f"{order.output_uri.rstrip('/')}/{order.name}/output"
        bucket, key = parse_s3_uri(uri)
        parts = [("model.tar.gz", root / "model")]
        if has_files(root / "output/data"):
            parts.append(("output.tar.gz", root / "output/data"))
        for name, folder in parts:
            archive = root / "tmp" / name
            pack(folder, archive)
            try:
                self._objects.put(
                    bucket, f"{key}/{name}", archive, content_type="application/x-tar"
                )
            except (NotFound, InvalidInput, LimitExceeded) as error:
                raise _upload_failed(error.message) from error
        return f"{uri}/model.tar.gz"

    def _check_output(self, order: Order) -> None:
        """Find out before the work, and not after it, that there is no place for its result."""
        try:
            self._objects.bucket(parse_s3_uri(order.output_uri)[0])
        except NotFound as error:
            detail = f"{error.message} S3OutputPath is {order.output_uri}."
            raise _upload_failed(detail) from error


async def _pass_on(halt: asyncio.Event, together: asyncio.Event) -> None:
    await halt.wait()
    together.set()


def _upload_failed(detail: str) -> JobFailed:
    return JobFailed("ClientError", f"Artifact upload failed:{detail}")


def _failure(root: Path, code: int) -> JobFailed:
    """Whose fault it was, from what a process that failed has left behind."""
    text = failure_text(root)
    if code == 1 and text:
        return JobFailed("ClientError", text)
    said = text[: steps.REASON_CHARACTERS - 100] or "The algorithm did not say why it ended"
    return JobFailed("AlgorithmError", f"{said}, exit code: {code}")
