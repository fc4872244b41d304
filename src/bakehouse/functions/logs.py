"""A sandbox's log stream: the service's own lines and what the handler prints, within bounds."""

from __future__ import annotations

import logging
import os
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime

from bakehouse.clock import epoch_ms

AppendLog = Callable[[str, str, Sequence[tuple[int, str]]], "Future[None]"]
"""Adds events (epoch milliseconds, message) to a stream of a log group; done when they are kept."""

TAIL_BYTES = 4096
"""How much of an invocation's log its caller can be shown."""
_LINE_BYTES = 262_144  # CloudWatch's longest event; a longer line becomes several
_BATCH_BYTES = 1 << 20  # CloudWatch's largest batch
_UNWRITTEN = 8  # batches under way before the handler has to wait


def group_name(function: str) -> str:
    """The log group of a function."""
    return f"/aws/lambda/{function}"


def new_stream_name(moment: datetime, version: str) -> str:
    """A name for the stream of a new sandbox: ``2026/11/23/[$LATEST]<32 hex>``."""
    return f"{moment.astimezone(UTC):%Y/%m/%d}/[{version}]{os.urandom(16).hex()}"


_log = logging.getLogger(__name__)


class LogWriter:
    """Gathers lines for one stream and hands them on in batches.

    Args:
        append: where the events go.
        group: the log group.
        stream: the stream's name.
    """

    def __init__(self, append: AppendLog, group: str, stream: str) -> None:
        self._append, self.group, self.stream = append, group, stream
        self._events: list[tuple[int, str]] = []
        self._events_bytes = 0
        self._unfinished = bytearray()
        self._unwritten: deque[Future[None]] = deque()
        self._tail = b""

    @property
    def is_behind(self) -> bool:
        """Whether so much waits to be written that the handler should wait too."""
        while self._unwritten and self._unwritten[0].done():
            self._unwritten.popleft()
        return len(self._unwritten) >= _UNWRITTEN

    def begin(self) -> None:
        """Start a new tail: an invocation begins."""
        self._tail = b""

    @property
    def tail(self) -> bytes:
        """The last bytes of what was logged since :meth:`begin`."""
        return self._tail

    def say(self, line: str) -> None:
        """Add a line of the service's own, with its line end."""
        self._end_line()
        self._add(line.encode())

    def feed(self, output: bytes) -> None:
        """Add what a process wrote, in pieces of any size."""
        lines = output.split(b"\n")
        for line in lines[:-1]:
            self._grow(line + b"\n")
            self._end_line()
        self._grow(lines[-1])

    def flush(self) -> None:
        """Hand everything on, an unfinished line too."""
        self._end_line()
        self.hand_on()

    def hand_on(self) -> None:
        """Hand on the lines that are whole."""
        if self._events:
            written = self._append(self.group, self.stream, self._events)
            written.add_done_callback(_tell)
            self._unwritten.append(written)
            self._events, self._events_bytes = [], 0

    def _grow(self, piece: bytes) -> None:
        self._unfinished += piece
        while len(self._unfinished) > _LINE_BYTES:
            self._add(bytes(self._unfinished[:_LINE_BYTES]))
            del self._unfinished[:_LINE_BYTES]

    def _end_line(self) -> None:
        if self._unfinished:
            self._add(bytes(self._unfinished))
            self._unfinished.clear()

    def _add(self, line: bytes) -> None:
        self._tail = (self._tail + line)[-TAIL_BYTES:]
        self._events.append((epoch_ms(), line.decode("utf-8", "replace")))
        self._events_bytes += len(line) + 26  # what CloudWatch counts for an event
        if self._events_bytes > _BATCH_BYTES:
            self.hand_on()


def _tell(written: Future[None]) -> None:
    problem = written.exception()
    if problem is not None:
        _log.error("Lines of a function's log were lost: %s", problem)
