"""The same boto3 script against bakehouse and against another S3 server, in turn, in one run.

    python benchmarks/s3_peers.py --peer "/tmp/moto/bin/moto_server -p {port}"

Nothing is installed for that; the peer of the example is made by

    python -m venv /tmp/moto && /tmp/moto/bin/pip install "moto[server]"

Each client is a process of its own. boto3 sends `Expect: 100-continue` with every PUT and waits one
second for an answer to it, which the slowest PUT would show.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import shlex
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import boto3
import server as servers
from botocore.config import Config
from s3_large import serving

Address = dict[str, str]


def client_of(address: Address) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=address["endpoint"],
        region_name="us-east-1",
        aws_access_key_id=address["key"],
        aws_secret_access_key=address["secret"],
        config=Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
    )


def run_client(
    address: Address, bucket: str, name: int, size: int, seconds: float, start: Any, results: Any
) -> None:
    """One client: PUT for so long, then GET what it wrote for as long."""
    client, content = client_of(address), os.urandom(size)
    client.put_object(Bucket=bucket, Key=f"{name}/0", Body=content)
    start.wait()
    puts = timed(
        seconds, lambda n: client.put_object(Bucket=bucket, Key=f"{name}/{n}", Body=content)
    )
    start.wait()
    gets = timed(
        seconds,
        lambda n: client.get_object(Bucket=bucket, Key=f"{name}/{n % len(puts)}")["Body"].read(),
    )
    results.put((puts, gets))


def timed(seconds: float, call: Callable[[int], Any]) -> list[float]:
    """How long each of the calls took that began within so many seconds."""
    times: list[float] = []
    before, deadline = time.perf_counter(), time.perf_counter() + seconds
    while before < deadline:
        call(len(times))
        after = time.perf_counter()
        times.append(after - before)
        before = after
    return times


def measure(address: Address, clients: int, size: int, seconds: float) -> list[list[float]]:
    """The times of all PUTs and of all GETs of so many clients."""
    bucket = f"benchmark-{uuid4()}"
    client_of(address).create_bucket(Bucket=bucket)
    processes = multiprocessing.get_context("spawn")
    start, results = processes.Barrier(clients), processes.Queue()
    children = [
        processes.Process(
            target=run_client, args=(address, bucket, n, size, seconds, start, results)
        )
        for n in range(clients)
    ]
    for child in children:
        child.start()
    outcomes = [results.get(timeout=60 + 3 * seconds) for _ in children]
    for child in children:
        child.join()
    return [[one for outcome in outcomes for one in outcome[which]] for which in (0, 1)]


def peer(words: str) -> tuple[subprocess.Popen[bytes], Address]:
    """Start the other server on a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = shlex.split(words.format(port=port))
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    servers.until_open(("127.0.0.1", port))
    return process, {"endpoint": f"http://127.0.0.1:{port}", "key": "AKIAPEER", "secret": "peer"}


def show(name: str, operation: str, times: list[float], seconds: float) -> float:
    rate, median, slowest = len(times) / seconds, statistics.median(times), max(times)
    print(
        f"{name:<12}{operation}  {rate:>7,.0f}/s  "
        f"median {median * 1000:7.2f} ms  slowest {slowest * 1000:7.1f} ms"
    )
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", help="the other server's command, with {port} in it")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    chosen = parser.parse_args()
    print(f"{chosen.size} bytes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with tempfile.TemporaryDirectory(dir=".") as scratch, serving(Path(scratch)) as (signer, _):
        pair = {"key": signer.access_key_id, "secret": signer.secret_access_key}
        addresses = {"bakehouse": {"endpoint": signer.endpoint, **pair}}
        process = None
        if chosen.peer:
            process, addresses["peer"] = peer(chosen.peer)
        try:
            for clients in chosen.clients:
                compare(addresses, clients, chosen.size, chosen.seconds)
        finally:
            if process is not None:
                process.terminate()
                process.wait()


def compare(addresses: dict[str, Address], clients: int, size: int, seconds: float) -> None:
    """Measure each server with so many clients, and say how much more bakehouse does."""
    print(f"-- {clients} client(s)")
    found = {name: measure(where, clients, size, seconds) for name, where in addresses.items()}
    for which, operation in enumerate(("PUT", "GET")):
        rates = [show(name, operation, times[which], seconds) for name, times in found.items()]
        if len(rates) == 2:
            print(f"{'ratio':<12}{operation}  {rates[0] / rates[1]:7.2f}")


if __name__ == "__main__":
    main()
