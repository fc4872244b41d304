"""A tuning job and its trials as records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from bakehouse.storage.records import Document
from bakehouse.tuning.ranges import Range


@dataclass(frozen=True, slots=True)
class Definition:
    """What one kind of training job of a tuning job is.

    ``request`` are the parameters of CreateTrainingJob without name and hyperparameters.
    """

    name: str | None
    metric: str
    maximize: bool
    ranges: tuple[Range, ...]
    static: dict[str, str]
    request: Document


@dataclass(frozen=True, slots=True)
class Order:
    """What a tuning job is asked to do.

    ``given`` is the request as its door received it, kept to be shown again and not read here.
    """

    name: str
    strategy: str
    """``Bayesian``, ``Random``, ``Grid`` or ``Hyperband``."""
    definitions: tuple[Definition, ...]
    most_jobs: int
    most_parallel: int
    max_runtime_s: int | None
    early_stopping: bool
    seed: int
    target: float | None
    """An objective that ends the job when it is reached."""
    patience: int | None
    """Trials without a better one after which the job ends."""
    resource: tuple[str, int, int] | None
    """Of Hyperband: the hyperparameter that counts epochs, the least and the most of it."""
    parents: tuple[str, ...]
    given: Document


@dataclass(frozen=True, slots=True)
class Trial:
    """One training job of a tuning job. ``status`` is SageMaker's TrainingJobStatus."""

    number: int
    """From 1."""
    name: str
    definition: int
    """Its place among the order's definitions."""
    values: dict[str, str]
    created_ms: int
    status: str = "InProgress"
    objective: float | None = None
    reached: tuple[float, ...] = ()
    """The objective's values so far, in their order."""
    started_ms: int | None = None
    ended_ms: int | None = None
    failure: str | None = None
    cut_short: bool = False
    """It was stopped because others did better."""

    @property
    def is_over(self) -> bool:
        """Its training job will not change any more."""
        return self.status in ("Completed", "Failed", "Stopped")


@dataclass(frozen=True, slots=True)
class TuningJob:
    """A tuning job. ``status`` is SageMaker's HyperParameterTuningJobStatus."""

    order: Order
    status: str
    created_ms: int
    modified_ms: int
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


def best_of(order: Order, trials: Sequence[Trial]) -> Trial | None:
    """The trial with the best objective among those that are over; the earliest of equals."""

    def merit(trial: Trial) -> float:
        value = trial.objective or 0.0
        return value if order.definitions[trial.definition].maximize else -value

    judged = [t for t in trials if t.objective is not None and t.status in ("Completed", "Stopped")]
    return max(judged, key=merit, default=None)


def end(job: TuningJob, status: str, at_ms: int, failure: str | None = None) -> TuningJob:
    """It is ``Completed``, ``Failed`` or ``Stopped``."""
    return replace(job, status=status, ended_ms=at_ms, modified_ms=at_ms, failure=failure)


def to_row(record: TuningJob | Trial) -> Document:
    """The record as a document."""
    return asdict(record)


def job_from(row: Document) -> TuningJob:
    """The job that ``to_row`` wrote."""
    order: dict[str, Any] = row["order"]
    definitions = tuple(
        Definition(**{**one, "ranges": tuple(_range(range_) for range_ in one["ranges"])})
        for one in order["definitions"]
    )
    resource = order["resource"] and tuple(order["resource"])
    changed = {"definitions": definitions, "resource": resource, "parents": tuple(order["parents"])}
    return TuningJob(**{**row, "order": Order(**{**order, **changed})})


def trial_from(row: Document) -> Trial:
    """The trial that ``to_row`` wrote."""
    return Trial(**{**row, "reached": tuple(row["reached"])})


def _range(row: dict[str, Any]) -> Range:
    return Range(**{**row, "values": tuple(row["values"])})
