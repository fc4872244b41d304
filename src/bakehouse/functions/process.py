"""A child process whose end, output and memory the event loop watches. Linux only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

_PIPE_BYTES = 65_536  # what a pipe holds: one read takes all that was written before it
_PAUSE_S = 0.02
_PEAK = re.compile(rb"VmHWM:\s+(\d+) kB")


class Process:
    """A process in a session of its own, killed with everything that stayed in it.

    It must be made in the thread of the running event loop, and that thread must live as long as
    the process: the kernel ends a child whose ``PR_SET_PDEATHSIG`` is set when its *thread* ends.

    Args:
        command: the program with its arguments.
        environment: all of its environment variables.
        on_output: called with what it wrote to stdout and stderr.
        must_wait: whether its output has to wait, asked before each read, so that a process which
            writes faster than its output can be kept is held up by a full pipe.
        on_exit: called once with its exit status, after the last output.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        environment: Mapping[str, str],
        on_output: Callable[[bytes], None],
        must_wait: Callable[[], bool],
        on_exit: Callable[[int], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_output, self._must_wait, self._on_exit = on_output, must_wait, on_exit
        self.ended: asyncio.Future[int] = self._loop.create_future()
        """Done when the process is gone, with its exit status."""
        with contextlib.ExitStack() as undo:
            self._output, written = os.pipe()
            undo.callback(os.close, self._output)
            os.set_blocking(self._output, False)
            try:
                self._child = _spawn(command, environment, written)
            finally:
                os.close(written)
            undo.callback(self._child.wait)
            undo.callback(self.kill)
            self._handle = os.pidfd_open(self._child.pid)
            undo.pop_all()
        self._loop.add_reader(self._handle, self._exited)
        self._listen()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._child.pid

    def kill(self) -> None:
        """End it and its session's processes; ``ended`` tells when that has happened."""
        if not self.ended.done():
            os.killpg(self._child.pid, signal.SIGKILL)

    def disown(self) -> None:
        """Stop reporting: what it still writes is dropped, its end only sets ``ended``."""
        self._on_output, self._on_exit = _drop, _drop

    def drain(self) -> None:
        """Take what it has written up to now."""
        if not self.ended.done():
            self._read()

    def peak_bytes(self) -> int:
        """The most physical memory that it has used at any time; 0 if that cannot be known."""
        try:
            status = Path(f"/proc/{self._child.pid}/status").read_bytes()
        except OSError:
            return 0
        found = _PEAK.search(status)
        return int(found[1]) * 1024 if found else 0

    def _listen(self) -> None:
        if not self.ended.done():
            self._loop.add_reader(self._output, self._readable)

    def _readable(self) -> None:
        if self._must_wait():
            self._loop.remove_reader(self._output)
            self._loop.call_later(_PAUSE_S, self._listen)
        elif not self._read():
            self._loop.remove_reader(self._output)

    def _read(self) -> bool:
        """Take one pipe's worth; returns whether there can be more, ever."""
        try:
            output = os.read(self._output, _PIPE_BYTES)
        except BlockingIOError:
            return True
        self._on_output(output)
        return bool(output)

    def _exited(self) -> None:
        self._loop.remove_reader(self._handle)
        os.close(self._handle)
        self.kill()  # while the id is still taken: what it left behind in its session
        status = self._child.wait()
        self._read()
        self._loop.remove_reader(self._output)
        os.close(self._output)
        self.ended.set_result(status)
        self._on_exit(status)


def _spawn(
    command: Sequence[str], environment: Mapping[str, str], output: int
) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        cwd="/",
    )


def _drop(_: object) -> None:
    pass
