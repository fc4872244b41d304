"""What functions are defined, their code, and how an invocation reaches a sandbox."""

from __future__ import annotations

import asyncio
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Fault, InvalidInput, NotFound
from bakehouse.functions.archives import UNZIPPED_BYTES, ZIPPED_BYTES
from bakehouse.functions.background import Background
from bakehouse.functions.code import Code
from bakehouse.functions.definition import (
    LATEST,
    Function,
    InvalidPayload,
    PayloadTooLarge,
    RevisionChanged,
    Throttled,
    check,
    from_document,
    to_document,
)
from bakehouse.functions.fleet import Fleet
from bakehouse.functions.invocation import PAYLOAD_BYTES, Event, Invocation
from bakehouse.functions.logs import AppendLog
from bakehouse.storage.records import Delete, Put, Records, commit_async, every

ASYNCHRONOUS_BYTES = 1_048_576
"""The largest event of an asynchronous invocation."""

_KIND = "lambda/function"
_WAITING = 1000  # asynchronous events that have not ended yet
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0  # while all sandboxes are busy

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class S3Object:
    """Where an archive lies."""

    bucket: str
    key: str


class Functions:
    """All functions of a server. Its methods run in the event loop.

    Args:
        records: where the functions are kept.
        folder: for archives (``code``) and for what lives as long as the server (``run-…``).
        append_log: adds events to a log group's stream.
        read_object: the bytes of an S3 object; blocking, called in a thread.
        environment: the variables that every sandbox gets: the endpoint's address, keys.
        account_id: the twelve digits in ARNs.
        region: the region in ARNs and in the sandboxes.
        sandboxes: how many processes one function may have.
        sandbox_idle_s: seconds after which an idle one ends.
        payload_bytes: the largest event of a synchronous invocation.
    """

    def __init__(
        self,
        records: Records,
        folder: Path,
        *,
        append_log: AppendLog,
        read_object: Callable[[str, str], bytes],
        environment: Callable[[], Mapping[str, str]],
        account_id: str,
        region: str,
        sandboxes: int = 10,
        sandbox_idle_s: float = 300.0,
        payload_bytes: int = PAYLOAD_BYTES,
    ) -> None:
        self._records, self._read_object = records, read_object
        self._region, self._account_id, self._payload_bytes = region, account_id, payload_bytes
        self._fleet = Fleet(
            folder,
            self.get,
            append_log=append_log,
            environment=environment,
            region=region,
            limit=sandboxes,
            idle_s=sandbox_idle_s,
        )
        self._background = Background()
        self._changing = asyncio.Lock()
        self._waiting = 0

    async def start(self) -> None:
        """Make ready for invocations; the slow part goes on beside."""
        await self._fleet.start()
        self._background.spawn(self._sweep())

    async def stop(self) -> None:
        """End every sandbox, whatever it does."""
        await self._fleet.stop()
        await self._background.stop()

    def arn(self, name: str, qualifier: str | None = None) -> str:
        """The ARN of a function, with a qualifier if there is one."""
        arn = f"arn:aws:lambda:{self._region}:{self._account_id}:function:{name}"
        return f"{arn}:{qualifier}" if qualifier else arn

    # Definitions

    async def create(self, draft: Function, source: bytes | S3Object) -> Function:
        """Define a function; it can be invoked when this returns.

        Args:
            draft: the function without its code.
            source: the archive, or where it lies in S3.

        Raises:
            AlreadyExists: the name is taken.
            InvalidInput: a value or the archive is not acceptable.
            ArchiveTooLarge: the archive is over its limit.
        """
        check(draft)
        async with self._changing:
            if self._records.get(_KIND, draft.name) is not None:
                raise AlreadyExists("function", draft.name)
            function = _changed(draft, await self._keep(source))
            await commit_async(self._records, Put(_KIND, function.name, to_document(function)))
        return function

    def get(self, name: str, qualifier: str | None = None) -> Function:
        """A function by its name.

        Raises:
            NotFound: there is none, or none of that version; the fault names the ARN.
        """
        record = self._records.get(_KIND, name)
        if record is None or qualifier not in (None, LATEST):
            raise NotFound("function", self.arn(name, qualifier))
        return from_document(record.value)

    def scan(self, *, after: str = "", limit: int = 50) -> list[Function]:
        """Functions in the order of their names, those after a name."""
        records = self._records.scan(_KIND, after=after, limit=limit)
        return [from_document(record.value) for record in records]

    async def update_code(
        self, name: str, source: bytes | S3Object, *, revision: str | None = None
    ) -> Function:
        """Give a function other code. What runs comes to its end with the old one.

        Raises:
            NotFound, RevisionChanged: there is no such function or revision.
            InvalidInput, ArchiveTooLarge: the archive is not acceptable.
        """
        async with self._changing:
            old = self._current(name, revision)
            code = await self._keep(source)
            return await self._replace(old, _changed(old, code))

    async def update_configuration(
        self, name: str, changes: Mapping[str, Any], *, revision: str | None = None
    ) -> Function:
        """Change attributes of a function; ``changes`` are attributes of :class:`Function`.

        Raises:
            NotFound, RevisionChanged: there is no such function or revision.
            InvalidInput: a value is not allowed.
        """
        async with self._changing:
            old = self._current(name, revision)
            new = _changed(replace(old, **changes), Code(old.code_digest, old.code_bytes))
            check(new)
            return await self._replace(old, new)

    async def annotate(self, name: str, change: Callable[[Function], Function]) -> None:
        """Change what is said of a function and has no part in how it runs: its tags, its policy.

        Raises:
            NotFound: there is none; and what ``change`` raises.
        """
        async with self._changing:
            function = change(self.get(name))
            await commit_async(self._records, Put(_KIND, name, to_document(function)))

    async def delete(self, name: str, qualifier: str | None = None) -> None:
        """Remove a function; what runs comes to its end.

        Raises:
            NotFound: there is none.
        """
        async with self._changing:
            function = self.get(name, qualifier)
            await commit_async(self._records, Delete(_KIND, name))
        self._background.spawn(self._retire(function))

    # Invocations

    async def invoke(
        self,
        name: str,
        payload: bytes,
        *,
        qualifier: str | None = None,
        request_id: str | None = None,
        client_context: str | None = None,
    ) -> Invocation:
        """Run a function's handler with an event and wait for the answer.

        A handler's failure is an answer too: see ``Invocation.function_error``. The handler goes on
        when the caller stops waiting.

        Args:
            name: the function's name.
            payload: the event, as JSON text; empty stands for ``{}``.
            qualifier: None or ``$LATEST``; it appears in the ARN that the handler sees.
            request_id: the invocation's id; made up if there is none.
            client_context: JSON text for the handler's ``context.client_context``.

        Raises:
            NotFound: there is no such function.
            InvalidPayload: the payload is not JSON.
            PayloadTooLarge: it is over the limit.
            Throttled: all the sandboxes that the function may have are busy.
        """
        self.accept(name, payload, qualifier=qualifier)
        event = self._event(name, payload, qualifier, request_id, client_context)
        return await asyncio.shield(self._background.spawn(self._fleet.invoke(name, event)))

    async def invoke_later(
        self,
        name: str,
        payload: bytes,
        *,
        qualifier: str | None = None,
        request_id: str | None = None,
        client_context: str | None = None,
    ) -> None:
        """Accept an event and run it beside, once: a failure is logged, not tried again.

        What is accepted lives in memory only: it is lost when the server ends.

        Raises:
            NotFound, InvalidPayload, PayloadTooLarge: as :meth:`invoke`.
            Throttled: too many events wait already.
        """
        self.accept(name, payload, qualifier=qualifier, limit_bytes=ASYNCHRONOUS_BYTES)
        if self._waiting >= _WAITING:
            raise Throttled("The number of waiting events", self._waiting + 1, _WAITING, "events")
        event = self._event(name, payload, qualifier, request_id, client_context)
        self._waiting += 1
        self._background.spawn(self._invoke_when_free(name, event))

    def accept(
        self,
        name: str,
        payload: bytes,
        *,
        qualifier: str | None = None,
        limit_bytes: int | None = None,
    ) -> None:
        """Check an invocation without running it.

        Raises:
            NotFound, InvalidPayload, PayloadTooLarge: as :meth:`invoke`.
        """
        limit = self._payload_bytes if limit_bytes is None else limit_bytes
        if len(payload) > limit:
            raise PayloadTooLarge("The payload", len(payload), limit, "bytes")
        self.get(name, qualifier or LATEST)
        if payload:
            _check_json(payload)

    def _event(
        self,
        name: str,
        payload: bytes,
        qualifier: str | None,
        request_id: str | None,
        client_context: str | None,
    ) -> Event:
        return Event(
            request_id or str(uuid.uuid4()),
            payload or b"{}",
            self.arn(name, qualifier),
            _new_trace_id(),
            client_context,
        )

    async def _invoke_when_free(self, name: str, event: Event) -> None:
        pause_s = _FIRST_PAUSE_S
        try:
            while not await self._invoke_if_free(name, event):
                await asyncio.sleep(pause_s)
                pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)
        except Fault as fault:
            _log.warning("The event %s of %s was lost: %s", event.request_id, name, fault)
        finally:
            self._waiting -= 1

    async def _invoke_if_free(self, name: str, event: Event) -> bool:
        try:
            await self._fleet.invoke(name, event)
        except Throttled:
            return False
        return True

    # Changes

    async def _keep(self, source: bytes | S3Object) -> Code:
        """Store an archive and unpack it, so that a bad one is refused and not found out later."""
        if isinstance(source, bytes):
            code = await asyncio.to_thread(self._fleet.store.keep, source, ZIPPED_BYTES)
        else:
            archive = await self._fetch(source)
            code = await asyncio.to_thread(self._fleet.store.keep, archive, UNZIPPED_BYTES)
        try:
            await self._fleet.unpack(code.digest)
        except InvalidInput:
            await self._drop(code.digest)
            raise
        return code

    async def _fetch(self, source: S3Object) -> bytes:
        try:
            return await asyncio.to_thread(self._read_object, source.bucket, source.key)
        except NotFound as missing:
            raise _unreadable(source, missing) from missing

    def _current(self, name: str, revision: str | None) -> Function:
        function = self.get(name)
        if revision not in (None, function.revision):
            raise RevisionChanged(str(revision))
        return function

    async def _replace(self, old: Function, new: Function) -> Function:
        await commit_async(self._records, Put(_KIND, new.name, to_document(new)))
        self._background.spawn(self._retire(old))
        return new

    async def _retire(self, old: Function) -> None:
        """End the sandboxes of a revision that is not current any more, then drop unused code."""
        await self._fleet.retire(old)
        async with self._changing:
            await self._drop(old.code_digest)

    async def _drop(self, digest: str) -> None:
        """Remove an archive, if no function has it."""
        if digest not in self._used():
            await self._fleet.forget(digest)

    async def _sweep(self) -> None:
        """Remove what a server that was killed while it stored code left behind."""
        async with self._changing:
            await asyncio.to_thread(self._fleet.store.sweep, self._used())

    def _used(self) -> set[str]:
        """The digests of all functions' code."""
        return {from_document(row.value).code_digest for row in every(self._records, _KIND)}


def _changed(function: Function, code: Code) -> Function:
    return replace(
        function,
        code_digest=code.digest,
        code_bytes=code.size_bytes,
        modified_ms=clock.epoch_ms(),
        revision=str(uuid.uuid4()),
    )


def _unreadable(source: S3Object, missing: NotFound) -> InvalidInput:
    reasons = {
        "bucket": ("NoSuchBucket", "The specified bucket does not exist"),
        "object": ("NoSuchKey", "The specified key does not exist."),
    }
    code, text = reasons.get(missing.kind, ("NoSuchKey", missing.message))
    message = f"Error occurred while GetObject. S3 Error Code: {code}. S3 Error Message: {text}"
    return InvalidInput("Code.S3Key", source.key, "an object's key", message)


def _check_json(payload: bytes) -> None:
    try:
        orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        text = f"Could not parse request body into json: {error}"
        raise InvalidPayload("Payload", payload[:100], "JSON", text) from error


def _new_trace_id() -> str:
    root = f"{clock.epoch_ms() // 1000:08x}-{os.urandom(12).hex()}"
    return f"Root=1-{root};Parent={os.urandom(8).hex()};Sampled=0"
