"""Amazon CloudWatch Logs: groups, streams and their events."""

from __future__ import annotations

from bakehouse.faults import AlreadyExists, LimitExceeded, NotFound, Rejected
from bakehouse.services.logs import events, groups, tags
from bakehouse.storage.logs import LogStore
from bakehouse.storage.records import KeyTaken
from bakehouse.wire.types import AwsError, Service


def service(logs: LogStore, region: str) -> Service:
    """The door of CloudWatch Logs over a store; the region is that of the ARNs."""
    return Service(
        name="logs",
        signing_name="logs",
        operations={
            **groups.operations(logs, region),
            **events.operations(logs),
            **tags.operations(logs),
        },
        aws_error=aws_error,
        target_prefix="Logs_20140328",
        invalid_code="InvalidParameterException",
        broken_code="ServiceUnavailableException",
    )


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in the words of CloudWatch Logs."""
    match fault:
        case NotFound(kind=kind):
            return AwsError("ResourceNotFoundException", f"The specified {kind} does not exist.")
        case AlreadyExists(kind=kind):
            text = f"The specified {kind} already exists"
            return AwsError("ResourceAlreadyExistsException", text)
        case KeyTaken():
            text = "The specified log group already exists"
            return AwsError("ResourceAlreadyExistsException", text)
        case LimitExceeded():
            return AwsError("LimitExceededException", fault.message)
    return AwsError("InvalidParameterException", fault.message)
