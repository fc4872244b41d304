"""Faults in Lambda's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bakehouse.faults import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    Fault,
    NotFound,
    Rejected,
    Unimplemented,
)
from bakehouse.functions.archives import ArchiveTooLarge
from bakehouse.functions.definition import (
    InvalidPayload,
    PayloadTooLarge,
    RevisionChanged,
    Throttled,
)
from bakehouse.wire.types import AwsError

_USER = {"Type": "User"}


def aws_error(fault: Fault) -> AwsError:
    """Spell a fault as Lambda does."""
    for kind, spell in _WORDS:
        if isinstance(fault, kind):
            return spell(fault)
    return AwsError("ServiceException", fault.message, 500, {"Type": "Service"})


def _spelled(
    code: str, status: int, text: str = "{fault}", fields: dict[str, Any] = _USER
) -> Callable[[Any], AwsError]:
    def spell(fault: Any) -> AwsError:
        return AwsError(code, text.format(fault=fault), status, fields)

    return spell


# The narrower fault stands before the wider one.
_WORDS: tuple[tuple[type[Fault], Callable[[Any], AwsError]], ...] = (
    (NotFound, _spelled("ResourceNotFoundException", 404, "Function not found: {fault.name}")),
    (
        AlreadyExists,
        _spelled("ResourceConflictException", 409, "Function already exist: {fault.name}"),
    ),
    (RevisionChanged, _spelled("PreconditionFailedException", 412)),
    (InvalidPayload, _spelled("InvalidRequestContentException", 400)),
    (
        Throttled,
        _spelled(
            "TooManyRequestsException",
            429,
            "Rate Exceeded.",
            {**_USER, "Reason": "ConcurrentInvocationLimitExceeded", "retryAfterSeconds": "1"},
        ),
    ),
    (
        PayloadTooLarge,
        _spelled(
            "RequestTooLargeException",
            413,
            "Request must be smaller than {fault.limit} bytes for the InvokeFunction operation",
        ),
    ),
    (
        ArchiveTooLarge,
        _spelled(
            "RequestEntityTooLargeException",
            413,
            "Zipped size must be smaller than {fault.limit} bytes",
        ),
    ),
    (
        Conflict,
        _spelled(
            "ResourceConflictException",
            409,
            "The operation cannot be performed at this time. "
            "The function is currently in the following state: {fault.state}",
        ),
    ),
    (AccessDenied, _spelled("AccessDeniedException", 403)),
    (Rejected, _spelled("InvalidParameterValueException", 400)),
    (Unimplemented, _spelled("NotImplementedException", 501)),
)
