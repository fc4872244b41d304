"""Large bodies that are read whole share a room."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from support.server import ServerProcess, running_server
from support.signed import send


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServerProcess]:
    """A server with room for one body of ten megabytes."""
    monkeypatch.setenv("BAKEHOUSE_REQUEST_MEMORY_BYTES", "10000000")
    with running_server(tmp_path) as server:
        yield server


def peak_bytes(server: ServerProcess) -> int:
    """The most memory that the server has ever held."""
    assert server.process is not None
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
def test_many_large_bodies_wait_for_each_other(small: ServerProcess) -> None:
    """All are answered, and memory does not grow with their number."""
    path, body = "/2015-03-31/functions", b"[" * 10_000_000
    send(small, "lambda", "POST", path, body)
    before = peak_bytes(small)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: send(small, "lambda", "POST", path, body), range(8)))
    assert {answer[0] for answer in answers} == {400}
    assert peak_bytes(small) - before < 3 * len(body)
