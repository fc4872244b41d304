from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from concurrent.futures import Future

import pytest

from bakehouse.functions.logs import LogWriter
from bakehouse.functions.process import Process


class Store:
    """Takes batches; they count as written when the test says so."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.futures: list[Future[None]] = []

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> Future[None]:
        self.batches.append([message for _, message in events])
        self.futures.append(Future())
        return self.futures[-1]

    def finish(self) -> None:
        while self.futures:
            self.futures.pop().set_result(None)


def test_pieces_become_lines() -> None:
    """However the output is cut, an event is a line; what has no end yet waits for it."""
    store = Store()
    writer = LogWriter(store.append, "group", "stream")
    for piece in (b"o", b"ne\ntw", b"o\n\nthr", b"ee"):
        writer.feed(piece)
    writer.hand_on()
    writer.flush()
    assert store.batches == [["one\n", "two\n", "\n"], ["three"]]


def test_what_is_no_utf8_is_replaced() -> None:
    """A log event is text, whatever a handler prints."""
    store = Store()
    writer = LogWriter(store.append, "group", "stream")
    writer.feed(b"\xff\xfe\n")
    writer.flush()
    assert store.batches == [["\ufffd\ufffd\n"]]


def test_a_lost_batch_is_told(caplog: pytest.LogCaptureFixture) -> None:
    """Log lines that cannot be kept are not lost in silence."""
    store = Store()
    writer = LogWriter(store.append, "group", "stream")
    writer.feed(b"line\n")
    writer.flush()
    store.futures.pop().set_exception(OSError("The disk is full."))
    assert "The disk is full." in caplog.text


def test_a_process_waits_for_its_log() -> None:
    """While batches are not written, output is not read, and memory does not grow."""
    store = Store()
    writer = LogWriter(store.append, "group", "stream")
    read = 0

    def take(output: bytes) -> None:
        nonlocal read
        read += len(output)
        writer.feed(output)

    async def work() -> tuple[int, int]:
        command = [sys.executable, "-c", "while True: print('x' * 100_000)"]
        process = Process(
            command,
            environment=os.environ,
            on_output=take,
            must_wait=lambda: writer.is_behind,
            on_exit=lambda _: None,
        )
        async with asyncio.timeout(20):
            while not writer.is_behind:
                await asyncio.sleep(0.01)
        held = read
        await asyncio.sleep(0.1)
        assert read == held, "it read on"
        store.finish()
        async with asyncio.timeout(20):
            while read == held:
                await asyncio.sleep(0.01)
        process.kill()
        return held, await process.ended

    held, status = asyncio.run(work())
    assert held < 20 << 20
    assert status == -9


def test_a_program_that_is_not_there_is_an_error() -> None:
    """And leaves no file open."""

    async def work() -> None:
        with pytest.raises(FileNotFoundError):
            Process(
                ["/no/program"],
                environment={},
                on_output=print,
                must_wait=bool,
                on_exit=print,
            )

    before = os.listdir("/proc/self/fd")
    asyncio.run(work())
    assert len(os.listdir("/proc/self/fd")) == len(before)
