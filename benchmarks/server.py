"""The server: seconds until ready, idle memory, and a signed JSON call against bare uvicorn.

The ceiling is an ASGI callable that answers the same bytes without looking at the request, in the
same uvicorn, on the same machine, in the same run.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import botocore.auth
import botocore.awsrequest
import botocore.credentials

from bakehouse import keys
from bakehouse.cli import running

RUNS = 5
CALLS = 3000
BARE = """
import sys, uvicorn
BODY = b'{"Account":"123456789012"}'
async def app(scope, receive, send):
    await receive()
    headers = [(b"content-type", b"application/x-amz-json-1.1"), (b"content-length", b"26")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", lifespan="off")
"""


def start(folder: Path) -> tuple[subprocess.Popen[bytes], running.Running, float]:
    """Start a server; return it with the seconds that it took to be ready."""
    started = time.monotonic()
    words = [sys.executable, "-m", "bakehouse", "up", "--port", "0", "--data", str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    while (found := running.find(folder)) is None:
        time.sleep(0.005)
    return server, found, time.monotonic() - started


def resident_mb(pid: int) -> float:
    """The memory that a process holds, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


def timed(netloc: str, headers: dict[str, str], body: bytes) -> list[float]:
    """Seconds of each of many calls over one connection."""
    connection = http.client.HTTPConnection(netloc)
    connection.connect()
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    seconds = []
    for _ in range(CALLS):
        started = time.perf_counter()
        connection.request("POST", "/", body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        seconds.append(time.perf_counter() - started)
        assert response.status == 200, response.status
    connection.close()
    return seconds


def signed_headers(folder: Path, endpoint: str, body: bytes) -> dict[str, str]:
    """The headers of a signed ListStateMachines."""
    pair = keys.load(folder)
    headers = {
        "X-Amz-Target": "AWSStepFunctions.ListStateMachines",
        "Content-Type": "application/x-amz-json-1.0",
    }
    request = botocore.awsrequest.AWSRequest("POST", endpoint + "/", headers, body)
    credentials = botocore.credentials.Credentials(pair.access_key_id, pair.secret_access_key)
    botocore.auth.SigV4Auth(credentials, "states", "us-east-1").add_auth(request)
    return dict(request.headers.items())


def bare(measure: Callable[[str], list[float]]) -> list[float]:
    """The same calls against bare uvicorn."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([sys.executable, "-c", BARE, str(port)])
    try:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.02)
        return measure(f"127.0.0.1:{port}")
    finally:
        process.kill()
        process.wait()


def main() -> None:
    """Measure and print."""
    print(f"load {os.getloadavg()[0]:.2f}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    ready = []
    for run in range(RUNS):
        with tempfile.TemporaryDirectory() as scratch:
            server, found, seconds = start(Path(scratch))
            ready.append(seconds)
            if run == RUNS - 1:
                time.sleep(1)
                idle = resident_mb(server.pid)
                body = json.dumps({}).encode()
                headers = signed_headers(Path(scratch), found.endpoint, body)
                ours = timed(urlsplit(found.endpoint).netloc, headers, body)
                after = resident_mb(server.pid)
            server.terminate()
            server.wait()
    ceiling = bare(lambda netloc: timed(netloc, headers, body))
    print(
        f"ready after     median {statistics.median(ready):.2f} s of {RUNS} "
        f"({min(ready):.2f} to {max(ready):.2f})"
    )
    print(f"idle memory     {idle:.0f} MB; {after:.0f} MB after {CALLS} calls")
    mine, best = statistics.median(ours) * 1e6, statistics.median(ceiling) * 1e6
    print(
        f"signed call     median {mine:.0f} us; bare uvicorn {best:.0f} us; ratio {mine / best:.2f}"
    )


if __name__ == "__main__":
    main()
