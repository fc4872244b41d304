"""The entrance of every door: who comes in, and with which body.

Bodies are read whole or handed on as streams; either way they are decoded and compared with what
was signed. Where the request itself names its body's digest, nothing is read before it is verified.
"""

from __future__ import annotations

import asyncio

from bakehouse.clock import Clock
from bakehouse.faults import LimitExceeded
from bakehouse.wire.bodies import STREAMING, opened, sha256
from bakehouse.wire.memory import FREE_BYTES, reading_time_s, too_slow
from bakehouse.wire.models import Family
from bakehouse.wire.signature_v2 import SignatureV2
from bakehouse.wire.signatures import UNSIGNED, Chain, Claim, Signature, Verifier
from bakehouse.wire.types import AwsError, Caller, Request, Service, TextSignature


class Entrance:
    """Admits callers and opens what they bring.

    Args:
        verifier: checks signatures; None lets everyone in.
        clock: the time of the checks.
    """

    def __init__(self, verifier: Verifier | None, clock: Clock) -> None:
        self._verifier, self._clock = verifier, clock

    @property
    def is_guarded(self) -> bool:
        """Whether signatures are verified at all."""
        return self._verifier is not None

    def admit(self, claim: Claim | None, *, unsigned: bool) -> Caller | None:
        """Who calls, before a byte of the body is read; None for nobody in particular.

        Args:
            claim: what the request says of its signature.
            unsigned: whether it may do without one.

        Raises:
            AwsError: there is no such caller.
        """
        if self._verifier is None or (claim is None and unsigned):
            return None
        return self._verifier.admit(claim, self._clock())

    def signer(self, text: str, signature: TextSignature) -> Caller | None:
        """Who signed a text that stands for a request; None where nothing is verified.

        Raises:
            AwsError: nobody has the key, or it was signed otherwise.
        """
        if self._verifier is None:
            return None
        return self._verifier.verify_text(text, _claim_of_text(signature), self._clock())

    async def let_in(
        self,
        request: Request,
        claim: Claim | None,
        caller: Caller | None,
        family: Family,
        limit_bytes: int | None,
    ) -> tuple[Request, bytes]:
        """The request, verified and decoded, and its body.

        Args:
            request: the request as it came.
            claim: what it says of its signature.
            caller: who was admitted with that.
            family: its protocol; only REST with XML encodes the path once, as its keys hold any
                text, and names the digest of every body.
            limit_bytes: how large the body may be; None leaves it to be streamed.

        Raises:
            AwsError: it is not as it was signed, or its body is too large or too slow.
        """
        declared = request.headers.get("x-amz-content-sha256", "")
        if family == "rest-xml" or limit_bytes is None or declared.startswith(STREAMING):
            self._verify(request, claim, caller, family, declared)
            chain = None
            if declared.startswith(STREAMING) and isinstance(claim, Signature):
                chain = None if caller is None else Chain(claim, caller)
            request = opened(request, declared, chain)
            return request, b"" if limit_bytes is None else await _read(request, limit_bytes)
        body = await _read(request, limit_bytes)
        digest = declared if declared == UNSIGNED else await sha256(body)
        self._verify(request, claim, caller, family, digest)
        return request, body

    def _verify(
        self,
        request: Request,
        claim: Claim | None,
        caller: Caller | None,
        family: Family,
        digest: str,
    ) -> None:
        if self._verifier is None or caller is None or claim is None:
            return
        if isinstance(claim, Signature) and not digest:
            if claim.expires_s is None:
                text = "Missing required header for this request: x-amz-content-sha256"
                raise AwsError("InvalidRequest", text, 400)
            digest = UNSIGNED
        encode_twice = family != "rest-xml"
        self._verifier.verify(
            request, claim, caller, digest, encode_twice=encode_twice, now=self._clock()
        )


def allow(service: Service, caller: Caller, operation: str | None) -> None:
    """Refuse a caller whose key is not for this service.

    Raises:
        AwsError: "denied".
    """
    if caller.services is None or service.name in caller.services:
        return
    action = f"{service.signing_name}:{operation}"
    text = (
        f"User: {caller.arn} is not authorized to perform: {action} because no identity-based "
        f"policy allows the {action} action"
    )
    raise AwsError("denied", text, 403)


def announced_bytes(request: Request, limit_bytes: int) -> int:
    """How many bytes a body will have; the limit, if its head does not tell.

    Raises:
        AwsError: more than the limit.
    """
    announced = request.headers.get("content-length")
    if announced is None or not announced.isdecimal():
        return limit_bytes if "transfer-encoding" in request.headers else 0
    size = int(announced[:18])
    if size > limit_bytes:
        raise _too_large(LimitExceeded("The request's body", size, limit_bytes, "bytes"))
    return size


async def _read(request: Request, limit_bytes: int) -> bytes:
    announced = announced_bytes(request, limit_bytes)
    try:
        if announced <= FREE_BYTES:
            return await request.body.read(limit_bytes)
        async with asyncio.timeout(reading_time_s(announced)):
            return await request.body.read(limit_bytes)
    except LimitExceeded as error:
        raise _too_large(error) from error
    except TimeoutError as error:
        raise too_slow() from error


def _too_large(error: LimitExceeded) -> AwsError:
    return AwsError("RequestEntityTooLargeException", str(error), 413)


def _claim_of_text(signature: TextSignature) -> Signature | SignatureV2:
    """What the signature of a text says, as that of a request would."""
    key, value, token = signature.access_key_id, signature.value, signature.token
    if signature.scope is None:
        return SignatureV2(key, value, token)
    return Signature(key, *signature.scope, (), value, "", token)
