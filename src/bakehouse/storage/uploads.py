"""Bytes that come piece by piece and become a record's content, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from bakehouse.faults import LimitExceeded
from bakehouse.storage.blobs import Draft
from bakehouse.storage.contents import INLINE_BYTES, Contents
from bakehouse.storage.digests import Digests
from bakehouse.storage.extents import Extent
from bakehouse.storage.records import Document

T = TypeVar("T")
Save = Callable[[Document, bytes | None], Future[T]]
"""Submits a document that knows ``size``, ``etag``, ``checksums`` and, unless the bytes come beside
it, ``blob``. The future has what the upload became, once that is on the disk."""


class Upload(Generic[T]):
    """What is being written. Used with ``with``: without a commit, nothing stays of it.

    Its first 64 KiB are kept in memory, and all of it goes to a blob as soon as there is more.

    Args:
        contents: where the bytes go.
        digests: takes the checksums on the way.
        limit_bytes: the most that is taken.
        save: what a commit does with the result.
    """

    def __init__(
        self, contents: Contents, digests: Digests, limit_bytes: int, save: Save[T]
    ) -> None:
        self._contents, self._limit, self._save = contents, limit_bytes, save
        self._head = bytearray()
        self._draft: Draft | None = None
        self._extents: Sequence[Extent] = ()
        self.digests = digests
        """The checksums of what was written so far."""
        self.size_bytes = 0
        """How much was written so far."""

    def takes_inline(self, size_bytes: int) -> bool:
        """Whether so many bytes more would still be in memory, so that no disk is waited for."""
        return self._draft is None and self.size_bytes + size_bytes <= INLINE_BYTES

    def write(self, chunk: bytes) -> None:
        """Add bytes at the end; may block on the disk.

        Raises:
            LimitExceeded: that is more than is taken.
        """
        if self.size_bytes + len(chunk) > self._limit:
            size = self.size_bytes + len(chunk)
            raise LimitExceeded("The object", size, self._limit, "bytes")
        self.digests.update(chunk)
        if self.takes_inline(len(chunk)):
            self._head += chunk
        else:
            self._write_to_draft(chunk)
        self.size_bytes += len(chunk)

    def take(self, extents: Sequence[Extent]) -> None:
        """Make it of blobs that are kept already, instead of writing; ``digests`` see nothing.

        Raises:
            LimitExceeded: together they are more than is taken.
        """
        size = sum(size for _, size in extents)
        if size > self._limit:
            raise LimitExceeded("The object", size, self._limit, "bytes")
        self._extents, self.size_bytes = extents, size

    def commit(self, **more: Any) -> T:
        """Make it what it is to be; blocks until that is on the disk.

        ``more`` goes into the document, over what was measured.
        """
        result = self._submit(more).result()
        self._contents.remove_unused()
        return result

    async def commit_async(self, **more: Any) -> T:
        """The same from the event loop, which goes on meanwhile."""
        if self._draft is None:
            done = self._submit(more)
        else:
            done = await asyncio.to_thread(self._submit, more)
        result = await asyncio.wrap_future(done)
        await self._contents.remove_unused_async()
        return result

    def _write_to_draft(self, chunk: bytes) -> None:
        if self._draft is None:
            self._draft = self._contents.draft()
            self._draft.write(bytes(self._head))
            self._head.clear()
        self._draft.write(chunk)

    def _submit(self, more: Document) -> Future[T]:
        document: Document = {
            "size": self.size_bytes,
            "etag": self.digests.etag,
            "checksums": self.digests.checksums,
            **more,
        }
        if self._extents:
            return self._save(document | {"extents": self._extents}, None)
        if self._draft is None:
            return self._save(document, bytes(self._head))
        blob = self._draft.keep()
        try:
            done = self._save(document | {"blob": blob}, None)
        except BaseException:
            self._contents.remove(blob)
            raise
        done.add_done_callback(lambda done: self._drop_if_failed(done, blob))
        return done

    def _drop_if_failed(self, done: Future[T], blob: str) -> None:
        if done.exception() is not None:
            self._contents.drop(blob)

    def __enter__(self) -> Upload[T]:
        return self

    def __exit__(self, *_: object) -> None:
        if self._draft is not None:
            self._draft.discard()
