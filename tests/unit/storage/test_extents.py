"""Contents of several blobs: read as one, and kept as long as somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bakehouse.storage.blobs import Blobs, FileBlobs, MemoryBlobs
from bakehouse.storage.contents import Contents
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.records import Delete, Put, Records

PIECES = (b"abc", b"", b"defgh", b"i")
WHOLE = b"".join(PIECES)


@pytest.fixture(params=["memory", "files"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return MemoryBlobs() if request.param == "memory" else FileBlobs(tmp_path / "blobs")


@pytest.fixture
def records() -> Iterator[Records]:
    made = MemoryRecords()
    yield made
    made.close()


def put(contents: Contents, key: str, pieces: tuple[bytes, ...] = PIECES) -> Put:
    extents = [(contents.keep(piece), len(piece)) for piece in pieces]
    write = Put("k", key, {"extents": extents})
    contents.submit(write, result=None).result()
    return write


def test_blobs_are_read_one_after_the_other(records: Records, blobs: Blobs) -> None:
    """As one content, whole or in part."""
    contents = Contents(records, blobs)
    put(contents, "a")
    found = contents.open("k", "a")
    assert found is not None
    assert found[1].size_bytes == len(WHOLE)
    for start in range(len(WHOLE) + 1):
        for stop in range(start, len(WHOLE) + 2):
            assert b"".join(found[1].chunks(start, stop)) == WHOLE[start:stop]
    assert b"".join(found[1].chunks()) == WHOLE
    found[1].close()


def test_what_is_being_read_stays_when_its_row_goes(records: Records, blobs: Blobs) -> None:
    """Its blobs are removed after the last reader has left, by whatever is written next."""
    contents = Contents(records, blobs)
    put(contents, "a")
    readers = [contents.open("k", "a") for _ in range(2)]
    contents.submit(Delete("k", "a"), result=None).result()
    contents.remove_unused()
    for found in readers:
        assert found is not None
        assert b"".join(found[1].chunks()) == WHOLE
        found[1].close()
        found[1].close()  # to close it again lets go of nobody else's
    assert len(blobs.ids()) == len(PIECES)
    contents.remove_unused()
    assert blobs.ids() == []


def test_a_reader_that_is_forgotten_holds_nothing(records: Records, blobs: Blobs) -> None:
    """It need not be closed."""
    contents = Contents(records, blobs)
    put(contents, "a")
    assert contents.open("k", "a") is not None
    contents.submit(Delete("k", "a"), result=None).result()
    contents.remove_unused()
    assert blobs.ids() == []


def test_blobs_move_from_row_to_row(records: Records, blobs: Blobs) -> None:
    """A commit that takes them from one row and names them in another removes none."""
    contents = Contents(records, blobs)
    moved = put(contents, "a")
    contents.submit(Delete("k", "a"), Put("k", "b", moved.value), result=None).result()
    contents.remove_unused()
    found = contents.open("k", "b")
    assert found is not None
    assert b"".join(found[1].chunks()) == WHOLE


def test_a_start_removes_only_what_no_row_names(records: Records, blobs: Blobs) -> None:
    """Each of the blobs of a row is known to be in use."""
    contents = Contents(records, blobs)
    put(contents, "a")
    contents.keep(b"left by a crash")
    again = Contents(records, blobs).open("k", "a")
    assert again is not None
    assert b"".join(again[1].chunks()) == WHOLE
    assert len(blobs.ids()) == len(PIECES)
