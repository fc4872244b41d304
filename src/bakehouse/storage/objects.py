"""Buckets and objects, by S3's rules for their names, on records and blobs.

An object appears, whole, when its row is committed: concurrent writers of one key leave one of
their objects, readers keep the one that they opened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

from bakehouse import clock
from bakehouse.faults import LimitExceeded
from bakehouse.storage.blobs import Blobs
from bakehouse.storage.buckets import VERSIONING, Buckets
from bakehouse.storage.changes import Changes, Removed
from bakehouse.storage.contents import Contents
from bakehouse.storage.digests import Digests
from bakehouse.storage.listing import listing_of
from bakehouse.storage.lookup import found_row, missing
from bakehouse.storage.object_info import (
    OBJECT,
    Bucket,
    Change,
    Expect,
    Listing,
    ObjectInfo,
    OpenObject,
    Watch,
    check_key,
    info_of,
    parse_s3_uri,
)
from bakehouse.storage.records import Delete, Document, Put, Records
from bakehouse.storage.uploads import Upload
from bakehouse.storage.version_listing import VersionListing, version_listing_of
from bakehouse.storage.versions import NULL_ID, DeleteMarker, Version

__all__ = [
    "NULL_ID",
    "VERSIONING",
    "Bucket",
    "Change",
    "DeleteMarker",
    "Expect",
    "Listing",
    "ObjectInfo",
    "ObjectStore",
    "OpenObject",
    "Removed",
    "Version",
    "VersionListing",
    "Watch",
    "check_key",
    "parse_s3_uri",
]

_CHUNK_BYTES = 1024 * 1024


class ObjectStore:
    """Buckets and their objects. Every method may be called from any thread.

    Args:
        records: where the rows are.
        blobs: where the bytes of large objects are. It must hold nothing else: what no object names
            is removed here.
        object_bytes: the largest object that is taken.
        watch: who is told of every change of an object.
        now: where the time of a change comes from.
    """

    def __init__(
        self,
        records: Records,
        blobs: Blobs,
        *,
        object_bytes: int = 5 * 1024**3,
        watch: Watch | None = None,
        now: clock.Clock = clock.now,
    ) -> None:
        self.records = records
        """Where the rows are."""
        self.contents = Contents(records, blobs)
        """Where the bytes go; multipart uploads keep their parts there too."""
        self.object_bytes = object_bytes
        """The largest object that is taken."""
        self._buckets = Buckets(records, self.contents, now)
        self._changes = Changes(records, self.contents, self._buckets, watch, now)

    # Buckets

    def create_bucket(self, name: str, *, region: str = "us-east-1") -> Bucket:
        """Make a bucket; blocks until that is on the disk.

        Raises:
            InvalidInput: S3 does not allow the name.
            AlreadyExists: there is a bucket by that name.
        """
        return self._buckets.create(name, region)

    def bucket(self, name: str) -> Bucket:
        """The bucket by that name; raises ``NotFound("bucket", …)``."""
        return self._buckets.find(name)

    def buckets(self, *, prefix: str = "", after: str = "", limit: int = 10_000) -> list[Bucket]:
        """Up to ``limit`` buckets in the order of their names."""
        return self._buckets.list(prefix, after, limit)

    def delete_bucket(self, name: str) -> None:
        """Remove an empty bucket; blocks until that is on the disk.

        Raises:
            NotFound: there is no such bucket.
            Conflict: there are objects, or versions of objects, in it.
        """
        self._buckets.delete(name)

    def setting(self, bucket: str, name: str) -> Document | None:
        """What was set of a bucket (``versioning``, ``tagging`` …); raises ``NotFound``."""
        return self._buckets.setting(bucket, name)

    async def set_setting_async(self, bucket: str, name: str, document: Document | None) -> None:
        """Set, or with None take away, what a bucket is to do; it is on the disk then.

        Raises:
            NotFound: there is no such bucket.
        """
        await self._buckets.set_setting_async(bucket, name, document)

    def version_told(self, info: ObjectInfo) -> str | None:
        """The version of an object as its readers see it; None in a bucket without versions."""
        if info.version_id is None and self._buckets.may_have_versions(info.bucket):
            return NULL_ID
        return info.version_id

    # Reading

    def head(self, bucket: str, key: str, version_id: str | None = None) -> ObjectInfo:
        """What is known of an object, or of one version of it.

        Raises:
            NotFound: of kind ``bucket``, ``object`` or ``version``.
            DeleteMarker: it is one, or the newest version of the key is.
            InvalidInput: no version has such an id.
        """
        found = found_row(self.records, self._buckets, bucket, key, version_id)
        return info_of(bucket, key, found.row.value)

    def open(self, bucket: str, key: str, version_id: str | None = None) -> OpenObject:
        """Begin to read an object; raises as ``head`` does."""
        kind, row_key = OBJECT, f"{bucket}/{key}"
        while True:
            if version_id is not None:
                named = found_row(self.records, self._buckets, bucket, key, version_id)
                kind, row_key = named.kind, named.row.key
            found = self.contents.open(kind, row_key)
            if found is None and version_id is None:
                raise missing(self.records, self._buckets, bucket, key)
            if found is None:
                continue  # the version moved just now
            row, source = found
            info = info_of(bucket, key, row.value)
            if version_id in (None, info.version_id or NULL_ID):
                return OpenObject(info, source, row.content is not None)
            source.close()

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

    def version_listing(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: tuple[str, str] = ("", ""),
        limit: int = 1000,
    ) -> VersionListing:
        """A page of the versions of those keys that come after a key, or after one version of it.

        Keys are rolled up as in ``listing``.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput: no version has the id in ``after``.
        """
        self.bucket(bucket)
        return version_listing_of(self.records, bucket, prefix, delimiter, after, limit)

    # Writing

    def upload(
        self,
        bucket: str,
        key: str,
        *,
        content_type: str = "binary/octet-stream",
        metadata: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
        details: Mapping[str, Document] | None = None,
        checksums: Iterable[str] = ("CRC32",),
        expect: Expect | None = None,
        also: Sequence[Put | Delete] = (),
        event: str = "ObjectCreated:Put",
    ) -> Upload[ObjectInfo]:
        """Begin an object whose bytes come piece by piece; ``checksums`` names the algorithms kept.

        ``expect`` is called by the commit with what is there now, and refuses by raising; then
        nobody else may be writing the same key (``Conflict``). ``also`` is written by the same
        commit. ``event`` is what whoever watches is told.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput, LimitExceeded: the key is not one that S3 allows.
        """
        self.bucket(bucket)
        check_key(key)
        given: Document = {
            "type": content_type,
            "metadata": dict(metadata or {}),
            "headers": dict(headers or {}),
        }
        if tags:
            given["tags"] = dict(tags)
        if details:
            given["details"] = dict(details)

        def save(document: Document, content: bytes | None) -> Future[ObjectInfo]:
            return self._changes.put(
                bucket, key, given | document, content, expect=expect, also=also, event=event
            )

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
        for done in [self._changes.remove(bucket, key, None, None) for key in keys]:
            done.result()
        self.contents.remove_unused()

    async def delete_async(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str | None = None,
        expect: Expect | None = None,
    ) -> Removed:
        """Remove an object, or a version of one for good, if it is there.

        ``expect`` is called with what is to be removed (None for a delete marker), and refuses by
        raising; it is not called where there is nothing.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput: no version has such an id.
        """
        removed = await asyncio.wrap_future(self._changes.remove(bucket, key, version_id, expect))
        await self.contents.remove_unused_async()
        return removed

    async def amend_async(
        self,
        bucket: str,
        key: str,
        *,
        version_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        details: Mapping[str, Document | None] | None = None,
        expect: Expect | None = None,
    ) -> ObjectInfo:
        """Set the tags of an object, or details by name (None takes one away); its bytes stay.

        ``expect`` is called with what is there, and refuses by raising. Raises as ``head`` does.
        """
        change: Document = {} if tags is None else {"tags": dict(tags)}
        if details is not None:
            change["details"] = dict(details)
        done = self._changes.amend(bucket, key, version_id, change, expect)
        return await asyncio.wrap_future(done)


def _chunks_of(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
