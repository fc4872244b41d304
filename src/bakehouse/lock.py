"""A data folder belongs to one server at a time: an advisory lock on a file in it."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from bakehouse.faults import Conflict

_NAME = "lock"
_ATTEMPTS, _PAUSE_S = 5, 0.02  # who only looks whether it is taken holds it for an instant


class Lock:
    """A data folder that is taken. The lock ends with the process, however that ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the folder back."""
        os.close(self._descriptor)


def take(folder: Path) -> Lock:
    """Take a data folder for this process; make it (mode 0700) if it is not there.

    Raises:
        Conflict: another process has it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT, 0o600)
    for attempt in range(_ATTEMPTS):
        if _try(descriptor, fcntl.LOCK_EX):
            return Lock(descriptor)
        if attempt < _ATTEMPTS - 1:
            time.sleep(_PAUSE_S)
    os.close(descriptor)
    raise Conflict("data folder", str(folder), "open in another server", "it free")


def is_taken(folder: Path) -> bool:
    """Whether a process has the data folder."""
    try:
        descriptor = os.open(folder / _NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        return not _try(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
