"""Captured records on their way to S3: durable at once, one object for each window of traffic.

A record is a journal entry before its answer goes out. The journal's name holds the object's
bucket and key, fixed when the window opens, so a crash at any point leaves either a journal, which
is written out at the next start, or the object, or both, and then the object is written again as it
is: no record is lost and none is there twice.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from itertools import chain, repeat
from uuid import uuid4

from bakehouse.faults import Fault, StorageFailed
from bakehouse.hosting.capture import endpoint_and_variant, object_key
from bakehouse.storage.objects import ObjectStore, parse_s3_uri
from bakehouse.storage.records import (
    Append,
    DropJournal,
    Records,
    commit,
    every_entry,
    every_journal,
)

JOURNALS = "hosting/capture/"
"""What the name of every window's journal starts with; the bucket and the key follow."""
WINDOW_BYTES = 32 << 20
"""A window closes when its records reach this size."""
KEPT_BYTES = 256 << 20
"""What destinations refuse waits up to this size in all; then the oldest window is given up."""
KEPT_WINDOWS = 1000
"""The most windows that wait for destinations that refuse them."""
RETRY_S = (1.0, 2.0, 5.0, 15.0, 60.0)
"""The pauses before what was refused is tried again; the last one for good."""

Report = Callable[[str, str, str], None]
"""(endpoint, variant, sentence): tells the endpoint's log what became of its records."""


class _Window:
    """The records of one variant that go into one object. Times are of the monotonic clock."""

    def __init__(self, endpoint: str, journal: str) -> None:
        self.endpoint, self.journal = endpoint, journal
        self.opened_s = self.latest_s = time.monotonic()
        self.size_bytes = 0
        self.latest: Future[None] | None = None
        self.over = asyncio.Event()
        self.tried = asyncio.Event()


class Windows:
    """All windows of a data folder. To be used in one event loop.

    Args:
        records: where records wait.
        objects: where they go.
        report: is told when a destination refuses records, and when they are given up.
        window_s: the most seconds of traffic in one object.
        idle_s: seconds without traffic after which an object is written.
        retry_s: the pauses before what was refused is tried again; the last one for good.
        kept_windows: the most windows that wait after a refusal; the oldest is given up first.
    """

    def __init__(
        self,
        records: Records,
        objects: ObjectStore,
        report: Report,
        *,
        window_s: float,
        idle_s: float,
        retry_s: Sequence[float] = RETRY_S,
        kept_windows: int = KEPT_WINDOWS,
    ) -> None:
        self._records, self._objects, self._report = records, objects, report
        self._window_s, self._idle_s = window_s, idle_s
        self._retry_s, self._kept_windows = retry_s, kept_windows
        self._open: dict[tuple[str, str, str], _Window] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._untried: set[_Window] = set()
        self._refused: dict[str, int] = {}
        self._stopping = asyncio.Event()
        self._writer = ThreadPoolExecutor(1, "capture")

    async def start(self) -> None:
        """Begin to write out what an earlier run left behind; returns at once."""
        for journal in every_journal(self._records, JOURNALS):
            self._begin(_Window(_names(journal)[0], journal))

    async def stop(self) -> None:
        """Write every open window out; what is refused stays for the next start."""
        self._stopping.set()
        for window in list(self._open.values()):
            window.over.set()
        while self._tasks:
            await asyncio.wait(list(self._tasks.values()))
        self._writer.shutdown()

    async def flush(self, endpoint: str) -> None:
        """Write an endpoint's records out now. What is refused is tried again later."""
        windows = [window for window in self._untried if window.endpoint == endpoint]
        for window in windows:
            window.over.set()
        for window in windows:
            await window.tried.wait()

    def add(
        self, endpoint: str, variant: str, destination: str, at: datetime, line: bytes
    ) -> Future[None]:
        """Keep a record. The future is done when it is on the disk.

        Args:
            endpoint: the endpoint's name.
            variant: the variant that answered.
            destination: the S3 URI below which its objects go.
            at: the time of the invocation; that of a window's first record names the object.
            line: the record, with its ending newline.
        """
        key = (endpoint, variant, destination)
        window = self._open.get(key)
        if window is None or window.over.is_set():
            window = self._opened(key, at)
        window.latest_s = time.monotonic()
        window.size_bytes += len(line)
        window.latest = self._records.submit(Append(window.journal, [{"line": line.decode()}]))
        if window.size_bytes >= WINDOW_BYTES:
            window.over.set()
        return window.latest

    def _opened(self, key: tuple[str, str, str], at: datetime) -> _Window:
        endpoint, variant, destination = key
        bucket, prefix = parse_s3_uri(destination)
        name = object_key(prefix, endpoint, variant, opened=at, tail=str(uuid4()))
        window = self._open[key] = _Window(endpoint, f"{JOURNALS}{bucket}/{name}")
        self._begin(window, key)
        return window

    def _begin(self, window: _Window, key: tuple[str, str, str] | None = None) -> None:
        task = asyncio.create_task(self._live(window, key), name=window.journal)
        self._untried.add(window)
        self._tasks[window.journal] = task
        task.add_done_callback(lambda _: self._end(window))

    def _end(self, window: _Window) -> None:
        self._tasks.pop(window.journal, None)
        self._tried(window)

    def _tried(self, window: _Window) -> None:
        self._untried.discard(window)
        window.tried.set()

    async def _live(self, window: _Window, key: tuple[str, str, str] | None) -> None:
        """A window from its first record to its object. Without a key it is over already."""
        if key is not None:
            await self._wait_until_over(window)
            if self._open.get(key) is window:
                del self._open[key]
        if window.latest is not None:
            with suppress(StorageFailed):  # who added the record was told
                await asyncio.wrap_future(window.latest)
        await self._deliver(window)

    async def _wait_until_over(self, window: _Window) -> None:
        while not window.over.is_set():
            due_s = min(window.opened_s + self._window_s, window.latest_s + self._idle_s)
            if (left_s := due_s - time.monotonic()) <= 0:
                window.over.set()
                return
            await _within(left_s, window.over)

    async def _deliver(self, window: _Window) -> None:
        loop = asyncio.get_running_loop()
        for pause_s in chain(self._retry_s, repeat(self._retry_s[-1])):
            problem = await loop.run_in_executor(self._writer, self._write, window)
            self._tried(window)
            if problem is None:
                self._refused.pop(window.journal, None)
                return
            await self._keep(window, problem)
            if await _within(pause_s, self._stopping):
                return

    def _write(self, window: _Window) -> Fault | None:
        """Journal → object; then the journal goes. The fault, if the destination refuses."""
        bucket, key = window.journal.removeprefix(JOURNALS).split("/", 1)
        content = self._content(window.journal)
        window.size_bytes = len(content)
        try:
            if content:
                self._objects.put(bucket, key, content, content_type="application/jsonlines")
            commit(self._records, DropJournal(window.journal))
        except Fault as fault:
            return fault
        return None

    def _content(self, journal: str) -> bytes:
        return "".join(entry["line"] for entry in every_entry(self._records, journal)).encode()

    async def _keep(self, window: _Window, problem: Fault) -> None:
        if window.journal in self._refused:
            return
        self._refused[window.journal] = window.size_bytes
        self._report(
            *_names(window.journal),
            f"Captured data could not be written to {_uri(window.journal)}: {problem} "
            "It is kept and tried again.",
        )
        while len(self._refused) > self._kept_windows or sum(self._refused.values()) > KEPT_BYTES:
            await self._give_up(next(iter(self._refused)))

    async def _give_up(self, journal: str) -> None:
        del self._refused[journal]
        await asyncio.wrap_future(self._records.submit(DropJournal(journal)))
        self._report(*_names(journal), f"Captured data for {_uri(journal)} was given up.")


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for an event, so long at most; whether it came."""
    with suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
    return event.is_set()


def _names(journal: str) -> tuple[str, str]:
    return endpoint_and_variant(journal)


def _uri(journal: str) -> str:
    return f"s3://{journal.removeprefix(JOURNALS)}"
