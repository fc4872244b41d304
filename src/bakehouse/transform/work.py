"""The work of one job, between the moment it has a place and its end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bakehouse import clock
from bakehouse.faults import (
    Fault,
    InvalidInput,
    JobFailed,
    LimitExceeded,
    ModelFailed,
    NotFound,
    Rejected,
)
from bakehouse.storage.inputs import Found, failed, find_objects
from bakehouse.storage.logs import LogStore
from bakehouse.storage.objects import ObjectStore, parse_s3_uri
from bakehouse.transform.job import Order, TransformJob
from bakehouse.transform.passage import MOST_BYTES, Predictor, transform

LOG_GROUP = "/aws/sagemaker/TransformJobs"
SUFFIX = ".out"
"""What SageMaker adds to a key."""
MOST_OBJECTS = 2_000_000

OpenModel = Callable[[str], AbstractContextManager[Predictor]]
"""From a model's name to the model, loaded for as long as it is needed. Blocks; raises a Fault."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One of the machines that share a job: its log stream, and its part of the objects."""

    stream: str
    found: Sequence[Found]


class Workbench:
    """The parts of the house that every job's work needs.

    Args:
        objects: where inputs come from and answers go to.
        logs: gets a line for each object.
        open_model: loads the model.
        threads: where models run.
    """

    def __init__(
        self,
        objects: ObjectStore,
        logs: LogStore,
        open_model: OpenModel,
        threads: ThreadPoolExecutor,
    ) -> None:
        self._objects, self._logs, self._open_model = objects, logs, open_model
        self._threads = threads

    async def work(self, job: TransformJob, streams: Sequence[str], halt: asyncio.Event) -> None:
        """Answer every object that has no answer yet; returns early when ``halt`` is set.

        Raises:
            JobFailed: the model, an object or the output is to blame.
        """
        order = job.order
        for stream in streams:
            await self._note(stream, _announcement(order))
        self._check_output(order)
        found = await asyncio.to_thread(self._find, order)
        opening = self._open_model(order.model_name)
        predictor = await asyncio.to_thread(_opened, opening)
        try:
            parts = [Instance(s, found[i :: len(streams)]) for i, s in enumerate(streams)]
            tasks = [
                asyncio.create_task(self._work_through(job, part, predictor, halt, places))
                for part in parts
                for places in [iter(part.found)]  # shared by the tasks of an instance
                for _ in range(order.concurrent)
            ]
            await _all_or_first_failure(tasks)
        finally:
            await asyncio.to_thread(opening.__exit__, None, None, None)

    def _check_output(self, order: Order) -> None:
        try:
            self._objects.bucket(parse_s3_uri(order.output_uri)[0])
        except NotFound as error:
            raise _no_output(error.message, order) from error

    def _find(self, order: Order) -> list[Found]:
        found: list[Found] = []
        for one in find_objects(self._objects, order.input_uri, order.data_type):
            found.append(one)
            if len(found) > MOST_OBJECTS:
                raise failed(f"The input has more than {MOST_OBJECTS} objects.")
        return found

    async def _work_through(
        self,
        job: TransformJob,
        instance: Instance,
        predictor: Predictor,
        halt: asyncio.Event,
        places: Iterator[Found],
    ) -> None:
        """Take one object after the other from those that an instance shares between its tasks."""
        loop = asyncio.get_running_loop()
        for info, path in places:
            if halt.is_set():
                return
            key = f"{info.bucket}/{info.key}"
            try:
                await loop.run_in_executor(
                    self._threads, self._answer, job, (info, path), key, predictor
                )
            except JobFailed as failure:
                await self._note(instance.stream, f"{failure.message}")
                raise

    def _answer(self, job: TransformJob, found: Found, key: str, predictor: Predictor) -> None:
        """Answer one object and store the answer, unless that was done before; blocks."""
        order, (info, path) = job.order, found
        bucket, prefix = parse_s3_uri(f"{order.output_uri.rstrip('/')}/")
        target = f"{prefix}{path}{SUFFIX}"
        if self._is_done(job, bucket, target):
            return
        limit = order.payload_bytes if order.split == "None" else MOST_BYTES
        try:
            content = self._objects.read(info.bucket, info.key, limit_bytes=limit)
        except NotFound as error:
            raise failed(f"The key {info.key!r} was deleted while it was read.") from error
        except LimitExceeded as error:
            raise JobFailed(
                "ClientError",
                f"{key}: Too much data for max payload size ({info.size_bytes} bytes;"
                f" MaxPayloadInMB allows {order.payload_bytes})",
            ) from error
        answer, answered_as = transform(content, key, order, predictor)
        try:
            self._objects.put(bucket, target, answer, content_type=order.accept or answered_as)
        except (NotFound, InvalidInput, LimitExceeded) as error:
            raise _no_output(error.message, order) from error

    def _is_done(self, job: TransformJob, bucket: str, key: str) -> bool:
        """Whether this job has stored an answer before its server ended."""
        try:
            info = self._objects.head(bucket, key)
        except Rejected:
            return False
        return clock.to_epoch_ms(info.modified) >= job.created_ms

    async def _note(self, stream: str, line: str) -> None:
        stamp = clock.now().strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3]
        event = (clock.epoch_ms(), f"{stamp}:[sagemaker logs]: {line}")
        await asyncio.wrap_future(self._logs.append(LOG_GROUP, stream, [event]))


async def _all_or_first_failure(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait for all; when one fails, for those that cannot be stopped any more, and fail."""
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _opened(opening: AbstractContextManager[Predictor]) -> Predictor:
    try:
        return opening.__enter__()
    except ModelFailed as failure:
        raise JobFailed("ClientError", failure.body) from failure
    except Fault as fault:
        raise JobFailed("ClientError", fault.message) from fault


def _announcement(order: Order) -> str:
    strategy = "MULTI_RECORD" if order.together else "SINGLE_RECORD"
    megabytes = order.payload_bytes // 2**20
    return (
        f"MaxConcurrentTransforms={order.concurrent}, MaxPayloadInMB={megabytes},"
        f" BatchStrategy={strategy}"
    )


def _no_output(detail: str, order: Order) -> JobFailed:
    return JobFailed("ClientError", f"{detail} TransformOutput.S3OutputPath is {order.output_uri}.")
