"""Records whose bytes may be of any length: short ones in the row, long ones in a blob beside it.

The document of such a record names its blob under ``blob``. A blob exists for whoever reads once
the row is committed; when no row names it any more it is removed, after the commit that let go of
it or, if the process died in between, at the next start.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future
from contextlib import suppress

from bakehouse.faults import StorageFailed
from bakehouse.storage.blobs import Blobs, Draft, OpenBlob, OpenBytes
from bakehouse.storage.records import Delete, Put, Record, Records, Write

INLINE_BYTES = 64 * 1024
"""Contents up to this size are kept in their row."""

_BLOB = "blob"
_Row = tuple[str, str]


class Contents:
    """What keeps rows and blobs in step. Every method may be called from any thread.

    Args:
        records: where the rows are.
        blobs: where the long contents are. It must hold nothing else: what no row names is removed.
    """

    def __init__(self, records: Records, blobs: Blobs) -> None:
        self._records, self._blobs = records, blobs
        self._lock = threading.Lock()
        self._under_way: dict[_Row, tuple[Future[None], str | None]] = {}
        self._unused: deque[str] = deque(
            blob for blob in blobs.ids() if records.get(_BLOB, blob) is None
        )
        self.remove_unused()

    def draft(self) -> Draft:
        """Begin a blob; its id goes into the document of the row that is submitted next."""
        return self._blobs.draft()

    def open(self, kind: str, key: str) -> tuple[Record, OpenBlob] | None:
        """A row and its bytes, or None. The bytes stay whole whatever happens to the row."""
        while True:
            row = self._records.get(kind, key)
            if row is None:
                return None
            blob = row.value.get("blob")
            if blob is None:
                return row, OpenBytes(row.content or b"")
            try:
                return row, self._blobs.open(blob)
            except StorageFailed:
                again = self._records.get(kind, key)
                if again is not None and again.value.get("blob") == blob:
                    raise  # it is lost; otherwise it was replaced just now

    def submit(self, *writes: Put | Delete) -> Future[None]:
        """Hand over rows, and removals of rows, that happen together.

        Changes of one row are committed in the order in which they pass here, so the blob that each
        lets go of is the one of the change before it, committed or not.
        """
        done: Future[None] = Future()
        done.set_running_or_notify_cancel()
        with self._lock:
            old = [blob for write in writes if (blob := self._blob_of(write)) is not None]
            new = [blob for write in writes if (blob := _named_in(write)) is not None]
            commit = self._records.submit(*writes, *_bookkeeping(old, new))
            for write in writes:
                self._under_way[write.kind, write.key] = (commit, _named_in(write))
        rows = [(write.kind, write.key) for write in writes]
        commit.add_done_callback(lambda commit: self._settle(rows, commit, old, new, done))
        return done

    def under_way(self, kind: str, prefix: str) -> list[str]:
        """The keys of this kind, with this prefix, whose rows are being committed right now."""
        with self._lock:
            return [key for of, key in self._under_way if of == kind and key.startswith(prefix)]

    def remove(self, blob: str) -> None:
        """Remove a kept draft that no row came to name."""
        self._blobs.delete(blob)

    def remove_unused(self) -> None:
        """Remove the blobs that no row names any more; to be called after each commit.

        It fails for nobody: what the disk does not let go of now is removed at the next start.
        """
        while self._unused:
            with suppress(IndexError, StorageFailed):  # another thread may take the last one
                self._blobs.delete(self._unused.popleft())

    async def remove_unused_async(self) -> None:
        """The same from the event loop, which goes on meanwhile."""
        if self._unused:
            await asyncio.to_thread(self.remove_unused)

    def _blob_of(self, write: Put | Delete) -> str | None:
        row = (write.kind, write.key)
        if row in self._under_way:
            return self._under_way[row][1]
        record = self._records.get(*row)
        return None if record is None else record.value.get("blob")

    def _settle(
        self,
        rows: list[_Row],
        commit: Future[None],
        old: list[str],
        new: list[str],
        done: Future[None],
    ) -> None:
        """Note which blobs are unused now; only then does the caller learn of the commit."""
        failure = commit.exception()
        self._unused.extend(old if failure is None else new)
        with self._lock:
            for row in rows:
                if self._under_way.get(row, (None,))[0] is commit:
                    del self._under_way[row]
        if failure is None:
            done.set_result(None)
        else:
            done.set_exception(failure)


def _named_in(write: Put | Delete) -> str | None:
    return write.value.get("blob") if isinstance(write, Put) else None


def _bookkeeping(old: Iterable[str], new: Iterable[str]) -> list[Write]:
    """One row for each blob that is in use, so that a start can tell which are not."""
    return [*(Delete(_BLOB, blob) for blob in old), *(Put(_BLOB, blob, {}) for blob in new)]
