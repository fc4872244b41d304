"""Files that are whole and on the disk, or not there at all."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def write_durably(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Write a file beside its place, sync it and move it there; it replaces one of that name.

    It is on the disk when this returns. Writers of one file at the same time leave one of theirs.

    Args:
        path: where the file is to be; its folder must be there.
        content: its bytes.
        mode: its permissions, less what the umask takes.

    Raises:
        OSError: the disk refuses; nothing is left behind.
    """
    beside = path.with_name(f"{path.name}.{secrets.token_hex(6)}.new")
    try:
        file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(file, "wb", buffering=0) as opened:
            write_all(opened.fileno(), content)
            sync_file(opened.fileno())
        beside.rename(path)
    except BaseException:
        with suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep every other process and thread that asks for the same out of a folder for a block.

    Raises:
        OSError: the folder cannot be opened.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def write_all(file: int, content: bytes) -> None:
    """Write all of the bytes to an open file; the system may take fewer at once."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(file, rest) :]


def sync_file(file: int) -> None:
    """Bring an open file's bytes to the disk; macOS needs more than fsync for that."""
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is None:
        os.fsync(file)
    else:
        fcntl.fcntl(file, full_sync)


def sync_folder(folder: Path) -> None:
    """Bring a folder's entries to the disk: what was moved into it stays there."""
    file = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)
