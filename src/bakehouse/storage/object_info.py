"""What is known of buckets and objects, what they may be called, and how both are stored."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from bakehouse import clock
from bakehouse.faults import InvalidInput, LimitExceeded
from bakehouse.storage.blobs import OpenBlob
from bakehouse.storage.records import Document, Put, Record, check_names

BUCKET, SETTING, OBJECT = "s3/bucket", "s3/bucket-setting", "s3/object"
"""The kinds of their records."""

KEY_BYTES = 1024
"""The longest key, in UTF-8."""

_BUCKET_NAME = re.compile(
    r"(?!\d+\.\d+\.\d+\.\d+\Z)[a-z0-9](?!.*(?:\.\.|\.-|-\.))[a-z0-9.-]{1,61}[a-z0-9]"
)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, when it was made and where it is said to be."""

    name: str
    created: datetime
    region: str


@dataclass(frozen=True, slots=True)
class Parted:
    """The upload in parts by which an object came."""

    upload_id: str
    count: int
    """How many parts there were."""
    sums: Sequence[str]
    """Each part's checksum in base64, where the upload named an algorithm; else none."""
    extents: Sequence[Sequence[Any]]
    """Where each part is, its size last; none for a single part that is in the object's row."""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """All that is known of an object without its bytes."""

    bucket: str
    key: str
    size_bytes: int
    etag: str
    """S3's: the MD5 in hex, without quotes; of parts, the MD5 of their MD5s and ``-<count>``."""
    modified: datetime
    content_type: str
    metadata: dict[str, str]
    """The user's own, by names in lower case without ``x-amz-meta-``."""
    checksums: dict[str, str]
    """Algorithm (``CRC32``, ``SHA256``) → base64, of the whole object."""
    headers: dict[str, str]
    """What else was given for its readers, by header name: ``content-encoding``, …"""
    tags: dict[str, str] = field(default_factory=dict)
    version_id: str | None = None
    """``null`` or an id of its own; None where it was written before its bucket had versions."""
    parted: Parted | None = None
    """None if it came whole."""
    details: dict[str, Document] = field(default_factory=dict)
    """What else was set of it after it was written, by name: ``acl``, ``retention``, …"""

    @property
    def storage_class(self) -> str:
        """S3's word for how it is kept; here that is no difference."""
        return self.headers.get("x-amz-storage-class", "STANDARD")

    @property
    def part_sizes(self) -> list[int]:
        """The size of each part that it was uploaded in; of an object that came whole, its own."""
        if self.parted is not None and self.parted.count == len(self.parted.extents):
            return [extent[-1] for extent in self.parted.extents]
        return [self.size_bytes]


Expect = Callable[[ObjectInfo | None], None]
"""Refuses, by raising, what a write would replace; None is "there is no such object"."""


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to an object, told to whoever watches in the moment of the commit."""

    event: str
    """As S3 names it: ``ObjectCreated:Put``, ``…:Post``, ``…:Copy``,
    ``…:CompleteMultipartUpload``, ``ObjectRemoved:Delete``, ``ObjectRemoved:DeleteMarkerCreated``.
    """
    bucket: str
    key: str
    size_bytes: int
    etag: str
    """Without quotes; empty where the object was removed."""
    version_id: str | None
    """None where the bucket never had versions."""
    sequencer: str
    """Later changes of one key compare greater, as text."""
    at: datetime


class Watch(Protocol):
    """Whoever is told of changes. Both are called from any thread, and must not block or raise."""

    def rows(self, change: Change) -> Sequence[Put]:
        """What is to be written by the same commit as the change."""
        ...

    def committed(self) -> None:
        """Such rows are on the disk now."""
        ...


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of a bucket, in the order of the keys' UTF-8 bytes."""

    objects: list[ObjectInfo]
    common_prefixes: list[str]
    next_after: str | None
    """What to give as ``after`` for the next page; None at the end."""


@dataclass(frozen=True, slots=True)
class OpenObject:
    """An object that is being read; it stays whole when it is replaced or deleted meanwhile."""

    info: ObjectInfo
    source: OpenBlob
    is_inline: bool
    """Its bytes are in memory already; reading them takes no disk."""

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop`` (default: the end), at most 1 MiB at a time."""
        return self.source.chunks(start, stop)

    def close(self) -> None:
        """Let go of it; also happens when the last reference is dropped."""
        self.source.close()

    def __enter__(self) -> OpenObject:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def parse_s3_uri(uri: str) -> tuple[str, str]:
    """Split ``s3://bucket/key`` into bucket and key (or prefix; empty if there is none).

    Raises:
        InvalidInput: it does not begin with ``s3://`` and a bucket's name.
    """
    scheme, _, rest = uri.partition("://")
    bucket, _, key = rest.partition("/")
    if scheme != "s3" or not _BUCKET_NAME.fullmatch(bucket):
        raise InvalidInput("S3 URI", uri, "s3://bucket/key")
    return bucket, key


def check_bucket_name(name: str) -> None:
    """Make sure that S3 allows this name of a bucket; raises ``InvalidInput``."""
    if not _BUCKET_NAME.fullmatch(name):
        raise InvalidInput("bucket", name, "3 to 63 of a-z, 0-9, '.' and '-', as in a host name")


def check_key(key: str) -> None:
    """Make sure that S3 allows this key.

    Raises:
        InvalidInput: it is empty, or not UTF-8.
        LimitExceeded: it has more than 1,024 bytes.
    """
    check_names(key)
    size = len(key.encode())
    if size == 0:
        raise InvalidInput("key", key, "1 to 1,024 bytes of UTF-8")
    if size > KEY_BYTES:
        raise LimitExceeded("The key", size, KEY_BYTES, "bytes")


def bucket_from(row: Record) -> Bucket:
    """The bucket of a stored row."""
    created = clock.from_epoch_ms(row.value["created"])
    return Bucket(row.key, created, row.value["region"])


def info_from(bucket: str, row: Record) -> ObjectInfo:
    """The object of a stored row, whose key is ``bucket/key``."""
    return info_of(bucket, row.key[len(bucket) + 1 :], row.value)


def info_of(bucket: str, key: str, value: Document) -> ObjectInfo:
    """The object of a stored document."""
    return ObjectInfo(
        bucket=bucket,
        key=key,
        size_bytes=value["size"],
        etag=value["etag"],
        modified=clock.from_epoch_ms(value["modified"]),
        content_type=value["type"],
        metadata=value["metadata"],
        checksums=value["checksums"],
        headers=value["headers"],
        tags=value.get("tags", {}),
        version_id=value.get("version", "null" if "order" in value else None),
        parted=_parted(value) if "upload" in value else None,
        details=value.get("details", {}),
    )


def _parted(value: Document) -> Parted:
    extents = value.get("extents", ())
    return Parted(value["upload"], value["parts"], value["part_sums"], extents)
