"""Versions of objects: which rows they are, and what a change of one writes.

The current object of a key is the row that it would be without versions, so reading it and listing
a bucket cost what they cost there. What it replaces moves to a row of its own, with its bytes:
``bucket/key``, a mark, and an *order* that counts down, so that newer ones come first. Delete
markers are such rows too; the newest row of a key without a current object is one.

A version's id begins with its order, so it is found by one look. The version ``null``, of which a
key has one at most, is found through a row that tells its order.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import datetime

from bakehouse import clock
from bakehouse.faults import InvalidInput, NotFound
from bakehouse.storage.object_info import OBJECT, ObjectInfo, info_of
from bakehouse.storage.records import Delete, Document, Put, Record, Records

VERSION, NULL = "s3/version", "s3/null-version"
"""The kinds of the rows of versions that are not current, and of where the null one is."""

NULL_ID = "null"

_LAST_ORDER = 2**63 - 1
_ORDER_DIGITS, _RANDOM_BYTES = 16, 8
_ID = re.compile(r"[0-9a-f]{32}")
_END_OF_KEY, _NUL_IN_KEY = "\x00\x01", "\x00\x02"
Writes = list[Put | Delete]


class DeleteMarker(NotFound):
    """There is a delete marker where an object was asked for.

    ``was_named`` tells that this very version was asked for, rather than the current one.
    """

    def __init__(self, key: str, version_id: str, *, was_named: bool) -> None:
        self.version_id, self.was_named = version_id, was_named
        super().__init__("object", key)


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a key, in the order of a listing."""

    key: str
    version_id: str
    is_latest: bool
    modified: datetime
    info: ObjectInfo | None
    """None for a delete marker."""


@dataclass(frozen=True, slots=True)
class Named:
    """The row of a version, and of which kind it is: the current object's, or another's."""

    kind: str
    row: Record

    @property
    def is_marker(self) -> bool:
        """Whether it is a delete marker."""
        return is_marker(self.row)


def new_id(order: int) -> str:
    """An id for the version with this order."""
    return _spelled(order) + secrets.token_hex(_RANDOM_BYTES)


def id_of(row: Record) -> str:
    """The id of the version in a row."""
    return str(row.value.get("version", NULL_ID))


def order_of(row: Record) -> int:
    """The order of the version in a row; objects from before the versions have the lowest."""
    return int(row.value.get("order", 0))


def is_marker(row: Record) -> bool:
    """Whether a row is a delete marker."""
    return bool(row.value.get("marker"))


def order_in(version_id: str) -> int | None:
    """The order that a version's id tells; None for ``null``.

    Raises:
        InvalidInput: no version has such an id.
    """
    if version_id == NULL_ID:
        return None
    if not _ID.fullmatch(version_id):
        text = "Invalid version id specified"
        raise InvalidInput("versionId", version_id, "the id of a version", text)
    return _LAST_ORDER - int(version_id[:_ORDER_DIGITS], 16)


def key_prefix(bucket: str, prefix: str) -> str:
    """What the rows of all versions of the keys with this prefix start with."""
    return f"{bucket}/{prefix.replace(chr(0), _NUL_IN_KEY)}"


def row_prefix(bucket: str, key: str) -> str:
    """What the rows of a key's versions start with."""
    return key_prefix(bucket, key) + _END_OF_KEY


def row_key(bucket: str, key: str, order: int) -> str:
    """The row of a version that is not current."""
    return row_prefix(bucket, key) + _spelled(order)


def key_in(bucket: str, row: Record) -> str:
    """The object's key that a version's row belongs to."""
    return unescaped(row.key[len(bucket) + 1 : -_ORDER_DIGITS])


def unescaped(text: str) -> str:
    """The object's key in what stands between the bucket and the order."""
    return text.removesuffix(_END_OF_KEY).replace(_NUL_IN_KEY, chr(0))


def find(records: Records, bucket: str, key: str, version_id: str) -> Named | None:
    """A version of a key, by its id; raises ``InvalidInput`` where it cannot be one."""
    order = order_in(version_id)
    for kind in (OBJECT, VERSION, OBJECT):  # it may become the current one between two looks
        if kind == OBJECT:
            row = records.get(OBJECT, f"{bucket}/{key}")
        else:
            aside = null_order(records, bucket, key) if order is None else order
            row = None if aside is None else records.get(VERSION, row_key(bucket, key, aside))
        if row is not None and id_of(row) == version_id:
            return Named(kind, row)
    return None


def newest_aside(records: Records, bucket: str, key: str, *, skip: int = 0) -> Record | None:
    """The newest version of a key that is not current, with its bytes; or the one after it."""
    prefix = row_prefix(bucket, key)
    rows = records.scan(VERSION, prefix=prefix, limit=skip + 1, content=True)
    return rows[skip] if len(rows) > skip else None


def null_order(records: Records, bucket: str, key: str) -> int | None:
    """The order of the null version of a key, where it is not current."""
    found = records.get(NULL, f"{bucket}/{key}")
    return None if found is None else int(found.value["order"])


def order_after(records: Records, bucket: str, key: str, current: Record | None, least: int) -> int:
    """The order of the next version of a key: at least ``least``, and above all that are there."""
    newest = current or newest_aside(records, bucket, key)
    return least if newest is None else max(least, order_of(newest) + 1)


def making_way(
    records: Records, bucket: str, key: str, current: Record | None, *, for_null: bool
) -> Writes:
    """What is written before a new version becomes the current one.

    The version that was current moves aside; a null version replaces the null version.
    """
    change: Writes = []
    if for_null and (old := null_order(records, bucket, key)) is not None:
        change += _forgotten(bucket, key, old, is_null=True)
    if current is not None and not (for_null and id_of(current) == NULL_ID):
        change += _set_aside(bucket, key, current)
    return change


def marker(bucket: str, key: str, version: Document, at: datetime) -> Writes:
    """A delete marker as the newest version of a key; ``version`` has its order and id."""
    document = {"marker": True, "modified": clock.to_epoch_ms(at)} | version
    aside = _set_aside(bucket, key, Record("", document))
    return [*aside, Delete(OBJECT, f"{bucket}/{key}")]


def removing(records: Records, bucket: str, key: str, found: Named) -> Writes:
    """What removes one version for good; the newest of the others becomes the current one."""
    name = f"{bucket}/{key}"
    if found.kind == OBJECT:
        heir = newest_aside(records, bucket, key)
        if heir is None or is_marker(heir):
            return [Delete(OBJECT, name)]
        return _promoted(bucket, key, heir)
    is_null = id_of(found.row) == NULL_ID
    change = _forgotten(bucket, key, order_of(found.row), is_null=is_null)
    newest = newest_aside(records, bucket, key)
    was_latest = newest is not None and newest.key == found.row.key
    if was_latest and records.get(OBJECT, name) is None:
        heir = newest_aside(records, bucket, key, skip=1)
        if heir is not None and not is_marker(heir):
            change += _promoted(bucket, key, heir)
    return change


def version_from(bucket: str, key: str, row: Record, *, is_latest: bool) -> Version:
    """The version in a row, for a listing."""
    modified = clock.from_epoch_ms(row.value["modified"])
    info = None if is_marker(row) else info_of(bucket, key, row.value)
    return Version(key, id_of(row), is_latest, modified, info)


def _set_aside(bucket: str, key: str, row: Record) -> Writes:
    order = order_of(row)
    change: Writes = [Put(VERSION, row_key(bucket, key, order), row.value, row.content)]
    if id_of(row) == NULL_ID:
        change.append(Put(NULL, f"{bucket}/{key}", {"order": order}))
    return change


def _promoted(bucket: str, key: str, heir: Record) -> Writes:
    gone = _forgotten(bucket, key, order_of(heir), is_null=id_of(heir) == NULL_ID)
    return [Put(OBJECT, f"{bucket}/{key}", heir.value, heir.content), *gone]


def _forgotten(bucket: str, key: str, order: int, *, is_null: bool) -> Writes:
    change: Writes = [Delete(VERSION, row_key(bucket, key, order))]
    return [*change, Delete(NULL, f"{bucket}/{key}")] if is_null else change


def _spelled(order: int) -> str:
    return f"{_LAST_ORDER - order:0{_ORDER_DIGITS}x}"
