"""PUT and GET of small objects a second, by real boto3 clients in processes of their own.

    eval "$(bakehouse env)"
    python benchmarks/s3.py [--seconds 3] [--size 4096] [--clients 1 8]

The server is the one that the environment names (AWS_ENDPOINT_URL and keys). In the same run the
same bytes are committed to a SqliteRecords in this folder: what the disk allows without HTTP, XML
and signatures. One boto3 client cannot send more than some 700 calls a second itself.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from uuid import uuid4

import boto3
from botocore.config import Config

from bakehouse.storage.records import Put, commit
from bakehouse.storage.sqlite import SqliteRecords


def run_client(bucket: str, name: int, size: int, seconds: float, start, results) -> None:
    """One client: PUT for so long, then GET what it wrote for as long."""
    client = boto3.client("s3", config=Config(retries={"max_attempts": 0}))
    content = os.urandom(size)
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


def timed(seconds: float, call) -> list[float]:
    """How long each of the calls took that began within so many seconds."""
    times: list[float] = []
    before, deadline = time.perf_counter(), time.perf_counter() + seconds
    while before < deadline:
        call(len(times))
        after = time.perf_counter()
        times.append(after - before)
        before = after
    return times


def measure_clients(bucket: str, clients: int, size: int, seconds: float) -> None:
    processes = multiprocessing.get_context("spawn")
    start, results = processes.Barrier(clients), processes.Queue()
    children = [
        processes.Process(target=run_client, args=(bucket, n, size, seconds, start, results))
        for n in range(clients)
    ]
    for child in children:
        child.start()
    outcomes = [results.get(timeout=60 + 3 * seconds) for _ in children]
    for child in children:
        child.join()
    for name, which in (("PUT", 0), ("GET", 1)):
        times = [one for outcome in outcomes for one in outcome[which]]
        show(f"{name}, {clients} boto3 client(s)", times, seconds)


def measure_records(producers: int, size: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        records = SqliteRecords(Path(folder) / "records.db")
        content, times = os.urandom(size), [list[float]() for _ in range(producers)]

        def produce(name: int) -> None:
            times[name] = timed(
                seconds, lambda n: commit(records, Put("k", f"{name}/{n}", {"n": n}, content))
            )

        threads = [threading.Thread(target=produce, args=(n,)) for n in range(producers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        show(f"SqliteRecords, {producers} thread(s)", [t for one in times for t in one], seconds)
        records.close()


def show(name: str, times: list[float], seconds: float) -> None:
    in_order = sorted(times)
    p99 = in_order[int(0.99 * (len(in_order) - 1))] * 1000
    median = statistics.median(times) * 1000
    print(f"{name:<28}{len(times) / seconds:>9,.0f}/s  median {median:6.2f} ms  p99 {p99:6.2f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8])
    chosen = parser.parse_args()
    client = boto3.client("s3")
    bucket = f"benchmark-{uuid4()}"
    client.create_bucket(Bucket=bucket)
    print(f"{chosen.size} bytes, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for clients in chosen.clients:
        measure_clients(bucket, clients, chosen.size, chosen.seconds)
        measure_records(clients, chosen.size, chosen.seconds)
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        keys = [{"Key": found["Key"]} for found in page.get("Contents", [])]
        client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
    client.delete_bucket(Bucket=bucket)


if __name__ == "__main__":
    main()
