"""A house of real parts for training jobs, and scripts that stand for an algorithm."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from bakehouse.faults import NotFound
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.logs import LogStore
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.metrics import MetricStore
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Records
from bakehouse.training import Channel, Job, Order, TrainingJobs
from bakehouse.training.work import LOG_GROUP, Algorithm

Outcome = TypeVar("Outcome")

START = """
import json, os, pathlib, signal, sys, threading, time
root = pathlib.Path(os.environ["BAKEHOUSE_ML_ROOT"])
def watch():
    sys.stdin.read()
    os._exit(7)
threading.Thread(target=watch, daemon=True).start()
"""
"""What every script begins with: its folder, and its end when nobody holds its standard input."""

TRAIN = (
    START
    + """
print("Epoch[0] Validation-accuracy=0.5")
print("Epoch[1] Validation-accuracy=0.75")
(root / "model/weights.bin").write_bytes(b"weights")
"""
)


@dataclass(frozen=True)
class Metric:
    """A metric's definition."""

    name: str
    regex: str


@dataclass(frozen=True)
class Script:
    """An algorithm that is a Python text."""

    text: str
    metrics: tuple[Metric, ...] = (Metric("validation:accuracy", r"Validation-accuracy=([0-9.]+)"),)

    @property
    def train_argv(self) -> tuple[str, ...]:
        return (sys.executable, "-S", "-c", self.text)


@dataclass(frozen=True)
class Parts:
    """Everything that training jobs work with."""

    jobs: TrainingJobs
    objects: ObjectStore
    logs: LogStore
    metrics: MetricStore
    folder: Path

    def lines(self, job: str) -> list[str]:
        """What the job printed, as far as it is stored."""
        try:
            (stream,) = self.logs.streams(LOG_GROUP, prefix=f"{job}/algo-1-")
        except (NotFound, ValueError):
            return []
        return [event.message for event in self.logs.events(LOG_GROUP, stream.name).events]

    async def until_printed(self, job: str, line: str) -> None:
        """Wait until the job's log has a line."""
        async with asyncio.timeout(20):
            while line not in self.lines(job):
                await asyncio.sleep(0.005)


def empty_house(
    folder: Path,
    algorithm_for: Callable[[str], Algorithm],
    *,
    records: Records | None = None,
    max_running: int = 2,
) -> Parts:
    """A house with two buckets, ``data`` and ``results``, and nothing in them."""
    records = records or MemoryRecords()
    objects, logs, metrics = (
        ObjectStore(records, MemoryBlobs()),
        LogStore(records),
        MetricStore(records),
    )
    jobs = TrainingJobs(
        records,
        objects,
        logs,
        metrics,
        folder / "jobs",
        algorithm_for=algorithm_for,
        account_id="123456789012",
        region="us-east-1",
        max_running=max_running,
        environment={"PATH": os.environ["PATH"]},
        grace_s=0.5,
    )
    if not objects.buckets():
        objects.create_bucket("data")
        objects.create_bucket("results")
    return Parts(jobs, objects, logs, metrics, folder / "jobs")


def parts(
    folder: Path, script: str, *, records: Records | None = None, max_running: int = 2
) -> Parts:
    """A house whose only algorithm, of the image ``script:1``, is a Python text."""

    def algorithm_for(image: str) -> Script:
        if image != "script:1":
            raise NotFound("built-in algorithm for the image", image)
        return Script(script)

    made = empty_house(folder, algorithm_for, records=records, max_running=max_running)
    made.objects.put("data", "train/a.png", b"a")
    made.objects.put("data", "train/deep/b.png", b"b" * 100_000)
    made.objects.put("data", "train.lst", b"0\t0\ta.png\n")
    return made


ORDER = Order(
    name="job-1",
    image="script:1",
    hyperparameters={"num_classes": "2"},
    channels=(
        Channel("train", "s3://data/train/", "application/x-image"),
        Channel("train_lst", "s3://data/train.lst", "application/x-image"),
    ),
    output_uri="s3://results/models/",
    instance_type="ml.p3.2xlarge",
    volume_bytes=1 << 30,
    max_runtime_s=60,
    environment={"FLAVOUR": "plum"},
    given={"TrainingJobName": "job-1"},
)


def run_job(house: Parts, order: Order = ORDER, limit_s: float = 30) -> Job:
    """Start the house, run one job in it to its end, and stop it."""

    async def run(jobs: TrainingJobs) -> Job:
        await jobs.create(order)
        return await jobs.wait(order.name)

    return alive(house, run(house.jobs), limit_s)


def alive(house: Parts, body: Coroutine[None, None, Outcome], limit_s: float = 30) -> Outcome:
    """Run something while the house's training jobs are started."""

    async def run() -> Outcome:
        await house.jobs.start()
        try:
            return await asyncio.wait_for(body, limit_s)
        finally:
            await house.jobs.stop()

    return asyncio.run(run())


def named(name: str) -> Order:
    """The usual order under another name."""
    return replace(ORDER, name=name)


FOREVER_PID = START + "print(os.getpid(), flush=True)\ntime.sleep(60)\n"
"""Prints its process's number and goes on until it is ended."""
