"""The process of a job: its output as it comes, its time limit, its end.

Its standard input is a pipe that nobody writes to: it closes when the server is gone, however it
went, and the algorithm ends then (``BAKEHOUSE_WATCH_STDIN``). It leads a process group of its own,
of which nothing is left when ``run_process`` returns.
"""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

LINE_BYTES = 65_536
"""A longer line of output is cut into several."""

_BATCH_S = 0.1
_READ_BYTES = 65_536
_LAST_WORDS_S = 5.0


@dataclass(frozen=True, slots=True)
class Ending:
    """How it ended: by itself, because it was asked to, or because its time was over.

    ``code`` is the exit code, or 128 and the signal's number, as a shell counts.
    """

    cause: Literal["exited", "stopped", "overran"]
    code: int


async def run_process(
    argv: Sequence[str],
    *,
    folder: Path,
    environment: Mapping[str, str],
    keep_lines: Callable[[list[str]], Awaitable[None]],
    halt: asyncio.Event,
    limit_s: float,
    grace_s: float,
) -> Ending:
    """Run a command to its end.

    Args:
        argv: the command.
        folder: where it starts.
        environment: all the variables that it sees.
        keep_lines: gets what it prints, standard error included, about every 0.1 s or 64 KiB; the
            process waits when that does not keep up. Empty lines are left out.
        halt: when it is set, the process gets SIGTERM, and SIGKILL after ``grace_s``.
        limit_s: the same happens after so many seconds.
        grace_s: seconds between the two signals.
    """
    process = subprocess.Popen(
        argv,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    exited = _exit_of(process)
    following = asyncio.create_task(_follow(process, keep_lines))
    following.add_done_callback(lambda done: _end_if_failed(done, process.pid))
    try:
        cause = await _watch(process.pid, exited, halt, limit_s, grace_s)
        _signal_group(process.pid, signal.SIGKILL)  # what it started and left behind
        await asyncio.wait((following,), timeout=_LAST_WORDS_S)  # what left its group may hold on
        if following.done():
            following.result()
    finally:
        if not exited.done():
            _signal_group(process.pid, signal.SIGKILL)
        code = await exited
        following.cancel()
        await asyncio.wait((following,))
        if process.stdin is not None:
            process.stdin.close()
    return Ending(cause, code if code >= 0 else 128 - code)


def _exit_of(process: subprocess.Popen[bytes]) -> asyncio.Future[int]:
    """Its exit code, as soon as there is one, whoever still holds the pipe of its output.

    A thread waits for it: asyncio's own wait goes on, in Python 3.11, until that pipe is closed.
    """
    loop = asyncio.get_running_loop()
    ended: asyncio.Future[int] = loop.create_future()

    def wait() -> None:
        code = process.wait()
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(ended.set_result, code)

    threading.Thread(target=wait, name=f"process {process.pid}", daemon=True).start()
    return ended


async def _watch(
    pid: int, exited: asyncio.Future[int], halt: asyncio.Event, limit_s: float, grace_s: float
) -> Literal["exited", "stopped", "overran"]:
    """Wait for the end, and bring it about when it is asked for or the time is over."""
    halted = asyncio.create_task(halt.wait())
    try:
        await asyncio.wait((exited, halted), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        halted.cancel()
    if exited.done():
        return "exited"
    cause: Literal["stopped", "overran"] = "stopped" if halt.is_set() else "overran"
    _signal_group(pid, signal.SIGTERM)
    await asyncio.wait((exited,), timeout=grace_s)
    _signal_group(pid, signal.SIGKILL)
    await asyncio.wait((exited,))
    return cause


def _end_if_failed(following: asyncio.Task[None], pid: int) -> None:
    """A process whose output cannot be stored would wait for ever to be heard."""
    if not following.cancelled() and following.exception() is not None:
        _signal_group(pid, signal.SIGKILL)


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


async def _follow(
    process: subprocess.Popen[bytes], keep_lines: Callable[[list[str]], Awaitable[None]]
) -> None:
    """Hand over the process's output until nobody holds its end of the pipe."""
    output = asyncio.StreamReader(limit=_READ_BYTES)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), process.stdout
    )
    rest = b""
    try:
        while chunk := await output.read(_READ_BYTES):
            *whole, rest = (rest + chunk).split(b"\n")
            if len(rest) > LINE_BYTES:
                whole, rest = [*whole, rest], b""
            if lines := _lines(whole):
                await keep_lines(lines)
            if len(chunk) < _READ_BYTES:
                await asyncio.sleep(_BATCH_S)
        if lines := _lines([rest]):
            await keep_lines(lines)
    finally:
        transport.close()


def _lines(raw: Sequence[bytes]) -> list[str]:
    """The lines as text, without empty ones and with long ones cut into several."""
    return [
        line[start : start + LINE_BYTES].decode(errors="replace")
        for line in (one.rstrip() for one in raw)
        for start in range(0, len(line), LINE_BYTES)
    ]
