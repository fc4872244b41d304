"""The ASGI callable, without a socket."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from bakehouse import clock
from bakehouse.faults import Fault
from bakehouse.server import Server
from bakehouse.wire.door import House
from bakehouse.wire.types import AwsError, Call, Params, Service

SCOPE = {
    "type": "http",
    "method": "POST",
    "raw_path": b"/",
    "query_string": b"Action=GetCallerIdentity&Version=2011-06-15",
    "headers": [(b"content-type", b"application/x-www-form-urlencoded")],
}


def _spelled(fault: Fault) -> AwsError:
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
