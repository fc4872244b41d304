"""One step under way: where it stands, the events so far, and the ways out of a state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bakehouse.clock import from_epoch_ms, to_iso_ms
from bakehouse.faults import StatesError
from bakehouse.states.history import History, cut
from bakehouse.states.json_text import NotJson, is_too_large, to_text
from bakehouse.states.machine import Flow, Machine, Task
from bakehouse.states.paths import Path, PathMissing
from bakehouse.states.position import Effect, Finished, Moment, Position, Proceed
from bakehouse.states.scope import Scope, runtime_error


class Turn:
    """One step under way: where it stands, and the events so far."""

    def __init__(self, machine: Machine, position: Position, moment: Moment) -> None:
        self.machine, self.position, self.moment = machine, position, moment
        self.history = History(position.last_event, position.previous_event, moment.now_ms)
        self.state = machine.states[position.state]
        self.kind = type(self.state).__name__

    def scope(self, data: Any) -> Scope:
        """What an expression sees, with this as ``$``."""
        return Scope(data, self.context, self.moment.chance)

    def context(self) -> Mapping[str, Any]:
        """The context object, ``$$``."""
        state: dict[str, Any] = {
            "Name": self.position.state,
            "EnteredTime": to_iso_ms(from_epoch_ms(self.position.entered_ms)),
        }
        if isinstance(self.state, Task):
            state["RetryCount"] = sum(self.position.attempts)
        return {**self.moment.context, "State": state}

    def stay(self, **changes: Any) -> None:
        """Remain in the state, with what changed of its position."""
        last, previous = self.history.last, self.history.previous
        self.position = replace(self.position, last_event=last, previous_event=previous, **changes)


# Leaving a state


def place(path: Path | None, data: Any, result: Any) -> Any:
    """The state's input with its result put where ResultPath says.

    Raises:
        StatesError: States.ResultPathMatchFailure, where it cannot be put there.
    """
    if path is None:
        return data
    try:
        return path.put(data, result)
    except PathMissing as error:
        raise StatesError(
            "States.ResultPathMatchFailure",
            f"The ResultPath '{path.text}' cannot be applied to the input '{to_text(data)}'",
        ) from error


def leave(turn: Turn, flow: Flow, data: Any) -> Effect:
    """Go out of a state the way that its definition says; ``data`` is before OutputPath."""
    return move(turn, flow.output_path(turn.scope(data)), flow.next_state)


def move(turn: Turn, output: Any, next_state: str | None) -> Effect:
    """Record that the state was left, and go to the next, or end well."""
    text = turn.position.text if output is turn.position.data else written(turn, output)
    history = turn.history
    history.exited(turn.kind, turn.position.state, text)
    if next_state is None:
        history.succeeded(text)
        turn.stay()
        return Finished("SUCCEEDED", output=text)
    turn.position = Position(next_state, "enter", text, output, history.last, history.previous)
    return Proceed()


def written(turn: Turn, value: Any) -> str:
    """A value as text, within the limit on what passes between states.

    Raises:
        StatesError: States.DataLimitExceeded, or States.Runtime for what is nested too deeply.
    """
    try:
        text = to_text(value)
    except NotJson as error:
        raise runtime_error(f"A value cannot be passed on: {error}.") from error
    if is_too_large(text):
        raise StatesError("States.DataLimitExceeded", too_large(turn.position.state))
    return text


def too_large(name: str) -> str:
    """AWS's sentence for a result over the limit; ``name`` is the state's or what it called."""
    return (
        f"The state/task '{name}' returned a result with a size exceeding the maximum number of "
        "bytes service limit."
    )


# Ending


def end(turn: Turn, how: str, error: str | None, cause: str | None) -> Effect:
    """End the execution: Failed, TimedOut or Aborted."""
    error, cause = cut(error, cause)
    turn.history.ended(how, error, cause)
    turn.stay()
    match how:
        case "TimedOut":
            return Finished("TIMED_OUT", error=error, cause=cause)
        case "Aborted":
            return Finished("ABORTED", error=error, cause=cause)
        case _:
            return Finished("FAILED", error=error, cause=cause)
