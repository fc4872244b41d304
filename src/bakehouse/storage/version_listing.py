"""Pages of all versions of a bucket's objects: by key, and of one key the newest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

from bakehouse.storage import versions
from bakehouse.storage.listing import PAGE, Place, first_of, rolled_up
from bakehouse.storage.object_info import OBJECT
from bakehouse.storage.records import Record, Records, every
from bakehouse.storage.versions import VERSION, Version

_CURRENT, _NOT_CURRENT = 0, 1
_Item = tuple[str, int, Record]
_OLDEST = "\x7f"


@dataclass(frozen=True, slots=True)
class VersionListing:
    """A page of versions."""

    versions: list[Version]
    common_prefixes: list[str]
    next_after: Place | None
    """Key, and id of the version, to give as ``after`` for the next page; None at the end. After a
    common prefix the id is empty."""


def version_listing_of(
    records: Records,
    bucket: str,
    prefix: str,
    delimiter: str,
    after: Place,
    limit: int,
) -> VersionListing:
    """Up to ``limit`` versions and common prefixes that come after a key, or after one version.

    An ``after`` without an id means all versions of its key, and all keys of a common prefix.
    """
    items = rolled_up(
        lambda start: _merged(records, bucket, prefix, start),
        lambda version: version.key,
        prefix,
        delimiter,
        after,
    )
    return VersionListing(*first_of(items, lambda v: (v.key, v.version_id), limit))


def _merged(records: Records, bucket: str, prefix: str, after: Place) -> Iterator[Version]:
    """The versions of all keys with a prefix: the current one of a key before its others."""
    key, version_id = after
    told = after if version_id else ("", "")
    rows = heapq.merge(
        _heir(records, bucket, prefix, after),
        _current(records, bucket, prefix, key),
        _aside(records, bucket, prefix, key, version_id),
        key=lambda item: item[:2],
    )
    for key, rank, row in rows:
        is_latest = rank == _CURRENT or key != told[0]
        version = versions.version_from(bucket, key, row, is_latest=is_latest)
        if (key, version.version_id) != told:  # else it moved aside just now
            told = (key, version.version_id)
            yield version


def _heir(records: Records, bucket: str, prefix: str, after: Place) -> list[_Item]:
    """The version that is current since the one with which the last page ended was removed."""
    key, version_id = after
    if not version_id or not key.startswith(prefix):
        return []
    row = records.get(OBJECT, f"{bucket}/{key}")
    if row is None or versions.find(records, bucket, key, version_id) is not None:
        return []
    order = versions.order_in(version_id)
    is_older = order is None or versions.order_of(row) < order
    return [(key, _CURRENT, row)] if is_older else []


def _current(records: Records, bucket: str, prefix: str, after: str) -> Iterator[_Item]:
    start = f"{bucket}/{after}" if after else ""
    for row in every(records, OBJECT, prefix=f"{bucket}/{prefix}", after=start, page=PAGE):
        yield row.key[len(bucket) + 1 :], _CURRENT, row


def _aside(
    records: Records, bucket: str, prefix: str, after: str, version_id: str
) -> Iterator[_Item]:
    start = _aside_after(records, bucket, after, version_id) if after else ""
    inside = versions.key_prefix(bucket, prefix)
    for row in every(records, VERSION, prefix=inside, after=start, page=PAGE):
        yield versions.key_in(bucket, row), _NOT_CURRENT, row


def _aside_after(records: Records, bucket: str, key: str, version_id: str) -> str:
    """The row after which the versions that are not current go on."""
    whole_key = versions.row_prefix(bucket, key) + _OLDEST
    if not version_id:
        return whole_key
    found = versions.find(records, bucket, key, version_id)
    if found is not None and found.kind == OBJECT:
        return versions.row_prefix(bucket, key)
    order = versions.order_in(version_id)
    if order is None:
        order = versions.null_order(records, bucket, key)
    if order is None:  # it was removed: rather some versions twice than one not at all
        return versions.row_prefix(bucket, key)
    return versions.row_key(bucket, key, order)
