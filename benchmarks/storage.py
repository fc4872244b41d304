"""How many durable commits a second: SqliteRecords beside what it is made of, in the same run.

    python benchmarks/storage.py [--seconds 2] [--folder DIR]

Everything commits the same 400 bytes. "fdatasync" appends to a file and syncs it each time,
"sqlite3" is one connection with WAL and synchronous=FULL that commits each insert: the two ceilings
of one writer. SqliteRecords shares a commit among all who wait, so it rises with the number of
producers, threads or tasks of an event loop. Reads are of records among 10,000.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bakehouse.storage.blobs import FileBlobs
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Append, Put, commit, commit_async
from bakehouse.storage.sqlite import SqliteRecords

DOCUMENT = {"text": "x" * 390}
ENTRY = b"x" * 400


def rate(seconds: float, producers: int, work: Callable[[int], None]) -> tuple[float, float]:
    """Calls a second, and the median milliseconds of one, from so many threads."""
    deadline = time.perf_counter() + seconds
    times: list[list[float]] = [[] for _ in range(producers)]

    def produce(mine: list[float], name: int) -> None:
        before = time.perf_counter()
        while before < deadline:
            work(name)
            after = time.perf_counter()
            mine.append(after - before)
            before = after

    threads = [threading.Thread(target=produce, args=(mine, n)) for n, mine in enumerate(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    together = [one for mine in times for one in mine]
    return len(together) / seconds, statistics.median(together) * 1000


def rate_async(seconds: float, producers: int, records: SqliteRecords) -> tuple[float, float]:
    """Appends a second, and the median milliseconds of one, from tasks of one event loop."""
    times: list[float] = []

    async def produce(name: int, deadline: float) -> None:
        before = time.perf_counter()
        while before < deadline:
            await commit_async(records, Append(f"task/{name}", [DOCUMENT]))
            after = time.perf_counter()
            times.append(after - before)
            before = after

    async def run() -> None:
        deadline = time.perf_counter() + seconds
        await asyncio.gather(*(produce(n, deadline) for n in range(producers)))

    asyncio.run(run())
    return len(times) / seconds, statistics.median(times) * 1000


def show(name: str, measured: tuple[float, float], unit: str = "commits/s") -> float:
    print(f"{name:<44}{measured[0]:>10,.0f} {unit:<10}{measured[1]:>9.3f} ms", flush=True)
    return measured[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--folder", type=Path, default=None)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, SQLite {sqlite3.sqlite_version}")
    with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
        measure(Path(folder), chosen.seconds)


def measure(folder: Path, seconds: float) -> None:
    plain = measure_ceilings(folder, seconds)
    records = SqliteRecords(folder / "records.db")
    measure_appends(records, seconds, plain)
    measure_records(records, seconds)
    measure_objects(records, folder, seconds)
    records.close()


def measure_ceilings(folder: Path, seconds: float) -> float:
    """What one writer can do at best; gives the rate of plain sqlite3."""
    with (folder / "raw").open("wb", buffering=0) as file:

        def append(_: int) -> None:
            file.write(ENTRY)
            os.fdatasync(file.fileno())

        show("append + fdatasync, 1 producer", rate(seconds, 1, append))

    raw = sqlite3.connect(folder / "raw.db", isolation_level=None, check_same_thread=False)
    raw.execute("PRAGMA journal_mode=WAL")
    raw.execute("PRAGMA synchronous=FULL")
    raw.execute("CREATE TABLE journal (number INTEGER PRIMARY KEY, entry BLOB)")
    insert = "INSERT INTO journal (entry) VALUES (?)"
    plain = show(
        "sqlite3, 1 producer", rate(seconds, 1, lambda _: raw.execute(insert, (ENTRY,)) and None)
    )
    raw.close()
    return plain


def measure_appends(records: SqliteRecords, seconds: float, plain: float) -> None:
    for producers in (1, 8, 64):
        name = f"SqliteRecords append, {producers} producer(s)"
        done = rate(
            seconds, producers, lambda n: commit(records, Append(f"journal/{n}", [DOCUMENT]))
        )
        print(f"{'':<6}= {show(name, done) / plain:.2f} of sqlite3")
    for producers in (1, 8, 64):
        name = f"SqliteRecords append, {producers} task(s)"
        print(
            f"{'':<6}= {show(name, rate_async(seconds, producers, records)) / plain:.2f} of sqlite3"
        )


def measure_records(records: SqliteRecords, seconds: float) -> None:
    numbers = iter(range(10**9))
    show(
        "SqliteRecords put of a new key, 8 producers",
        rate(seconds, 8, lambda n: commit(records, Put("k", f"{n}/{next(numbers)}", DOCUMENT))),
    )
    for first in range(0, 10_000, 500):
        commit(records, *[Put("r", f"{n:06}", DOCUMENT) for n in range(first, first + 500)])
    keys = iter(range(10**9))
    show(
        "SqliteRecords get",
        rate(seconds / 2, 1, lambda _: records.get("r", f"{next(keys) % 10_000:06}") and None),
        "reads/s",
    )
    show(
        "SqliteRecords scan of 1,000",
        rate(seconds / 2, 1, lambda _: records.scan("r", after="004000") and None),
        "scans/s",
    )


def measure_objects(records: SqliteRecords, folder: Path, seconds: float) -> None:
    store = ObjectStore(records, FileBlobs(folder / "blobs"))
    store.create_bucket("bucket")
    for size in (4 * 1024, 64 * 1024, 8 * 1024**2):
        content = os.urandom(size)
        for producers in (1, 8):
            name = f"ObjectStore put of {size // 1024} KiB, {producers} producers"
            show(
                name,
                rate(
                    seconds, producers, lambda n, c=content: store.put("bucket", str(n), c) and None
                ),
            )


if __name__ == "__main__":
    main()
