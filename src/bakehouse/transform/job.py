"""A transform job as a record, and the steps of its life."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace

from bakehouse.storage.records import Document

REASON_CHARACTERS = 1024


@dataclass(frozen=True, slots=True)
class Order:
    """What a job is asked to do.

    ``given`` is the request as its door received it, kept to be shown again and not read here.
    """

    name: str
    model_name: str
    input_uri: str
    data_type: str
    """``S3Prefix`` or ``ManifestFile``."""
    content_type: str | None
    split: str
    """``None`` sends each object whole, ``Line`` its lines."""
    compressed: bool
    """The objects are compressed with gzip."""
    output_uri: str
    accept: str | None
    assemble: str
    """``Line`` ends each answer with a line feed, ``None`` puts one behind the other."""
    together: bool
    """Send as many lines at once as the payload holds; otherwise one."""
    payload_bytes: int
    concurrent: int
    """Requests at the same time, for each instance."""
    instances: int
    given: Document


@dataclass(frozen=True, slots=True)
class TransformJob:
    """A transform job. ``status`` is SageMaker's TransformJobStatus."""

    order: Order
    status: str
    created_ms: int
    modified_ms: int
    started_ms: int | None = None
    ended_ms: int | None = None
    failure: str | None = None

    @property
    def name(self) -> str:
        """The name that it was given."""
        return self.order.name

    @property
    def is_over(self) -> bool:
        """Nothing will change any more."""
        return self.status in ("Completed", "Failed", "Stopped")


def new_job(order: Order, at_ms: int) -> TransformJob:
    """A job that has been accepted and waits for its turn."""
    return TransformJob(order, "InProgress", at_ms, at_ms)


def begin(job: TransformJob, at_ms: int) -> TransformJob:
    """Its turn has come; an earlier beginning, before the server ended, still counts."""
    return replace(job, started_ms=job.started_ms or at_ms, modified_ms=at_ms)


def interrupt(job: TransformJob, at_ms: int) -> TransformJob:
    """Somebody asked for its end."""
    return replace(job, status="Stopping", modified_ms=at_ms)


def end(job: TransformJob, status: str, at_ms: int, failure: str | None = None) -> TransformJob:
    """It is ``Completed``, ``Failed`` or ``Stopped``."""
    reason = failure[:REASON_CHARACTERS] if failure is not None else None
    return replace(job, status=status, ended_ms=at_ms, modified_ms=at_ms, failure=reason)


def to_row(job: TransformJob) -> Document:
    """The job as a document."""
    return asdict(job)


def from_row(row: Document) -> TransformJob:
    """The job that ``to_row`` wrote."""
    return TransformJob(**{**row, "order": Order(**row["order"])})
