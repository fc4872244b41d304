"""Where an execution stands, as a JSON document; what happened to it, and what to do next.

The interpreter goes from one position to the next. Whatever it needs to know is in the position, so
that an execution can be stored after any step and go on from there in another process.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bakehouse.states.json_text import parse
from bakehouse.states.machine import Resource

Phase = Literal["enter", "task", "wait", "retry"]
"""What a state is at: about to be entered, its task under way, waiting, waiting to try again."""


@dataclass(frozen=True, slots=True)
class Position:
    """Where one thread of control stands."""

    state: str
    phase: Phase
    text: str
    """The state's input, as JSON text."""
    data: Any
    """The same, as a value."""
    last_event: int
    """The number of the history's last event."""
    previous_event: int
    """The event that led here, which the next one names as its cause; 0 at the start."""
    entered_event: int = 0
    entered_ms: int = 0
    """When the state was entered, in epoch milliseconds; 0 before."""
    attempts: tuple[int, ...] = ()
    """How often each of the state's retriers was used, as far as one was."""
    due_ms: int = 0
    """When the wait or the pause before another attempt ends, in epoch milliseconds."""
    task_text: str = ""
    """What the task under way was given, as JSON text."""
    timeout_s: int | None = None
    """Seconds that the task under way may take."""


def position_to_document(position: Position) -> dict[str, Any]:
    """The position as it is stored."""
    return {
        "state": position.state,
        "phase": position.phase,
        "text": position.text,
        "last_event": position.last_event,
        "previous_event": position.previous_event,
        "entered_event": position.entered_event,
        "entered_ms": position.entered_ms,
        "attempts": list(position.attempts),
        "due_ms": position.due_ms,
        "task_text": position.task_text,
        "timeout_s": position.timeout_s,
    }


def position_from_document(document: Mapping[str, Any]) -> Position:
    """The position that was stored."""
    attempts = tuple(document["attempts"])
    return Position(**{**document, "data": parse(document["text"]), "attempts": attempts})


@dataclass(frozen=True, slots=True)
class Moment:
    """What the interpreter is told about the world, since it never looks."""

    now_ms: int
    """The time, in epoch milliseconds."""
    context: Mapping[str, Any]
    """``Execution`` and ``StateMachine`` of the context object."""
    region: str
    chance: random.Random
    """Where random numbers come from."""


# What happened


@dataclass(frozen=True, slots=True)
class Proceed:
    """Nothing is waited for. As an effect: commit, and step on."""


@dataclass(frozen=True, slots=True)
class TaskSucceeded:
    """The task under way has a result: the text as it came, and the value that it says."""

    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """The task under way ended in an error."""

    error: str
    cause: str | None


@dataclass(frozen=True, slots=True)
class TaskTimedOut:
    """The task under way took longer than it may."""


@dataclass(frozen=True, slots=True)
class TimeCame:
    """The moment that was waited for is there."""


@dataclass(frozen=True, slots=True)
class ExecutionTimedOut:
    """The execution took longer than its machine allows."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """Somebody stopped the execution."""

    error: str | None
    cause: str | None


@dataclass(frozen=True, slots=True)
class Crashed:
    """Running the execution met an error of our own."""

    cause: str


Happened = (
    Proceed
    | TaskSucceeded
    | TaskFailed
    | TaskTimedOut
    | TimeCame
    | ExecutionTimedOut
    | Stopped
    | Crashed
)


# What to do next. A Parallel state will add one that holds several.


@dataclass(frozen=True, slots=True)
class RunTask:
    """Call a resource and report TaskSucceeded, TaskFailed or TaskTimedOut."""

    resource: Resource
    text: str
    """What to give it, as JSON text."""
    timeout_s: int | None


@dataclass(frozen=True, slots=True)
class WaitUntil:
    """Report TimeCame at a moment, in epoch milliseconds; at once if it has passed."""

    due_ms: int


@dataclass(frozen=True, slots=True)
class Finished:
    """The execution has ended."""

    status: Literal["SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED"]
    output: str | None = None
    """The output as JSON text, if it succeeded."""
    error: str | None = None
    cause: str | None = None


Effect = Proceed | RunTask | WaitUntil | Finished

Event = dict[str, Any]
"""An event of the history in AWS's form, its ``timestamp`` in epoch milliseconds."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step came to."""

    position: Position
    events: tuple[Event, ...]
    effect: Effect
