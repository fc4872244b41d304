"""Thousands of requests that are nearly right, to every operation: refused or carried out.

Each is signed as it is, so that it gets as far as the operation. Whatever it holds, the answer is
no 5xx but 501 (and 503 from a model that is not there in time), comes soon, and the server's memory
stays as it was.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bakehouse import keys
from support.fuzzing import Fuzzer, Sent, beginning
from support.server import ServerProcess, running_server

SOON_S = 10.0
GROWTH_BYTES = 40_000_000
WAITING = frozenset(["GetActivityTask"])
"""Operations that wait for something by their nature, up to a minute."""


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server that nobody else uses."""
    with running_server(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


class Line:
    """A connection that is opened again whenever the server has ended it."""

    def __init__(self, server: ServerProcess) -> None:
        pair = keys.load(server.data)
        self._credentials = Credentials(pair.access_key_id, pair.secret_access_key)
        self._server = server
        self._connection = self._open()

    def _open(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(urlsplit(self._server.endpoint).netloc, timeout=90)

    def close(self) -> None:
        """End it."""
        self._connection.close()

    def ask(self, sent: Sent) -> tuple[int, bytes]:
        """Sign a request, send it, and return status and body."""
        url = self._server.endpoint + sent.path
        request = AWSRequest(sent.method, url, dict(sent.headers), sent.body)
        request.context["client_config"] = None
        auth = S3SigV4Auth if sent.service == "s3" else SigV4Auth
        auth(self._credentials, sent.signing_name, "us-east-1").add_auth(request)
        try:
            self._connection.request(
                sent.method, sent.path, body=sent.body, headers=dict(request.headers)
            )
            response = self._connection.getresponse()
            answer = response.read()
        except (ConnectionError, http.client.HTTPException):
            self.close()
            self._connection = self._open()
            return 0, b""
        return response.status, answer


def memory_bytes(server: ServerProcess) -> int:
    """The memory that the server's process holds."""
    assert server.process is not None
    pages = int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def fuzz(server: ServerProcess, seed: int, number: int) -> list[str]:
    """Send so many requests; what was wrong with the answers."""
    fuzzer, line = Fuzzer(seed), Line(server)
    wrong: list[str] = []
    for sent in beginning():
        line.ask(sent)
    for index in range(number):
        sent = fuzzer.request()
        started = time.perf_counter()
        try:
            status, answer = line.ask(sent)
        except (UnicodeError, ValueError):
            continue  # http.client itself sends no such thing
        took = time.perf_counter() - started
        if status >= 500 and status != 501:
            wrong.append(f"{index}: {status} to {sent}: {answer[:300]!r}")
        if took > SOON_S and sent.operation not in WAITING:
            wrong.append(f"{index}: {took:.1f} s for {sent}")
    line.close()
    return wrong


def garbage(server: ServerProcess, seed: int, number: int) -> None:
    """Send bytes that are no HTTP, or hardly."""
    random, address = Random(seed), urlsplit(server.endpoint)
    for _ in range(number):
        start = random.choice(
            (b"", b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n", b"\x16\x03")
        )
        with (
            contextlib.suppress(ConnectionError),
            socket.create_connection((address.hostname or "", address.port or 0), 10) as client,
        ):
            client.sendall(start + random.randbytes(random.randint(1, 400)) + b"\r\n\r\n")
            client.settimeout(0.02)
            with contextlib.suppress(TimeoutError):
                client.recv(1000)


def test_spoilt_requests_are_answered(house: ServerProcess) -> None:
    """Three hundred requests, as many as there is time for in every run."""
    assert fuzz(house, 1, 300) == []
    garbage(house, 1, 20)
    assert fuzz(house, 2, 10) == []


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_twenty_thousand_spoilt_requests_are_answered(house: ServerProcess) -> None:
    """20,000 requests and 1,000 times garbage leave the server as it was."""
    assert fuzz(house, 3, 4000) == []  # every model is loaded then, every cache filled
    before = memory_bytes(house)
    assert fuzz(house, 4, 16_000) == []
    garbage(house, 2, 1000)
    assert fuzz(house, 5, 100) == []
    assert memory_bytes(house) - before < GROWTH_BYTES
