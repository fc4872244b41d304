"""Faults as EventBridge spells them."""

from __future__ import annotations

from bakehouse.faults import Conflict, InvalidInput, LimitExceeded, NotFound, Rejected
from bakehouse.wire.types import AwsError


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in the words of EventBridge; whatever the caller can change is status 400."""
    match fault:
        case InvalidInput(path="EventPattern"):
            return AwsError("InvalidEventPatternException", fault.message)
        case NotFound(kind="event bus", name=name):
            return AwsError("ResourceNotFoundException", f"Event bus {name} does not exist.")
        case NotFound(name=name):
            text = f"Rule {name} does not exist on EventBus default."
            return AwsError("ResourceNotFoundException", text)
        case Conflict():
            text = "Rule can't be deleted since it has targets."
            return AwsError("ValidationException", text)
        case LimitExceeded():
            return AwsError("LimitExceededException", fault.message)
    return AwsError("ValidationException", fault.message)
