"""State machines: made, read, changed, listed and removed."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from bakehouse.clock import Clock, to_epoch_ms
from bakehouse.faults import AlreadyExists, Conflict, InvalidInput, NotFound
from bakehouse.states.definition import MOST_BYTES, parse_definition
from bakehouse.states.machine import Machine
from bakehouse.storage.records import Insert, KeyTaken, Put, Records, Write, commit_async
from bakehouse.workflows.names import Arns, check_name
from bakehouse.workflows.records import (
    DEFINITION,
    MACHINE,
    StoredMachine,
    definition_key,
    machine_from_document,
    to_document,
)

_COMPILED = 256


class Machines:
    """The state machines of one account.

    Args:
        records: where they are kept.
        arns: makes their ARNs.
        clock: gives the time.
    """

    def __init__(self, records: Records, arns: Arns, clock: Clock) -> None:
        self._records, self._arns, self._clock = records, arns, clock
        self._compile = lru_cache(_COMPILED)(self._compile_stored)

    async def create(
        self,
        name: str,
        definition: str,
        role_arn: str,
        configuration: Mapping[str, Any],
        *beside: Write,
    ) -> StoredMachine:
        """Make a machine; the same call again gives the same machine.

        Other writes join the commit that makes it.

        Raises:
            InvalidInput: the name or the definition's length is not allowed.
            InvalidDefinition: the definition cannot be run.
            AlreadyExists: there is one of this name with another definition.
            Conflict: one of this name is being deleted.
        """
        check_name(name)
        await asyncio.to_thread(_check_definition, definition)
        now_ms = to_epoch_ms(self._clock())
        key = definition_key(name, definition)
        machine = StoredMachine(
            name,
            self._arns.machine(name),
            role_arn,
            key,
            now_ms,
            now_ms,
            configuration=dict(configuration),
        )
        try:
            await commit_async(
                self._records,
                Insert(MACHINE, name, to_document(machine)),
                Put(DEFINITION, key, {"text": definition}),
                *beside,
            )
        except KeyTaken as taken:
            known = self.get(name)
            if known.is_deleting:
                raise Conflict("state machine", known.arn, "deleting", "a free name") from taken
            if (known.definition_key, known.configuration) != (key, machine.configuration):
                raise AlreadyExists("state machine", known.arn) from taken
            return known
        return machine

    async def update(
        self,
        name: str,
        definition: str | None,
        role_arn: str | None,
        configuration: Mapping[str, Any],
    ) -> StoredMachine:
        """Change a machine for executions that start from now on.

        Raises:
            NotFound: there is no such machine.
            InvalidDefinition: the definition cannot be run.
        """
        known = self.get(name)
        machine = replace(
            known,
            updated_ms=to_epoch_ms(self._clock()),
            revision=str(uuid.uuid4()),
            configuration={**known.configuration, **configuration},
        )
        writes: list[Write] = []
        if definition is not None:
            await asyncio.to_thread(_check_definition, definition)
            machine = replace(machine, definition_key=definition_key(name, definition))
            writes.append(Put(DEFINITION, machine.definition_key, {"text": definition}))
        if role_arn is not None:
            machine = replace(machine, role_arn=role_arn)
        await commit_async(self._records, Put(MACHINE, name, to_document(machine)), *writes)
        return machine

    def get(self, name: str) -> StoredMachine:
        """The machine of that name.

        Raises:
            NotFound: there is none.
        """
        record = self._records.get(MACHINE, name)
        if record is None:
            raise NotFound("state machine", self._arns.machine(name))
        return machine_from_document(record.value)

    def definition(self, key: str) -> str:
        """A definition's text."""
        record = self._records.get(DEFINITION, key)
        if record is None:
            raise NotFound("definition", key)
        return str(record.value["text"])

    def compiled(self, key: str) -> Machine:
        """A definition, ready to be run."""
        return self._compile(key)

    def listing(self, *, after: str = "", limit: int = 100) -> Sequence[StoredMachine]:
        """Machines in the order of their names."""
        found = self._records.scan(MACHINE, after=after, limit=limit)
        return [machine_from_document(record.value) for record in found]

    def _compile_stored(self, key: str) -> Machine:
        return parse_definition(self.definition(key))


def _check_definition(text: str) -> None:
    if len(text.encode(errors="replace")) > MOST_BYTES:
        raise InvalidInput("definition", text, f"at most {MOST_BYTES} bytes")
    parse_definition(text)
