"""Versions, settings and whoever watches, below the door."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence

import pytest

from bakehouse.faults import InvalidInput, NotFound
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import (
    VERSIONING,
    Change,
    DeleteMarker,
    ObjectInfo,
    ObjectStore,
    Removed,
)
from bakehouse.storage.records import Put, Record
from bakehouse.storage.versions import find, new_id, order_in

LARGE = os.urandom(100_000)


class Seen:
    """Whoever watches: keeps each change as a row of the same commit."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.commits = 0

    def rows(self, change: Change) -> Sequence[Put]:
        self.changes.append(change)
        return [Put("seen", f"{len(self.changes):03d}", {"event": change.event})]

    def committed(self) -> None:
        self.commits += 1


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def seen() -> Seen:
    return Seen()


@pytest.fixture
def objects(records: MemoryRecords, blobs: MemoryBlobs, seen: Seen) -> ObjectStore:
    store = ObjectStore(records, blobs, watch=seen)
    store.create_bucket("bucket")
    return store


def versioning(objects: ObjectStore, status: str) -> None:
    asyncio.run(objects.set_setting_async("bucket", VERSIONING, {"status": status}))


def remove(objects: ObjectStore, key: str, version_id: str | None = None) -> Removed:
    return asyncio.run(objects.delete_async("bucket", key, version_id=version_id))


def content(objects: ObjectStore, key: str, version_id: str | None = None) -> bytes:
    with objects.open("bucket", key, version_id) as opened:
        return b"".join(opened.chunks())


def test_settings_belong_to_their_bucket(objects: ObjectStore, records: MemoryRecords) -> None:
    """They are read back, taken away, and gone with the bucket."""
    assert objects.setting("bucket", "tagging") is None
    asyncio.run(objects.set_setting_async("bucket", "tagging", {"a": "b"}))
    versioning(objects, "Enabled")
    assert objects.setting("bucket", "tagging") == {"a": "b"}
    asyncio.run(objects.set_setting_async("bucket", "tagging", None))
    assert objects.setting("bucket", "tagging") is None
    with pytest.raises(NotFound):
        objects.setting("nowhere", "tagging")
    with pytest.raises(NotFound):
        asyncio.run(objects.set_setting_async("nowhere", "tagging", {}))
    objects.delete_bucket("bucket")
    objects.create_bucket("bucket")
    assert records.scan("s3/bucket-setting") == []
    assert objects.put("bucket", "key", b"").version_id is None


def test_blobs_stay_with_their_version_and_go_with_it(
    objects: ObjectStore, blobs: MemoryBlobs
) -> None:
    """Also when it moves aside and becomes the current one again."""
    versioning(objects, "Enabled")
    first = objects.put("bucket", "key", LARGE).version_id
    second = objects.put("bucket", "key", LARGE[::-1]).version_id
    marker = remove(objects, "key").version_id
    assert (len(blobs.ids()), content(objects, "key", first)) == (2, LARGE)
    remove(objects, "key", marker)
    remove(objects, "key", second)
    assert content(objects, "key") == LARGE
    assert len(blobs.ids()) == 1
    remove(objects, "key", first)
    assert blobs.ids() == []


def test_a_reader_keeps_the_version_that_it_opened(objects: ObjectStore) -> None:
    """Whatever happens to it meanwhile."""
    versioning(objects, "Enabled")
    version = objects.put("bucket", "key", LARGE).version_id
    with objects.open("bucket", "key") as current, objects.open("bucket", "key", version) as named:
        objects.put("bucket", "key", b"")
        remove(objects, "key", version)
        assert b"".join(current.chunks()) == b"".join(named.chunks()) == LARGE


def test_what_was_never_versioned_is_kept_as_it_always_was(
    objects: ObjectStore, records: MemoryRecords
) -> None:
    """One row, with nothing in it that speaks of versions."""
    objects.put("bucket", "key", b"content")
    (row,) = records.scan("s3/object", content=True)
    assert (row.key, row.content) == ("bucket/key", b"content")
    assert row.value.keys() == {
        "size", "etag", "checksums", "modified", "type", "metadata", "headers",
    }  # fmt: skip
    assert records.scan("s3/version") == []
    assert remove(objects, "key") == Removed("key", None, False)
    assert remove(objects, "key", "null") == Removed("key", "null", False)


def test_a_listing_of_the_current_objects_does_not_see_the_others(
    objects: ObjectStore, records: MemoryRecords
) -> None:
    """Old versions and delete markers are rows of another kind."""
    versioning(objects, "Enabled")
    for key in ("a", "b", "b", "c"):
        objects.put("bucket", key, b"")
    remove(objects, "c")
    assert [info.key for info in objects.listing("bucket").objects] == ["a", "b"]
    assert len(records.scan("s3/object")) == 2


def test_the_order_of_versions_does_not_trust_the_clock(
    records: MemoryRecords, blobs: MemoryBlobs, objects: ObjectStore
) -> None:
    """After a restart with a clock that goes wrong the last write is still the current one."""
    versioning(objects, "Enabled")
    ids = [objects.put("bucket", "key", b"1").version_id]
    past = objects.head("bucket", "key").modified.replace(year=2000)
    again = ObjectStore(records, blobs, now=lambda: past)
    ids.append(again.put("bucket", "key", b"2").version_id)
    remove(again, "key")
    ids.append(again.put("bucket", "key", b"3").version_id)
    page = again.version_listing("bucket").versions
    assert [version.version_id for version in page if version.info] == ids[::-1]
    assert content(again, "key") == b"3"


def test_a_version_is_found_by_its_id_alone(records: MemoryRecords, objects: ObjectStore) -> None:
    """And only by the whole of it."""
    versioning(objects, "Enabled")
    first = objects.put("bucket", "key", b"1").version_id
    assert first is not None
    objects.put("bucket", "key", b"2")
    found = find(records, "bucket", "key", first)
    assert found is not None
    assert isinstance(found.row, Record)
    other = new_id(order_in(first) or 0)
    assert find(records, "bucket", "key", other) is None
    for wrong in ("", "x" * 32, first[:-1], first.upper() + "0", "٣" * 32):
        with pytest.raises(InvalidInput):
            objects.head("bucket", "key", wrong)


def test_what_is_said_of_an_object_can_be_changed(objects: ObjectStore) -> None:
    """Its tags and details, of one version, without its bytes, its ETag and its time."""
    versioning(objects, "Enabled")
    old = objects.put("bucket", "key", LARGE)
    objects.put("bucket", "key", b"new")

    def amend(version: str | None, **what: dict[str, object]) -> ObjectInfo:
        change = objects.amend_async("bucket", "key", version_id=version, **what)  # type: ignore[arg-type]  # each name has its own type
        return asyncio.run(change)

    amend(old.version_id, tags={"a": "b"})
    amend(old.version_id, details={"acl": {"x": 1}, "hold": {"on": True}})
    amend(old.version_id, details={"hold": None})
    told = objects.head("bucket", "key", old.version_id)
    assert (told.tags, told.details) == ({"a": "b"}, {"acl": {"x": 1}})
    assert (told.etag, told.modified) == (old.etag, old.modified)
    assert content(objects, "key", old.version_id) == LARGE
    assert objects.head("bucket", "key").tags == {}
    assert amend(None, tags={"c": "d"}).tags == {"c": "d"}
    remove(objects, "key")
    with pytest.raises(DeleteMarker):
        amend(None, tags={})


def test_whoever_watches_is_told_with_the_commit(
    objects: ObjectStore, records: MemoryRecords, seen: Seen
) -> None:
    """Of each change once, in order, with rows that are written with it."""
    objects.put("bucket", "key", b"content")
    remove(objects, "key")
    remove(objects, "key")
    versioning(objects, "Enabled")
    version = objects.put("bucket", "key", b"x").version_id
    marker = remove(objects, "key").version_id
    remove(objects, "key", version)
    told = [(change.event, change.size_bytes, change.version_id) for change in seen.changes]
    assert told == [
        ("ObjectCreated:Put", 7, None),
        ("ObjectRemoved:Delete", 0, None),
        ("ObjectCreated:Put", 1, version),
        ("ObjectRemoved:DeleteMarkerCreated", 0, marker),
        ("ObjectRemoved:Delete", 0, version),
    ]
    assert [row.value["event"] for row in records.scan("seen")] == [event for event, *_ in told]
    assert seen.commits >= len(told)
    sequence = [change.sequencer for change in seen.changes]
    assert sequence == sorted(set(sequence))


def test_a_write_that_is_refused_leaves_no_blob(objects: ObjectStore, blobs: MemoryBlobs) -> None:
    """Where versions wait for each other, too."""
    versioning(objects, "Enabled")

    def never(found: ObjectInfo | None) -> None:
        raise InvalidInput("condition", found, "anything else")

    with objects.upload("bucket", "key", expect=never) as upload:
        upload.write(LARGE)
        with pytest.raises(InvalidInput):
            upload.commit()
    objects.contents.remove_unused()
    assert blobs.ids() == []
