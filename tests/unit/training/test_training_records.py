"""A job's states as a record, and the values in its log."""

from __future__ import annotations

from bakehouse.training import job as steps
from bakehouse.training.measures import gauges, read_values
from support.training_parts import ORDER, Metric


def test_same_status_changes_its_message_only() -> None:
    """A new sentence within a status is no new transition."""
    job = steps.new_job(ORDER, 1000)
    job = steps.advance(job, "Starting", steps.PREPARING, 2000)
    (only,) = job.transitions
    assert (only.message, only.started_ms, only.ended_ms) == (steps.PREPARING, 1000, None)
    assert job.modified_ms == 2000


def test_time_counts_from_the_download() -> None:
    """What a job waited before is not its time."""
    job = steps.advance(steps.new_job(ORDER, 1000), "Downloading", steps.DOWNLOADING, 5000)
    job = steps.complete(job, 9000)
    assert (job.created_ms, job.started_ms, job.ended_ms) == (1000, 5000, 9000)
    assert job.is_over


def test_record_survives_its_row() -> None:
    """A job comes back from its document as it was."""
    job = steps.advance(steps.new_job(ORDER, 1), "Downloading", steps.DOWNLOADING, 2)
    failed = steps.fail(job, "ClientError: no", 3)
    assert steps.from_row(steps.to_row(failed)) == failed


def test_values_of_lines() -> None:
    """Each line gives what its expressions find; what is no finite number is left out."""
    found_by = gauges([Metric("loss", r"loss=(\S+)"), Metric("accuracy", r"accuracy=(\S+)")])
    lines = ["loss=1.5 accuracy=0.5", "nothing", "loss=nan", "loss=oops accuracy=1"]
    assert read_values(found_by, lines) == [("loss", 1.5), ("accuracy", 0.5), ("accuracy", 1.0)]
