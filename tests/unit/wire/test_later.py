"""Answers that are held back, on the way to the client."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import Any

from bakehouse import clock
from bakehouse.faults import Rejected
from bakehouse.server import Server
from bakehouse.wire.door import House
from bakehouse.wire.types import Answer, AwsError, Call, Later, Params, Service

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "raw_path": b"/",
    "query_string": b"",
    "headers": [
        (b"host", b"127.0.0.1:4566"),
        (b"content-type", b"application/x-amz-json-1.1"),
        (b"x-amz-target", b"SageMaker.DescribeEndpoint"),
    ],
}
ENDPOINT: Params = {
    "EndpointName": "e",
    "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/e",
    "EndpointStatus": "Creating",
    "CreationTime": clock.from_epoch_ms(0),
    "LastModifiedTime": clock.from_epoch_ms(0),
}


class Client:
    """Asks once, notes what comes, and can leave."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self._asked = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b'{"EndpointName": "e"}'}
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, event: dict[str, Any]) -> None:
        self.sent.append(event)

    @property
    def body(self) -> bytes:
        return b"".join(event.get("body", b"") for event in self.sent)


class Waited:
    """An operation whose answer is held until ``go``; it notes when it is given up."""

    def __init__(self) -> None:
        self.began, self.go, self.given_up = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def describe(self, call: Call, params: Params) -> Answer:
        return Answer(ENDPOINT, later=Later(self._ready, self._tell, pulse_s=0.02))

    async def _ready(self) -> None:
        self.began.set()
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up.set()
            raise

    def _tell(self) -> Params:
        return {**ENDPOINT, "EndpointStatus": "InService" if self.go.is_set() else "Creating"}


def _spelled(fault: Rejected) -> AwsError:
    return AwsError("Fault", fault.message)


def _asking(waited: Waited, client: Client) -> asyncio.Task[None]:
    service = Service(
        "sagemaker", "sagemaker", {"DescribeEndpoint": waited.describe}, _spelled, "SageMaker"
    )
    server = Server([service], House("123456789012", "us-east-1", None, clock.now, 1000))
    return asyncio.create_task(server(SCOPE, client.receive, client.send))


def test_blanks_keep_the_connection_alive_until_the_document_comes() -> None:
    """The head leaves at once, and the whole body is JSON."""

    async def work() -> Client:
        waited, client = Waited(), Client()
        task = _asking(waited, client)
        while not client.body.startswith(b"   "):
            await asyncio.sleep(0.005)
        assert client.sent[0]["status"] == 200
        waited.go.set()
        await asyncio.wait_for(task, 5)
        return client

    client = asyncio.run(work())
    assert json.loads(client.body)["EndpointStatus"] == "InService"
    names = [name for name, _ in client.sent[0]["headers"]]
    assert b"x-amzn-requestid" in [name.lower() for name in names]
    assert b"content-length" not in names


def test_a_client_that_leaves_is_not_waited_for() -> None:
    """What was waited for on its behalf is given up."""

    async def work() -> None:
        waited, client = Waited(), Client()
        task = _asking(waited, client)
        await waited.began.wait()
        client.left.set()
        await asyncio.wait_for(task, 5)
        await asyncio.wait_for(waited.given_up.wait(), 5)

    asyncio.run(work())


def test_the_end_of_the_server_answers_with_what_is_true_then() -> None:
    """A held request that is cut off gets its whole document all the same."""

    async def work() -> Client:
        waited, client = Waited(), Client()
        task = _asking(waited, client)
        await waited.began.wait()
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait_for(task, 5)
        return client

    client = asyncio.run(work())
    assert json.loads(client.body)["EndpointStatus"] == "Creating"
    assert not client.sent[-1].get("more_body", False)
