"""Parts of objects and the uploads that collect them: as they are kept, chosen and summed up."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bakehouse import clock
from bakehouse.faults import InvalidInput
from bakehouse.storage.digests import Digests
from bakehouse.storage.listing import Place
from bakehouse.storage.records import Record
from bakehouse.storage.versions import row_prefix, unescaped

PART_BYTES = 5 * 1024**2
"""The smallest part that may be followed by another one."""

ID_LENGTH = 32
"""Of an upload's id."""

_MD5 = re.compile("[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Part:
    """A part as it was uploaded."""

    number: int
    size_bytes: int
    etag: str
    checksums: dict[str, str]
    modified: datetime
    blob: str | None = None
    """Where its bytes are; None if they are few, and in its row."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A part as a completion names it: by number and ETag, and by checksums if it likes."""

    number: int
    etag: str
    checksums: Mapping[str, str] = field(default_factory=dict)


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
    """``content_type``, ``metadata``, ``headers`` and so on of the object to be."""
    is_declared: bool = False
    """Whoever began the upload named the algorithm."""


@dataclass(frozen=True, slots=True)
class UploadListing:
    """A page of uploads by key, and of one key in the order in which they were begun."""

    uploads: list[OpenUpload]
    common_prefixes: list[str]
    next_after: Place | None
    """Key and id to give as ``after`` for the next page; None at the end. After a common prefix the
    id is empty."""


def last_of_each(chosen: Sequence[Chosen]) -> list[Chosen]:
    """The parts in order; of one that was sent twice, and is named twice, the last counts."""
    numbers = [one.number for one in chosen]
    if numbers != sorted(numbers):
        raise InvalidInput("part order", numbers, "numbers in ascending order")
    return list({one.number: one for one in chosen}.values())


def chosen_parts(found: list[Part], chosen: Sequence[Chosen]) -> list[Part]:
    """Those of the parts that came which a completion names; raises ``InvalidInput``."""
    by_number = {part.number: part for part in found}
    for one in chosen:
        part = by_number.get(one.number)
        if part is None or part.etag != one.etag or not _has_sums(part, one.checksums):
            raise no_part(one.number)
    parts = [by_number[one.number] for one in chosen]
    for part in parts[:-1]:
        if part.size_bytes < PART_BYTES:
            raise InvalidInput("part size", part.size_bytes, f"at least {PART_BYTES} bytes")
    return parts


def _has_sums(part: Part, given: Mapping[str, str]) -> bool:
    return all(part.checksums.get(name, value) == value for name, value in given.items())


def check_size(parts: list[Part], expected: int | None) -> None:
    """Make sure that parts are as much together as is expected; raises ``InvalidInput``."""
    size = sum(part.size_bytes for part in parts)
    if expected not in (None, size):
        raise InvalidInput("object size", expected, f"{size}, as the parts have together")


def no_part(number: int) -> InvalidInput:
    """What is told of a part that did not come, or came otherwise."""
    return InvalidInput("part", number, "the number and ETag of a part of this upload")


def etag_of(etags: Iterable[str]) -> str:
    """S3's ETag of an object of parts: the MD5 of their MD5s and how many they are.

    Empty where one of them is no MD5.
    """
    digests, count = Digests(), 0
    for etag in etags:
        if not _MD5.fullmatch(etag):
            return ""
        digests.update(bytes.fromhex(etag))
        count += 1
    return f"{digests.etag}-{count}"


def part_sums_of(upload: OpenUpload, parts: list[Part]) -> list[str]:
    """The parts' checksums as the object keeps them: where its upload named the algorithm."""
    if not upload.is_declared:
        return []
    return [part.checksums[upload.algorithm] for part in parts]


def composite(parts: list[Part], algorithm: str) -> dict[str, str]:
    """The checksum of the parts' checksums, with how many they are."""
    digests = Digests([algorithm])
    for part in parts:
        digests.update(base64.b64decode(part.checksums[algorithm]))
    return {algorithm: f"{digests.checksums[algorithm]}-{len(parts)}"}


def upload_row(bucket: str, key: str, upload_id: str) -> str:
    """The row of an upload: they sort by key, and of one key by id."""
    return row_prefix(bucket, key) + upload_id


def upload_from(bucket: str, row: Record) -> OpenUpload:
    """The upload of a stored row."""
    upload_id = row.key[-ID_LENGTH:]
    key = unescaped(row.key[len(bucket) + 1 : -ID_LENGTH])
    value = row.value
    return OpenUpload(
        upload_id=upload_id,
        key=key,
        started=clock.from_epoch_ms(value["started"]),
        algorithm=value["algorithm"],
        is_composite=value["composite"],
        described=value["described"],
        is_declared=value.get("declared", False),
    )


def part_from(row: Record) -> Part:
    """The part of a stored row, whose key is ``upload/number``."""
    value = row.value
    return Part(
        number=int(row.key.partition("/")[2]),
        size_bytes=value["size"],
        etag=value["etag"],
        checksums=value["checksums"],
        modified=clock.from_epoch_ms(value["modified"]),
        blob=value.get("blob"),
    )
