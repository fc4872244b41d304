"""Objects that are uploaded in parts.

Parts are kept like objects, under the id of their upload, until it is completed or aborted. The
completed object is one blob again: nothing that reads it needs to know how it came.
"""

from __future__ import annotations

import base64
import secrets
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput, NotFound
from bakehouse.storage.digests import Digests
from bakehouse.storage.objects import Expect, ObjectInfo, ObjectStore, check_key
from bakehouse.storage.records import Delete, Document, Put, Record, every
from bakehouse.storage.uploads import Upload

PART_BYTES = 5 * 1024**2
"""The smallest part that may be followed by another one."""

MOST_PARTS = 10_000

_UPLOAD, _PART = "s3/upload", "s3/part"


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it was uploaded."""

    number: int
    size_bytes: int
    etag: str
    checksums: dict[str, str]
    modified: datetime


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that waits for parts."""

    upload_id: str
    key: str
    started: datetime
    algorithm: str
    is_composite: bool
    """The object's checksum is made of its parts' checksums instead of its bytes."""
    described: dict[str, Any]
    """``content_type``, ``metadata`` and ``headers`` of the object to be."""


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
        self._remove_orphans()

    def create(
        self,
        bucket: str,
        key: str,
        *,
        described: dict[str, Any],
        algorithm: str = "CRC32",
        is_composite: bool = False,
    ) -> OpenUpload:
        """Begin an upload; blocks until that is on the disk.

        Raises:
            NotFound: there is no such bucket.
            InvalidInput, LimitExceeded: the key is not one that S3 allows.
        """
        self._objects.bucket(bucket)
        check_key(key)
        upload_id = secrets.token_hex(16)
        document = {
            "started": clock.to_epoch_ms(self._now()),
            "algorithm": algorithm,
            "composite": is_composite,
            "described": described,
        }
        self._contents.submit(Put(_UPLOAD, _row(bucket, key, upload_id), document)).result()
        return self.find(bucket, key, upload_id)

    def find(self, bucket: str, key: str, upload_id: str) -> OpenUpload:
        """The upload by that id."""
        row = self._records.get(_UPLOAD, _row(bucket, key, upload_id))
        if row is None:
            self._objects.bucket(bucket)
            raise NotFound("upload", upload_id)
        return _upload_from(bucket, row)

    def uploads(
        self, bucket: str, *, prefix: str = "", after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[OpenUpload]:
        """Up to ``limit`` uploads by key; ``after`` is the key and id of the last one known."""
        self._objects.bucket(bucket)
        start = _row(bucket, *after) if after[0] else ""
        rows = self._records.scan(_UPLOAD, prefix=f"{bucket}/{prefix}", after=start, limit=limit)
        return [_upload_from(bucket, row) for row in rows]

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

        def save(document: Document, content: bytes | None) -> tuple[Part, Future[None]]:
            document = document | {"modified": clock.to_epoch_ms(self._now())}
            row = Record(f"{upload_id}/{number:05d}", document)
            with self._lock:
                self._check_open(bucket, key, upload_id)
                done = self._contents.submit(Put(_PART, row.key, document, content))
            return _part_from(row), done

        digests = Digests([*checksums, upload.algorithm])
        return Upload(self._contents, digests, self._objects.object_bytes, save)

    def parts(
        self, bucket: str, key: str, upload_id: str, *, after: int = 0, limit: int = MOST_PARTS
    ) -> list[Part]:
        """Up to ``limit`` parts with a number above ``after``."""
        self.find(bucket, key, upload_id)
        start = f"{upload_id}/{after:05d}"
        rows = self._records.scan(_PART, prefix=f"{upload_id}/", after=start, limit=limit)
        return [_part_from(row) for row in rows]

    def complete(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        chosen: Sequence[tuple[int, str]],
        *,
        checksum: str | None = None,
        expect: Expect | None = None,
    ) -> ObjectInfo:
        """Make the object of the chosen parts, given as number and ETag; blocks until it is there.

        ``checksum`` is what the upload's algorithm is expected to make of it.

        Raises:
            InvalidInput: of ``part``, ``part order`` or ``part size``: they are not parts of the
                upload, not in ascending order, or one that is not the last has less than 5 MiB.
                Of ``checksum``: the object has another one.
            LimitExceeded: together they are larger than an object may be.
        """
        upload = self.find(bucket, key, upload_id)
        parts = _chosen_parts(self.parts(bucket, key, upload_id), chosen)
        with self._lock:
            self._check_open(bucket, key, upload_id)
            self._ending.add(upload_id)
        try:
            return self._assemble(bucket, upload, parts, checksum, expect)
        finally:
            self._ending.discard(upload_id)

    def abort(self, bucket: str, key: str, upload_id: str) -> None:
        """End an upload and remove its parts; blocks until that is on the disk."""
        with self._lock:
            self._check_open(bucket, key, upload_id)
            done = self._contents.submit(*self._ends(bucket, key, upload_id))
        done.result()
        self._contents.remove_unused()

    def abort_all(self, bucket: str) -> None:
        """End all uploads of a bucket that was removed."""
        while rows := self._records.scan(_UPLOAD, prefix=f"{bucket}/"):
            for row in rows:
                upload = _upload_from(bucket, row)
                self._contents.submit(*self._ends(bucket, upload.key, upload.upload_id)).result()
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
            checksums=() if upload.is_composite else (upload.algorithm,),
            expect=expect,
            also=ends,
        ) as whole:
            for part in parts:
                for chunk in self._chunks(upload.upload_id, part):
                    whole.write(chunk)
            checksums = whole.digests.checksums
            if upload.is_composite:
                checksums = _composite(parts, upload.algorithm)
            if checksum not in (None, checksums[upload.algorithm]):
                raise InvalidInput("checksum", checksum, f"the {upload.algorithm} of the object")
            return whole.commit(etag=_etag_of(parts), checksums=checksums)

    def _chunks(self, upload_id: str, part: Part) -> Iterator[bytes]:
        found = self._contents.open(_PART, f"{upload_id}/{part.number:05d}")
        if found is None or found[0].value["etag"] != part.etag:
            raise _no_part(part.number)
        yield from found[1].chunks()
        found[1].close()

    def _ends(self, bucket: str, key: str, upload_id: str) -> list[Put | Delete]:
        parts = self._records.scan(_PART, prefix=f"{upload_id}/", limit=MOST_PARTS)
        deleted: list[Put | Delete] = [Delete(_PART, part.key) for part in parts]
        return [Delete(_UPLOAD, _row(bucket, key, upload_id)), *deleted]

    def _check_open(self, bucket: str, key: str, upload_id: str) -> None:
        self.find(bucket, key, upload_id)
        if upload_id in self._ending:
            raise NotFound("upload", upload_id)

    def _remove_orphans(self) -> None:
        """Remove parts that were committed while their upload ended."""
        uploads = {row.key.rpartition("/")[2] for row in every(self._records, _UPLOAD)}
        orphans = [
            Delete(_PART, row.key)
            for row in every(self._records, _PART)
            if row.key.partition("/")[0] not in uploads
        ]
        if orphans:
            self._contents.submit(*orphans).result()
            self._contents.remove_unused()


def _chosen_parts(found: list[Part], chosen: Sequence[tuple[int, str]]) -> list[Part]:
    numbers = [number for number, _ in chosen]
    if numbers != sorted(set(numbers)):
        raise InvalidInput("part order", numbers, "numbers in ascending order")
    by_number = {part.number: part for part in found}
    for number, etag in chosen:
        if number not in by_number or by_number[number].etag != etag:
            raise _no_part(number)
    parts = [by_number[number] for number in numbers]
    for part in parts[:-1]:
        if part.size_bytes < PART_BYTES:
            raise InvalidInput("part size", part.size_bytes, f"at least {PART_BYTES} bytes")
    return parts


def _no_part(number: int) -> InvalidInput:
    return InvalidInput("part", number, "the number and ETag of a part of this upload")


def _etag_of(parts: list[Part]) -> str:
    """S3's ETag of an object of parts: the MD5 of their MD5s and how many they are."""
    digests = Digests()
    for part in parts:
        digests.update(bytes.fromhex(part.etag))
    return f"{digests.etag}-{len(parts)}"


def _composite(parts: list[Part], algorithm: str) -> dict[str, str]:
    """The checksum of the parts' checksums, with how many they are."""
    digests = Digests([algorithm])
    for part in parts:
        digests.update(base64.b64decode(part.checksums[algorithm]))
    return {algorithm: f"{digests.checksums[algorithm]}-{len(parts)}"}


def _row(bucket: str, key: str, upload_id: str) -> str:
    return f"{bucket}/{key}/{upload_id}"


def _upload_from(bucket: str, row: Record) -> OpenUpload:
    key, _, upload_id = row.key[len(bucket) + 1 :].rpartition("/")
    value = row.value
    return OpenUpload(
        upload_id=upload_id,
        key=key,
        started=clock.from_epoch_ms(value["started"]),
        algorithm=value["algorithm"],
        is_composite=value["composite"],
        described=value["described"],
    )


def _part_from(row: Record) -> Part:
    value = row.value
    return Part(
        number=int(row.key.partition("/")[2]),
        size_bytes=value["size"],
        etag=value["etag"],
        checksums=value["checksums"],
        modified=clock.from_epoch_ms(value["modified"]),
    )
