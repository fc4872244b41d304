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
from bakehouse.functions.policy import PolicyTooLong
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


_MISSING = {
    "policy": "The resource you requested does not exist.",
    "statement": "Statement {fault.name} is not found in resource policy.",
}


def _missing(fault: NotFound) -> AwsError:
    text = _MISSING.get(fault.kind, "Function not found: {fault.name}")
    return _spelled("ResourceNotFoundException", 404, text)(fault)


def _taken(fault: AlreadyExists) -> AwsError:
    text = "Function already exist: {fault.name}"
    if fault.kind == "statement":
        text = (
            "The statement id ({fault.name}) provided already exists. Please provide a new "
            "statement id, or remove the existing statement."
        )
    return _spelled("ResourceConflictException", 409, text)(fault)


# The narrower fault stands before the wider one; the last is all that remain.
_WORDS: tuple[tuple[type[Rejected], Callable[[Any], AwsError]], ...] = (
    (NotFound, _missing),
    (AlreadyExists, _taken),
    (
        PolicyTooLong,
        _spelled(
            "PolicyLengthExceededException",
            400,
            "The final policy size ({fault.value}) is bigger than the limit ({fault.limit}).",
        ),
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
