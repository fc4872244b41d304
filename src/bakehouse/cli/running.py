"""Which server runs: the note that ``up`` leaves in its data folder, and how to find and end it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from bakehouse import lock

NOTE_NAME = "server.json"


@dataclass(frozen=True, slots=True)
class Running:
    """A server that runs: its process, its address and since when (ISO 8601, UTC)."""

    pid: int
    endpoint: str
    region: str
    started: str


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
        os.kill(
            noted_down.pid, 0
        )  # a server that was killed left its note; the next one is starting
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
