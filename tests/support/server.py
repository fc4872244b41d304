"""A real server process and real boto3 clients for it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bakehouse import keys
from bakehouse.cli import running

READY_S = 30.0


class ServerProcess:
    """``bakehouse up`` on a free port, in a process of its own.

    Args:
        data: its data folder, which outlives it.
        arguments: further words of the command line.
    """

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self._arguments = arguments
        self._clients: dict[tuple[str, str], Any] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.endpoint = ""

    def start(self) -> ServerProcess:
        """Start it and wait until it is ready."""
        words = ["-m", "bakehouse", "up", "--port", "0", "--data", str(self.data)]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        self.process = subprocess.Popen([sys.executable, *words, *self._arguments], env=environment)
        deadline = time.monotonic() + READY_S
        while (found := running.find(self.data)) is None:
            assert self.process.poll() is None, "the server ended while it started"
            assert time.monotonic() < deadline, f"the server was not ready within {READY_S} s"
            time.sleep(0.02)
        self.endpoint = found.endpoint
        return self

    def environment(self) -> dict[str, str]:
        """The variables of a client of this server."""
        pair = keys.load(self.data)
        return keys.client_environment(self.endpoint, pair, "us-east-1")

    def client(self, service: str, **changed: Any) -> Any:
        """A boto3 client; ``changed`` replaces its credentials."""
        pair = keys.load(self.data)
        known = (service, repr(sorted(changed.items())))
        if known not in self._clients:
            wanted = {
                "endpoint_url": self.endpoint,
                "aws_access_key_id": pair.access_key_id,
                "aws_secret_access_key": pair.secret_access_key,
                "region_name": "us-east-1",
                "config": Config(retries={"max_attempts": 0}, inject_host_prefix=False),
            }
            self._clients[known] = boto3.session.Session().client(service, **wanted | changed)
        return self._clients[known]

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end and return the exit code."""
        assert self.process is not None
        for client in self._clients.values():
            client.close()
        self._clients.clear()
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        """End it without any chance to tidy up."""
        self.end(signal.SIGKILL)


@contextlib.contextmanager
def running_server(data: Path, *arguments: str) -> Iterator[ServerProcess]:
    """A server for the life of a block."""
    server = ServerProcess(data, *arguments).start()
    try:
        yield server
    finally:
        if server.process is not None and server.process.poll() is None:
            server.end()
