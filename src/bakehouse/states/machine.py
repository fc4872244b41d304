"""A state machine, compiled: what the interpreter steps through."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from bakehouse.states.choice import Holds
from bakehouse.states.paths import Path
from bakehouse.states.retry import Catcher, Retrier
from bakehouse.states.scope import Evaluate


@dataclass(frozen=True, slots=True)
class Flow:
    """What every state but Fail has: how its data comes in and goes out, and where it leads."""

    input_path: Evaluate
    output_path: Evaluate
    next_state: str | None
    """None for a state that ends the machine, and for Choice, whose rules lead on."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Passes its input on, or a value that its definition holds."""

    flow: Flow
    parameters: Evaluate | None
    result: Evaluate | None
    result_path: Path | None


@dataclass(frozen=True, slots=True)
class Resource:
    """What a Task calls.

    ``kind`` is ``function`` for a Lambda function's own ARN, whose result is the bare answer, and
    ``invoke`` for ``lambda:invoke``, whose result wraps it.
    """

    kind: Literal["function", "invoke"]
    arn: str

    @property
    def name(self) -> str:
        """What AWS calls it in a message about its result."""
        return self.arn if self.kind == "function" else "lambda"


@dataclass(frozen=True, slots=True)
class Task:
    """Has something done elsewhere and waits for the result."""

    flow: Flow
    resource: Resource
    parameters: Evaluate | None
    result_selector: Evaluate | None
    result_path: Path | None
    timeout: Evaluate | None
    """Whole seconds; None for no limit."""
    role: Evaluate | None
    """The ARN of the role in ``Credentials``."""
    retriers: tuple[Retrier, ...]
    catchers: tuple[Catcher, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """Leads on by the first rule that holds."""

    flow: Flow
    rules: tuple[tuple[Holds, str], ...]
    default: str | None


@dataclass(frozen=True, slots=True)
class Wait:
    """Waits for some seconds or until a timestamp: one of the two is there.

    What they give is checked already: whole seconds, or nanoseconds since 1970.
    """

    flow: Flow
    seconds: Evaluate | None
    timestamp: Evaluate | None


@dataclass(frozen=True, slots=True)
class Succeed:
    """Ends the machine well."""

    flow: Flow


@dataclass(frozen=True, slots=True)
class Fail:
    """Ends the machine with an error, whose name and cause may be left out."""

    error: Evaluate | None
    cause: Evaluate | None


State = Pass | Task | Choice | Wait | Succeed | Fail


@dataclass(frozen=True, slots=True)
class Machine:
    """A definition that was checked and compiled."""

    start_at: str
    states: Mapping[str, State]
    timeout_s: int | None
    """Seconds after which an execution ends as TIMED_OUT; None for never."""
