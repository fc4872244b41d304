"""Which server runs: the note that ``up`` leaves in its data folder, and how to find and end it.

A server that was started for a command ends with it, unless another command uses it by then: each
holds a shared lock on a file, and the server waits until nobody does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bakehouse import lock

NOTE_NAME = "server.json"
USERS_NAME = "users.lock"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its process, its address and since when (ISO 8601, UTC)."""

    pid: int
    endpoint: str
    region: str
    started: str
    account_id: str = "123456789012"


class Use:
    """That a command uses the server of a data folder. It ends with the process at the latest."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def is_last(self) -> bool:
        """End the use; tell whether nobody else has one. New ones then wait for :meth:`close`."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        """End the use."""
        os.close(self._descriptor)


def begin_use(folder: Path) -> Use:
    """Use the server of a data folder, if need be after one that is about to end."""
    descriptor = os.open(folder / USERS_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return Use(descriptor)


def wait_until_unused(folder: Path) -> None:
    """Wait until no command uses the server; from then on, to the end of this process, none can."""
    descriptor = os.open(folder / USERS_NAME, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX)


def forget(folder: Path) -> None:
    """Remove the note that a killed server left behind."""
    (folder / NOTE_NAME).unlink(missing_ok=True)


@contextlib.contextmanager
def noted(folder: Path, running: Running) -> Iterator[None]:
    """Leave a note in the data folder for as long as the server runs."""
    path = folder / NOTE_NAME
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps(asdict(running)))
    beside.rename(path)
    try:
        yield
    finally:
        forget(folder)


def find(folder: Path) -> Running | None:
    """The server that has this data folder open, or None; a note that outlived one is ignored."""
    if not lock.is_taken(folder):
        return None
    try:
        noted_down = Running(**json.loads((folder / NOTE_NAME).read_text()))
        # A server that was killed left its note, and the next one may be starting.
        os.kill(noted_down.pid, 0)
    except (OSError, ValueError, TypeError):
        return None
    return noted_down


def end(folder: Path, running: Running, *, patience_s: float = 20.0) -> bool:
    """Ask a server to end and wait until its data folder is free; False if it is not in time."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(running.pid, signal.SIGTERM)
    deadline = time.monotonic() + patience_s
    while lock.is_taken(folder):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
