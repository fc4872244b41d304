"""Faults as Step Functions spells them."""

from __future__ import annotations

from bakehouse.faults import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    Rejected,
)
from bakehouse.states.problems import InvalidDefinition
from bakehouse.wire.types import AwsError
from bakehouse.workflows.names import InvalidArn

_MISSING = {
    "state machine": ("StateMachineDoesNotExist", "State Machine Does Not Exist"),
    "execution": ("ExecutionDoesNotExist", "Execution Does Not Exist"),
}
_TAKEN = {
    "state machine": ("StateMachineAlreadyExists", "State Machine Already Exists"),
    "execution": ("ExecutionAlreadyExists", "Execution Already Exists"),
}
_INVALID = {"name": "InvalidName", "input": "InvalidExecutionInput"}


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in the words of Step Functions; whatever the caller can change is status 400."""
    match fault:
        case InvalidDefinition():
            return AwsError("InvalidDefinition", fault.message)
        case InvalidArn():
            return AwsError("InvalidArn", fault.message)
        case NotFound(kind=kind, name=name) if kind in _MISSING:
            code, words = _MISSING[kind]
            return AwsError(code, f"{words}: '{name}'")
        case AlreadyExists(kind=kind, name=name) if kind in _TAKEN:
            code, words = _TAKEN[kind]
            return AwsError(code, f"{words}: '{name}'")
        case Conflict(name=name):
            return AwsError("StateMachineDeleting", f"State Machine is being deleted: '{name}'")
        case InvalidInput(path=path) if path in _INVALID:
            return AwsError(_INVALID[path], fault.message)
        case LimitExceeded(unit="tags"):
            return AwsError("TooManyTags", fault.message)
        case LimitExceeded(what="The number of open executions"):
            return AwsError("ExecutionLimitExceeded", fault.message)
    return AwsError("ValidationException", fault.message)
