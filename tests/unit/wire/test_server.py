"""The ASGI callable, without a socket."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from bakehouse import clock
from bakehouse.faults import Rejected
from bakehouse.server import Server
from bakehouse.wire.door import House
from bakehouse.wire.types import AwsError, Call, Params, Service

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "raw_path": b"/",
    "query_string": b"Action=GetCallerIdentity&Version=2011-06-15",
    "headers": [
        (b"host", b"127.0.0.1:4566"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ],
}


def _spelled(fault: Rejected) -> AwsError:
    return AwsError("Fault", fault.message)


def test_a_request_that_the_end_of_the_server_cuts_off_is_answered() -> None:
    """It gets an error of its protocol, and its connection is closed."""
    sent: list[dict[str, Any]] = []

    async def work() -> None:
        began = asyncio.Event()

        async def hang(call: Call, params: Params) -> Params:
            began.set()
            await asyncio.Event().wait()
            return params

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b""}

        async def send(event: dict[str, Any]) -> None:
            sent.append(event)

        service = Service("sts", "sts", {"GetCallerIdentity": hang}, _spelled)
        server = Server([service], House("123456789012", "us-east-1", None, clock.now, 1000))
        task = asyncio.create_task(server(SCOPE, receive, send))
        await began.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert sent[0]["status"] == 503
    assert (b"connection", b"close") in sent[0]["headers"]
    assert b"<Code>ServiceUnavailable</Code>" in sent[1]["body"]


def test_an_object_is_not_read_on_when_the_client_has_left() -> None:
    """Its producer is closed in the middle."""
    read: list[int] = []
    ended: list[bool] = []

    async def work() -> None:
        left = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            try:
                for number in range(1000):
                    read.append(number)
                    yield b"x"
                    await asyncio.sleep(0)
            finally:
                ended.append(True)

        async def get(call: Call, params: Params) -> Params:
            return {"Body": chunks()}

        events = iter([{"type": "http.request", "body": b""}])

        async def receive() -> dict[str, Any]:
            for event in events:
                return event
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(event: dict[str, Any]) -> None:
            if len(read) == 3:
                left.set()

        service = Service("s3", "s3", {"GetObject": get}, _spelled)
        server = Server([service], House("123456789012", "us-east-1", None, clock.now, 1000))
        scope = SCOPE | {"method": "GET", "raw_path": b"/bucket/key", "query_string": b""}
        await server(scope, receive, send)

    asyncio.run(work())
    assert len(read) < 10
    assert ended == [True]


def test_an_answer_that_the_client_does_not_take_ends_with_the_server() -> None:
    """Its producer is closed, and nothing is raised that would be logged as an error."""
    ended: list[bool] = []

    async def work() -> None:
        stuck = asyncio.Event()

        async def chunks() -> AsyncIterator[bytes]:
            try:
                yield b"x"
            finally:
                ended.append(True)

        async def get(call: Call, params: Params) -> Params:
            return {"Body": chunks()}

        events = iter([{"type": "http.request", "body": b""}])

        async def receive() -> dict[str, Any]:
            for event in events:
                return event
            await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(event: dict[str, Any]) -> None:
            if event["type"] == "http.response.body":
                stuck.set()
                await asyncio.Event().wait()

        service = Service("s3", "s3", {"GetObject": get}, _spelled)
        server = Server([service], House("123456789012", "us-east-1", None, clock.now, 1000))
        scope = SCOPE | {"method": "GET", "raw_path": b"/bucket/key", "query_string": b""}
        task = asyncio.create_task(server(scope, receive, send))
        await stuck.wait()
        task.cancel()
        await task

    asyncio.run(work())
    assert ended == [True]
