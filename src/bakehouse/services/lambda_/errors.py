"""Faults in Lambda's words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bakehouse.faults import (
    AccessDenied,
    AlreadyExists,
    Conflict,
    NotFound,
    Rejected,
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


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in Lambda's words."""
    return next(spell(fault) for kind, spell in _WORDS if isinstance(fault, kind))


def _spelled(
    code: str, status: int, text: str = "{fault}", fields: dict[str, Any] = _USER
) -> Callable[[Any], AwsError]:
    def spell(fault: Any) -> AwsError:
        return AwsError(code, text.format(fault=fault), status, fields)

    return spell


# The narrower fault stands before the wider one; the last is all that remain.
_WORDS: tuple[tuple[type[Rejected], Callable[[Any], AwsError]], ...] = (
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
)
