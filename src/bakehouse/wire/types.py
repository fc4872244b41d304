"""The few shapes that every request passes through, from socket to operation and back.

A request is a :class:`Request` until its signature is verified, then a :class:`Call` beside a plain
dict of parameters, keyed by the members of the operation's botocore shape. An operation answers
with such a dict, or raises. The same tables serve calls that never saw a socket: a state machine's
task runs the operation ``Invoke`` itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from bakehouse.faults import Rejected

Params = dict[str, Any]
"""A request or an answer as botocore sees it: member name → value. Blobs are ``bytes``, timestamps
aware ``datetime``; a streaming request body is a :class:`Payload`."""


class Body(Protocol):
    """The bytes of a request, in the order in which they arrive; to be read once."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Chunks of any size; raises ``AwsError`` where they are not what the client signed."""
        ...

    async def read(self, limit_bytes: int) -> bytes:
        """All bytes at once; raises ``LimitExceeded`` as soon as there are more than the limit."""
        ...


class Payload(Body, Protocol):
    """A streamed body as an operation gets it: decoded, and compared with what was signed."""

    @property
    def announced(self) -> Sequence[str]:
        """Names of the headers that follow the bytes: ``x-amz-checksum-crc32``."""
        ...

    @property
    def trailers(self) -> Mapping[str, str]:
        """Those headers, once the body was read."""
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
    sent: Request | None = None
    """The request as it was signed, where this one says the same in another place: the bucket in
    the path instead of the host's name, a header that stood in the query."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who signed a request."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    arn: str
    """The identity: ``arn:aws:sts::123456789012:assumed-role/<role>/<session>``."""
    user_id: str
    root_key_id: str
    """The key under which a temporary one was issued; otherwise the key itself."""
    services: frozenset[str] | None = None
    """The services that it may call, by botocore's names; None for all."""


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
    caller: Caller | None = None
    """Who signed; None where signatures are not verified, and for a call from within."""


@dataclass(frozen=True, slots=True)
class Later:
    """That an answer in JSON is held back until it is worth telling."""

    ready: Callable[[], Awaitable[None]]
    """Returns when it is; cancelled if the client leaves."""
    tell: Callable[[], Params]
    """What is true then; raises nothing, because the answer has begun."""
    pulse_s: float = 3.0
    """Seconds between two signs of life, fewer than any usual read time-out has."""


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
    later: Later | None = None
    """Holds the answer back; ``params`` are what is told to a call from within."""


@dataclass(frozen=True, slots=True)
class TextSignature:
    """The signature of a text, rather than of a request."""

    access_key_id: str
    value: str
    token: str = ""
    scope: tuple[str, str, str] | None = None
    """Date, region and service of Signature Version 4; None for Version 2."""


class Doorway(Protocol):
    """What a door does for a service that looks at requests before it, or instead of it."""

    @property
    def account_id(self) -> str:
        """Whose house it is."""
        ...

    @property
    def region(self) -> str:
        """The server's own region."""
        ...

    @property
    def verifies(self) -> bool:
        """Whether anything has to be signed here."""
        ...

    async def answer(self, request: Request) -> Response:
        """Answer in the usual way."""
        ...

    def refuse(self, request: Request, error: AwsError | Rejected) -> Response:
        """The answer that tells of an error."""
        ...

    def signer(self, text: str, signature: TextSignature, operation: str) -> Caller | None:
        """Who signed a text that stands for an operation; None where nothing is verified.

        Raises:
            AwsError: nobody whom the house knows and lets do that.
        """
        ...


Around = Callable[[Request, Doorway], Awaitable[Response]]
"""Answers a request, mostly as the door does in the usual way."""

Operation = Callable[[Call, Params], Awaitable[Params | Answer]]
"""One operation of a service. Parameters are parsed and validated against the model already."""


class AwsError(Exception):
    """A fault in the words of one AWS service: what a client finds in ``ClientError.response``.

    Args:
        code: the error code (``ValidationException``, ``NoSuchBucket``).
        message: AWS's sentence.
        status: the HTTP status, 400 to 599.
        fields: further members of the modelled error shape (``OriginalStatusCode``).
        headers: headers beside those of every error.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int = 400,
        fields: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.code, self.message, self.status, self.fields = (
            code,
            message,
            status,
            dict(fields or {}),
        )
        self.headers = dict(headers or {})
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
    checked_bodies: frozenset[str] = frozenset()
    """Operations in XML whose bodies are held to the model's constraints, as in other protocols all
    parameters are."""
    unsigned: Mapping[str, Callable[[Params], None]] = field(default_factory=dict)
    """Operations that may come without a signature → what refuses, by raising, one that may not."""
    around: Around | None = None
    """Answers requests that the model does not know, and completes the answers to all others."""
