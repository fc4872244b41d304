"""PUT and GET of small objects a second, with signatures checked, from one raw client.

    python benchmarks/s3.py [--seconds 3] [--size 4096] [--connections 8]

It starts a server with a data folder below this directory. The requests are signed beforehand and
sent over keep-alive connections by `_raw_s3.py`, since one boto3 client stops at some 700 calls a
second. The limits of the same run: rows of that size committed to a SqliteRecords by as many
threads, for PUT; and a bare uvicorn that answers the same bytes without looking, for GET.
"""

from __future__ import annotations

import argparse
import itertools
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import server as servers
from _raw_s3 import Outcome, Signer, load
from s3_large import cpu_s, memory_mib, serving

from bakehouse.storage.records import Put, commit
from bakehouse.storage.sqlite import SqliteRecords

KEYS = 1000
BARE = """
import os, sys, uvicorn
BODY = os.urandom(int(sys.argv[2]))
HEADERS = [(b"content-type", b"binary/octet-stream"), (b"content-length", sys.argv[2].encode())]
async def app(scope, receive, send):
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})
uvicorn.run(app, port=int(sys.argv[1]), log_level="error", lifespan="off")
"""


def measured(
    name: str,
    signer: Signer,
    pid: int,
    requests: Iterator[bytes],
    connections: int,
    seconds: float,
) -> Outcome:
    """Load the server and print what it did."""
    before, mine = cpu_s(pid), time.process_time()
    outcome = load(signer.address, requests, connections=connections, seconds=seconds)
    assert not outcome.refused, outcome.refused[0]
    each = 1e6 / len(outcome.times)
    cpu, client = (cpu_s(pid) - before) * each, (time.process_time() - mine) * each
    show(name, outcome, f"  CPU of server {cpu:4.0f} us, of client {client:3.0f} us")
    return outcome


def show(name: str, outcome: Outcome, more: str = "") -> None:
    in_order = sorted(outcome.times)
    p99 = in_order[int(0.99 * (len(in_order) - 1))] * 1000
    median = statistics.median(in_order) * 1000
    print(
        f"{name:<34}{outcome.per_second:>8,.0f}/s  median {median:6.2f} ms  p99 {p99:6.2f} ms{more}"
    )


def committed(folder: Path, producers: int, size: int, seconds: float) -> Outcome:
    """Rows of that size, each waited for, from as many threads: no HTTP, XML or signatures."""
    records = SqliteRecords(folder / "limit.sqlite")
    content, outcome = os.urandom(size), Outcome(seconds)

    def produce(name: int) -> None:
        deadline = time.perf_counter() + seconds
        for n in itertools.count():
            started = time.perf_counter()
            if started > deadline:
                return
            commit(records, Put("k", f"{name}/{n % KEYS}", {"n": n}, content))
            outcome.times.append(time.perf_counter() - started)

    threads = [threading.Thread(target=produce, args=(n,)) for n in range(producers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records.close()
    return outcome


def bare(request: bytes, size: int, connections: int, seconds: float) -> Outcome:
    """The same GET, answered by bare uvicorn."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    process = subprocess.Popen([sys.executable, "-c", BARE, str(address[1]), str(size)])
    try:
        servers.until_open(address)
        many = itertools.repeat(request)
        return load(address, many, connections=connections, seconds=seconds)
    finally:
        process.kill()
        process.wait()


def listed(signer: Signer, pid: int) -> None:
    """ListObjectsV2 of 1,000 keys, as the CLI asks for it."""
    query = "encoding-type=url&list-type=2&max-keys=1000&prefix="
    request = signer.request("GET", "/large", query=query)
    before, calls = cpu_s(pid), 30
    outcome = load(signer.address, itertools.repeat(request, calls), connections=1, seconds=60)
    assert not outcome.refused, outcome.refused[0]
    cpu = (cpu_s(pid) - before) / calls * 1000
    show("ListObjectsV2 of 1,000 keys", outcome, f"  CPU of server {cpu:.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--connections", type=int, default=8)
    chosen = parser.parse_args()
    several, seconds = chosen.connections, chosen.seconds
    content = os.urandom(chosen.size)
    print(f"{chosen.size} bytes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=".") as scratch, serving(Path(scratch)) as (signer, pid):
        paths = [f"/large/some/key-{n:04}" for n in range(KEYS)]
        puts = [signer.put(path, content) for path in paths]
        gets = [signer.request("GET", path) for path in paths]
        ways: list[tuple[str, list[bytes], Callable[[], Outcome]]] = [
            ("PUT", puts, lambda: committed(Path(scratch), several, chosen.size, seconds)),
            ("GET", gets, lambda: bare(gets[0], chosen.size, several, seconds)),
        ]
        load(signer.address, iter(puts), connections=several, seconds=60)
        idle = memory_mib(pid, "VmRSS")
        for name, requests, limit in ways:
            many = itertools.cycle(requests)
            ours = measured(f"{name}, {several} connections", signer, pid, many, several, seconds)
            best = limit()
            show(f"{name}'s limit", best)
            print(f"{name}'s ratio to its limit {ours.per_second / best.per_second:16.2f}")
        listed(signer, pid)
        print(f"memory {idle:.0f} MiB before, {memory_mib(pid, 'VmHWM'):.0f} MiB at most")


if __name__ == "__main__":
    main()
