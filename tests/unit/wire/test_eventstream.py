"""Event streams through a real server to a real boto3."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore.exceptions import EventStreamError

from bakehouse.wire.types import AwsError, Call, Params, Service
from support.doors import client, served

ROUND = 5


class Talker:
    """A service that streams: it goes on only when it is told to, and says when it was left."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.was_left = threading.Event()

    async def stream(self, call: Call, params: Params) -> Params:
        """Answer with a part, wait, and answer with what the name says."""
        return {"Body": self._parts(params["EndpointName"]), "ContentType": "text/plain"}

    async def _parts(self, name: str) -> AsyncIterator[Params]:
        try:
            yield {"PayloadPart": {"Bytes": b"first"}}
            await asyncio.to_thread(self.go_on.wait, ROUND)
            if name == "fails":
                raise AwsError("ModelStreamError", "it broke", 424, {"ErrorCode": "Broken"})
            yield {"PayloadPart": {"Bytes": b"x" * 100_000}}
        finally:
            self.was_left.set()


@pytest.fixture
def talker() -> Talker:
    return Talker()


@pytest.fixture
def runtime(talker: Talker) -> Iterator[Any]:
    """A client of the talker."""
    service = Service(
        "sagemaker-runtime",
        "sagemaker",
        {"InvokeEndpointWithResponseStream": talker.stream},
        lambda fault: AwsError("ValidationError", str(fault)),
    )
    with served([service]) as url:
        yield client("sagemaker-runtime", url)


def invoke(runtime: Any, name: str) -> Any:
    return runtime.invoke_endpoint_with_response_stream(EndpointName=name, Body=b"")


def test_a_part_arrives_before_the_next_one_is_made(runtime: Any, talker: Talker) -> None:
    """What was produced is sent at once, not when the answer is whole."""
    answer = invoke(runtime, "e")
    assert answer["ContentType"] == "text/plain"
    with closing(answer["Body"]) as body:
        found = iter(body)
        assert next(found) == {"PayloadPart": {"Bytes": b"first"}}
        assert not talker.was_left.is_set()
        talker.go_on.set()
        assert next(found)["PayloadPart"]["Bytes"] == b"x" * 100_000
        assert list(found) == []


def test_an_error_behind_the_first_part_is_raised(runtime: Any, talker: Talker) -> None:
    """The status is sent by then; the error comes as the last message."""
    talker.go_on.set()
    with closing(invoke(runtime, "fails")["Body"]) as body:
        found = iter(body)
        next(found)
        with pytest.raises(EventStreamError, match="it broke"):
            next(found)


def test_a_client_that_leaves_ends_the_stream(runtime: Any, talker: Talker) -> None:
    """The producer is closed, so that nothing is computed for nobody."""
    body = invoke(runtime, "e")["Body"]
    next(iter(body))
    body.close()
    talker.go_on.set()
    assert talker.was_left.wait(ROUND)
