"""Executions over the real engine: durable, concurrent, stoppable, and going on after a crash."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bakehouse.faults import AlreadyExists, CallRefused, Conflict, InvalidInput, NotFound
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.records import Records
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.workflows import Workflows

ROLE = "arn:aws:iam::123456789012:role/workflow"
FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function"
Answer = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


async def echo(params: dict[str, Any]) -> dict[str, Any]:
    """A function that gives back what it is given."""
    payload = params.get("Payload", b"{}")
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": payload}


@asynccontextmanager
async def opened(
    records: Records | None = None, answer: Answer = echo, **options: Any
) -> AsyncIterator[Workflows]:
    """Workflows that are started, and stopped at the end."""

    async def call(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        assert (service, operation) == ("lambda", "Invoke")
        return await answer(params)

    workflows = Workflows(
        records or MemoryRecords(),
        run_task=call,
        account_id="123456789012",
        region="us-east-1",
        **options,
    )
    await workflows.start()
    try:
        yield workflows
    finally:
        await workflows.stop()


def definition(**states: Any) -> str:
    return json.dumps({"StartAt": next(iter(states)), "States": states})


def task(name: str = "f", **changes: Any) -> dict[str, Any]:
    return {"Type": "Task", "Resource": f"{FUNCTION}:{name}", "End": True} | changes


async def run(workflows: Workflows, text: str, data: Any = None, name: str = "m") -> Any:
    """Make a machine, run it to its end and give the execution."""
    machine = await workflows.machines.create(name, text, ROLE, {})
    execution = await workflows.executions.start(machine, text=json.dumps(data or {}))
    return await workflows.executions.until_over(execution.arn)


def types(workflows: Workflows, arn: str) -> list[str]:
    return [event["type"] for event in workflows.executions.history(arn, limit=1000)]


def test_an_execution_is_recorded_whole(tmp_path: Path) -> None:
    """What was answered is there after the database is opened again."""

    async def second(records: Records, arn: str) -> tuple[Any, list[Any]]:
        async with opened(records) as workflows:
            return workflows.executions.get(arn), workflows.executions.history(arn)

    text = definition(A=task(ResultPath="$.r"))

    async def start(records: Records) -> Any:
        async with opened(records) as workflows:
            return await run(workflows, text, {"a": 1.0})

    records = SqliteRecords(tmp_path / "r.sqlite")
    done = asyncio.run(start(records))
    records.close()
    records = SqliteRecords(tmp_path / "r.sqlite")
    execution, events = asyncio.run(second(records, done.arn))
    records.close()
    assert execution == done
    assert (execution.status, execution.output) == ("SUCCEEDED", '{"a":1.0,"r":{"a":1.0}}')
    assert [event["id"] for event in events] == list(range(1, 8))


def test_a_name_is_taken_unless_the_same_is_still_running() -> None:
    """The same name and input while it runs gives the same execution; otherwise it is refused."""

    async def main() -> None:
        async with opened() as workflows:
            machine = await workflows.machines.create(
                "m", definition(W={"Type": "Wait", "Seconds": 900, "End": True}), ROLE, {}
            )
            first = await workflows.executions.start(machine, name="x", text='{"a":1}')
            again = await workflows.executions.start(machine, name="x", text='{"a":1}')
            assert again == first
            with pytest.raises(AlreadyExists):
                await workflows.executions.start(machine, name="x", text='{"a":2}')
            await workflows.executions.stop(first.arn, None, None)
            with pytest.raises(AlreadyExists):
                await workflows.executions.start(machine, name="x", text='{"a":1}')

    asyncio.run(main())


def test_many_at_once_under_one_name_make_one_execution() -> None:
    """The race is decided by the database."""

    async def main() -> None:
        async with opened() as workflows:
            text = definition(W={"Type": "Wait", "Seconds": 900, "End": True})
            machine = await workflows.machines.create("m", text, ROLE, {})
            started = await asyncio.gather(
                *(workflows.executions.start(machine, name="x") for _ in range(8))
            )
            assert len(set(started)) == 1
            assert len(workflows.executions.listing(machine)[0]) == 1

    asyncio.run(main())


@pytest.mark.parametrize("name", ["", "a b", "x" * 81, "a/b", "a*", "a\x00", "ä:"])
def test_a_name_is_checked(name: str) -> None:
    """Nothing is kept under a key that a caller could shape."""

    async def main() -> None:
        async with opened() as workflows:
            with pytest.raises(InvalidInput):
                await workflows.machines.create(name, definition(S={"Type": "Succeed"}), ROLE, {})

    asyncio.run(main())


def test_tasks_run_at_the_same_time_up_to_the_limit() -> None:
    """Of ten executions four have their task running; the others wait and finish too."""
    running = most = 0

    async def count(params: dict[str, Any]) -> dict[str, Any]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        for _ in range(20):
            await asyncio.sleep(0)
        running -= 1
        return await echo(params)

    async def main() -> None:
        async with opened(answer=count, max_running=4) as workflows:
            machine = await workflows.machines.create("m", definition(T=task()), ROLE, {})
            started = [await workflows.executions.start(machine) for _ in range(10)]
            ended = [await workflows.executions.until_over(execution.arn) for execution in started]
            assert {execution.status for execution in ended} == {"SUCCEEDED"}

    asyncio.run(main())
    assert most == 4


def test_a_stopped_execution_ends_at_once() -> None:
    """A task under way is given up; status ABORTED, the last event says so."""
    given_up = asyncio.Event()

    async def hang(params: dict[str, Any]) -> dict[str, Any]:
        try:
            await asyncio.Event().wait()
        finally:
            given_up.set()
        raise AssertionError

    async def main() -> None:
        async with opened(answer=hang) as workflows:
            machine = await workflows.machines.create("m", definition(T=task()), ROLE, {})
            execution = await workflows.executions.start(machine)
            await asyncio.sleep(0)
            stopped = await workflows.executions.stop(execution.arn, "Enough", "of this")
            assert (stopped.status, stopped.error, stopped.cause) == (
                "ABORTED",
                "Enough",
                "of this",
            )
            assert given_up.is_set()
            assert types(workflows, execution.arn)[-1] == "ExecutionAborted"
            assert await workflows.executions.stop(execution.arn, "Again", None) == stopped

    asyncio.run(main())


def test_a_task_has_its_time_limit() -> None:
    """TimeoutSeconds ends the task as States.Timeout; its call is given up."""

    async def hang(params: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        async with opened(answer=hang) as workflows:
            execution = await run(workflows, definition(T=task(TimeoutSeconds=1)))
            assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
            assert "LambdaFunctionTimedOut" in types(workflows, execution.arn)

    asyncio.run(main())


@pytest.mark.parametrize(
    "state", [{"Type": "Wait", "Seconds": 900, "End": True}, task(), task(TimeoutSeconds=900)]
)
def test_an_execution_has_its_time_limit(state: dict[str, Any]) -> None:
    """The machine's TimeoutSeconds ends it as TIMED_OUT, whatever it waits for."""

    async def hang(params: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        async with opened(answer=hang) as workflows:
            text = json.dumps({"StartAt": "S", "States": {"S": state}, "TimeoutSeconds": 1})
            execution = await run(workflows, text)
            assert (execution.status, execution.error) == ("TIMED_OUT", "States.Timeout")
            assert types(workflows, execution.arn)[-1] == "ExecutionTimedOut"

    asyncio.run(main())


def test_a_suspended_execution_goes_on_at_the_next_start(tmp_path: Path) -> None:
    """Its task is run again; its history goes on where it ended."""

    async def hang(params: dict[str, Any]) -> dict[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def first(records: Records) -> str:
        async with opened(records, hang) as workflows:
            machine = await workflows.machines.create("m", definition(T=task()), ROLE, {})
            execution = await workflows.executions.start(machine, text='{"n": 1}')
            await asyncio.sleep(0)
            return execution.arn

    async def second(records: Records, arn: str) -> None:
        async with opened(records) as workflows:
            execution = await workflows.executions.until_over(arn)
            assert (execution.status, execution.output) == ("SUCCEEDED", '{"n":1}')
            assert types(workflows, arn).count("LambdaFunctionScheduled") == 1

    records = SqliteRecords(tmp_path / "r.sqlite")
    arn = asyncio.run(first(records))
    asyncio.run(second(records, arn))
    records.close()


_CHILD = """
import asyncio, json, sys
from pathlib import Path
from bakehouse.storage.sqlite import SqliteRecords
from bakehouse.workflows import Workflows

async def call(service, operation, params):
    if params["FunctionName"].endswith("hang"):
        print("hanging", flush=True)
        await asyncio.Event().wait()
    return {"StatusCode": 200, "Payload": b'{"first": "done"}'}

async def main():
    workflows = Workflows(SqliteRecords(Path(sys.argv[1])), run_task=call,
                          account_id="123456789012", region="us-east-1")
    await workflows.start()
    machine = await workflows.machines.create("m", sys.argv[2], "role", {})
    wait = await workflows.machines.create("w", sys.argv[3], "role", {})
    print((await workflows.executions.start(wait)).arn, flush=True)
    print((await workflows.executions.start(machine)).arn, flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


def test_executions_go_on_after_kill_9(tmp_path: Path) -> None:
    """What was done is not done again, the task under way is, and a wait ends when it was due."""
    file = tmp_path / "r.sqlite"
    first = {"Type": "Task", "Resource": f"{FUNCTION}:a", "Next": "B"}
    text = definition(A=first, B=task("hang"))
    wait = definition(W={"Type": "Wait", "Seconds": 1, "End": True})
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(file), text, wait], stdout=subprocess.PIPE, text=True
    )
    with child:
        assert child.stdout is not None
        waiting, arn = child.stdout.readline().strip(), child.stdout.readline().strip()
        assert child.stdout.readline() == "hanging\n"
        os.kill(child.pid, signal.SIGKILL)
    called: list[str] = []

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        called.append(params["FunctionName"].rsplit(":", 1)[1])
        return await echo(params)

    async def main(records: Records) -> None:
        async with opened(records, answer) as workflows:
            execution = await workflows.executions.until_over(arn)
            assert (execution.status, execution.output) == ("SUCCEEDED", '{"first":"done"}')
            assert types(workflows, arn).count("ExecutionStarted") == 1
            waited = await workflows.executions.until_over(waiting)
            assert waited.status == "SUCCEEDED"
            assert waited.stopped_ms is not None
            assert waited.stopped_ms - waited.started_ms >= 1000

    records = SqliteRecords(file)
    asyncio.run(main(records))
    records.close()
    assert called == ["hang"]


def test_a_deleted_machine_takes_its_executions_with_it() -> None:
    """Running ones are stopped; its name and its executions' names are free again."""

    async def main() -> None:
        records = MemoryRecords()
        async with opened(records) as workflows:
            text = definition(W={"Type": "Wait", "Seconds": 900, "End": True})
            machine = await workflows.machines.create("m", text, ROLE, {})
            execution = await workflows.executions.start(machine, name="x")
            await workflows.delete_machine(machine.arn)
            await workflows.delete_machine(machine.arn)
            with pytest.raises(NotFound):
                workflows.executions.get(execution.arn)
            with pytest.raises(NotFound):
                workflows.machine(machine.arn)
            kinds = ("machine", "definition", "execution", "open", "started")
            assert not any(records.scan(f"states/{kind}") for kind in kinds)
            assert records.journals("states/") == []

    asyncio.run(main())


def test_a_deleted_machine_takes_every_definition_that_it_had_with_it() -> None:
    """However often it was updated, nothing of it stays; the other machines' definitions do."""

    async def main() -> None:
        records = MemoryRecords()
        async with opened(records) as workflows:
            machine = await workflows.machines.create("m", definition(A={"Type": "Fail"}), ROLE, {})
            other = await workflows.machines.create("n", definition(A={"Type": "Fail"}), ROLE, {})
            for number in range(210):
                text = definition(A={"Type": "Fail", "Error": str(number)})
                await workflows.machines.update("m", text, None, {})
            await workflows.delete_machine(machine.arn)
            kept = [record.key for record in records.scan("states/definition")]
            assert kept == [other.definition_key]

    asyncio.run(main())


def test_an_update_is_for_executions_that_start_later() -> None:
    """The one that runs keeps the definition that it was started with."""

    async def main() -> None:
        gate = asyncio.Event()

        async def wait(params: dict[str, Any]) -> dict[str, Any]:
            await gate.wait()
            return await echo(params)

        async with opened(answer=wait) as workflows:
            old = definition(
                T={"Type": "Task", "Resource": f"{FUNCTION}:f", "Next": "P"},
                P={"Type": "Pass", "Result": "old", "End": True},
            )
            machine = await workflows.machines.create("m", old, ROLE, {})
            first = await workflows.executions.start(machine)
            new = definition(P={"Type": "Pass", "Result": "new", "End": True})
            updated = await workflows.machines.update("m", new, None, {})
            assert updated.revision
            second = await workflows.executions.start(updated)
            gate.set()
            assert (await workflows.executions.until_over(first.arn)).output == '"old"'
            assert (await workflows.executions.until_over(second.arn)).output == '"new"'

    asyncio.run(main())


def test_a_server_that_stops_starts_nothing_more() -> None:
    """What came too late is refused, not lost."""

    async def main() -> None:
        async with opened() as workflows:
            text = definition(S={"Type": "Succeed"})
            machine = await workflows.machines.create("m", text, ROLE, {})
            await workflows.stop()
            with pytest.raises(Conflict):
                await workflows.executions.start(machine)

    asyncio.run(main())


# Tasks


def invoke(**parameters: Any) -> str:
    return definition(
        T={
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Parameters": {"FunctionName": "f:$LATEST", **parameters},
            "End": True,
        }
    )


def run_once(text: str, data: Any, answer: Answer) -> tuple[Any, list[dict[str, Any]]]:
    """One execution, and what its task was called with."""
    calls: list[dict[str, Any]] = []

    async def note(params: dict[str, Any]) -> dict[str, Any]:
        calls.append(params)
        return await answer(params)

    async def main() -> Any:
        async with opened(answer=note) as workflows:
            return await run(workflows, text, data)

    return asyncio.run(main()), calls


@pytest.mark.parametrize(
    ("parameters", "body"),
    [
        ({}, None),
        ({"Payload": None}, None),
        ({"Payload": {"a": [1.0, "ä"]}}, '{"a":[1.0,"ä"]}'),
        ({"Payload": '{"inner": true}'}, '{"inner": true}'),
        ({"Payload.$": "$.text"}, '{"said": 1}'),
        ({"Payload": 0}, "0"),
    ],
)
def test_a_payload_becomes_the_body(parameters: dict[str, Any], body: str | None) -> None:
    """A text is the body itself, anything else is written as JSON, null and nothing send none."""
    _, calls = run_once(invoke(**parameters), {"text": '{"said": 1}'}, echo)
    wanted: dict[str, Any] = {"FunctionName": "f:$LATEST"}
    assert calls == [wanted if body is None else {**wanted, "Payload": body.encode()}]


def test_the_answer_of_lambda_invoke_is_wrapped() -> None:
    """The payload stands among the answer's metadata, as on AWS."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        return {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "Payload": b'{"p": [0.25, 1.0]}',
            "ResponseMetadata": {"RequestId": "r-1"},
        }

    execution, _ = run_once(invoke(), {}, answer)
    result = json.loads(execution.output)
    assert list(result) == [
        "ExecutedVersion",
        "Payload",
        "SdkHttpMetadata",
        "SdkResponseMetadata",
        "StatusCode",
    ]
    assert result["Payload"] == {"p": [0.25, 1.0]}
    assert result["SdkResponseMetadata"] == {"RequestId": "r-1"}
    http = result["SdkHttpMetadata"]
    assert http["HttpStatusCode"] == 200
    assert http["AllHttpHeaders"] == {name: [text] for name, text in http["HttpHeaders"].items()}
    assert http["HttpHeaders"]["Content-Length"] == "18"


_ERROR = b'{"errorMessage": "no", "errorType": "ThresholdNotMet", "stackTrace": []}'


@pytest.mark.parametrize(
    ("payload", "error", "cause"),
    [
        (_ERROR, "ThresholdNotMet", _ERROR.decode().replace(": ", ":").replace(", ", ",")),
        (b'{"errorMessage": "no"}', "Lambda.Unknown", '{"errorMessage":"no"}'),
        (b"gone", "Lambda.Unknown", "gone"),
    ],
)
def test_a_handlers_error_is_the_tasks(payload: bytes, error: str, cause: str) -> None:
    """Its type is the error, the whole payload the cause."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": payload}

    execution, _ = run_once(invoke(), {}, answer)
    assert (execution.status, execution.error, execution.cause) == ("FAILED", error, cause)


def test_a_handlers_error_of_a_function_by_its_arn_is_kept_as_it_came() -> None:
    """The cause is the payload, unaltered."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        return {"StatusCode": 200, "FunctionError": "Unhandled", "Payload": _ERROR}

    execution, _ = run_once(definition(T=task()), {}, answer)
    assert (execution.error, execution.cause) == ("ThresholdNotMet", _ERROR.decode())


def test_a_refused_call_is_a_lambda_error() -> None:
    """The code after `Lambda.`, the facts in the cause."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        raise CallRefused("lambda", "ResourceNotFoundException", 404, "Function not found: f", "r1")

    execution, _ = run_once(invoke(), {}, answer)
    assert execution.error == "Lambda.ResourceNotFoundException"
    assert execution.cause == (
        "Function not found: f (Service: AWSLambda; Status Code: 404; "
        "Error Code: ResourceNotFoundException; Request ID: r1; Proxy: null)"
    )


@pytest.mark.parametrize("payload", [b'{"p": NaN}', b"[Infinity]", b"{", b"\xff"])
def test_an_answer_that_is_not_json_fails_the_execution(payload: bytes) -> None:
    """NaN from a handler does not get into a history, and the engine goes on."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        return {"StatusCode": 200, "Payload": payload}

    execution, _ = run_once(invoke(), {}, answer)
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")
    assert "not valid JSON" in execution.cause


def test_an_answer_over_the_limit_is_a_data_limit_error() -> None:
    """262,144 bytes, whether it is JSON or not."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        return {"StatusCode": 200, "Payload": b"a" * 257 * 1024}

    execution, _ = run_once(invoke(), {}, answer)
    assert execution.error == "States.DataLimitExceeded"


def test_a_caller_that_breaks_fails_the_task() -> None:
    """An error of ours ends in the history, not in a hanging execution."""

    async def answer(params: dict[str, Any]) -> dict[str, Any]:
        raise ZeroDivisionError("oops")

    execution, _ = run_once(invoke(), {}, answer)
    assert (execution.status, execution.error) == ("FAILED", "Lambda.SdkClientException")
