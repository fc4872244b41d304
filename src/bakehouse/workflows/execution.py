"""One execution while it runs: it performs effects and stores what came of them.

What a step came to (events and position) is one write. The next task is not run before that write
is on the disk, since its input may rest on the step's result: after a crash an execution goes on
exactly where its history ends, and only the task that it ends with is run again. A wait has no such
input, so it begins at once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bakehouse.clock import Clock, from_epoch_ms, to_epoch_ms, to_iso_ms
from bakehouse.faults import StorageFailed
from bakehouse.states.interpreter import advance
from bakehouse.states.json_text import parse
from bakehouse.states.machine import Machine
from bakehouse.states.position import (
    Crashed,
    Effect,
    Event,
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
    TaskTimedOut,
    TimeCame,
    WaitUntil,
    position_to_document,
)
from bakehouse.storage.records import Append, Delete, Put, Records, Write
from bakehouse.workflows.records import EXECUTION, OPEN, Execution, to_document
from bakehouse.workflows.tasks import RunOperation, run_task

_LONGEST_S = 365 * 86_400  # an execution's time limit where its machine sets none: a year
_LONGEST_SLEEP_S = 3600.0  # so that a changed wall clock is noticed

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class World:
    """What an execution needs from outside itself."""

    records: Records
    call: RunOperation
    clock: Clock
    region: str
    chance: random.Random
    slots: asyncio.Semaphore
    """One is held for each task that runs; more of them wait."""


class RunningExecution:
    """An execution that is not over.

    Args:
        world: what it needs from outside.
        execution: as it was started.
        machine: its definition, compiled.
        position: where it stands; stored already.
        effect: what it waits for there.
    """

    def __init__(
        self,
        world: World,
        execution: Execution,
        machine: Machine,
        position: Position,
        effect: Effect,
    ) -> None:
        self.execution = execution
        self._world, self._machine = world, machine
        self._position, self._effect = position, effect
        self._context = context_of(execution)
        self._interrupted: asyncio.Future[Stopped | None] = (
            asyncio.get_running_loop().create_future()
        )
        self._task: asyncio.Task[None] | None = None
        self._saved: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._saved.set_result(None)

    def go_on(self, when_over: Callable[[], None]) -> None:
        """Run in the background; ``when_over`` is called when it has ended or was suspended."""
        self._task = asyncio.create_task(self._run(), name=self.execution.arn)
        self._task.add_done_callback(lambda _: when_over())

    async def stop(self, error: str | None, cause: str | None) -> None:
        """End it as ABORTED, unless it ends in another way first."""
        await self._interrupt(Stopped(error, cause))

    async def suspend(self) -> None:
        """Leave it where it stands, for a later process to go on with."""
        await self._interrupt(None)

    async def over(self) -> None:
        """Wait until it has ended or was suspended."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def _interrupt(self, why: Stopped | None) -> None:
        if not self._interrupted.done():
            self._interrupted.set_result(why)
        await self.over()

    async def _run(self) -> None:
        try:
            while not isinstance(self._effect, Finished):
                interrupted = self._interrupted.done()
                happened = (
                    self._interrupted.result() if interrupted else await self._perform(self._effect)
                )
                await self._saved  # nothing is built on what is not on the disk
                if happened is None:
                    return
                self._save(self._advance(happened))
            await self._saved
        except StorageFailed as failed:
            # It stays RUNNING in the records and goes on from there at the next start.
            _log.error("%s was left where it stands: %s", self.execution.arn, failed)

    def _advance(self, happened: Happened) -> Step:
        try:
            return advance(self._machine, self._position, happened, self._moment())
        except Exception as error:  # noqa: BLE001  # whatever is wrong with us, it ends and says so
            _log.exception("%s met an error of ours.", self.execution.arn)
            crash = Crashed(f"bakehouse failed: {type(error).__name__}: {error}")
            return advance(self._machine, self._position, crash, self._moment())

    def _moment(self) -> Moment:
        world = self._world
        return Moment(to_epoch_ms(world.clock()), self._context, world.region, world.chance)

    def _save(self, step: Step) -> None:
        """Hand a step over to be stored."""
        self._position, self._effect = step.position, step.effect
        self.execution, writes = writes_of(self.execution, step, to_epoch_ms(self._world.clock()))
        self._saved = asyncio.wrap_future(self._world.records.submit(*writes))

    # Effects: each gives what happened, or None where the server stops.

    async def _perform(self, effect: Effect) -> Happened | None:
        match effect:
            case WaitUntil(due_ms):
                return await self._wait_until(due_ms)
            case RunTask():
                return await self._with_interruption(self._run_task(effect))
            case _:
                return await self._with_interruption(_proceed())

    async def _wait_until(self, due_ms: int) -> Happened | None:
        """Wait for a moment of the wall clock, or for the execution's own time limit."""
        while (left_s := min(self._seconds_until(due_ms), self._seconds_left())) > 0:
            await asyncio.wait([self._interrupted], timeout=min(left_s, _LONGEST_SLEEP_S))
            if self._interrupted.done():
                return self._interrupted.result()
        return TimeCame() if self._seconds_left() > 0 else ExecutionTimedOut()

    async def _run_task(self, effect: RunTask) -> Happened:
        await asyncio.shield(self._saved)  # else a crash could undo what the task acted on
        async with self._world.slots:
            try:
                async with asyncio.timeout(effect.timeout_s) as limit:
                    return await run_task(self._world.call, effect)
            except Exception as error:  # noqa: BLE001  # a broken callee is a failed task
                if limit.expired():
                    return TaskTimedOut()
                _log.exception("A task of %s met an error of ours.", self.execution.arn)
                return TaskFailed("Lambda.SdkClientException", f"{type(error).__name__}: {error}")

    async def _with_interruption(self, work: Coroutine[Any, Any, Happened]) -> Happened | None:
        """Do some work until it is done, the execution is interrupted or its time is up."""
        task = asyncio.create_task(work)
        waiting: list[asyncio.Future[Any]] = [task, self._interrupted]
        await asyncio.wait(
            waiting, timeout=self._seconds_left(), return_when=asyncio.FIRST_COMPLETED
        )
        if task.done():
            return task.result()
        task.cancel()
        await asyncio.wait([task])
        return self._interrupted.result() if self._interrupted.done() else ExecutionTimedOut()

    def _seconds_until(self, moment_ms: int) -> float:
        return max(0.0, (moment_ms - to_epoch_ms(self._world.clock())) / 1000)

    def _seconds_left(self) -> float:
        """What is left of the time that the machine allows."""
        limit_s = _LONGEST_S if self._machine.timeout_s is None else self._machine.timeout_s
        return self._seconds_until(self.execution.started_ms + limit_s * 1000)


async def _proceed() -> Proceed:
    return Proceed()


def context_of(execution: Execution) -> dict[str, Any]:
    """The parts of the context object that do not change while an execution runs."""
    return {
        "Execution": {
            "Id": execution.arn,
            "Input": parse(execution.input),
            "StartTime": to_iso_ms(from_epoch_ms(execution.started_ms)),
            "Name": execution.name,
            "RoleArn": execution.role_arn,
            "RedriveCount": 0,
        },
        "StateMachine": {"Id": execution.machine_arn, "Name": execution.machine},
    }


def writes_of(execution: Execution, step: Step, now_ms: int) -> tuple[Execution, Sequence[Write]]:
    """What a step changes in the records, and the execution as it is after it."""
    history = Append(execution.journal, journal_entries(step.events))
    if not isinstance(step.effect, Finished):
        position = position_to_document(step.position)
        return execution, (history, Put(OPEN, execution.key, position))
    ended = replace(
        execution,
        status=step.effect.status,
        stopped_ms=now_ms,
        output=step.effect.output,
        error=step.effect.error,
        cause=step.effect.cause,
    )
    document = to_document(ended)
    return ended, (
        history,
        Put(EXECUTION, ended.key, document),
        Delete(OPEN, ended.key),
    )


def journal_entries(events: Sequence[Event]) -> list[Event]:
    """The events as the journal keeps them: their ids are the journal's own numbers."""
    return [{name: event[name] for name in event if name != "id"} for event in events]
