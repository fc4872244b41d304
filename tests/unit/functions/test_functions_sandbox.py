from __future__ import annotations

import asyncio
import contextlib
import os
import select
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import orjson
import pytest

from bakehouse.functions.interpreter import build_interpreter
from bakehouse.functions.invocation import Event
from bakehouse.functions.isolation import folders_to_keep, is_private_possible
from bakehouse.functions.logs import LogWriter
from bakehouse.functions.runtime_api import RuntimeApi
from bakehouse.functions.sandbox import Sandbox
from bakehouse.functions.surroundings import Surroundings
from support.functions_parts import archive_of, draft

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"


def surroundings(folder: Path, *, is_private: bool, keep: tuple[str, ...] = ()) -> Surroundings:
    interpreter = folder / "python"
    python = build_interpreter(interpreter)
    visible = (*folders_to_keep(), *keep)  # this very interpreter may be installed below /tmp
    return Surroundings(interpreter, python, is_private, visible, "us-east-1", dict)


def ask_once(folder: Path, code: str, shared: Surroundings) -> Any:
    """What a handler answers in a sandbox of its own."""
    (folder / "code.zip").write_bytes(archive_of(app=code))
    with zipfile.ZipFile(folder / "code.zip") as opened:
        opened.extractall(folder / "code")

    async def work() -> bytes:
        writer = LogWriter(_lost, "group", "stream")
        home = folder / "home"
        sandbox = Sandbox(draft(), folder / "code", home, writer, shared)
        try:
            return (await sandbox.invoke(Event("id", b"{}", "arn", "trace"))).payload
        finally:
            await sandbox.stop()

    answer = orjson.loads(asyncio.run(work()))
    assert not (folder / "home").exists()
    return answer


def _lost(*_: Any) -> Any:
    done: Any = asyncio.Future()
    done.set_result(None)
    return done


PLACES = """
    import os, tempfile
    def handler(event, context):
        open(os.path.join(tempfile.gettempdir(), "of-a-sandbox"), "w").close()
        return [os.getcwd(), os.environ["LAMBDA_TASK_ROOT"], tempfile.gettempdir(), __file__]
"""


def test_without_namespaces_a_sandbox_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """TMPDIR names it; the code lies where the server unpacked it."""
    code, scratch = str(tmp_path / "code"), str(tmp_path / "home" / "tmp")
    found = ask_once(tmp_path, PLACES, surroundings(tmp_path, is_private=False))
    assert found == [code, code, scratch, f"{code}/app.py"]


@pytest.fixture
def private(tmp_path: Path) -> Path:
    if not is_private_possible(tmp_path / "trial"):
        pytest.skip("this system allows no mount namespaces")
    return tmp_path


def test_in_a_namespace_paths_are_those_of_aws(private: Path) -> None:
    """The code is /var/task, the scratch folder /tmp."""
    found = ask_once(private, PLACES, surroundings(private, is_private=True))
    assert found == ["/var/task", "/var/task", "/tmp", "/var/task/app.py"]
    assert not Path("/tmp/of-a-sandbox").exists()


def test_in_a_namespace_the_code_is_read_only(private: Path) -> None:
    """A handler cannot change the files of its function, as on AWS."""
    code = """
        def handler(event, context):
            try:
                open("/var/task/app.py", "a")
            except OSError as error:
                return error.strerror
    """
    shared = surroundings(private, is_private=True)
    assert ask_once(private, code, shared) == "Read-only file system"


def test_what_must_stay_visible_below_tmp_does(private: Path) -> None:
    """An interpreter that is installed below /tmp still works for handlers."""
    if not private.is_relative_to("/tmp"):
        pytest.skip("the test's folder is not below /tmp")
    kept = private / "kept"
    kept.mkdir()
    (kept / "file").write_text("seen")
    code = f"import os\ndef handler(event, context):\n    return os.listdir({str(kept)!r})"
    shared = surroundings(private, is_private=True, keep=(str(kept),))
    assert ask_once(private, code, shared) == ["file"]


def test_a_file_cannot_grow_over_the_scratch_size(private: Path) -> None:
    """One file in /tmp is at most as large as the function's ephemeral storage."""
    code = """
        def handler(event, context):
            with open("/tmp/large", "wb") as file:
                file.seek(512 << 20)
                try:
                    file.write(b"x")
                    file.flush()
                except OSError as error:
                    file.raw.close()
                    return error.strerror
    """
    shared = surroundings(private, is_private=True)
    assert ask_once(private, code, shared) == "File too large"


SERVER = """
import asyncio, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from support.functions_parts import Workplace, archive_of, draft

async def work(functions):
    code = "import os, time\\ndef handler(e, c):\\n    print(os.getpid())\\n    time.sleep(100)"
    await functions.create(draft(timeout_s=200), archive_of(app=code))
    invoking = asyncio.create_task(functions.invoke("f", b""))
    while not any(line.strip().isdigit() for line in place.lines["/aws/lambda/f"]):
        await asyncio.sleep(0.01)
    print(place.lines["/aws/lambda/f"][-1], flush=True)
    await invoking

place = Workplace(Path(sys.argv[1]))
place.run(work)
"""


def test_a_killed_server_takes_its_sandboxes_along(tmp_path: Path) -> None:
    """After kill -9 of the server no handler runs on, even in the middle of an event."""
    tests = str(Path(__file__).parents[2])
    command = [sys.executable, "-c", SERVER, str(tmp_path / "data"), tests]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        handler = os.pidfd_open(int(server.stdout.readline()))
        try:
            assert select.select([handler], [], [], 0)[0] == []
            server.kill()
            assert select.select([handler], [], [], 5)[0] == [handler]
        finally:
            os.close(handler)


class Client:
    """Raw bytes to a Runtime API and back."""

    def __init__(self) -> None:
        self.polls = 0
        self.outcomes: list[tuple[str | None, bytes, bool]] = []
        self.api = RuntimeApi(self._polled, self._reported)

    def _polled(self) -> None:
        self.polls += 1

    def _reported(self, request_id: str | None, outcome: Any) -> bool:
        self.outcomes.append((request_id, outcome.payload, outcome.ends))
        return request_id in (None, "id")

    @contextlib.asynccontextmanager
    async def connected(self) -> Any:
        address = await self.api.start()
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            yield reader, writer
        finally:
            writer.close()
            self.api.stop()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()


def test_a_poll_is_held_until_there_is_an_event() -> None:
    """The answer to /next is the event with its headers; what breaks a header is left out."""

    async def work() -> tuple[bytes, bool]:
        client = Client()
        async with client.connected() as (reader, writer):
            writer.write(NEXT)
            while not client.api.is_polled:
                await asyncio.sleep(0)
            client.api.hand_over(Event("id", b'{"a":1}', "arn", "t", '{"x": "\r\nevil: 1"}'), 17)
            return await reader.readuntil(b'{"a":1}'), client.api.is_polled

    answer, is_polled = asyncio.run(work())
    assert not is_polled
    head = answer.decode()
    assert head.startswith("HTTP/1.1 200 OK\r\n")
    assert "Lambda-Runtime-Aws-Request-Id: id\r\n" in head
    assert "Lambda-Runtime-Deadline-Ms: 17\r\n" in head
    assert "evil" not in head


def test_a_poll_goes_with_its_connection() -> None:
    """An event is never given to a runtime that is gone."""

    async def work() -> None:
        client = Client()
        async with client.connected() as (_, writer):
            writer.write(NEXT)
            while not client.api.is_polled:
                await asyncio.sleep(0)
            writer.close()
            async with asyncio.timeout(5):
                while client.api.is_polled:
                    await asyncio.sleep(0.001)

    asyncio.run(work())


@pytest.mark.parametrize(
    ("path", "body", "status", "outcomes"),
    [
        ("invocation/id/response", b"1", 202, [("id", b"1", False)]),
        ("invocation/id/error", b"{}", 202, [("id", b"{}", False)]),
        ("init/error", b"{}", 202, [(None, b"{}", True)]),
        ("invocation/other/response", b"1", 400, [("other", b"1", False)]),
        ("restore/error", b"", 404, []),
    ],
)
def test_a_report_is_acknowledged(
    path: str, body: bytes, status: int, outcomes: list[tuple[str | None, bytes, bool]]
) -> None:
    """202 for the invocation that is under way, an error for any other."""

    async def work() -> tuple[bytes, Client]:
        client = Client()
        async with client.connected() as (reader, writer):
            head = (
                f"POST /2018-06-01/runtime/{path} HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            writer.write(head.encode() + body)
            return await reader.readline(), client

    line, client = asyncio.run(work())
    assert line.split()[1] == b"%d" % status
    assert client.outcomes == outcomes


@pytest.mark.parametrize("data", [b"no http\r\n\r\n", b"GET / HTTP/1.1\r\nA: " + b"x" * (5 << 20)])
def test_a_connection_that_makes_no_sense_is_dropped(data: bytes) -> None:
    """Neither bad requests nor endless headers are kept."""

    async def work() -> bytes:
        client = Client()
        async with client.connected() as (reader, writer):
            writer.write(data)
            try:
                read: bytes = await asyncio.wait_for(reader.read(), 5)
            except ConnectionError:
                return b""
            return read

    assert asyncio.run(work()) == b""
