"""Machines and executions together: their life, and what concerns both."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import replace

from bakehouse.clock import Clock, now
from bakehouse.faults import NotFound
from bakehouse.storage.records import Delete, Put, Records, Write, commit_async, every
from bakehouse.workflows.execution import World
from bakehouse.workflows.executions import Executions
from bakehouse.workflows.machines import Machines
from bakehouse.workflows.names import Arns
from bakehouse.workflows.records import (
    DEFINITION,
    MACHINE,
    StoredMachine,
    machine_from_document,
    to_document,
)
from bakehouse.workflows.tasks import RunOperation


class Workflows:
    """State machines and executions.

    Args:
        records: where everything is kept.
        run_task: runs one of our own operations for a task.
        account_id: the account in the ARNs.
        region: the region in the ARNs and the histories.
        max_running: tasks that run at the same time; more wait their turn.
        clock: gives the time.
        chance: where ``States.UUID``, ``States.MathRandom`` and jitter draw from.
    """

    def __init__(
        self,
        records: Records,
        *,
        run_task: RunOperation,
        account_id: str,
        region: str,
        max_running: int = 1000,
        clock: Clock = now,
        chance: random.Random | None = None,
    ) -> None:
        self._records = records
        self._arns = arns = Arns(account_id, region)
        slots = asyncio.Semaphore(max_running)
        world = World(records, run_task, clock, region, chance or random.SystemRandom(), slots)
        self.machines = Machines(records, arns, clock)
        """The state machines, by name."""
        self.executions = Executions(world, self.machines, arns)
        """Their executions, by ARN."""

    async def start(self) -> None:
        """Go on with every execution that was under way, and with deletions."""
        for machine in self._every_machine():
            if machine.is_deleting:
                await self._purge(machine.name)
        self.executions.resume()

    async def stop(self) -> None:
        """Leave every execution where it stands; the next start goes on from there."""
        await self.executions.suspend()

    def machine_arn(self, name: str) -> str:
        """The ARN of a machine of that name."""
        return self._arns.machine(name)

    def machine(self, arn: str) -> StoredMachine:
        """The machine of an ARN.

        Raises:
            InvalidArn: it is no machine's ARN.
            NotFound: there is no such machine.
        """
        machine = self.machines.get(self._arns.read_machine(arn))
        if machine.arn != arn:
            raise NotFound("state machine", arn)
        return machine

    def machine_of(self, execution_arn: str) -> tuple[StoredMachine, str]:
        """The machine of an execution as it was at the start, and its definition's text.

        The time of its last change is only known of the present definition; of an earlier one the
        machine's creation stands for it.

        Raises:
            InvalidArn: it is no execution's ARN.
            NotFound: there is no such execution.
        """
        execution = self.executions.get(execution_arn)
        machine = self.machines.get(execution.machine)
        if machine.updated_ms > execution.started_ms:
            machine = replace(machine, updated_ms=machine.created_ms, revision="")
        definition = self.machines.definition(execution.definition_key)
        return replace(machine, role_arn=execution.role_arn), definition

    async def delete_machine(self, arn: str, *beside: Write) -> None:
        """Remove a machine with its executions, which are stopped; unknown ones are no error.

        Other writes join the commit that begins it.

        Raises:
            InvalidArn: it is no machine's ARN.
        """
        try:
            machine = self.machine(arn)
        except NotFound:
            return
        deleting = replace(machine, is_deleting=True)
        begin = Put(MACHINE, machine.name, to_document(deleting))
        await commit_async(self._records, begin, *beside)
        await self._purge(machine.name)

    async def _purge(self, name: str) -> None:
        """Remove what belongs to a machine, the machine itself last."""
        await self.executions.remove(name)
        definitions = every(self._records, DEFINITION, prefix=f"{name}:")
        await commit_async(
            self._records,
            *(Delete(DEFINITION, record.key) for record in definitions),
            Delete(MACHINE, name),
        )

    def _every_machine(self) -> Iterator[StoredMachine]:
        records = every(self._records, MACHINE)
        return (machine_from_document(record.value) for record in records)
