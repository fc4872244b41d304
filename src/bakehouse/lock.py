"""A data folder belongs to one server at a time: an advisory lock on a file in it."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from bakehouse.faults import Conflict

_NAME = "lock"


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
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Conflict("data folder", str(folder), "open in another server", "it free") from error
    return Lock(descriptor)


def is_taken(folder: Path) -> bool:
    """Whether a process has the data folder."""
    try:
        descriptor = os.open(folder / _NAME, os.O_RDWR)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False
