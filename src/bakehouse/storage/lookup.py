"""Where an object is, or a version of one; and why it is not there."""

from __future__ import annotations

from bakehouse.faults import NotFound
from bakehouse.storage import versions
from bakehouse.storage.buckets import Buckets
from bakehouse.storage.object_info import OBJECT
from bakehouse.storage.records import Records
from bakehouse.storage.versions import DeleteMarker, Named


def found_row(
    records: Records, buckets: Buckets, bucket: str, key: str, version_id: str | None
) -> Named:
    """The row of an object, or of one of its versions.

    Raises:
        NotFound: of kind ``bucket``, ``object`` or ``version``.
        DeleteMarker: it is one.
        InvalidInput: no version has such an id.
    """
    if version_id is None:
        row = records.get(OBJECT, f"{bucket}/{key}")
        if row is None:
            raise missing(records, buckets, bucket, key)
        return Named(OBJECT, row)
    found = versions.find(records, bucket, key, version_id)
    if found is None:
        buckets.find(bucket)
        raise NotFound("version", version_id)
    if found.is_marker:
        raise DeleteMarker(key, version_id, was_named=True)
    return found


def missing(records: Records, buckets: Buckets, bucket: str, key: str) -> NotFound:
    """Why there is no current object of this key."""
    if buckets.may_have_versions(bucket):
        newest = versions.newest_aside(records, bucket, key)
        if newest is not None and versions.is_marker(newest):
            return DeleteMarker(key, versions.id_of(newest), was_named=False)
    buckets.find(bucket)
    return NotFound("object", key)
