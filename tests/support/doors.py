"""Doors under a real HTTP server in a thread, and real boto3 clients before them."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

import boto3
import uvicorn
from botocore.config import Config

from bakehouse import clock
from bakehouse.server import Server
from bakehouse.wire.door import House
from bakehouse.wire.types import Service


class Part(Protocol):
    """Something with a life."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@contextmanager
def served(services: Sequence[Service], parts: Sequence[Part] = ()) -> Iterator[str]:
    """The URL of a server with these doors. The parts live in its event loop, as long as it."""
    house = House("123456789012", "us-east-1", None, clock.now, 70_000_000)
    config = uvicorn.Config(
        Server(services, house), lifespan="off", log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    with socket.socket(proto=socket.IPPROTO_TCP) as listener:  # asyncio sets no TCP_NODELAY without
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        started = threading.Event()
        thread = threading.Thread(
            target=lambda: asyncio.run(_serve(server, listener, parts, started))
        )
        thread.start()
        assert started.wait(10)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(20)


async def _serve(
    server: uvicorn.Server,
    listener: socket.socket,
    parts: Sequence[Part],
    started: threading.Event,
) -> None:
    for part in parts:
        await part.start()
    started.set()
    await server.serve(sockets=[listener])
    for part in parts:
        await part.stop()


def client(service: str, url: str) -> Any:
    """A boto3 client with made-up keys that tries once."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
        config=Config(retries={"total_max_attempts": 1}),
    )
