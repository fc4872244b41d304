from __future__ import annotations

import asyncio
import os
import re
import time
from pathlib import Path
from typing import Any

import orjson
import pytest

from bakehouse.faults import NotFound
from bakehouse.functions.definition import InvalidPayload, PayloadTooLarge, Throttled
from bakehouse.functions.functions import Functions
from bakehouse.functions.invocation import Invocation
from support.functions_parts import Workplace, archive_of, draft

GROUP = "/aws/lambda/f"


@pytest.fixture
def place(tmp_path: Path) -> Workplace:
    return Workplace(tmp_path / "data")


def error_of(invocation: Invocation) -> dict[str, Any]:
    assert invocation.function_error == "Unhandled"
    error: dict[str, Any] = orjson.loads(invocation.payload)
    return error


async def ask(functions: Functions, event: Any = None, name: str = "f") -> Any:
    done = await functions.invoke(name, orjson.dumps(event or {}))
    assert done.function_error is None, done.payload
    return orjson.loads(done.payload)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("event", b'{"a": "\\u00e9"}'),
        ("None", b"null"),
        ("b'raw \\xff'", b"raw \xff"),
        ("float('nan')", b"NaN"),
        ("{'image_data': b'abc'}", b'{"image_data": "abc"}'),
    ],
)
def test_an_answer_is_passed_on_untouched(place: Workplace, expression: str, answer: bytes) -> None:
    """What AWS's runtime client makes of a return value is the payload, byte for byte."""
    code = f"def handler(event, context):\n    return {expression}"
    done = place.invoke(code, {"a": "é"})
    assert (done.payload, done.function_error) == (answer, None)


def test_an_exception_is_aws_error_json(place: Workplace) -> None:
    """Type, message, the invocation's id and the trace with the path that it has on AWS."""
    code = """
        class THRESHOLD_CONFIDENCE_NOT_MET(Exception):
            pass

        def handler(event, context):
            raise THRESHOLD_CONFIDENCE_NOT_MET("0.6 < 0.7")
    """
    done = place.invoke(code)
    error = error_of(done)
    assert error["errorType"] == "THRESHOLD_CONFIDENCE_NOT_MET"
    assert error["errorMessage"] == "0.6 < 0.7"
    assert error["requestId"] == done.request_id
    assert len(error["stackTrace"]) == 1
    assert error["stackTrace"][0].endswith(
        'app.py", line 6, in handler\n    raise THRESHOLD_CONFIDENCE_NOT_MET("0.6 < 0.7")\n'
    )
    assert any(line.startswith("[ERROR] THRESHOLD") for line in place.lines[GROUP])


@pytest.mark.parametrize(
    ("code", "kind", "message"),
    [
        (
            "import nomod",
            "Runtime.ImportModuleError",
            "Unable to import module 'app': No module named 'nomod'",
        ),
        ("x = 1", "Runtime.HandlerNotFound", "Handler 'handler' missing on module 'app'"),
        ("raise KeyError('k')", "KeyError", "'k'"),
    ],
)
def test_a_module_that_does_not_load_is_an_error(
    place: Workplace, code: str, kind: str, message: str
) -> None:
    """The runtime's report of a failed start is the answer."""
    error = error_of(place.invoke(code))
    assert (error["errorType"], error["errorMessage"]) == (kind, message)
    assert error["requestId"] == ""


def test_a_handler_has_only_what_aws_gives_it(place: Workplace) -> None:
    """boto3 is there; the server's own packages are not, so that a missing dependency shows."""
    code = """
        import importlib.util

        def handler(event, context):
            return [name for name in ("boto3", "numpy", "bakehouse", "click")
                    if importlib.util.find_spec(name)]
    """

    async def work(functions: Functions) -> Any:
        await functions.create(draft(), archive_of(app=code))
        return await ask(functions)

    assert place.run(work) == ["boto3"]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("sys.exit(3)", "Runtime exited with error: exit status 3"),
        ("sys.exit(0)", "Runtime exited without providing a reason"),
        ("os._exit(127)", "Runtime exited with error: exit status 127"),
        ("os.abort()", "Runtime exited with error: signal: aborted"),
    ],
)
def test_a_process_that_ends_is_an_error(place: Workplace, statement: str, reason: str) -> None:
    """The service itself says what the runtime no longer can."""
    done = place.invoke(f"import os, sys\ndef handler(event, context):\n    {statement}")
    assert error_of(done) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {done.request_id} Error: {reason}",
    }


def test_a_sandbox_goes_on_after_its_process_ended(place: Workplace) -> None:
    """The next event starts a new process in the same place: /tmp and the log stream are kept."""
    code = """
        import os, tempfile

        def handler(event, context):
            path = os.path.join(tempfile.gettempdir(), "seen")
            if os.path.exists(path):
                return open(path).read()
            open(path, "w").write(str(os.getpid()))
            os._exit(1)
    """

    async def work(functions: Functions) -> Any:
        await functions.create(draft(), archive_of(app=code))
        first = await functions.invoke("f", b"")
        assert first.function_error == "Unhandled"
        return await ask(functions)

    assert place.run(work).isdigit()
    assert len(place.streams) == 1
    assert sum(line.startswith("INIT_START") for line in place.lines[GROUP]) == 2


def test_a_time_out_ends_the_process(place: Workplace) -> None:
    """AWS's error and log line after the function's time; the handler no longer runs then."""
    code = """
        import time

        def handler(event, context):
            print("before", context.get_remaining_time_in_millis() <= 1000)
            time.sleep(60)
    """
    began = time.monotonic()
    done = place.invoke(code, timeout_s=1)
    assert 1.0 <= time.monotonic() - began < 10
    assert error_of(done) == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {done.request_id} Error: Task timed out after 1.00 seconds",
    }
    lines = place.lines[GROUP]
    assert "before True\n" in lines
    assert any(
        re.fullmatch(rf"\S+Z {done.request_id} Task timed out after 1.00 seconds\n\n", line)
        for line in lines
    )


@pytest.mark.parametrize("pause_s", [0, 30])
def test_memory_over_the_limit_ends_the_process(place: Workplace, pause_s: int) -> None:
    """300 MB under 128 MB end as killed, whether the handler holds them or is quick."""
    code = f"""
        import time

        def handler(event, context):
            held = b"x" * (300 << 20)
            time.sleep({pause_s})
            return len(held)
    """
    done = place.invoke(code, timeout_s=20)
    assert error_of(done) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": (
            f"RequestId: {done.request_id} Error: Runtime exited with error: signal: killed"
        ),
    }
    assert "Memory Size: 128 MB\tMax Memory Used: 128 MB" in place.lines[GROUP][-1]


def test_enough_memory_is_enough(place: Workplace) -> None:
    """The same 300 MB are fine in a function that may have 512."""
    code = "def handler(event, context):\n    return len(b'x' * (300 << 20))"
    assert place.invoke(code, memory_mb=512, timeout_s=20).payload == b"314572800"


def test_an_answer_over_six_mebibytes_is_an_error(place: Workplace) -> None:
    """It is read and dropped, and the process goes on."""
    code = "def handler(event, context):\n    return 'x' * event['size']"

    async def work(functions: Functions) -> tuple[dict[str, Any], str]:
        await functions.create(draft(), archive_of(app=code))
        large = await functions.invoke("f", b'{"size": 6291555}')
        return error_of(large), await ask(functions, {"size": 2})

    error, after = place.run(work)
    assert error == {
        "errorMessage": (
            "Response payload size exceeded maximum allowed payload size (6291556 bytes)."
        ),
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert after == "xx"
    assert sum(line.startswith("INIT_START") for line in place.lines[GROUP]) == 1


def test_tmp_is_private(place: Workplace) -> None:
    """Two functions write the same path and read back their own; ours stays untouched."""
    code = """
        import os, tempfile

        def handler(event, context):
            path = os.path.join(tempfile.gettempdir(), "bakehouse-private-test")
            if event:
                open(path, "w").write(event["text"])
            return open(path).read()
    """

    async def work(functions: Functions) -> tuple[str, str]:
        for name in "ab":
            await functions.create(draft(name), archive_of(app=code))
            await ask(functions, {"text": f"of {name}"}, name)
        return await ask(functions, None, "a"), await ask(functions, None, "b")

    assert place.run(work) == ("of a", "of b")
    assert not Path("/tmp/bakehouse-private-test").exists()


def test_a_sandbox_sees_its_own_variables_only(
    place: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lambda's variables, the function's and what every sandbox gets; nothing of the server's."""
    monkeypatch.setenv("SERVER_SECRET", "not for handlers")
    code = "import os\ndef handler(event, context):\n    return dict(os.environ)"

    async def work(functions: Functions) -> Any:
        chosen = {"THRESHOLD": "0.7", "PATH": "/elsewhere:/bin"}
        await functions.create(draft(environment=chosen, memory_mb=256), archive_of(app=code))
        return await ask(functions)

    found = place.run(work)
    assert "SERVER_SECRET" not in found
    expected = {
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": GROUP,
        "AWS_LAMBDA_LOG_STREAM_NAME": next(iter(place.streams)),
        "AWS_REGION": "us-east-1",
        "PATH": "/elsewhere:/bin",
        "THRESHOLD": "0.7",
        "_HANDLER": "app.handler",
    }
    assert found.items() >= expected.items()


def test_the_context_tells_about_the_invocation(place: Workplace) -> None:
    """Name, memory as text, the ARN with the caller's qualifier, the id, the client's context."""
    code = """
        def handler(event, context):
            return [context.function_name, context.memory_limit_in_mb, context.aws_request_id,
                    context.invoked_function_arn, context.client_context.custom]
    """

    async def work(functions: Functions) -> Any:
        await functions.create(draft(), archive_of(app=code))
        done = await functions.invoke(
            "f",
            b"",
            qualifier="$LATEST",
            request_id="11111111-2222-3333-4444-555555555555",
            client_context='{"custom": {"who": "me"}}',
        )
        return orjson.loads(done.payload)

    assert place.run(work) == [
        "f",
        "128",
        "11111111-2222-3333-4444-555555555555",
        "arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST",
        {"who": "me"},
    ]


def test_log_lines_are_in_order(place: Workplace) -> None:
    """INIT_START, START, what was printed, END and REPORT; the second time without the start."""
    code = """
        import logging, sys

        print("at import")

        def handler(event, context):
            print("one")
            print("two", file=sys.stderr)
            logging.warning("three")
            sys.stdout.write("no end")
    """

    async def work(functions: Functions) -> list[Invocation]:
        await functions.create(draft(), archive_of(app=code))
        return [await functions.invoke("f", b"") for _ in range(2)]

    first, second = place.run(work)
    lines = place.lines[GROUP]
    number = r"\d+\.\d\d ms"
    report = rf"REPORT RequestId: %s\tDuration: {number}\tBilled Duration: \d+ ms"
    report += r"\tMemory Size: 128 MB\tMax Memory Used: \d+ MB"
    expected = [
        r"INIT_START Runtime Version: python:3\.\d+\.\d+\n",
        "at import\n",
        rf"START RequestId: {first.request_id} Version: \$LATEST\n",
        "one\n",
        "two\n",
        rf"\[WARNING\]\t\S+Z\t{first.request_id}\tthree\n",
        "no end",
        f"END RequestId: {first.request_id}\n",
        report % first.request_id + rf"\tInit Duration: {number}\t\n",
    ]
    assert all(re.fullmatch(*pair) for pair in zip(expected, lines, strict=False)), lines
    assert re.fullmatch(report % second.request_id + "\t\n", lines[-1])
    assert len(lines) == len(expected) + 7
    stream = next(iter(place.streams))
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert second.log_tail.decode() == "".join(lines[len(expected) :])


def test_a_flood_of_output_stays_bounded(place: Workplace) -> None:
    """The tail holds the last 4 KB, a line without end becomes several, the answer still comes."""
    code = """
        import sys

        def handler(event, context):
            sys.stdout.write("x" * 1_000_000)
            for number in range(20_000):
                print("line", number)
            return "done"
    """
    done = place.invoke(code, timeout_s=30)
    assert done.payload == b'"done"'
    assert len(done.log_tail) == 4096
    lines = place.lines[GROUP]
    assert max(map(len, lines)) <= 262_144
    assert "line 19999\n" in lines
    assert sum(line.count("x") for line in lines if line.startswith("x")) == 1_000_000


def test_events_run_beside_each_other(place: Workplace) -> None:
    """Each concurrent event has a process of its own; a later one takes a warm process."""
    code = """
        import os, time

        def handler(event, context):
            time.sleep(event["s"])
            return os.getpid()
    """

    async def work(functions: Functions) -> tuple[list[int], int]:
        await functions.create(draft(timeout_s=20), archive_of(app=code))
        both = await asyncio.gather(*(ask(functions, {"s": 0.5}) for _ in range(3)))
        return both, await ask(functions, {"s": 0})

    pids, later = place.run(work)
    assert len(set(pids)) == 3
    assert later in pids


def test_too_many_at_once_are_throttled(tmp_path: Path) -> None:
    """One more than the function may have processes is refused; the others finish."""
    place = Workplace(tmp_path / "data", sandboxes=1)
    code = "import time\ndef handler(event, context):\n    time.sleep(0.3)\n    return 1"

    async def work(functions: Functions) -> tuple[Any, ...]:
        await functions.create(draft(), archive_of(app=code))
        await ask(functions)
        return tuple(await asyncio.gather(ask(functions), ask(functions), return_exceptions=True))

    first, second = place.run(work)
    assert first == 1
    assert isinstance(second, Throttled)


def test_an_idle_process_ends(tmp_path: Path) -> None:
    """After its time an idle sandbox is gone, and the next event gets a new one."""
    place = Workplace(tmp_path / "data", sandbox_idle_s=0.05)
    code = "import os\ndef handler(event, context):\n    return os.getpid()"

    async def work(functions: Functions) -> tuple[int, int]:
        await functions.create(draft(), archive_of(app=code))
        first = await ask(functions)
        async with asyncio.timeout(10):
            while _is_running(first):
                await asyncio.sleep(0.01)
        return first, await ask(functions)

    first, second = place.run(work)
    assert first != second


def test_a_caller_that_goes_away_does_not_stop_the_handler(place: Workplace) -> None:
    """The invocation goes on, and its process serves the next event."""
    code = """
        import os, time

        def handler(event, context):
            time.sleep(event.get("s", 0))
            print("finished", event)
            return os.getpid()
    """

    async def work(functions: Functions) -> None:
        await functions.create(draft(), archive_of(app=code))
        await ask(functions)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(functions.invoke("f", b'{"s": 0.3}'), 0.05)
        async with asyncio.timeout(10):
            while not any("finished {'s'" in line for line in place.lines[GROUP]):
                await asyncio.sleep(0.01)
        await ask(functions)

    place.run(work)
    assert len(place.streams) == 1


def test_a_later_event_runs_beside(place: Workplace) -> None:
    """An asynchronous event is accepted at once and runs when a sandbox is free."""
    place.chosen["sandboxes"] = 1
    code = "def handler(event, context):\n    print('got', event['n'])"

    async def work(functions: Functions) -> None:
        await functions.create(draft(), archive_of(app=code))
        for number in range(3):
            await functions.invoke_later("f", b'{"n": %d}' % number)
        async with asyncio.timeout(10):
            while sum(line.startswith("got") for line in place.lines[GROUP]) < 3:
                await asyncio.sleep(0.01)

    place.run(work)


def test_what_cannot_be_invoked_is_refused(place: Workplace) -> None:
    """No such function, no such version, no JSON, too much of it: each its own fault."""

    async def work(functions: Functions) -> None:
        await functions.create(draft(), archive_of(app="def handler(event, context): pass"))
        with pytest.raises(NotFound, match=r"function:nobody:\$LATEST"):
            await functions.invoke("nobody", b"{}")
        with pytest.raises(NotFound, match="function:f:7"):
            await functions.invoke("f", b"{}", qualifier="7")
        with pytest.raises(InvalidPayload, match="Could not parse request body into json"):
            await functions.invoke("f", b"{")
        with pytest.raises(PayloadTooLarge):
            await functions.invoke("f", b'"' + b"x" * 6_291_456 + b'"')

    place.run(work)


def test_what_a_handler_left_running_ends_with_it(place: Workplace) -> None:
    """Processes that a handler starts do not outlive the sandbox."""
    code = """
        import subprocess

        def handler(event, context):
            return subprocess.Popen(["sleep", "100"]).pid
    """

    async def work(functions: Functions) -> int:
        await functions.create(draft(), archive_of(app=code))
        pid: int = await ask(functions)
        assert _is_running(pid)
        return pid

    assert not _is_running(place.run(work))


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
