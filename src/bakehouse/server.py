"""The ASGI callable: bytes from a socket → the right door → bytes to the socket.

A request is led by what it says of itself: the service in its signature's credential scope, then
``X-Amz-Target``. One without a signature is led the same way as far as possible, so that it is
refused in the protocol in which it came.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from bakehouse import __version__
from bakehouse.faults import CallRefused
from bakehouse.wire.bodies import read_whole
from bakehouse.wire.claims import claim_of, in_headers
from bakehouse.wire.door import Door, House
from bakehouse.wire.errors import error_response
from bakehouse.wire.hosts import in_path
from bakehouse.wire.models import Family
from bakehouse.wire.signature_v2 import SERVICE as OLDER_SERVICE
from bakehouse.wire.signatures import Claim, Unreadable
from bakehouse.wire.types import AwsError, Params, Request, Response, Service

Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

_XML_SERVICES = (OLDER_SERVICE, "cloudfront", "route53")
"""The signing names of AWS's services that speak XML in the style of REST."""

HEALTH_PATH = "/_bakehouse/health"
"""Answers without a signature: that a server is here, and which."""

_DRAINED_BYTES = 1 << 27
_DRAINED_S = 1.0
_CONTROL = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


class ReceivedBody:
    """The body of an ASGI request. ``finished`` says whether all of it was read."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.finished = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while not self.finished:
            event = await self._receive()
            if event["type"] == "http.disconnect":
                text = "You did not provide the number of bytes specified by Content-Length."
                raise AwsError("IncompleteBody", text, 400)
            self.finished = not event.get("more_body", False)
            if chunk := event.get("body", b""):
                yield chunk

    async def read(self, limit_bytes: int) -> bytes:
        """All bytes, or LimitExceeded as soon as there are more than the limit."""
        return await read_whole(self, limit_bytes)

    async def client_left(self) -> None:
        """Wait until the client has gone; what it still sends is thrown away."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def drain(self, limit_bytes: int, limit_s: float) -> None:
        """Read on and throw away, up to both limits: the connection can then be used again."""
        with contextlib.suppress(AwsError, TimeoutError):
            async with asyncio.timeout(limit_s):
                async for chunk in self:
                    limit_bytes -= len(chunk)
                    if limit_bytes < 0:
                        return


class Server:
    """All doors under one address.

    Args:
        services: what is offered.
        house: what the doors share.
    """

    def __init__(self, services: Sequence[Service], house: House) -> None:
        self.services = tuple(services)
        self._open_to_all = house.verifier is None
        self._doors = {service.name: Door(service, house) for service in services}
        self._by_signing_name: dict[str, list[Door]] = {}
        for door in self._doors.values():
            self._by_signing_name.setdefault(door.service.signing_name, []).append(door)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI event stream; everything but HTTP is declined."""
        if scope["type"] != "http":
            return
        body = ReceivedBody(receive)
        request = _request(scope, body)
        try:
            response = await self.answer(request)
        except asyncio.CancelledError:  # only the end of the server cancels a request
            await _send(_ending(request), send, close=True, gone=body.client_left)
            return
        with contextlib.suppress(asyncio.CancelledError):  # the server ends in mid-answer
            if not body.finished and "expect" not in request.headers:
                await body.drain(_DRAINED_BYTES, _DRAINED_S)
            await _send(response, send, close=not body.finished, gone=body.client_left)

    async def answer(self, request: Request) -> Response:
        """Answer one request."""
        if request.path == HEALTH_PATH:
            return _health()
        if self._open_to_all and not _is_local(request):
            return _foreign(request)
        claim = claim_of(request)
        if claim is not None and claim.service not in ("", *self._by_signing_name):
            return _no_such_service(request, claim.service)
        if claim is not None and "authorization" not in request.headers:
            request = in_headers(request)
        if claim is None or claim.service in ("", OLDER_SERVICE):
            request = in_path(request)
        door, claim = self._door(request, claim)
        return await door.answer(request, claim)

    async def call(self, service: str, operation: str, params: Params) -> Params:
        """Run an operation from within.

        Raises:
            CallRefused: the service or the operation is not offered, or refused the call.
        """
        door = self._doors.get(service)
        if door is None or operation not in door.service.operations:
            text = f"bakehouse does not run {service} {operation} yet."
            raise CallRefused(service, "NotImplemented", 501, text, "")
        return await door.call(operation, params)

    def _door(self, request: Request, claim: Claim | None) -> tuple[Door, Claim | None]:
        """The door that a request is for, and what it says of its signature."""
        doors = list(self._doors.values())
        if claim is None or not claim.service:
            if _apparent_family(request) == "query":
                doors = [door for door in doors if door.speaks("query")] or doors
            return next((door for door in doors if door.recognizes(request)), doors[0]), claim
        signed_for = self._by_signing_name[claim.service]
        for door in signed_for:
            if door.recognizes(request):
                return door, claim
        for door in doors:
            if door.service.target_prefix is not None and door.recognizes(request):
                return door, _wrongly_scoped(door.service.signing_name)
        return signed_for[0], claim


def _wrongly_scoped(service: str) -> Unreadable:
    text = f"Credential should be scoped to correct service: '{service}'."
    return Unreadable(AwsError("scope", text, 403), service=service)


def _request(scope: Scope, body: ReceivedBody) -> Request:
    headers: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    path = scope["raw_path"].decode("latin-1")
    return Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)


def _health() -> Response:
    text = f'{{"server":"bakehouse","version":"{__version__}"}}'
    return Response(200, {"content-type": "application/json"}, text.encode())


def _is_local(request: Request) -> bool:
    """Whether a request comes from a program on this machine, rather than from a web page in it.

    Pages of other sites send ``Origin``, and by rebinding a name they reach 127.0.0.1 with that
    name as ``Host``; with a picture or a link they send neither, but browsers then tell of it in
    ``Sec-Fetch-Site``. Where signatures are verified nothing of that does any harm.
    """
    if "origin" in request.headers or request.headers.get("sec-fetch-site", "none") != "none":
        return False
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    return host in ("127.0.0.1", "localhost", "[::1]") or host.endswith(".localhost")


def _foreign(request: Request) -> Response:
    text = "Without signatures only programs on this machine are served, not web pages."
    error = AwsError("AccessDenied", text, 403)
    return error_response(error, _apparent_family(request), str(uuid4()))


def _no_such_service(request: Request, name: str) -> Response:
    error = AwsError("NotImplemented", f"bakehouse does not offer the service {name}.", 501)
    return error_response(error, _apparent_family(request), str(uuid4()))


def _ending(request: Request) -> Response:
    error = AwsError("ServiceUnavailable", "The server ended before the request was done.", 503)
    return error_response(error, _apparent_family(request), str(uuid4()))


def _apparent_family(request: Request) -> Family:
    """The protocol that a request looks like, where no service's model tells."""
    if "x-amz-target" in request.headers:
        return "json"
    if request.headers.get("smithy-protocol") == "rpc-v2-cbor":
        return "cbor"
    if "form-urlencoded" in request.headers.get("content-type", ""):
        return "query"
    claim = claim_of(request)
    return "rest-xml" if claim is not None and claim.service in _XML_SERVICES else "rest-json"


async def _send(
    response: Response, send: Send, *, close: bool, gone: Callable[[], Awaitable[None]]
) -> None:
    """Send an answer.

    Args:
        response: the answer.
        send: ASGI's way out.
        close: end the connection, because the request's body was left unread.
        gone: returns when the client has left; a body that is produced piece by piece ends then.
    """
    headers = [(k.encode("latin-1"), _header(v)) for k, v in response.headers.items()]
    if close:
        headers.append((b"connection", b"close"))
    if isinstance(response.body, bytes):
        if "content-length" not in response.headers and response.status not in (204, 304):
            headers.append((b"content-length", str(len(response.body)).encode()))
        await send({"type": "http.response.start", "status": response.status, "headers": headers})
        await send({"type": "http.response.body", "body": response.body})
        return
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    left = asyncio.ensure_future(gone())
    try:
        async for chunk in response.body:
            if left.done():
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        left.cancel()
        await _close(response.body)


async def _close(body: AsyncIterator[bytes]) -> None:
    """Let the producer of a body tidy up, also where it was left in the middle."""
    if isinstance(body, AsyncGenerator):
        await body.aclose()


def _header(value: str) -> bytes:
    """A header's value as bytes; what Latin-1 does not have is sent as UTF-8, as S3 does."""
    if value.isascii() and value.isprintable():
        return value.encode()
    clean = _CONTROL.sub(" ", value)
    try:
        return clean.encode("latin-1")
    except UnicodeEncodeError:
        return clean.encode()
