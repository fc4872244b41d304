"""A training job as a record: what was asked for, and everything that became of it.

A job is a frozen value; each step of its life is a function from job to job, with the statuses and
the sentences that SageMaker shows (DescribeTrainingJob, ``SecondaryStatusTransitions``).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from bakehouse.storage.records import Document

STARTING = "Starting the training job"
PREPARING = "Preparing the instances for training"
DOWNLOADING = "Downloading input data"
TRAINING = "Training image download completed. Training in progress."
UPLOADING = "Uploading generated training model"
COMPLETED = "Training job completed"
FAILED = "Training job failed"
RESTARTING = "The server was started again; restarting the training job"
STOPPING = "Stopping the training job"
STOPPED = "Training job stopped"
OVERRAN = "Training job runtime exceeded MaxRuntimeInSeconds provided"

REASON_CHARACTERS = 1024
"""The longest text that says why a job failed."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A named input: every object whose key begins as the URI does, or what a manifest names."""

    name: str
    uri: str
    content_type: str | None = None
    data_type: str = "S3Prefix"
    """Of what the URI is: SageMaker's S3DataType."""
    sharded: bool = False
    """Every host gets a part of the objects instead of all."""
    attributes: tuple[str, ...] = ()
    """Of an augmented manifest, those that the algorithm is to see."""
    input_mode: str = "File"
    """As it was asked for; all modes are carried out as files."""
    record_wrapper: str = "None"


@dataclass(frozen=True, slots=True)
class Order:
    """What a job is asked to do.

    ``given`` is the request as its door received it, kept to be shown again and not read here.
    """

    name: str
    image: str
    hyperparameters: dict[str, str]
    channels: tuple[Channel, ...]
    output_uri: str
    instance_type: str
    volume_bytes: int
    max_runtime_s: int
    environment: dict[str, str]
    given: Document
    instances: int = 1
    """How many hosts work on it together."""
    checkpoint_uri: str | None = None
    """Where its checkpoints are kept, beside its own folder."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A span of a job's life. ``ended_ms`` is None for the one that it is in."""

    status: str
    message: str
    started_ms: int
    ended_ms: int | None = None


@dataclass(frozen=True, slots=True)
class FinalMetric:
    """The last value that a metric had."""

    name: str
    value: float
    at_ms: int


@dataclass(frozen=True, slots=True)
class Job:
    """A training job. ``status`` is SageMaker's TrainingJobStatus."""

    order: Order
    status: str
    transitions: tuple[Transition, ...]
    created_ms: int
    modified_ms: int
    started_ms: int | None = None
    """When its input began to be fetched; None before."""
    ended_ms: int | None = None
    failure: str | None = None
    artifact_uri: str | None = None
    metrics: tuple[FinalMetric, ...] = ()
    restarts: int = 0
    """How often a server that started found it under way."""

    @property
    def name(self) -> str:
        """The name that it was given."""
        return self.order.name

    @property
    def secondary_status(self) -> str:
        """SageMaker's SecondaryStatus: that of the transition which it is in."""
        return self.transitions[-1].status

    @property
    def is_over(self) -> bool:
        """Nothing will change any more."""
        return self.status in ("Completed", "Failed", "Stopped")


def new_job(order: Order, at_ms: int) -> Job:
    """A job that has been accepted and waits to be run."""
    first = Transition("Starting", STARTING, at_ms)
    return Job(order, "InProgress", (first,), at_ms, at_ms)


def advance(job: Job, status: str, message: str, at_ms: int) -> Job:
    """Enter a secondary status, or say something new about the one that the job is in.

    From ``Downloading`` on the job's time counts.
    """
    *before, last = job.transitions
    if last.status == status:
        transitions = (*before, replace(last, message=message))
    else:
        ended = replace(last, ended_ms=at_ms)
        transitions = (*before, ended, Transition(status, message, at_ms))
    is_first = status == "Downloading" and job.started_ms is None
    started = at_ms if is_first else job.started_ms
    return replace(job, transitions=transitions, started_ms=started, modified_ms=at_ms)


def interrupt(job: Job, at_ms: int) -> Job:
    """Somebody asked for its end."""
    return replace(advance(job, "Stopping", STOPPING, at_ms), status="Stopping")


def restart(job: Job, at_ms: int) -> Job:
    """A server found it under way, which another one had begun."""
    return replace(advance(job, "Restarting", RESTARTING, at_ms), restarts=job.restarts + 1)


def complete(job: Job, at_ms: int) -> Job:
    """It did all its work."""
    return _end(advance(job, "Completed", COMPLETED, at_ms), "Completed", at_ms)


def fail(job: Job, reason: str, at_ms: int) -> Job:
    """It came to nothing. ``reason`` begins with whose fault it was; it is cut if it is long."""
    failed = replace(job, failure=reason[:REASON_CHARACTERS])
    return _end(advance(failed, "Failed", FAILED, at_ms), "Failed", at_ms)


def halt(job: Job, at_ms: int) -> Job:
    """It ended because somebody asked for it."""
    return _end(advance(job, "Stopped", STOPPED, at_ms), "Stopped", at_ms)


def overrun(job: Job, at_ms: int) -> Job:
    """It was ended because its time was over."""
    return _end(advance(job, "MaxRuntimeExceeded", OVERRAN, at_ms), "Stopped", at_ms)


def _end(job: Job, status: str, at_ms: int) -> Job:
    *before, last = job.transitions
    return replace(
        job,
        status=status,
        transitions=(*before, replace(last, ended_ms=at_ms)),
        ended_ms=at_ms if job.started_ms is not None else None,
        modified_ms=at_ms,
    )


def to_row(job: Job) -> Document:
    """The job as a document."""
    return asdict(job)


def from_row(row: Document) -> Job:
    """The job that ``to_row`` wrote."""
    order: dict[str, Any] = row["order"]
    channels = tuple(
        Channel(**{**channel, "attributes": tuple(channel.get("attributes", ()))})
        for channel in order["channels"]
    )
    return Job(
        **{
            **row,
            "order": Order(**{**order, "channels": channels}),
            "transitions": tuple(Transition(**part) for part in row["transitions"]),
            "metrics": tuple(FinalMetric(**part) for part in row["metrics"]),
        }
    )
