"""Buckets and objects over both kinds of records and blobs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakehouse.faults import (
    AlreadyExists,
    Conflict,
    InvalidInput,
    LimitExceeded,
    NotFound,
    StorageFailed,
)
from bakehouse.storage.blobs import Blobs, FileBlobs, MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.objects import ObjectInfo, ObjectStore, parse_s3_uri
from bakehouse.storage.records import Records
from bakehouse.storage.sqlite import SqliteRecords

SMALL, LARGE = b"small", os.urandom(200_000)
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """A store with what is under it, so that it can be opened again."""

    records: Records
    blobs: Blobs
    store: ObjectStore


@pytest.fixture(params=["memory", "disk"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    in_memory = request.param == "memory"
    records: Records = MemoryRecords() if in_memory else SqliteRecords(tmp_path / "records.db")
    blobs: Blobs = MemoryBlobs() if in_memory else FileBlobs(tmp_path / "blobs")
    store = ObjectStore(records, blobs, now=lambda: NOON, object_bytes=10**6)
    store.create_bucket("bucket")
    yield Place(records, blobs, store)
    records.close()


@pytest.fixture
def store(place: Place) -> ObjectStore:
    return place.store


def everything(store: ObjectStore, key: str) -> bytes:
    return store.read("bucket", key, limit_bytes=10**7)


@pytest.mark.parametrize("content", [b"", SMALL, bytes(65_536), bytes(65_537), LARGE])
def test_an_object_is_read_as_it_was_written(store: ObjectStore, content: bytes) -> None:
    """Its size, ETag and CRC32 are those of its bytes, on either side of the inline limit."""
    info = store.put("bucket", "key", content, content_type="image/png", metadata={"a": "b"})
    assert store.head("bucket", "key") == info
    assert everything(store, "key") == content
    assert (info.size_bytes, info.modified) == (len(content), NOON)
    assert info.etag == hashlib.md5(content).hexdigest()
    assert (info.content_type, info.metadata) == ("image/png", {"a": "b"})
    assert list(info.checksums) == ["CRC32"]


def test_a_file_can_be_put(store: ObjectStore, tmp_path: Path) -> None:
    """Its bytes are streamed, not held."""
    (tmp_path / "file").write_bytes(LARGE)
    store.put("bucket", "key", tmp_path / "file")
    assert everything(store, "key") == LARGE


def test_ranges_are_read_from_rows_and_blobs(store: ObjectStore) -> None:
    """From start, up to stop, and to the end."""
    for content in (SMALL, LARGE):
        store.put("bucket", "key", content)
        with store.open("bucket", "key") as opened:
            assert b"".join(opened.chunks(1, 4)) == content[1:4]
            assert b"".join(opened.chunks(2)) == content[2:]


@pytest.mark.parametrize(
    "key", ["..", "../../etc/passwd", "a//b", "/", "a/", "\x00", "é" * 512, "😀" * 256, " ", "%2F"]
)
def test_any_utf8_is_a_key(store: ObjectStore, key: str) -> None:
    """Up to 1,024 bytes, without any meaning for the disk."""
    store.put("bucket", key, LARGE)
    assert everything(store, key) == LARGE
    assert [info.key for info in store.listing("bucket").objects] == [key]
    store.delete("bucket", key)
    assert store.listing("bucket").objects == []


def test_keys_that_s3_does_not_allow_are_refused(store: ObjectStore) -> None:
    """Empty ones, ones of more than 1,024 bytes, and ones that are not UTF-8."""
    with pytest.raises(InvalidInput):
        store.put("bucket", "", b"")
    with pytest.raises(LimitExceeded):
        store.put("bucket", "é" * 513, b"")
    with pytest.raises(InvalidInput):
        store.put("bucket", "\ud800", b"")


@pytest.mark.parametrize(
    "name",
    ["ab", "a" * 64, "Upper", "a_b", "-ab", "ab-", "a..b", "192.168.1.1", "", "a/b", "é" * 4],
)
def test_bucket_names_follow_s3s_rules(store: ObjectStore, name: str) -> None:
    """Others are refused before anything is written."""
    with pytest.raises(InvalidInput):
        store.create_bucket(name)
    assert [bucket.name for bucket in store.buckets()] == ["bucket"]


def test_a_bucket_is_made_once_and_removed_when_empty(store: ObjectStore) -> None:
    """What is in it keeps it; after its removal it is not there."""
    with pytest.raises(AlreadyExists):
        store.create_bucket("bucket")
    store.put("bucket", "key", SMALL)
    with pytest.raises(Conflict):
        store.delete_bucket("bucket")
    store.delete("bucket", "key")
    store.delete_bucket("bucket")
    with pytest.raises(NotFound, match="bucket"):
        store.delete_bucket("bucket")
    store.create_bucket("bucket")


@pytest.mark.parametrize(
    "use",
    [
        lambda s: s.put("nowhere", "key", b""),
        lambda s: s.head("nowhere", "key"),
        lambda s: s.open("nowhere", "key"),
        lambda s: s.delete("nowhere", "key"),
        lambda s: s.listing("nowhere"),
    ],
)
def test_a_missing_bucket_is_told_from_a_missing_object(
    store: ObjectStore, use: Callable[[ObjectStore], object]
) -> None:
    """The fault's kind says which of the two there is not."""
    with pytest.raises(NotFound) as caught:
        use(store)
    assert (caught.value.kind, caught.value.name) == ("bucket", "nowhere")
    with pytest.raises(NotFound) as caught:
        store.head("bucket", "key")
    assert (caught.value.kind, caught.value.name) == ("object", "key")


def test_replaced_and_deleted_blobs_are_removed(place: Place) -> None:
    """There are as many blobs as large objects, whatever came before."""
    store = place.store
    for content in (LARGE, LARGE[1:], SMALL, LARGE, LARGE[2:]):
        store.put("bucket", "key", content)
        assert len(place.blobs.ids()) == (content is not SMALL)
    store.delete("bucket", "key")
    store.delete("bucket", "key")
    assert place.blobs.ids() == []


def test_who_reads_an_object_is_not_disturbed(store: ObjectStore) -> None:
    """It may be replaced and deleted meanwhile; the reader gets what it opened."""
    store.put("bucket", "key", LARGE)
    with store.open("bucket", "key") as opened:
        chunks = opened.chunks(0, 150_000)
        store.put("bucket", "key", LARGE[1:])
        store.delete("bucket", "key")
        assert b"".join(chunks) + b"".join(opened.chunks(150_000)) == LARGE


def test_an_upload_without_commit_leaves_nothing(place: Place) -> None:
    """Neither when it fails nor when it is just left."""
    store = place.store
    store.put("bucket", "key", SMALL)
    with store.upload("bucket", "key") as upload:
        upload.write(LARGE)
    with pytest.raises(LimitExceeded):
        store.put("bucket", "key", bytes(10**6 + 1))
    assert everything(store, "key") == SMALL
    assert place.blobs.ids() == []


def test_an_upload_into_a_bucket_that_went_away_leaves_nothing(place: Place) -> None:
    """The commit finds no bucket, and the blob is let go of."""
    with place.store.upload("bucket", "key") as upload:
        upload.write(LARGE)
        place.store.delete_bucket("bucket")
        with pytest.raises(NotFound):
            upload.commit()
    assert place.blobs.ids() == []
    assert place.records.scan("s3/object") == []


def test_a_start_removes_blobs_that_no_object_names(place: Place) -> None:
    """Such as those of an upload that a crash cut off before its commit."""
    place.store.put("bucket", "key", LARGE)
    place.blobs.put([b"of nobody"])
    again = ObjectStore(place.records, place.blobs)
    assert len(place.blobs.ids()) == 1
    assert everything(again, "key") == LARGE


def test_a_lost_blob_is_a_fault_of_the_storage(place: Place) -> None:
    """It is neither an endless search nor an empty object."""
    place.store.put("bucket", "key", LARGE)
    place.blobs.delete(place.blobs.ids()[0])
    with pytest.raises(StorageFailed):
        place.store.open("bucket", "key")


def test_a_conditional_write_sees_what_it_would_replace(store: ObjectStore) -> None:
    """It is called with None or the object, and what it raises refuses the write."""
    seen: list[ObjectInfo | None] = []

    def expect(found: ObjectInfo | None) -> None:
        seen.append(found)
        if found is not None:
            raise Conflict("object", "key", "there", "nothing there")

    for content in (SMALL, LARGE):
        with store.upload("bucket", "key", expect=expect) as upload:
            upload.write(content)
            if content is SMALL:
                first = upload.commit()
            else:
                with pytest.raises(Conflict):
                    upload.commit()
    assert seen == [None, first]
    assert everything(store, "key") == SMALL


def test_neighbours_of_a_conditional_write_do_not_disturb_it(store: ObjectStore) -> None:
    """Only a writer of the same key does, not one of a key that begins with it."""

    outcomes: list[str] = []

    def write_neighbours() -> None:
        for n in range(40):
            store.put("bucket", f"key-{n}", SMALL)

    def write_conditionally() -> None:
        for _ in range(40):
            with store.upload("bucket", "key", expect=lambda _: None) as upload:
                upload.write(SMALL)
                upload.commit()
            outcomes.append("written")

    threads = [threading.Thread(target=t) for t in (write_neighbours, write_conditionally)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["written"] * 40


def test_many_keys_are_deleted_at_once(place: Place) -> None:
    """More than one batch of them, with and without blobs, there and not there."""
    for n in range(120):
        place.store.put("bucket", f"{n}", LARGE if n % 40 == 0 else SMALL)
    place.store.delete("bucket", *(f"{n}" for n in range(1, 200)))
    assert [info.key for info in place.store.listing("bucket").objects] == ["0"]
    assert len(place.blobs.ids()) == 1


def test_reading_has_a_limit(store: ObjectStore) -> None:
    """An object of exactly that size is read, a larger one is refused with both sizes."""
    store.put("bucket", "key", b"12345")
    assert store.read("bucket", "key", limit_bytes=5) == b"12345"
    with pytest.raises(LimitExceeded) as caught:
        store.read("bucket", "key", limit_bytes=4)
    assert (caught.value.value, caught.value.limit) == (5, 4)


def test_concurrent_writers_leave_one_whole_object_and_no_blob_beside_it(place: Place) -> None:
    """Eight threads replace and delete one key, by rows and by blobs."""
    store = place.store
    contents = [bytes([n]) * (100_000 if n % 2 else 100) for n in range(8)]

    def work(content: bytes) -> None:
        for _ in range(10):
            store.put("bucket", "key", content)
            if content[0] == 0:
                store.delete("bucket", "key")

    threads = [threading.Thread(target=work, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store.put("bucket", "other", SMALL)
    found = [everything(store, info.key) for info in store.listing("bucket", prefix="key").objects]
    assert all(content in contents for content in found)
    assert len(place.blobs.ids()) == sum(len(content) > 65_536 for content in found)


def test_a_bucket_is_not_removed_under_a_writer(place: Place) -> None:
    """Whoever is first wins: either the object is there, or neither it nor the bucket."""
    store = place.store
    for n in range(30):
        name = f"bucket-{n}"
        store.create_bucket(name)
        outcomes: list[str] = []

        def write(name: str = name, outcomes: list[str] = outcomes) -> None:
            try:
                store.put(name, "key", SMALL)
                outcomes.append("written")
            except NotFound:
                outcomes.append("refused")

        writer = threading.Thread(target=write)
        writer.start()
        try:
            store.delete_bucket(name)
            removed = True
        except Conflict:
            removed = False
        writer.join()
        assert outcomes == ["refused" if removed else "written"]
        assert len(place.records.scan("s3/object", prefix=f"{name}/")) == (not removed)


def test_the_event_loop_writes_and_deletes(place: Place) -> None:
    """The asynchronous forms do what the blocking ones do."""

    async def put(key: str, content: bytes) -> None:
        with place.store.upload("bucket", key) as upload:
            upload.write(content)
            await upload.commit_async()

    async def run() -> None:
        await asyncio.gather(
            *(put(f"small/{n}", SMALL) for n in range(20)),
            *(put(f"large/{n}", LARGE) for n in range(3)),
        )
        for key in ("small/0", "large/0", "never"):
            await place.store.delete_async("bucket", key)

    asyncio.run(run())
    assert len(place.store.listing("bucket").objects) == 21
    assert len(place.blobs.ids()) == 2


# Listing

KEYS = ["a", "a/", "a/1", "a/2/x", "b", "c/1", "c/2", "d//e", "z"]


def fill(store: ObjectStore) -> None:
    for key in KEYS:
        store.put("bucket", key, b"")


def test_a_delimiter_rolls_keys_up(store: ObjectStore) -> None:
    """Folders appear once each, in a list of their own, and count towards the limit."""
    fill(store)
    page = store.listing("bucket", delimiter="/")
    assert [info.key for info in page.objects] == ["a", "b", "z"]
    assert page.common_prefixes == ["a/", "c/", "d/"]
    assert page.next_after is None
    page = store.listing("bucket", prefix="a/", delimiter="/")
    assert [info.key for info in page.objects] == ["a/", "a/1"]
    assert page.common_prefixes == ["a/2/"]


@pytest.mark.parametrize("limit", [1, 2, 3, 8, 9, 10])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_pages_together_are_the_whole(store: ObjectStore, limit: int, delimiter: str) -> None:
    """Each entry is on one page, no page is longer than asked, and the last one says so."""
    fill(store)
    whole = store.listing("bucket", delimiter=delimiter)
    objects, prefixes, after = list[str](), list[str](), ""
    while True:
        page = store.listing("bucket", delimiter=delimiter, after=after, limit=limit)
        assert 1 <= len(page.objects) + len(page.common_prefixes) <= limit
        objects += [info.key for info in page.objects]
        prefixes += page.common_prefixes
        if page.next_after is None:
            break
        after = page.next_after
    assert objects == [info.key for info in whole.objects]
    assert prefixes == whole.common_prefixes


def test_a_limit_of_zero_is_an_empty_page(store: ObjectStore) -> None:
    """It asks for nothing and says that there is no more."""
    fill(store)
    page = store.listing("bucket", limit=0)
    assert (page.objects, page.common_prefixes, page.next_after) == ([], [], None)


def test_a_listing_is_of_one_bucket(store: ObjectStore) -> None:
    """Neither a bucket whose name begins alike nor one that sorts after it is in it."""
    fill(store)
    for name in ("bucket-2", "bucket.b", "bucke"):
        store.create_bucket(name)
        store.put(name, "other", b"")
    assert [info.key for info in store.listing("bucket").objects] == KEYS
    assert store.listing("bucket", after="z").objects == []


def test_folders_with_more_keys_than_a_page_are_rolled_up_too(store: ObjectStore) -> None:
    """However many keys a common prefix covers, it is found once, and what follows it as well."""
    for n in range(300):
        store.put("bucket", f"many/{n:03}", b"")
    store.put("bucket", "next", b"")
    page = store.listing("bucket", delimiter="/", limit=2)
    assert (page.common_prefixes, [info.key for info in page.objects]) == (["many/"], ["next"])
    assert page.next_after is None


NAMES = st.text(alphabet="ab/\U0010ffff", min_size=1, max_size=5)


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    names=st.sets(NAMES, max_size=12),
    prefix=st.text(alphabet="ab/", max_size=2),
    delimiter=st.sampled_from(["", "/", "b", "ab"]),
    after=st.text(alphabet="ab/", max_size=2),
)
def test_a_listing_is_what_its_definition_says(
    names: set[str], prefix: str, delimiter: str, after: str
) -> None:
    """Compared with the plainest way to compute it: sort, filter, roll up."""
    store = ObjectStore(MemoryRecords(), MemoryBlobs())
    store.create_bucket("bucket")
    for name in names:
        store.put("bucket", name, b"")
    objects: list[str] = []
    prefixes: list[str] = []
    for key in sorted(name for name in names if name.startswith(prefix) and name > after):
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            objects.append(key)
            continue
        rolled = key[: cut + len(delimiter)]
        if rolled != after and rolled not in prefixes:
            prefixes.append(rolled)
    page = store.listing("bucket", prefix=prefix, delimiter=delimiter, after=after)
    assert ([info.key for info in page.objects], page.common_prefixes) == (objects, prefixes)


@pytest.mark.parametrize(
    ("uri", "parts"),
    [
        ("s3://bucket/key", ("bucket", "key")),
        ("s3://bucket/a//b/", ("bucket", "a//b/")),
        ("s3://bucket", ("bucket", "")),
        ("s3://bucket/", ("bucket", "")),
        ("s3://bucket/a?b#c%20d", ("bucket", "a?b#c%20d")),
    ],
)
def test_s3_uris_are_split(uri: str, parts: tuple[str, str]) -> None:
    """Nothing in a key has a meaning of its own."""
    assert parse_s3_uri(uri) == parts


@pytest.mark.parametrize("uri", ["", "bucket/key", "s3:/bucket", "https://b/k", "s3://", "s3:///k"])
def test_what_is_no_s3_uri_is_refused(uri: str) -> None:
    """The message shows what was given and what is expected."""
    with pytest.raises(InvalidInput, match="s3://bucket/key"):
        parse_s3_uri(uri)
