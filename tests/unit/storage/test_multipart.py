"""Uploads in parts."""

from __future__ import annotations

import base64
import hashlib
import os
import zlib
from collections.abc import Callable

import pytest

from bakehouse.faults import InvalidInput, NotFound
from bakehouse.storage.blobs import MemoryBlobs
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.multipart import PART_BYTES, Chosen, MultipartUploads
from bakehouse.storage.objects import ObjectStore
from bakehouse.storage.records import Delete, Put, commit

FIRST, LAST = os.urandom(PART_BYTES), b"the last part may be short"
DESCRIBED = {"content_type": "image/png", "metadata": {"a": "b"}, "headers": {}}


@pytest.fixture
def records() -> MemoryRecords:
    return MemoryRecords()


@pytest.fixture
def blobs() -> MemoryBlobs:
    return MemoryBlobs()


@pytest.fixture
def objects(records: MemoryRecords, blobs: MemoryBlobs) -> ObjectStore:
    store = ObjectStore(records, blobs)
    store.create_bucket("bucket")
    return store


@pytest.fixture
def uploads(objects: ObjectStore) -> MultipartUploads:
    return MultipartUploads(objects)


def begin(uploads: MultipartUploads, *, is_composite: bool = False) -> str:
    made = uploads.create("bucket", "a/key", described=DESCRIBED, is_composite=is_composite)
    return made.upload_id


def send(uploads: MultipartUploads, upload_id: str, number: int, content: bytes) -> str:
    with uploads.part("bucket", "a/key", upload_id, number) as part:
        part.write(content)
        return part.commit().etag


def crc32(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(4, "big")


@pytest.mark.parametrize("is_composite", [False, True])
def test_parts_become_one_object(
    uploads: MultipartUploads, objects: ObjectStore, blobs: MemoryBlobs, is_composite: bool
) -> None:
    """In the order of their numbers; ETag and checksum are formed as S3 documents them."""
    upload_id = begin(uploads, is_composite=is_composite)
    last = send(uploads, upload_id, 7, LAST)
    first = send(uploads, upload_id, 2, FIRST)
    info = uploads.complete("bucket", "a/key", upload_id, [Chosen(2, first), Chosen(7, last)])
    assert objects.read("bucket", "a/key", limit_bytes=10**7) == FIRST + LAST
    md5s = hashlib.md5(FIRST).digest() + hashlib.md5(LAST).digest()
    assert info.etag == hashlib.md5(md5s).hexdigest() + "-2"
    whole = base64.b64encode(crc32(FIRST + LAST)).decode()
    of_parts = base64.b64encode(crc32(crc32(FIRST) + crc32(LAST))).decode() + "-2"
    assert info.checksums == {"CRC32": of_parts if is_composite else whole}
    assert (info.content_type, info.metadata) == ("image/png", {"a": "b"})
    assert len(blobs.ids()) == 2  # the parts' own, taken over as they are
    assert uploads.uploads("bucket").uploads == []


def test_a_part_can_be_sent_again(uploads: MultipartUploads, blobs: MemoryBlobs) -> None:
    """The later one counts, and the earlier one's bytes are let go of."""
    upload_id = begin(uploads)
    old = send(uploads, upload_id, 1, FIRST)
    new = send(uploads, upload_id, 1, FIRST[::-1])
    assert [part.etag for part in uploads.parts("bucket", "a/key", upload_id)] == [new]
    assert len(blobs.ids()) == 1
    with pytest.raises(InvalidInput) as caught:
        uploads.complete("bucket", "a/key", upload_id, [Chosen(1, old)])
    assert caught.value.path == "part"


def test_a_completion_that_does_not_fit_is_refused_and_changes_nothing(
    uploads: MultipartUploads, objects: ObjectStore
) -> None:
    """Wrong order, missing parts, short parts before the last, and another checksum."""
    upload_id = begin(uploads)
    first = send(uploads, upload_id, 1, LAST)
    second = send(uploads, upload_id, 2, LAST)
    for chosen, path in [
        ([Chosen(2, second), Chosen(1, first)], "part order"),
        ([Chosen(1, first), Chosen(1, "0" * 32)], "part"),
        ([Chosen(1, first), Chosen(3, second)], "part"),
        ([Chosen(1, first), Chosen(2, second)], "part size"),
    ]:
        with pytest.raises(InvalidInput) as caught:
            uploads.complete("bucket", "a/key", upload_id, chosen)
        assert caught.value.path == path
    with pytest.raises(InvalidInput, match="CRC32"):
        uploads.complete("bucket", "a/key", upload_id, [Chosen(1, first)], checksum="AAAAAA==")
    with pytest.raises(NotFound):
        objects.head("bucket", "a/key")
    uploads.complete("bucket", "a/key", upload_id, [Chosen(1, first)])


def test_an_aborted_upload_leaves_nothing(
    uploads: MultipartUploads, blobs: MemoryBlobs, records: MemoryRecords
) -> None:
    """Neither rows nor blobs; and it cannot be used any more."""
    upload_id = begin(uploads)
    send(uploads, upload_id, 1, FIRST)
    uploads.abort("bucket", "a/key", upload_id)
    assert blobs.ids() == []
    assert records.scan("s3/part") == []
    with pytest.raises(NotFound) as caught:
        send(uploads, upload_id, 2, FIRST)
    assert caught.value.kind == "upload"


@pytest.mark.parametrize(
    "use",
    [
        lambda u, i: u.find("bucket", "other/key", i),
        lambda u, i: u.part("bucket", "a/key", "0" * 32, 1),
        lambda u, i: u.parts("bucket", "a", i),
        lambda u, i: u.abort("bucket", "a/key", i[:-1]),
        lambda u, i: u.complete("bucket", "a/key", "", []),
    ],
)
def test_an_upload_is_found_by_its_own_key_and_id_only(
    uploads: MultipartUploads, use: Callable[[MultipartUploads, str], object]
) -> None:
    """Everything else is an upload that there is not."""
    upload_id = begin(uploads)
    with pytest.raises(NotFound) as caught:
        use(uploads, upload_id)
    assert caught.value.kind == "upload"


@pytest.mark.parametrize("number", [0, 10_001, -1])
def test_parts_are_numbered_from_1_to_10000(uploads: MultipartUploads, number: int) -> None:
    """Others are refused before a byte is taken."""
    with pytest.raises(InvalidInput):
        uploads.part("bucket", "a/key", begin(uploads), number)


def test_uploads_are_listed_in_pages(uploads: MultipartUploads) -> None:
    """By key, from after the last one known."""
    for key in ("b", "a", "c/d"):
        uploads.create("bucket", key, described=DESCRIBED)
    found = uploads.uploads("bucket").uploads
    assert [upload.key for upload in found] == ["a", "b", "c/d"]
    after = (found[0].key, found[0].upload_id)
    page = uploads.uploads("bucket", after=after, limit=1)
    assert (page.uploads, page.next_after) == (found[1:2], ("b", found[1].upload_id))
    assert uploads.uploads("bucket", prefix="c/").uploads == found[2:]
    rolled = uploads.uploads("bucket", delimiter="/")
    assert (rolled.uploads, rolled.common_prefixes) == (found[:2], ["c/"])


def test_uploads_come_in_the_order_of_their_keys_and_their_beginning(
    uploads: MultipartUploads,
) -> None:
    """Also where one key goes on with what sorts before a slash."""
    keys = ["a", "a!", "a", "a\x00", "a/b"]
    begun = [uploads.create("bucket", key, described=DESCRIBED) for key in keys]
    assert uploads.uploads("bucket").uploads == [begun[n] for n in (0, 2, 3, 1, 4)]
    assert uploads.uploads("bucket", after=("a", "")).uploads == [begun[n] for n in (3, 1, 4)]


def test_a_completion_can_be_repeated(uploads: MultipartUploads, objects: ObjectStore) -> None:
    """The same parts give the same answer as long as the object is there, and no others do."""
    upload_id = begin(uploads)
    chosen = [Chosen(1, send(uploads, upload_id, 1, LAST))]
    info = uploads.complete("bucket", "a/key", upload_id, chosen)
    assert uploads.complete("bucket", "a/key", upload_id, chosen) == info
    two = [*chosen, Chosen(2, chosen[0].etag)]
    for other in (two, [Chosen(1, "0" * 32)], [Chosen(1, "x")]):
        with pytest.raises(NotFound):
            uploads.complete("bucket", "a/key", upload_id, other)
    objects.put("bucket", "a/key", b"")
    with pytest.raises(NotFound):
        uploads.complete("bucket", "a/key", upload_id, chosen)


def test_uploads_of_an_older_folder_go_on(
    uploads: MultipartUploads, objects: ObjectStore, records: MemoryRecords
) -> None:
    """Their rows are renamed at the start, and their parts stay."""
    upload_id = begin(uploads)
    part = Chosen(1, send(uploads, upload_id, 1, LAST))
    (row,) = records.scan("s3/open-upload")
    document = {k: v for k, v in row.value.items() if k != "declared"}
    old = Put("s3/upload", f"bucket/a/key/{upload_id}", document)
    commit(records, old, Delete("s3/open-upload", row.key))
    again = MultipartUploads(objects)
    assert again.complete("bucket", "a/key", upload_id, [part]).size_bytes == len(LAST)


def test_uploads_of_a_removed_bucket_end(
    uploads: MultipartUploads, objects: ObjectStore, blobs: MemoryBlobs
) -> None:
    """They do not come back with a new bucket of the same name."""
    send(uploads, begin(uploads), 1, FIRST)
    objects.delete_bucket("bucket")
    uploads.abort_all("bucket")
    objects.create_bucket("bucket")
    assert (uploads.uploads("bucket").uploads, blobs.ids()) == ([], [])


def test_a_start_removes_parts_without_an_upload(
    uploads: MultipartUploads, objects: ObjectStore, records: MemoryRecords
) -> None:
    """A part that was committed while its upload ended stays no longer than that."""
    upload_id = begin(uploads)
    send(uploads, upload_id, 1, LAST)
    commit(records, Put("s3/part", f"{'0' * 32}/00001", {"size": 0}, b""))
    MultipartUploads(objects)
    assert [row.key for row in records.scan("s3/part")] == [f"{upload_id}/00001"]
