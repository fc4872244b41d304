"""Names and ARNs of state machines and executions."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bakehouse.faults import InvalidInput, Rejected

_NAME = re.compile(r"[^\s<>{}\[\]?*\"#%\\^|~`$&,;:/\x00-\x1f\x7f-\x9f]{1,80}")


class InvalidArn(Rejected):
    """An ARN has not the form of what it should name."""

    def __init__(self, arn: str, why: str) -> None:
        self.arn = arn
        super().__init__(f"Invalid Arn: '{why}: {arn}'")


def check_name(name: str) -> str:
    """The name, if AWS allows it for a state machine or an execution.

    Raises:
        InvalidInput: it is empty, longer than 80 characters or holds one that is not allowed.
    """
    if not _NAME.fullmatch(name):
        allowed = "1 to 80 characters without spaces, brackets, quotes and the like"
        raise InvalidInput("name", name, allowed, f"Invalid Name: '{name}'")
    return name


@dataclass(frozen=True, slots=True)
class Arns:
    """Makes and reads the ARNs of one account in one region."""

    account_id: str
    region: str

    def machine(self, name: str) -> str:
        """The ARN of a state machine."""
        return f"arn:aws:states:{self.region}:{self.account_id}:stateMachine:{name}"

    def execution(self, machine: str, name: str) -> str:
        """The ARN of an execution."""
        return f"arn:aws:states:{self.region}:{self.account_id}:execution:{machine}:{name}"

    def read_machine(self, arn: str) -> str:
        """The name in a state machine's ARN.

        Raises:
            InvalidArn: it is no such ARN.
        """
        return _read(arn, "stateMachine", 1)[0]

    def read_execution(self, arn: str) -> tuple[str, str]:
        """The names of the machine and of the execution in an execution's ARN.

        Raises:
            InvalidArn: it is no such ARN.
        """
        machine, name = _read(arn, "execution", 2)
        return machine, name


def _read(arn: str, kind: str, count: int) -> list[str]:
    parts = arn.split(":")
    if parts[0] != "arn" or len(parts) < 7 or parts[2] != "states":
        raise InvalidArn(arn, "Invalid ARN prefix")
    if parts[5] != kind or len(parts) != 6 + count or not all(map(_NAME.fullmatch, parts[6:])):
        raise InvalidArn(arn, "Resource type not valid in this context")
    return parts[6:]
