"""The few shapes that every request passes through, from socket to operation and back.

A request is a :class:`Request` until its signature is verified, then a :class:`Call` beside a plain
dict of parameters, keyed by the members of the operation's botocore shape. An operation answers
with such a dict, or raises. The same tables serve calls that never saw a socket: a state machine's
task runs the operation ``Invoke`` itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from bakehouse.faults import Rejected

Params = dict[str, Any]
"""A request or an answer as botocore sees it: member name → value. Blobs are ``bytes``, timestamps
aware ``datetime``; a streaming request body is a :class:`Body`."""


class Body(Protocol):
    """The bytes of a request, in the order in which they arrive; to be read once."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks of any size; raises ``AwsError`` where they are not what the client signed."""
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """All bytes at once; raises ``LimitExceeded`` as soon as there are more than the limit."""
        ...


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as it came: nothing decoded, header names in lower case."""

    method: str
    path: str
    """Percent-encoded, without the query."""
    query: str
    """What follows ``?``, percent-encoded; empty if there is none."""
    headers: Mapping[str, str]
    body: Body


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer. A body that is not bytes is sent as it is produced, in chunks."""

    status: int
    headers: dict[str, str]
    body: bytes | AsyncIterator[bytes] = b""


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated call of one operation: who calls, from where, and as which request."""

    operation: str
    request_id: str
    account_id: str
    region: str
    """The one that the request was signed for. ARNs are of the server's own region instead."""
    access_key_id: str
    headers: Mapping[str, str] = field(default_factory=dict)
    """The request's headers in lower case; empty for a call from within."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An operation's result where the dict alone does not say everything."""

    params: Params
    status: int | None = None
    """Replaces the status of the model, as 206 does for a range."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Headers beside those that the model describes."""
    body: bytes | None = None
    """Replaces the body that the model describes, where a service does not keep to its model."""


Operation = Callable[[Call, Params], Awaitable[Params | Answer]]
"""One operation of a service. Parameters are parsed and validated against the model already."""


class AwsError(Exception):
    """A fault in the words of one AWS service: what a client finds in ``ClientError.response``.

    Args:
        code: the error code (``ValidationException``, ``NoSuchBucket``).
        message: AWS's sentence.
        status: the HTTP status, 400 to 599.
        fields: further members of the modelled error shape (``OriginalStatusCode``).
    """

    def __init__(
        self, code: str, message: str, status: int = 400, fields: Mapping[str, Any] | None = None
    ) -> None:
        self.code, self.message, self.status, self.fields = (
            code,
            message,
            status,
            dict(fields or {}),
        )
        super().__init__(f"{code}: {message}")


@dataclass(frozen=True, slots=True)
class Service:
    """A door: one AWS service with the operations that it offers here.

    Routing needs ``signing_name`` and ``target_prefix`` before the model is loaded, so they stand
    here; a test compares them with botocore's.
    """

    name: str
    """botocore's name: ``sagemaker-runtime``."""
    signing_name: str
    """The service in the credential scope: ``sagemaker``."""
    operations: Mapping[str, Operation]
    """Operation name (``CreateBucket``) → what does it. Anything else is answered as unknown."""
    aws_error: Callable[[Rejected], AwsError]
    """Spells a rejection as this service does."""
    target_prefix: str | None = None
    """What stands before the dot in ``X-Amz-Target``, for the JSON protocols."""
    invalid_code: str = "ValidationException"
    """The error code for parameters that break the model's constraints."""
    broken_code: str = "InternalFailure"
    """The error code, with status 500, for whatever is our own fault."""
    xml_roots: Mapping[str, str] = field(default_factory=dict)
    """Operation → name of the answer's outermost XML element, which botocore's models leave out."""
