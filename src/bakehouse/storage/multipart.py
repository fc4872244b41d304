"""Objects that are uploaded in parts.

Parts are kept like objects, under the id of their upload, until it is completed or aborted. The
completed object takes over their blobs as they are: nothing is copied or read for it.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput, NotFound
from bakehouse.storage.digests import Digests, checksum_of_parts
from bakehouse.storage.listing import PAGE, Place, first_of, rolled_up
from bakehouse.storage.objects import Expect, ObjectInfo, ObjectStore, check_key
from bakehouse.storage.parts import (
    ID_LENGTH,
    PART_BYTES,
    Chosen,
    OpenUpload,
    Part,
    UploadListing,
    check_size,
    chosen_parts,
    composite,
    etag_of,
    last_of_each,
    no_part,
    part_from,
    part_sums_of,
    upload_from,
    upload_row,
)
from bakehouse.storage.records import Delete, Document, Put, Record, commit, every
from bakehouse.storage.uploads import Upload
from bakehouse.storage.versions import key_prefix

__all__ = ["PART_BYTES", "Chosen", "MultipartUploads", "OpenUpload", "Part", "UploadListing"]

MOST_PARTS = 10_000

_UPLOAD, _PART = "s3/open-upload", "s3/part"
_AFTER_ALL_IDS = "\x7f"
_OLD_UPLOAD = "s3/upload"
"""How uploads were kept whose rows did not sort as their keys do."""


class MultipartUploads:
    """The uploads in parts of an object store. Every method may be called from any thread.

    All but ``create`` raise ``NotFound("upload", …)`` where there is no such upload of that key.

    Args:
        objects: where completed uploads go.
        now: where the time of a change comes from.
    """

    def __init__(self, objects: ObjectStore, *, now: clock.Clock = clock.now) -> None:
        self._objects, self._now = objects, now
        self._records, self._contents = objects.records, objects.contents
        self._lock = threading.Lock()
        self._ending: set[str] = set()
        self._rename_old()
        self._remove_orphans()

    def create(
        self,
        bucket: str,
        key: str,
        *,
        described: dict[str, Any],
        algorithm: str = "CRC32",
        is_composite: bool = False,
        is_declared: bool = False,
    ) -> OpenUpload:
        """Begin an upload; blocks until that is on the disk.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput, LimitExceeded: the key is not one that S3 allows.
        """
        self._objects.bucket(bucket)
        check_key(key)
        upload_id = self._new_id()
        document = {
            "started": clock.to_epoch_ms(self._now()),
            "algorithm": algorithm,
            "composite": is_composite,
            "declared": is_declared,
            "described": described,
        }
        put = Put(_UPLOAD, upload_row(bucket, key, upload_id), document)
        self._contents.submit(put, result=None).result()
        return self.find(bucket, key, upload_id)

    def find(self, bucket: str, key: str, upload_id: str) -> OpenUpload:
        """The upload by that id."""
        row = self._records.get(_UPLOAD, upload_row(bucket, key, upload_id))
        if row is None:
            self._objects.bucket(bucket)
            raise NotFound("upload", upload_id)
        return upload_from(bucket, row)

    def uploads(
        self,
        bucket: str,
        *,
        prefix: str = "",
        delimiter: str = "",
        after: Place = ("", ""),
        limit: int = 1000,
    ) -> UploadListing:
        """A page of uploads after all of one key, or after one of them.

        With a delimiter, keys are rolled up to common prefixes, as in a listing of objects.
        """
        self._objects.bucket(bucket)
        items = rolled_up(
            lambda start: self._uploads_after(bucket, prefix, start),
            lambda upload: upload.key,
            prefix,
            delimiter,
            after,
        )
        return UploadListing(*first_of(items, lambda upload: (upload.key, upload.upload_id), limit))

    def part(
        self, bucket: str, key: str, upload_id: str, number: int, *, checksums: Sequence[str] = ()
    ) -> Upload[Part]:
        """Begin a part, which replaces what was uploaded by this number.

        Raises:
            InvalidInput: the number is not 1 to 10,000.
        """
        upload = self.find(bucket, key, upload_id)
        if not 1 <= number <= MOST_PARTS:
            text = f"Part number must be an integer between 1 and {MOST_PARTS}, inclusive"
            raise InvalidInput("partNumber", number, f"1 to {MOST_PARTS}", text)

        def save(document: Document, content: bytes | None) -> Future[Part]:
            document = document | {"modified": clock.to_epoch_ms(self._now())}
            row = Record(f"{upload_id}/{number:05d}", document)
            with self._lock:
                self._check_open(bucket, key, upload_id)
                put = Put(_PART, row.key, document, content)
                return self._contents.submit(put, result=part_from(row))

        digests = Digests([*checksums, upload.algorithm])
        return Upload(self._contents, digests, self._objects.object_bytes, save)

    def parts(
        self, bucket: str, key: str, upload_id: str, *, after: int = 0, limit: int = MOST_PARTS
    ) -> list[Part]:
        """Up to ``limit`` parts with a number above ``after``."""
        self.find(bucket, key, upload_id)
        start = f"{upload_id}/{after:05d}"
        rows = self._records.scan(_PART, prefix=f"{upload_id}/", after=start, limit=limit)
        return [part_from(row) for row in rows]

    def complete(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        chosen: Sequence[Chosen],
        *,
        checksum: str | None = None,
        size_bytes: int | None = None,
        expect: Expect | None = None,
    ) -> ObjectInfo:
        """Make the object of the chosen parts; blocks until it is there.

        ``checksum`` is what the upload's algorithm is expected to make of it, ``size_bytes`` how
        much it is expected to be. To complete an upload once more, with the same parts, gives the
        same object as long as it is there.

        Raises:
            InvalidInput: of ``part``, ``part order`` or ``part size``: they are not parts of the
                upload, not in ascending order, or one that is not the last has less than 5 MiB.
                Of ``checksum``: the object has another one. Of ``object size``: it has another.
            LimitExceeded: together they are larger than an object may be.
        """
        chosen = last_of_each(chosen)
        done = self._completed(bucket, key, upload_id, chosen)
        if done is not None:
            return done
        upload = self.find(bucket, key, upload_id)
        with self._lock:
            self._check_open(bucket, key, upload_id)
            self._ending.add(upload_id)
        try:
            self._wait_for_parts(upload_id)
            parts = chosen_parts(self.parts(bucket, key, upload_id), chosen)
            check_size(parts, size_bytes)
            return self._assemble(bucket, upload, parts, checksum, expect)
        finally:
            self._ending.discard(upload_id)

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """End an upload and remove its parts; blocks until that is on the disk."""
        with self._lock:
            self._check_open(bucket, key, upload_id)
            done = self._contents.submit(*self._ends(bucket, key, upload_id), result=None)
        done.result()
        self._contents.remove_unused()

    def abort_all(self, bucket: str) -> None:
        """End all uploads of a bucket that was removed."""
        while rows := self._records.scan(_UPLOAD, prefix=f"{bucket}/"):
            for row in rows:
                upload = upload_from(bucket, row)
                ends = self._ends(bucket, upload.key, upload.upload_id)
                self._contents.submit(*ends, result=None).result()
        self._contents.remove_unused()

    def _assemble(
        self,
        bucket: str,
        upload: OpenUpload,
        parts: list[Part],
        checksum: str | None,
        expect: Expect | None,
    ) -> ObjectInfo:
        ends = self._ends(bucket, upload.key, upload.upload_id)
        with self._objects.upload(
            bucket,
            upload.key,
            **upload.described,
            checksums=(),
            expect=expect,
            also=ends,
            event="ObjectCreated:CompleteMultipartUpload",
        ) as whole:
            if upload.is_composite:
                checksums = composite(parts, upload.algorithm)
            else:
                checksums = self._of_whole(upload, parts)
            if checksum not in (None, checksums[upload.algorithm]):
                raise InvalidInput("checksum", checksum, f"the {upload.algorithm} of the object")
            self._fill(whole, upload.upload_id, parts)
            return whole.commit(
                etag=etag_of(part.etag for part in parts),
                checksums=checksums,
                parts=len(parts),
                upload=upload.upload_id,
                part_sums=part_sums_of(upload, parts),
            )

    def _completed(
        self, bucket: str, key: str, upload_id: str, chosen: Sequence[Chosen]
    ) -> ObjectInfo | None:
        """The object that these parts of an upload became; None if the upload is not over."""
        if self._records.get(_UPLOAD, upload_row(bucket, key, upload_id)) is not None:
            return None
        try:
            info = self._objects.head(bucket, key)
        except NotFound:
            return None
        same = info.parted is not None and info.parted.upload_id == upload_id
        return info if same and info.etag == etag_of(one.etag for one in chosen) else None

    def _new_id(self) -> str:
        """Later uploads have greater ids."""
        return f"{int(self._now().timestamp() * 1e9):016x}{secrets.token_hex(8)}"

    def _uploads_after(self, bucket: str, prefix: str, after: Place) -> Iterator[OpenUpload]:
        key, upload_id = after
        last = upload_row(bucket, key, upload_id or _AFTER_ALL_IDS) if key else ""
        start = key_prefix(bucket, prefix)
        for row in every(self._records, _UPLOAD, prefix=start, after=last, page=PAGE):
            yield upload_from(bucket, row)

    def _wait_for_parts(self, upload_id: str) -> None:
        """Let the parts of an ending upload arrive that were handed over before it ended."""
        for row in self._contents.under_way(_PART, f"{upload_id}/"):
            settling = self._contents.settling(_PART, row)
            if settling is not None:
                settling.exception()

    def _fill(self, whole: Upload[ObjectInfo], upload_id: str, parts: list[Part]) -> None:
        """Give an object its parts' blobs. A short last part, which has none, is written anew."""
        extents = [(part.blob, part.size_bytes) for part in parts if part.blob is not None]
        if len(extents) < len(parts):
            rest = b"".join(self._chunks(upload_id, parts[-1]))
            if not extents:
                whole.write(rest)
                return
            extents.append((self._contents.keep(rest), len(rest)))
        whole.take(extents)

    def _of_whole(self, upload: OpenUpload, parts: list[Part]) -> dict[str, str]:
        """The checksum of all bytes; they are read only where the parts' checksums do not tell."""
        name = upload.algorithm
        told = [(part.checksums[name], part.size_bytes) for part in parts]
        found = checksum_of_parts(name, told)
        if found is not None:
            return {name: found}
        digests = Digests([name])
        for part in parts:
            for chunk in self._chunks(upload.upload_id, part):
                digests.update(chunk)
        return digests.checksums

    def _chunks(self, upload_id: str, part: Part) -> Iterator[bytes]:
        found = self._contents.open(_PART, f"{upload_id}/{part.number:05d}")
        if found is None:
            raise no_part(part.number)
        yield from found[1].chunks()
        found[1].close()

    def _ends(self, bucket: str, key: str, upload_id: str) -> list[Put | Delete]:
        parts = self._records.scan(_PART, prefix=f"{upload_id}/", limit=MOST_PARTS)
        deleted: list[Put | Delete] = [Delete(_PART, part.key) for part in parts]
        return [Delete(_UPLOAD, upload_row(bucket, key, upload_id)), *deleted]

    def _check_open(self, bucket: str, key: str, upload_id: str) -> None:
        self.find(bucket, key, upload_id)
        if upload_id in self._ending:
            raise NotFound("upload", upload_id)

    def _rename_old(self) -> None:
        """Give uploads from before rows that sort as their keys do."""
        for row in every(self._records, _OLD_UPLOAD):
            place, _, upload_id = row.key.rpartition("/")
            bucket, _, key = place.partition("/")
            put = Put(_UPLOAD, upload_row(bucket, key, upload_id), row.value)
            commit(self._records, put, Delete(_OLD_UPLOAD, row.key))

    def _remove_orphans(self) -> None:
        """Remove parts that were committed while their upload ended."""
        uploads = {row.key[-ID_LENGTH:] for row in every(self._records, _UPLOAD)}
        orphans = [
            Delete(_PART, row.key)
            for row in every(self._records, _PART)
            if row.key.partition("/")[0] not in uploads
        ]
        if orphans:
            self._contents.submit(*orphans, result=None).result()
            self._contents.remove_unused()
