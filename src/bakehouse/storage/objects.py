"""Buckets and objects, by S3's rules for their names, on records and blobs.

An object appears, whole, when its row is committed: concurrent writers of one key leave one of
their objects, readers keep the one that they opened.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from bakehouse import clock
from bakehouse.faults import AlreadyExists, Conflict, LimitExceeded, NotFound
from bakehouse.storage.blobs import Blobs
from bakehouse.storage.contents import Contents
from bakehouse.storage.digests import Digests
from bakehouse.storage.listing import listing_of
from bakehouse.storage.object_info import (
    BUCKET,
    OBJECT,
    Bucket,
    Expect,
    Listing,
    ObjectInfo,
    OpenObject,
    bucket_from,
    check_bucket_name,
    check_key,
    info_from,
    parse_s3_uri,
)
from bakehouse.storage.records import (
    Delete,
    Document,
    Insert,
    KeyTaken,
    Put,
    Record,
    Records,
    commit,
)
from bakehouse.storage.uploads import Upload

__all__ = [
    "Bucket",
    "Expect",
    "Listing",
    "ObjectInfo",
    "ObjectStore",
    "OpenObject",
    "check_key",
    "parse_s3_uri",
]

_CHUNK_BYTES = 1024 * 1024
_DELETED_TOGETHER = 50  # keeps the locks for some milliseconds at most


class ObjectStore:
    """Buckets and their objects. Every method may be called from any thread.

    Args:
        records: where the rows are.
        blobs: where the bytes of large objects are. It must hold nothing else: what no object names
            is removed here.
        object_bytes: the largest object that is taken.
        now: where the time of a change comes from.
    """

    def __init__(
        self,
        records: Records,
        blobs: Blobs,
        *,
        object_bytes: int = 5 * 1024**3,
        now: clock.Clock = clock.now,
    ) -> None:
        self._now = now
        self.records = records
        """Where the rows are."""
        self.contents = Contents(records, blobs)
        """Where the bytes go; multipart uploads keep their parts there too."""
        self.object_bytes = object_bytes
        """The largest object that is taken."""
        self._bucket_lock = threading.Lock()
        self._closing: set[str] = set()

    # Buckets

    def create_bucket(self, name: str, *, region: str = "us-east-1") -> Bucket:
        """Make a bucket; blocks until that is on the disk.

        Raises:
            InvalidInput: S3 does not allow the name.
            AlreadyExists: there is a bucket by that name.
        """
        check_bucket_name(name)
        created = clock.to_epoch_ms(self._now())
        try:
            commit(self.records, Insert(BUCKET, name, {"created": created, "region": region}))
        except KeyTaken as error:
            raise AlreadyExists("bucket", name) from error
        return self.bucket(name)

    def bucket(self, name: str) -> Bucket:
        """The bucket by that name; raises ``NotFound("bucket", …)``."""
        row = self.records.get(BUCKET, name)
        if row is None:
            raise NotFound("bucket", name)
        return bucket_from(row)

    def buckets(self, *, prefix: str = "", after: str = "", limit: int = 10_000) -> list[Bucket]:
        """Up to ``limit`` buckets in the order of their names."""
        rows = self.records.scan(BUCKET, prefix=prefix, after=after, limit=limit)
        return [bucket_from(row) for row in rows]

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket; blocks until that is on the disk.

        Raises:
            NotFound: there is no such bucket.
            Conflict: there are objects in it.
        """
        inside = f"{name}/"
        with self._bucket_lock:
            self._check_open(name)
            stored = self.records.scan(OBJECT, prefix=inside, limit=1)
            if stored or self.contents.under_way(OBJECT, inside):
                raise Conflict("bucket", name, "not empty", "an empty one")
            self._closing.add(name)
        try:
            commit(self.records, Delete(BUCKET, name))
        finally:
            self._closing.discard(name)

    # Reading

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """What is known of an object.

        Raises:
            NotFound: of kind ``bucket`` or ``object``.
        """
        row = self.records.get(OBJECT, f"{bucket}/{key}")
        if row is None:
            raise self._missing(bucket, key)
        return info_from(bucket, row)

    def open(self, bucket: str, key: str) -> OpenObject:
        """Begin to read an object; raises as ``head`` does."""
        found = self.contents.open(OBJECT, f"{bucket}/{key}")
        if found is None:
            raise self._missing(bucket, key)
        row, source = found
        return OpenObject(info_from(bucket, row), source, row.content is not None)

    def read(self, bucket: str, key: str, *, limit_bytes: int) -> bytes:
        """The whole object; raises as ``head`` does, and ``LimitExceeded``."""
        with self.open(bucket, key) as opened:
            size = opened.info.size_bytes
            if size > limit_bytes:
                raise LimitExceeded(f"s3://{bucket}/{key}", size, limit_bytes, "bytes")
            return b"".join(opened.chunks())

    def listing(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: str = "",
        limit: int = 1000,
    ) -> Listing:
        """A page of the keys with a prefix that come after ``after``.

        With a delimiter, keys that have it after the prefix are rolled up to common prefixes, which
        count as one each towards ``limit``; an ``after`` that is one of them skips its keys.

        Raises:
            NotFound: there is no such bucket.
        """
        self.bucket(bucket)
        return listing_of(self.records, bucket, prefix, delimiter, after, limit)

    # Writing

    def upload(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str = "binary/octet-stream",
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        checksums: Iterable[str] = ("CRC32",),
        expect: Expect | None = None,
        also: Sequence[Put | Delete] = (),
    ) -> Upload[ObjectInfo]:
        """Begin an object whose bytes come piece by piece; ``checksums`` names the algorithms kept.

        ``expect`` is called by the commit with what is there now, and refuses by raising; then
        nobody else may be writing the same key (``Conflict``). ``also`` is written by the same
        commit.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput, LimitExceeded: the key is not one that S3 allows.
        """
        self.bucket(bucket)
        check_key(key)
        given = {
            "type": content_type,
            "metadata": dict(metadata or {}),
            "headers": dict(headers or {}),
        }

        def save(document: Document, content: bytes | None) -> tuple[ObjectInfo, Future[None]]:
            return self._submit(bucket, key, given | document, content, expect, also)

        return Upload(self.contents, Digests(checksums), self.object_bytes, save)

    def put(
        self,
        bucket: str,
        key: str,
        content: bytes | Path,
        *,
        content_type: str = "binary/octet-stream",
        metadata: Mapping[str, str] | None = None,
    ) -> ObjectInfo:
        """Write an object, whatever was there; blocks until it is on the disk.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput, LimitExceeded: the key, or the size, is not allowed.
        """
        with self.upload(bucket, key, content_type=content_type, metadata=metadata) as upload:
            for chunk in _chunks_of(content):
                upload.write(chunk)
            return upload.commit()

    def delete(self, bucket: str, *keys: str) -> None:
        """Remove objects, those that are there; blocks until that is on the disk.

        Raises:
            NotFound: there is no such bucket.
        """
        batches = (keys[n : n + _DELETED_TOGETHER] for n in range(0, len(keys), _DELETED_TOGETHER))
        for done in [self._submit_delete(bucket, batch) for batch in batches]:
            done.result()
        self.contents.remove_unused()

    async def delete_async(self, bucket: str, key: str) -> None:
        """Remove one object from the event loop, which goes on meanwhile."""
        await asyncio.wrap_future(self._submit_delete(bucket, [key]))
        await self.contents.remove_unused_async()

    def _submit_delete(self, bucket: str, keys: Iterable[str]) -> Future[None]:
        with self._bucket_lock:
            self._check_open(bucket)
            return self.contents.submit(*(Delete(OBJECT, f"{bucket}/{key}") for key in keys))

    def _submit(
        self,
        bucket: str,
        key: str,
        document: Document,
        content: bytes | None,
        expect: Expect | None,
        also: Sequence[Put | Delete],
    ) -> tuple[ObjectInfo, Future[None]]:
        row = f"{bucket}/{key}"
        document = document | {"modified": clock.to_epoch_ms(self._now())}
        with self._bucket_lock:
            self._check_open(bucket)
            if expect is not None:
                self._check_expected(bucket, row, expect)
            done = self.contents.submit(Put(OBJECT, row, document, content), *also)
        return info_from(bucket, Record(row, document)), done

    def _check_expected(self, bucket: str, row: str, expect: Expect) -> None:
        if row in self.contents.under_way(OBJECT, row):
            raise Conflict("object", row, "being written", "nobody else to write it meanwhile")
        found = self.records.get(OBJECT, row)
        expect(None if found is None else info_from(bucket, found))

    def _check_open(self, bucket: str) -> None:
        """There is such a bucket, and nobody is removing it."""
        self.bucket(bucket)
        if bucket in self._closing:
            raise NotFound("bucket", bucket)

    def _missing(self, bucket: str, key: str) -> NotFound:
        self.bucket(bucket)
        return NotFound("object", key)


def _chunks_of(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
