"""Records whose bytes may be of any length: short ones in the row, long ones in blobs beside it.

The document of such a record names its blob under ``blob``, or several that follow each other under
``extents``. A blob exists for whoever reads once the row is committed; when no row names it any
more it is removed, after the commit that let go of it or, if the process died in between, at the
next start.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from contextlib import suppress
from typing import TypeVar

from bakehouse.faults import StorageFailed
from bakehouse.storage.blobs import Blobs, Draft, OpenBlob, OpenBytes
from bakehouse.storage.extents import OpenExtents, Readers
from bakehouse.storage.records import Delete, Document, Put, Record, Records, Write

INLINE_BYTES = 64 * 1024
"""Contents up to this size are kept in their row."""

_BLOB = "blob"
_Row = tuple[str, str]
T = TypeVar("T")


class Contents:
    """What keeps rows and blobs in step. Every method may be called from any thread.

    Args:
        records: where the rows are.
        blobs: where the long contents are. It must hold nothing else: what no row names is removed.
    """

    def __init__(self, records: Records, blobs: Blobs) -> None:
        self._records, self._blobs = records, blobs
        self._lock = threading.Lock()
        self._under_way: dict[_Row, tuple[Future[None], Sequence[str]]] = {}
        self._readers = Readers()
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
            blobs = _blobs_in(row.value)
            if not blobs:
                return row, OpenBytes(row.content or b"")
            try:
                opened = self._open(row.value, blobs)
            except StorageFailed:
                if self._names(kind, key, blobs):
                    raise  # it is lost; otherwise it was replaced just now
                continue
            if "extents" not in row.value or self._names(kind, key, blobs):
                return row, opened
            opened.close()  # replaced before these blobs had a reader: they may be gone

    def submit(self, *writes: Put | Delete, result: T) -> Future[T]:
        """Hand over rows, and removals of rows, that happen together; the future has ``result``.

        Changes of one row are committed in the order in which they pass here, so the blob that each
        lets go of is the one of the change before it, committed or not. A blob that one row lets go
        of and another one names has moved, and stays.
        """
        done: Future[T] = Future()
        done.set_running_or_notify_cancel()
        with self._lock:
            let_go = dict.fromkeys(blob for write in writes for blob in self._blobs_of(write))
            named = dict.fromkeys(blob for write in writes for blob in _named_in(write))
            old = [blob for blob in let_go if blob not in named]
            new = [blob for blob in named if blob not in let_go]
            commit = self._records.submit(*writes, *_bookkeeping(old, new))
            for write in writes:
                self._under_way[write.kind, write.key] = (commit, _named_in(write))
        rows = [(write.kind, write.key) for write in writes]
        commit.add_done_callback(lambda commit: self._settle(rows, commit, old, new, done, result))
        return done

    def under_way(self, kind: str, prefix: str) -> list[str]:
        """The keys of this kind, with this prefix, whose rows are being committed right now."""
        with self._lock:
            return [key for of, key in self._under_way if of == kind and key.startswith(prefix)]

    def settling(self, kind: str, key: str) -> Future[None] | None:
        """Done when the change of this row that is being committed now is; None if none is."""
        with self._lock:
            found = self._under_way.get((kind, key))
        return None if found is None else found[0]

    def keep(self, content: bytes) -> str:
        """Write a blob for the row that is submitted next; blocks until it is on the disk."""
        return self._blobs.put([content])

    def drop(self, blob: str) -> None:
        """Let a kept draft that no row came to name be removed with what is unused."""
        self._unused.append(blob)

    def remove(self, blob: str) -> None:
        """Remove a kept draft that no row came to name."""
        self._blobs.delete(blob)

    def remove_unused(self) -> None:
        """Remove the blobs that no row names any more; to be called after each commit.

        It fails for nobody: what the disk does not let go of now is removed at the next start.
        """
        if not (self._unused or self._readers.has_left):
            return
        with self._lock:
            unused = [self._unused.popleft() for _ in range(len(self._unused))]
            unread = self._readers.unread(unused)
        for blob in unread:
            with suppress(StorageFailed):
                self._blobs.delete(blob)

    async def remove_unused_async(self) -> None:
        """The same from the event loop, which goes on meanwhile."""
        if self._unused or self._readers.has_left:
            await asyncio.to_thread(self.remove_unused)

    def _open(self, document: Document, blobs: Sequence[str]) -> OpenBlob:
        if "extents" not in document:
            return self._blobs.open(blobs[0])
        with self._lock:
            leave = self._readers.come(blobs)
        return OpenExtents(self._blobs, document["extents"], leave)

    def _names(self, kind: str, key: str, blobs: Sequence[str]) -> bool:
        """Whether the row still names these blobs."""
        row = self._records.get(kind, key)
        return row is not None and _blobs_in(row.value) == blobs

    def _blobs_of(self, write: Put | Delete) -> Sequence[str]:
        row = (write.kind, write.key)
        if row in self._under_way:
            return self._under_way[row][1]
        record = self._records.get(*row)
        return () if record is None else _blobs_in(record.value)

    def _settle(
        self,
        rows: list[_Row],
        commit: Future[None],
        old: list[str],
        new: list[str],
        done: Future[T],
        result: T,
    ) -> None:
        """Note which blobs are unused now; only then does the caller learn of the commit."""
        failure = commit.exception()
        self._unused.extend(old if failure is None else new)
        with self._lock:
            for row in rows:
                if self._under_way.get(row, (None,))[0] is commit:
                    del self._under_way[row]
        if failure is None:
            done.set_result(result)
        else:
            done.set_exception(failure)


def _named_in(write: Put | Delete) -> Sequence[str]:
    return _blobs_in(write.value) if isinstance(write, Put) else ()


def _blobs_in(document: Document) -> Sequence[str]:
    """The blobs that a document names."""
    if "blob" in document:
        return (document["blob"],)
    return tuple(blob for blob, _ in document.get("extents", ()))


def _bookkeeping(old: Iterable[str], new: Iterable[str]) -> list[Write]:
    """One row for each blob that is in use, so that a start can tell which are not."""
    return [*(Delete(_BLOB, blob) for blob in old), *(Put(_BLOB, blob, {}) for blob in new)]
