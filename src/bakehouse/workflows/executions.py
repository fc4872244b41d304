"""Executions: started, stopped, read, listed, and gone on with after a restart."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Sequence
from typing import Any

from bakehouse.clock import to_epoch_ms
from bakehouse.faults import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Rejected,
)
from bakehouse.states.interpreter import advance, begin, effect_at
from bakehouse.states.json_text import LIMIT_BYTES, NotJson, is_too_large, parse
from bakehouse.states.machine import Machine
from bakehouse.states.position import (
    Event,
    Finished,
    Moment,
    Proceed,
    Step,
    position_from_document,
)
from bakehouse.storage.records import (
    Delete,
    DropJournal,
    Insert,
    KeyTaken,
    Put,
    Record,
    Write,
    commit_async,
    every,
)
from bakehouse.workflows.execution import RunningExecution, World, context_of, writes_of
from bakehouse.workflows.machines import Machines
from bakehouse.workflows.names import Arns, check_name
from bakehouse.workflows.records import (
    EXECUTION,
    OPEN,
    STARTED,
    Execution,
    StoredMachine,
    execution_from_document,
    execution_key,
    to_document,
)

_log = logging.getLogger(__name__)

_MOST_OPEN = 100_000
_PAGE = 200


class Executions:
    """The executions of one account's machines.

    Args:
        world: what each of them needs while it runs.
        machines: what they run.
        arns: makes and reads their ARNs.
    """

    def __init__(self, world: World, machines: Machines, arns: Arns) -> None:
        self._world, self._records, self._clock = world, world.records, world.clock
        self._machines, self._arns = machines, arns
        self._running: dict[str, RunningExecution] = {}
        self._is_stopping = False

    # Life

    def resume(self) -> None:
        """Go on with every execution that was under way."""
        self._is_stopping = False
        for record in every(self._records, OPEN):
            self._resume(record)

    async def suspend(self) -> None:
        """Leave every execution where it stands."""
        self._is_stopping = True
        await asyncio.gather(*(running.suspend() for running in list(self._running.values())))

    async def remove(self, machine: str) -> None:
        """Stop a machine's executions and remove them with their histories."""
        running = [run for run in self._running.values() if run.execution.machine == machine]
        await asyncio.gather(*(run.stop(None, None) for run in running))
        while page := self._records.scan(EXECUTION, prefix=f"{machine}:", limit=_PAGE):
            await commit_async(self._records, *_removals(page))

    def _resume(self, record: Record) -> None:
        try:
            execution = self._execution(record.key)
            machine = self._machines.compiled(execution.definition_key)
        except Rejected:
            # An older version may have stored what this one refuses; the others still go on.
            _log.exception("The execution %s cannot go on.", record.key)
            return
        position = position_from_document(record.value)
        effect = effect_at(machine, position)
        self._go_on(RunningExecution(self._world, execution, machine, position, effect))

    def _go_on(self, running: RunningExecution) -> None:
        key = running.execution.key
        self._running[key] = running
        running.go_on(lambda: self._forget(key))

    def _forget(self, key: str) -> None:
        self._running.pop(key, None)

    # One execution

    async def start(
        self, machine: StoredMachine, *, name: str | None = None, text: str = "{}"
    ) -> Execution:
        """Start a machine; the same name with the same input while it runs gives the same one.

        Args:
            machine: what to run.
            name: the execution's name; a random one if None.
            text: the input, as JSON.

        Raises:
            Conflict: the machine is being deleted, or the server stops.
            InvalidInput: the name is not allowed, or the input is not JSON.
            AlreadyExists: the name is taken.
            LimitExceeded: the input is too long, or too many executions are open.
        """
        if machine.is_deleting or self._is_stopping:
            raise Conflict("state machine", machine.arn, "deleting", "an active one")
        data = _parsed_input(text)
        execution = self._new_execution(machine, check_name(name or str(uuid.uuid4())), text)
        if (known := self._known(execution)) is not None:
            return known
        if len(self._running) >= _MOST_OPEN:
            raise LimitExceeded(
                "The number of open executions", _MOST_OPEN + 1, _MOST_OPEN, "executions"
            )
        return await self._begin(execution, data)

    def _new_execution(self, machine: StoredMachine, name: str, text: str) -> Execution:
        return Execution(
            machine.name,
            name,
            self._arns.execution(machine.name, name),
            machine.arn,
            machine.role_arn,
            machine.definition_key,
            to_epoch_ms(self._clock()),
            text,
        )

    def _known(self, wanted: Execution) -> Execution | None:
        """The execution of that name, if it may stand for the one that is wanted."""
        record = self._records.get(EXECUTION, wanted.key)
        if record is None:
            return None
        known = execution_from_document(record.value)
        if known.status == "RUNNING" and known.input == wanted.input:
            return known
        raise AlreadyExists("execution", known.arn)

    async def _begin(self, execution: Execution, data: Any) -> Execution:
        """Go as far as the first thing to wait for, and store all of it in one write."""
        machine = self._machines.compiled(execution.definition_key)
        step = self._first_steps(execution, machine, data)
        begun, writes = writes_of(execution, step, to_epoch_ms(self._clock()))
        others = [write for write in writes if not isinstance(write, Put) or write.kind == OPEN]
        try:
            await commit_async(
                self._records,
                Insert(EXECUTION, begun.key, to_document(begun)),
                Put(STARTED, begun.started_key, {}),
                *others,
            )
        except KeyTaken:
            known = self._known(execution)
            assert known is not None  # noqa: S101  # the name was taken a moment ago
            return known
        if not isinstance(step.effect, Finished) and not self._is_stopping:
            running = RunningExecution(self._world, begun, machine, step.position, step.effect)
            self._go_on(running)
        return execution

    def _first_steps(self, execution: Execution, machine: Machine, data: Any) -> Step:
        now_ms = execution.started_ms
        first = begin(machine, execution.input, data, role_arn=execution.role_arn, now_ms=now_ms)
        moment = Moment(now_ms, context_of(execution), self._world.region, self._world.chance)
        step = advance(machine, first.position, Proceed(), moment)
        return Step(step.position, first.events + step.events, step.effect)

    async def stop(self, arn: str, error: str | None, cause: str | None) -> Execution:
        """End an execution as ABORTED; one that is over already stays as it ended.

        Raises:
            InvalidArn: it is no execution's ARN.
            NotFound: there is no such execution.
        """
        execution = self.get(arn)
        running = self._running.get(execution.key)
        if running is not None:
            await running.stop(error, cause)
        return self._execution(execution.key)

    async def until_over(self, arn: str) -> Execution:
        """Wait until an execution has ended, or the server stops.

        Raises:
            InvalidArn: it is no execution's ARN.
            NotFound: there is no such execution.
        """
        running = self._running.get(self.get(arn).key)
        if running is not None:
            await running.over()
        return self.get(arn)

    def get(self, arn: str) -> Execution:
        """The execution of an ARN.

        Raises:
            InvalidArn: it is no execution's ARN.
            NotFound: there is no such execution.
        """
        execution = self._execution(execution_key(*self._arns.read_execution(arn)), arn)
        if execution.arn != arn:
            raise NotFound("execution", arn)
        return execution

    def _execution(self, key: str, arn: str = "") -> Execution:
        record = self._records.get(EXECUTION, key)
        if record is None:
            raise NotFound("execution", arn or key)
        return execution_from_document(record.value)

    # Listings

    def listing(
        self,
        machine: StoredMachine,
        *,
        status: str | None = None,
        after: str = "",
        limit: int = 100,
    ) -> tuple[list[Execution], str | None]:
        """A page of a machine's executions, newest first, and where the next one starts."""
        found: list[Execution] = []
        while page := self._records.scan(
            STARTED, prefix=f"{machine.name}:", after=after, limit=_PAGE
        ):
            for record in page:
                if len(found) == limit:
                    return found, after
                after = record.key
                name = record.key.split(":")[2]
                execution = self._execution(execution_key(machine.name, name))
                if status in (None, execution.status):
                    found.append(execution)
        return found, None

    def history(
        self, arn: str, *, is_reversed: bool = False, after: int | None = None, limit: int = 100
    ) -> list[Event]:
        """Events of an execution, in order or last first, beyond the id ``after``.

        Raises:
            NotFound: there is no such execution.
        """
        journal = self.get(arn).journal
        if is_reversed:
            entries = self._records.journal_tail(journal, before=after, limit=limit)
        else:
            entries = self._records.journal(journal, after=after or 0, limit=limit)
        return [{"id": number, **event} for number, event in entries]


def _removals(page: Sequence[Record]) -> list[Write]:
    writes: list[Write] = []
    for record in page:
        execution = execution_from_document(record.value)
        writes += [
            Delete(EXECUTION, execution.key),
            Delete(OPEN, execution.key),
            Delete(STARTED, execution.started_key),
            DropJournal(execution.journal),
        ]
    return writes


def _parsed_input(text: str) -> Any:
    if is_too_large(text):
        raise LimitExceeded("The input", len(text.encode()), LIMIT_BYTES, "bytes")
    try:
        return parse(text)
    except NotJson as error:
        raise InvalidInput(
            "input", text, "JSON", f"Invalid State Machine Execution Input: '{error}'"
        ) from error
