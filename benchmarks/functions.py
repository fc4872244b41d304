"""How long a Lambda invocation takes, cold and warm, through ``Functions.invoke``.

    python benchmarks/functions.py [--warm 2000] [--cold 8]

The handler returns its event, so that everything measured is ours and the runtime client's. Log
lines go to a real store. "with boto3" imports it, as most handlers do.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import statistics
import tempfile
import time
import zipfile
from pathlib import Path

import uvloop

from bakehouse.functions.definition import Function
from bakehouse.functions.functions import Functions
from bakehouse.storage.logs import LogStore
from bakehouse.storage.sqlite import SqliteRecords

PLAIN = "def handler(event, context):\n    return event\n"
CODE = {"plain": PLAIN, "with-boto3": f"import boto3\n{PLAIN}"}
ROLE = "arn:aws:iam::123456789012:role/benchmark"


async def measure(functions: Functions, warm: int, cold: int) -> None:
    await define(functions, "first", PLAIN)
    await timed(functions, "first")  # the server's own first steps are over after this
    for name, code in CODE.items():
        times = []
        for number in range(cold):
            await define(functions, f"{name}-{number}", code)
            times.append(await timed(functions, f"{name}-{number}"))
        show(f"cold, {name}", times)
    show("warm, one after the other", [await timed(functions, "plain-0") for _ in range(warm)])
    began = time.perf_counter()
    await asyncio.gather(*(several(functions, warm // 4) for _ in range(4)))
    print(f"{'warm, 4 at a time':<28}{warm / (time.perf_counter() - began):>10,.0f} a second")


async def several(functions: Functions, count: int) -> None:
    for _ in range(count):
        await functions.invoke("plain-0", b'{"a": 1}')


async def timed(functions: Functions, name: str) -> float:
    began = time.perf_counter()
    done = await functions.invoke(name, b'{"a": 1}')
    assert done.payload == b'{"a": 1}', done.payload
    return (time.perf_counter() - began) * 1000


async def define(functions: Functions, name: str, code: str) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("app.py", code)
    draft = Function(name, ROLE, "python3.11", "app.handler", timeout_s=30)
    await functions.create(draft, archive.getvalue())


def show(name: str, times: list[float]) -> None:
    times = sorted(times)
    last = times[int(len(times) * 0.99)]
    print(f"{name:<28}{statistics.median(times):>10.2f} ms median{last:>10.2f} ms p99")


async def run(folder: Path, warm: int, cold: int) -> None:
    records = SqliteRecords(folder / "records.db")
    functions = Functions(
        records,
        folder / "functions",
        append_log=LogStore(records).append,
        read_object=lambda bucket, key: b"",
        environment=dict,
        account_id="123456789012",
        region="us-east-1",
    )
    await functions.start()
    try:
        await measure(functions, warm, cold)
    finally:
        await functions.stop()
        records.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--warm", type=int, default=2000)
    parser.add_argument("--cold", type=int, default=8)
    chosen = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with (
        tempfile.TemporaryDirectory() as folder,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(run(Path(folder), chosen.warm, chosen.cold))


if __name__ == "__main__":
    main()
