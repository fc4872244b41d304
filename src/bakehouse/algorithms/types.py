"""What every built-in algorithm is to the rest: a command that trains and a loader that serves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Predictor(Protocol):
    """A loaded model. It may be called from several threads at once."""

    def predict(self, body: bytes, content_type: str, accept: str | None) -> tuple[bytes, str]:
        """Answer one request.

        Args:
            body: the request's bytes, as the client sent them.
            content_type: the request's ``Content-Type``.
            accept: the request's ``Accept``; ``None`` asks for the algorithm's default.

        Returns:
            The answer's bytes and their content type.

        Raises:
            ModelFailed: the model cannot answer this; its status and body are the container's.
        """
        ...


@dataclass(frozen=True, slots=True)
class MetricDefinition:
    """A metric that CloudWatch gets from a log line: the first group of ``regex`` is its value."""

    name: str
    regex: str


@dataclass(frozen=True, slots=True)
class Algorithm:
    """A built-in algorithm.

    Args:
        name: its image's repository name (``image-classification``).
        train_argv: the command that trains under SageMaker's container contract, in the folder
            that ``BAKEHOUSE_ML_ROOT`` names. It ends with 0, or writes ``output/failure`` and ends
            with 1 where the user is to blame, and with another code where the algorithm is.
        load: opens an unpacked artifact; takes its folder and the largest image that a request may
            hold, in pixels.
        metrics: what to read from the log of a training job.
    """

    name: str
    train_argv: tuple[str, ...]
    load: Callable[[Path, int], Predictor]
    metrics: tuple[MetricDefinition, ...]
