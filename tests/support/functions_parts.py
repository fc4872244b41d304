"""What the tests of functions share: archives of code, and functions on a real folder."""

from __future__ import annotations

import asyncio
import io
import textwrap
import zipfile
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import orjson
import uvloop

from bakehouse.faults import NotFound
from bakehouse.functions.definition import Function
from bakehouse.functions.functions import Functions
from bakehouse.functions.invocation import Invocation
from bakehouse.storage.sqlite import SqliteRecords

T = TypeVar("T")

ROLE = "arn:aws:iam::123456789012:role/service-role/scones"


def archive_of(**files: str) -> bytes:
    """A zip archive; ``app="…"`` becomes ``app.py``."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        for name, text in files.items():
            opened.writestr(f"{name}.py", textwrap.dedent(text))
    return written.getvalue()


def draft(name: str = "f", **chosen: Any) -> Function:
    """A function whose handler is ``app.handler``."""
    plain = Function(name=name, role=ROLE, runtime="python3.11", handler="app.handler")
    return replace(plain, **chosen)


class Workplace:
    """Functions over a folder, with their log lines in memory."""

    def __init__(self, folder: Path, **chosen: Any) -> None:
        self.folder, self.chosen = folder, chosen
        self.lines: dict[str, list[str]] = defaultdict(list)
        self.streams: set[str] = set()
        self.objects: dict[tuple[str, str], bytes] = {}

    def run(self, work: Callable[[Functions], Awaitable[T]]) -> T:
        """Do something with started functions, then stop them, in the loop that the server has."""
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(self._run(work))

    def invoke(self, code: str, event: Any = None, **chosen: Any) -> Invocation:
        """Define a function and invoke it once."""

        async def work(functions: Functions) -> Invocation:
            await functions.create(draft(**chosen), archive_of(app=code))
            return await functions.invoke("f", orjson.dumps(event or {}))

        return self.run(work)

    async def _run(self, work: Callable[[Functions], Awaitable[T]]) -> T:
        self.folder.mkdir(exist_ok=True)
        records = SqliteRecords(self.folder / "records.db")
        chosen: dict[str, Any] = {
            "append_log": self._append,
            "read_object": self._read,
            "environment": lambda: {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"},
            "account_id": "123456789012",
            "region": "us-east-1",
            **self.chosen,
        }
        functions = Functions(records, self.folder / "functions", **chosen)
        await functions.start()
        try:
            return await work(functions)
        finally:
            await functions.stop()
            records.close()

    def _append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> Future[None]:
        self.lines[group] += [message for _, message in events]
        self.streams.add(stream)
        done: Future[None] = Future()
        done.set_result(None)
        return done

    def _read(self, bucket: str, key: str) -> bytes:
        if (bucket, key) not in self.objects:
            raise NotFound("object", key)
        return self.objects[bucket, key]
