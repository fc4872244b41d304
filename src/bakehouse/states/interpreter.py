"""The States Language, run: a step from one position to the next.

Pure: a step is given the machine, the position, what happened and the moment, and gives the new
position, the events for the history and the effect to perform. It reads no clock, draws no random
number of its own and touches nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bakehouse.faults import StatesError
from bakehouse.states.history import MOST_EVENTS, History
from bakehouse.states.json_text import is_too_large, to_text
from bakehouse.states.machine import Choice, Fail, Machine, Pass, Succeed, Task, Wait
from bakehouse.states.position import (
    Crashed,
    Effect,
    ExecutionTimedOut,
    Finished,
    Happened,
    Moment,
    Position,
    Proceed,
    RunTask,
    Step,
    Stopped,
    TaskFailed,
    TaskSucceeded,
    TaskTimedOut,
    TimeCame,
    WaitUntil,
)
from bakehouse.states.retry import delay_s, first_meeting, meets
from bakehouse.states.turn import Turn, end, leave, move, place, too_large, written

_EVENTS_PER_ADVANCE = 400
_CHARACTERS_PER_ADVANCE = 4_000_000


def begin(machine: Machine, text: str, data: Any, *, role_arn: str, now_ms: int) -> Step:
    """The first step of an execution: its input is recorded, the first state is next.

    Args:
        machine: what to run.
        text: the input as it was given.
        data: the value that the text says.
        role_arn: the role that the history names.
        now_ms: the time, in epoch milliseconds.
    """
    history = History(0, 0, now_ms)
    history.started(text, role_arn)
    position = Position(
        machine.start_at, "enter", to_text(data), data, last_event=1, previous_event=0
    )
    return Step(position, tuple(history.events), Proceed())


def advance(machine: Machine, position: Position, happened: Happened, moment: Moment) -> Step:
    """Step until something must be waited for, or there is enough to be stored for once."""
    step = take_step(machine, position, happened, moment)
    events, size = list(step.events), 0
    while len(events) < _EVENTS_PER_ADVANCE and size < _CHARACTERS_PER_ADVANCE:
        if isinstance(step.effect, Proceed):
            happened = step.effect
        elif isinstance(step.effect, WaitUntil) and step.effect.due_ms <= moment.now_ms:
            happened = TimeCame()
        else:
            break
        step = take_step(machine, step.position, happened, moment)
        events += step.events
        size += len(step.position.text)
    return Step(step.position, tuple(events), step.effect)


def take_step(machine: Machine, position: Position, happened: Happened, moment: Moment) -> Step:
    """Take one step: enter a state, or go on in it with what happened."""
    turn = Turn(machine, position, moment)
    try:
        effect = _go_on(turn, happened)
    except StatesError as fault:
        effect = _state_failed(turn, fault.error, fault.cause)
    if turn.history.last + (not isinstance(effect, Finished)) > MOST_EVENTS:
        return _overrun(turn)
    return Step(turn.position, tuple(turn.history.events), effect)


def effect_at(machine: Machine, position: Position) -> Effect:
    """What a stored position waits for, so that an execution can go on from it."""
    if position.phase == "task":
        task = machine.states[position.state]
        assert isinstance(task, Task)  # noqa: S101  # only a Task has this phase
        return RunTask(task.resource, position.task_text, position.timeout_s)
    if position.phase == "enter":
        return Proceed()
    return WaitUntil(position.due_ms)


def _go_on(turn: Turn, happened: Happened) -> Effect:
    match happened:
        case Proceed():
            return _enter(turn)
        case TaskSucceeded():
            return _task_succeeded(turn, happened)
        case TaskFailed(error, cause):
            return _task_failed(turn, "Failed", error, cause)
        case TaskTimedOut():
            return _task_failed(turn, "TimedOut", "States.Timeout", None)
        case TimeCame():
            return _time_came(turn)
        case ExecutionTimedOut():
            return end(turn, "TimedOut", "States.Timeout", None)
        case Stopped(error, cause):
            return end(turn, "Aborted", error, cause)
        case Crashed(cause):
            return end(turn, "Failed", "States.Runtime", cause)


# Entering a state


def _enter(turn: Turn) -> Effect:
    here, history = turn.position, turn.history
    history.entered(turn.kind, here.state, here.text)
    turn.position = Position(
        here.state,
        "enter",
        here.text,
        here.data,
        history.last,
        history.previous,
        entered_event=history.last,
        entered_ms=history.now_ms,
    )
    return _ENTER[type(turn.state)](turn, turn.state)


def _enter_pass(turn: Turn, state: Pass) -> Effect:
    data = state.flow.input_path(turn.scope(turn.position.data))
    if state.parameters is not None:
        data = state.parameters(turn.scope(data))
    if state.result is not None:
        data = state.result(turn.scope(data))
    return leave(turn, state.flow, place(state.result_path, turn.position.data, data))


def _enter_task(turn: Turn, state: Task) -> Effect:
    """Evaluate what the task is given and hand it over; also for another attempt."""
    scope = turn.scope(state.flow.input_path(turn.scope(turn.position.data)))
    data = scope.data if state.parameters is None else state.parameters(scope)
    text = written(turn, data)
    timeout_s = None if state.timeout is None else state.timeout(scope)
    role = None if state.role is None else state.role(scope)
    turn.history.scheduled(
        state.resource,
        text,
        region=turn.moment.region,
        timeout_s=timeout_s,
        role_arn=role,
    )
    turn.stay(phase="task", task_text=text, timeout_s=timeout_s)
    return RunTask(state.resource, text, timeout_s)


def _enter_choice(turn: Turn, state: Choice) -> Effect:
    scope = turn.scope(state.flow.input_path(turn.scope(turn.position.data)))
    target = next((name for holds, name in state.rules if holds(scope)), state.default)
    if target is None:
        raise StatesError("States.NoChoiceMatched", "No rule matched and there is no Default.")
    return leave(turn, replace(state.flow, next_state=target), scope.data)


def _enter_wait(turn: Turn, state: Wait) -> Effect:
    scope = turn.scope(state.flow.input_path(turn.scope(turn.position.data)))
    if state.seconds is not None:
        due_ms = turn.moment.now_ms + 1000 * state.seconds(scope)
    else:
        assert state.timestamp is not None  # noqa: S101  # a Wait has one of the two
        due_ms = -(-state.timestamp(scope) // 1_000_000)  # nanoseconds, rounded up
    turn.stay(phase="wait", due_ms=due_ms)
    return WaitUntil(due_ms)


def _enter_succeed(turn: Turn, state: Succeed) -> Effect:
    return leave(turn, state.flow, state.flow.input_path(turn.scope(turn.position.data)))


def _enter_fail(turn: Turn, state: Fail) -> Effect:
    scope = turn.scope(turn.position.data)
    error = None if state.error is None else state.error(scope)
    cause = None if state.cause is None else state.cause(scope)
    return end(turn, "Failed", error, cause)


_ENTER: dict[type, Callable[[Turn, Any], Effect]] = {
    Pass: _enter_pass,
    Task: _enter_task,
    Choice: _enter_choice,
    Wait: _enter_wait,
    Succeed: _enter_succeed,
    Fail: _enter_fail,
}


# Going on in a state


def _time_came(turn: Turn) -> Effect:
    if isinstance(turn.state, Task):
        return _enter_task(turn, turn.state)
    assert isinstance(turn.state, Wait)  # noqa: S101  # nothing else waits
    flow = turn.state.flow
    return leave(turn, flow, flow.input_path(turn.scope(turn.position.data)))


def _task_succeeded(turn: Turn, result: TaskSucceeded) -> Effect:
    task = _task(turn)
    if is_too_large(result.text):
        return _task_failed(
            turn, "Failed", "States.DataLimitExceeded", too_large(task.resource.name)
        )
    turn.history.task_succeeded(task.resource, result.text)
    value = result.value
    if task.result_selector is not None:
        value = task.result_selector(turn.scope(value))
    return leave(turn, task.flow, place(task.result_path, turn.position.data, value))


def _task_failed(turn: Turn, how: str, error: str, cause: str | None) -> Effect:
    turn.history.task_failed(_task(turn).resource, how, error, cause)
    return _recover(turn, error, cause)


def _task(turn: Turn) -> Task:
    assert isinstance(turn.state, Task)  # noqa: S101  # nothing else runs tasks
    return turn.state


# Errors


def _state_failed(turn: Turn, error: str, cause: str | None) -> Effect:
    """A state's own expressions failed; the cause says where, as AWS says it."""
    if error != "States.DataLimitExceeded":
        place = f"'{turn.position.state}' (entered at the event id #{turn.position.entered_event})"
        cause = f"An error occurred while executing the state {place}. {cause or ''}".rstrip()
    try:
        return _recover(turn, error, cause)
    except StatesError as fault:
        return end(turn, "Failed", fault.error, fault.cause)


def _recover(turn: Turn, error: str, cause: str | None) -> Effect:
    """Try again, go on elsewhere, or end."""
    if not isinstance(turn.state, Task):
        return end(turn, "Failed", error, cause)
    return (
        _retry(turn, turn.state, error)
        or _catch(turn, turn.state, error, cause)
        or end(turn, "Failed", error, cause)
    )


def _retry(turn: Turn, task: Task, error: str) -> Effect | None:
    index = first_meeting(task.retriers, error)
    if index is None:
        return None
    attempts = list(turn.position.attempts or [0] * len(task.retriers))
    if attempts[index] >= task.retriers[index].most_attempts:
        return None
    attempts[index] += 1
    delay = delay_s(task.retriers[index], attempts[index], turn.moment.chance)
    due_ms = turn.moment.now_ms + round(delay * 1000)
    turn.stay(phase="retry", due_ms=due_ms, attempts=tuple(attempts), task_text="")
    return WaitUntil(due_ms)


def _catch(turn: Turn, task: Task, error: str, cause: str | None) -> Effect | None:
    for catcher in task.catchers:
        if meets(catcher.errors, error):
            known = {"Error": error, "Cause": cause or ""}
            output = place(catcher.result_path, turn.position.data, known)
            return move(turn, output, catcher.next_state)
    return None


def _overrun(turn: Turn) -> Step:
    """The history is full: its last event is that the execution failed."""
    kept = [event for event in turn.history.events if event["id"] < MOST_EVENTS]
    ending = History(MOST_EVENTS - 1, MOST_EVENTS - 1, turn.moment.now_ms)
    error = "States.Runtime"
    cause = f"The execution reached the maximum number of history events ({MOST_EVENTS})."
    ending.ended("Failed", error, cause)
    position = replace(turn.position, last_event=ending.last, previous_event=ending.last)
    return Step(position, (*kept, *ending.events), Finished("FAILED", error=error, cause=cause))
