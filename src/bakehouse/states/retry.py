"""Retriers and catchers: which of them an error meets, and how long to wait.

``States.ALL`` meets every error; ``States.TaskFailed`` every error of a task but a time-out;
``States.Timeout`` also a missed heartbeat. Nothing meets ``States.Runtime``: it ends the execution.
``States.DataLimitExceeded`` is caught by ``States.ALL``, as AWS's executions show, but tried again
only by a retrier that names it, since the same work gives the same result.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from bakehouse.states.paths import Path

_TIME_OUTS = ("States.Timeout", "States.HeartbeatTimeout")
_DATA_LIMIT = "States.DataLimitExceeded"


@dataclass(frozen=True, slots=True)
class Retrier:
    """When and how often to run a state's work again."""

    errors: tuple[str, ...]
    interval_s: float = 1.0
    most_attempts: int = 3
    backoff_rate: float = 2.0
    most_delay_s: float | None = None
    is_jittered: bool = False


@dataclass(frozen=True, slots=True)
class Catcher:
    """Where to go on after an error, and where in the input to put what is known about it."""

    errors: tuple[str, ...]
    next_state: str
    result_path: Path | None
    """None drops the error's name and cause."""


def meets(errors: Sequence[str], error: str) -> bool:
    """Whether an error is one of those that a retrier or catcher names."""
    return any(_is_met(name, error) for name in errors)


def first_meeting(retriers: Sequence[Retrier], error: str) -> int | None:
    """The index of the first retrier that an error meets."""
    if error == _DATA_LIMIT:
        return next((i for i, retrier in enumerate(retriers) if error in retrier.errors), None)
    return next((i for i, retrier in enumerate(retriers) if meets(retrier.errors, error)), None)


def delay_s(retrier: Retrier, attempt: int, chance: random.Random) -> float:
    """Seconds to wait before an attempt; the first retry is attempt 1.

    ``min(MaxDelaySeconds, IntervalSeconds * BackoffRate ** (attempt - 1))``, and with jitter a
    random part of it.
    """
    longest = retrier.most_delay_s if retrier.most_delay_s is not None else _LONGEST_DELAY_S
    try:
        delay = min(longest, retrier.interval_s * retrier.backoff_rate ** (attempt - 1))
    except OverflowError:
        delay = longest
    return chance.uniform(0.0, delay) if retrier.is_jittered else delay


_LONGEST_DELAY_S = 365 * 86_400.0  # an execution lasts a year at most


def _is_met(name: str, error: str) -> bool:
    if error == "States.Runtime":
        return False
    if name == "States.ALL":
        return True
    if name == "States.TaskFailed":
        return error == name or error not in (*_TIME_OUTS, _DATA_LIMIT)
    if name == "States.Timeout":
        return error in _TIME_OUTS
    return name == error
