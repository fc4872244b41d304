"""Everything that can go wrong, drawn as one tree.

``Fault`` divides by whose it is: ``Rejected`` is the caller's and leaves nothing behind (4xx at the
doors), ``WorkFailed`` is the recorded outcome of work that ran (never a 5xx), ``Broken`` is ours.
The message is a sentence with the path, the value and what is allowed; the facts are attributes, so
that a door can spell the same fault the way its AWS service does. A fault that only one part knows
stands in that part, under one of these.
"""

from __future__ import annotations


class Fault(Exception):
    """The root of every error that bakehouse raises on purpose."""

    @property
    def message(self) -> str:
        """The sentence for the caller."""
        return str(self)


class Rejected(Fault):
    """The request cannot be carried out as it stands; nothing was changed."""


class InvalidInput(Rejected):
    """A value is not allowed where it stands.

    Args:
        path: where the value is, in the caller's own spelling (``hyperparameters.epochs``).
        value: the value as it came; long ones are shortened in the message.
        allowed: what is allowed, as the end of a sentence that starts with "expected".
        message: the whole sentence, where the service has a wording of its own.
    """

    def __init__(self, path: str, value: object, allowed: str, message: str | None = None) -> None:
        self.path, self.value, self.allowed = path, value, allowed
        super().__init__(message or f"{path} is {shorten(repr(value))}; expected {allowed}.")


class NotFound(Rejected):
    """There is nothing of this kind by that name. ``kind`` is the domain's noun: ``bucket``."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"There is no {kind} named {shorten(repr(name))}.")


class AlreadyExists(Rejected):
    """There already is one of this kind by that name."""

    def __init__(self, kind: str, name: str) -> None:
        self.kind, self.name = kind, name
        super().__init__(f"There already is a {kind} named {shorten(repr(name))}.")


class Conflict(Rejected):
    """The thing is in a state in which this cannot be done."""

    def __init__(self, kind: str, name: str, state: str, wanted: str) -> None:
        self.kind, self.name, self.state, self.wanted = kind, name, state, wanted
        super().__init__(f"The {kind} {shorten(repr(name))} is {state}; this needs {wanted}.")


class LimitExceeded(Rejected):
    """A size, a number or a time is over its limit. ``unit`` names both figures (``bytes``)."""

    def __init__(self, what: str, value: float, limit: float, unit: str) -> None:
        self.what, self.value, self.limit, self.unit = what, value, limit, unit
        super().__init__(f"{what} is {value:.15g} {unit}; the limit is {limit:.15g} {unit}.")


class AccessDenied(Rejected):
    """The caller is not who it says, or may not do this."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class WorkFailed(Fault):
    """Work that ran ended in failure; the outcome is recorded."""


class JobFailed(WorkFailed):
    """A job ended as Failed.

    ``blame`` is AWS's word for whose fault it was: ``ClientError`` (the user's data or parameters),
    ``AlgorithmError`` (the algorithm's code) or ``InternalServerError`` (the machine under it).
    """

    def __init__(self, blame: str, reason: str) -> None:
        self.blame, self.reason = blame, reason
        super().__init__(f"{blame}: {reason}")


class ModelFailed(WorkFailed):
    """A model's container answered an invocation with something else than success.

    ``status`` is the container's HTTP status (400 for input that it cannot read).
    """

    def __init__(self, status: int, body: str) -> None:
        self.status, self.body = status, body
        super().__init__(body)


class StatesError(WorkFailed):
    """A state failed with a States Language error name and, mostly, a cause."""

    def __init__(self, error: str, cause: str | None = None) -> None:
        self.error, self.cause = error, cause
        super().__init__(f"{error}: {cause}" if cause else error)


class CallRefused(WorkFailed):
    """A call of one of our own operations, made from within, was answered with an AWS error.

    ``service`` is botocore's name (``lambda``), ``code`` and ``status`` what a client would see.
    """

    def __init__(self, service: str, code: str, status: int, reason: str, request_id: str) -> None:
        self.service, self.code, self.status = service, code, status
        self.reason, self.request_id = reason, request_id
        super().__init__(f"{code}: {reason}")


class Broken(Fault):
    """Something of ours failed: 500, or 501 for what is not built."""


class StorageFailed(Broken):
    """The disk or the database refused a write or lost a file."""


class Unimplemented(Broken):
    """The service exists here, the operation does not yet."""

    def __init__(self, service: str, operation: str) -> None:
        self.service, self.operation = service, operation
        super().__init__(f"bakehouse does not run {service} {operation} yet.")


def shorten(text: str) -> str:
    """Cut a text that is quoted in a message to 200 characters."""
    return text if len(text) <= 200 else f"{text[:197]}..."
