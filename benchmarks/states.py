"""What the States Language costs: the interpreter alone, and executions with a durable history.

    python benchmarks/states.py

1. Microseconds for one Pass state in the interpreter alone (in and out, with its two events).
2. Executions per second of three Pass states over the real engine: SQLite, synced before the
   answer, 200 callers.
3. Milliseconds that the engine adds to an execution of three Lambda tasks of 10 ms each.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bakehouse.states.definition import parse_definition
from bakehouse.states.interpreter import begin, take_step
from bakehouse.states.position import Moment
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.workflows import Workflows
from bakehouse.workflows.records import StoredMachine

ROLE = "arn:aws:iam::123456789012:role/bench"
TASK_S = 0.010
INPUT = {"s3_bucket": "bench", "s3_key": "test/bicycle_s_000030.png", "image_data": "x" * 3000}


def passes(count: int) -> str:
    states: dict[str, Any] = {
        f"P{i}": {"Type": "Pass", "ResultPath": f"$.r{i % 3}", "Result": i, "Next": f"P{i + 1}"}
        for i in range(count)
    }
    states[f"P{count}"] = {"Type": "Succeed"}
    return json.dumps({"StartAt": "P0", "States": states})


def tasks(count: int) -> str:
    states: dict[str, Any] = {
        f"T{i}": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "bench", "Payload.$": "$"},
            "OutputPath": "$.Payload",
            "Next": f"T{i + 1}",
        }
        for i in range(count)
    }
    states[f"T{count - 1}"] |= {"End": True}
    del states[f"T{count - 1}"]["Next"]
    return json.dumps({"StartAt": "T0", "States": states})


def microseconds_for_a_transition(count: int = 2000) -> float:
    machine = parse_definition(passes(count))
    moment = Moment(1_700_000_000_000, {"Execution": {}}, "us-east-1", random.Random(1))
    step = begin(machine, json.dumps(INPUT), INPUT, role_arn=ROLE, now_ms=moment.now_ms)
    start = time.perf_counter()
    for _ in range(count):
        # Pass states ask for nothing but Proceed, which is also what happens next.
        step = take_step(machine, step.position, step.effect, moment)  # type: ignore[arg-type]
    return (time.perf_counter() - start) / count * 1e6


async def answer(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(TASK_S)
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": params["Payload"]}


async def run_until_over(workflows: Workflows, machine: StoredMachine, text: str) -> float:
    start = time.perf_counter()
    execution = await workflows.executions.start(machine, text=text)
    await workflows.executions.until_over(execution.arn)
    return time.perf_counter() - start


async def measure_engine(folder: Path) -> tuple[float, float]:
    records = SqliteRecords(folder / "records.sqlite")
    workflows = Workflows(
        records, run_task=answer, account_id="123456789012", region="us-east-1", max_running=1000
    )
    await workflows.start()
    text = json.dumps(INPUT)
    three = await workflows.machines.create("passes", passes(3), ROLE, {})
    count = 2000
    start = time.perf_counter()
    for _ in range(count // 200):
        await asyncio.gather(*(workflows.executions.start(three, text=text) for _ in range(200)))
    rate = count / (time.perf_counter() - start)
    invokes = await workflows.machines.create("tasks", tasks(3), ROLE, {})
    times = [await run_until_over(workflows, invokes, text) for _ in range(100)]
    slept = [await time_of_sleeps(3) for _ in range(100)]
    await workflows.stop()
    records.close()
    return rate, (statistics.median(times) - statistics.median(slept)) * 1000


async def time_of_sleeps(count: int) -> float:
    """What the tasks themselves take on this machine, as loaded as it is."""
    start = time.perf_counter()
    for _ in range(count):
        await asyncio.sleep(TASK_S)
    return time.perf_counter() - start


def main() -> None:
    print(f"one Pass state, interpreter alone      {microseconds_for_a_transition():8.1f} µs")
    with tempfile.TemporaryDirectory() as folder:
        rate, median_ms = asyncio.run(measure_engine(Path(folder)))
    print(f"three Pass states, durable history     {rate:8.0f} executions/s")
    print(f"added to three Lambda tasks of 10 ms   {median_ms:8.2f} ms (median of 100)")
    print(f"Python {sys.version.split()[0]}")


if __name__ == "__main__":
    main()
