"""Blobs: bytes of any length under a name that we make ourselves.

A blob is written beside its place, synced and moved there, so it is whole or not there at all. Its
name is random: nothing that a user chose ever becomes a path.
"""

# ruff: noqa: D102  # the protocols say what each method does

from __future__ import annotations

import os
import re
import secrets
import threading
import weakref
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from bakehouse.faults import StorageFailed
from bakehouse.storage.files import sync_file, sync_folder, write_all

_READ_BYTES = 1024 * 1024
_ID = re.compile(r"[0-9a-f]{32}")


class OpenBlob(Protocol):
    """A blob that is being read; it stays whole when it is deleted meanwhile."""

    @property
    def size_bytes(self) -> int:
        """Its length."""
        ...

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop`` (default: the end), at most 1 MiB at a time."""
        ...

    def close(self) -> None:
        """Let go of it; also happens when the last reference is dropped."""
        ...


class Draft(Protocol):
    """A blob that is being written. It ends with ``keep`` or ``discard``."""

    def write(self, chunk: bytes) -> None:
        """Add bytes at its end."""
        ...

    def keep(self) -> str:
        """Make it durable and return its id."""
        ...

    def discard(self) -> None:
        """Forget what was written; does nothing after ``keep``."""
        ...


class Blobs(Protocol):
    """Where large things are kept. Every method may block on the disk; any thread may call it.

    All raise ``StorageFailed`` where the disk refuses, or where there is no blob by that id.
    """

    def draft(self) -> Draft:
        """Begin a blob of unknown length."""
        ...

    def put(self, chunks: Iterable[bytes]) -> str:
        """Write a whole blob; when its id is returned, it is on the disk."""
        ...

    def open(self, blob_id: str) -> OpenBlob:
        """Begin to read a blob."""
        ...

    def delete(self, blob_id: str) -> None:
        """Remove a blob, if it is there."""
        ...

    def ids(self) -> list[str]:
        """The ids of all blobs, in no order."""
        ...


class FileBlobs:
    """Blobs as files of one folder: ``kept/<id>``, and ``drafts/<id>`` while they are written.

    Args:
        folder: made if it is not there. Drafts that a crash left in it are removed.
    """

    def __init__(self, folder: Path) -> None:
        self._kept, self._drafts = folder / "kept", folder / "drafts"
        try:
            for subfolder in (self._kept, self._drafts):
                subfolder.mkdir(parents=True, exist_ok=True)
            for leftover in self._drafts.iterdir():
                leftover.unlink()
        except OSError as error:
            raise StorageFailed(f"{folder} cannot be used: {error}.") from error

    def draft(self) -> Draft:
        return _FileDraft(self._drafts, self._kept)

    def put(self, chunks: Iterable[bytes]) -> str:
        return _write_all(self.draft(), chunks)

    def open(self, blob_id: str) -> OpenBlob:
        return _OpenFile(self._path(blob_id))

    def delete(self, blob_id: str) -> None:
        try:
            self._path(blob_id).unlink(missing_ok=True)
        except OSError as error:
            raise StorageFailed(f"A blob cannot be removed: {error}.") from error

    def ids(self) -> list[str]:
        return [name for name in os.listdir(self._kept) if _ID.fullmatch(name)]

    def _path(self, blob_id: str) -> Path:
        if not _ID.fullmatch(blob_id):
            raise StorageFailed(f"{blob_id!r} is not the id of a blob.")
        return self._kept / blob_id


class _FileDraft:
    """A file under ``drafts`` that ``keep`` moves to its place."""

    def __init__(self, drafts: Path, kept: Path) -> None:
        self._id = secrets.token_hex(16)
        self._path, self._kept = drafts / self._id, kept
        self._lock = threading.Lock()  # a caller may give up while a thread still writes
        try:
            self._file = open(self._path, "xb", buffering=0)  # noqa: SIM115  # closed by keep and discard
        except OSError as error:
            raise StorageFailed(f"A blob cannot be begun: {error}.") from error

    def write(self, chunk: bytes) -> None:
        try:
            with self._lock:
                write_all(self._file.fileno(), chunk)
        except OSError as error:
            raise StorageFailed(f"A blob cannot be written: {error}.") from error

    def keep(self) -> str:
        try:
            with self._lock, self._file:
                sync_file(self._file.fileno())
                self._path.rename(self._kept / self._id)
            sync_folder(self._kept)
        except OSError as error:
            raise StorageFailed(f"A blob cannot be kept: {error}.") from error
        return self._id

    def discard(self) -> None:
        with self._lock:
            self._file.close()
        with suppress(OSError):  # what stays is removed at the next start
            self._path.unlink(missing_ok=True)


class _OpenFile:
    """A file that is read by position, so that any thread may ask for any part."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            raise StorageFailed(f"A blob cannot be opened: {error}.") from error
        self.close = weakref.finalize(self, os.close, self._file)
        self.size_bytes = os.fstat(self._file).st_size

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        while start < end:
            chunk = self._read(start, min(_READ_BYTES, end - start))
            if not chunk:
                raise StorageFailed(f"A blob ends at {start} bytes instead of {self.size_bytes}.")
            start += len(chunk)
            yield chunk

    def _read(self, start: int, size_bytes: int) -> bytes:
        try:
            return os.pread(self._file, size_bytes, start)
        except OSError as error:
            raise StorageFailed(f"A blob cannot be read: {error}.") from error


class MemoryBlobs:
    """The twin of :class:`FileBlobs` that keeps its bytes in memory, for tests."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def draft(self) -> Draft:
        return _MemoryDraft(self._kept)

    def put(self, chunks: Iterable[bytes]) -> str:
        return _write_all(self.draft(), chunks)

    def open(self, blob_id: str) -> OpenBlob:
        if blob_id not in self._kept:
            raise StorageFailed(f"There is no blob {blob_id!r}.")
        return OpenBytes(self._kept[blob_id])

    def delete(self, blob_id: str) -> None:
        self._kept.pop(blob_id, None)

    def ids(self) -> list[str]:
        return list(self._kept)


class _MemoryDraft:
    def __init__(self, kept: dict[str, bytes]) -> None:
        self._written, self._kept = bytearray(), kept

    def write(self, chunk: bytes) -> None:
        self._written += chunk

    def keep(self) -> str:
        blob_id = secrets.token_hex(16)
        self._kept[blob_id] = bytes(self._written)
        return blob_id

    def discard(self) -> None:
        self._written.clear()


class OpenBytes:
    """An open blob whose bytes are at hand already."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    @property
    def size_bytes(self) -> int:
        return len(self._content)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        part = self._content[start:stop]
        if part:
            yield part

    def close(self) -> None:
        """Nothing is held."""


def _write_all(draft: Draft, chunks: Iterable[bytes]) -> str:
    try:
        for chunk in chunks:
            draft.write(chunk)
        return draft.keep()
    finally:
        draft.discard()
