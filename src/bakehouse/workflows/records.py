"""State machines and executions as they are kept, and under which keys.

A machine's name holds no colon, so ``machine:`` is the prefix of all that belongs to it. An
execution's history is the journal ``states/<machine>:<execution>``, whose entry numbers are the
events' ids; where a running execution stands is in its ``open`` record, written with the history.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

MACHINE = "states/machine"
DEFINITION = "states/definition"
EXECUTION = "states/execution"
OPEN = "states/open"
STARTED = "states/started"

_LAST_MS = 10**14  # the year 5138


@dataclass(frozen=True, slots=True)
class StoredMachine:
    """A state machine."""

    name: str
    arn: str
    role_arn: str
    definition_key: str
    """Where its definition is kept, among those that its executions may still use."""
    created_ms: int
    updated_ms: int
    revision: str = ""
    """An id of the revision; empty until the machine is updated."""
    is_deleting: bool = False
    configuration: dict[str, Any] = field(default_factory=dict)
    """Logging, tracing and encryption as AWS's own documents; kept and shown, nothing more."""


@dataclass(frozen=True, slots=True)
class Execution:
    """One run of a machine, as it was started and as it ended."""

    machine: str
    name: str
    arn: str
    machine_arn: str
    role_arn: str
    definition_key: str
    started_ms: int
    input: str
    status: str = "RUNNING"
    stopped_ms: int | None = None
    output: str | None = None
    error: str | None = None
    cause: str | None = None

    @property
    def key(self) -> str:
        """The key of its records."""
        return execution_key(self.machine, self.name)

    @property
    def journal(self) -> str:
        """The name of its history."""
        return f"states/{self.key}"

    @property
    def started_key(self) -> str:
        """The key under which it is listed: newest first."""
        return f"{self.machine}:{_LAST_MS - self.started_ms:014d}:{self.name}"


def execution_key(machine: str, name: str) -> str:
    """The key of an execution's records."""
    return f"{machine}:{name}"


def definition_key(machine: str, text: str) -> str:
    """The key of a definition's text, of which a machine has one for each that it ever had."""
    return f"{machine}:{hashlib.sha256(text.encode()).hexdigest()}"


def machine_from_document(document: Mapping[str, Any]) -> StoredMachine:
    """The machine that was stored."""
    return StoredMachine(**document)


def execution_from_document(document: Mapping[str, Any]) -> Execution:
    """The execution that was stored."""
    return Execution(**document)


def to_document(record: StoredMachine | Execution) -> dict[str, Any]:
    """A machine or an execution as it is stored."""
    return {field.name: getattr(record, field.name) for field in fields(record)}
