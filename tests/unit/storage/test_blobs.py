"""Blobs in files and in memory."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from bakehouse.faults import StorageFailed
from bakehouse.storage.blobs import Blobs, FileBlobs, MemoryBlobs


@pytest.fixture(params=["memory", "files"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return MemoryBlobs() if request.param == "memory" else FileBlobs(tmp_path / "blobs")


def test_a_blob_is_the_chunks_that_were_put(blobs: Blobs) -> None:
    """They come back in order, whole or in part."""
    blob = blobs.open(blobs.put([b"abc", b"", b"defg"]))
    assert blob.size_bytes == 7
    assert b"".join(blob.chunks()) == b"abcdefg"
    assert b"".join(blob.chunks(2, 5)) == b"cde"
    assert b"".join(blob.chunks(5)) == b"fg"
    assert b"".join(blob.chunks(3, 99)) == b"defg"
    assert list(blob.chunks(7)) == []
    blob.close()


def test_an_empty_blob_is_a_blob(blobs: Blobs) -> None:
    """It has an id and no bytes."""
    blob = blobs.open(blobs.put([]))
    assert (blob.size_bytes, list(blob.chunks())) == (0, [])
    blob.close()


def test_whoever_has_a_blob_open_reads_on_after_its_deletion(blobs: Blobs) -> None:
    """Nobody else can open it any more."""
    blob_id = blobs.put([b"still here"])
    blob = blobs.open(blob_id)
    blobs.delete(blob_id)
    assert b"".join(blob.chunks()) == b"still here"
    blob.close()
    assert blobs.ids() == []
    with pytest.raises(StorageFailed):
        blobs.open(blob_id)
    blobs.delete(blob_id)


def test_a_draft_is_no_blob_until_it_is_kept(blobs: Blobs) -> None:
    """One that is discarded never was; one that is kept stays, also when it is discarded then."""
    draft, other = blobs.draft(), blobs.draft()
    draft.write(b"one")
    other.write(b"two")
    assert blobs.ids() == []
    draft.discard()
    blob_id = other.keep()
    other.discard()
    assert blobs.ids() == [blob_id]


def test_a_failing_source_leaves_nothing(blobs: Blobs) -> None:
    """What was written before the failure is gone with it."""

    def chunks() -> object:
        yield b"x" * 100
        raise RuntimeError("the source failed")

    with pytest.raises(RuntimeError, match="the source failed"):
        blobs.put(chunks())  # type: ignore[arg-type]  # a generator, seen as an object
    assert blobs.ids() == []


def test_blobs_are_there_after_a_restart_and_drafts_are_not(tmp_path: Path) -> None:
    """What a crash left half written is removed; what was kept is not."""
    first = FileBlobs(tmp_path)
    kept = first.put([b"kept"])
    (tmp_path / "drafts" / ("0" * 32)).write_bytes(b"half")
    second = FileBlobs(tmp_path)
    assert second.ids() == [kept]
    assert list((tmp_path / "drafts").iterdir()) == []


def test_large_blobs_come_in_bounded_pieces(tmp_path: Path) -> None:
    """However large a blob is, no piece is larger than 1 MiB."""
    blobs = FileBlobs(tmp_path)
    content = os.urandom(2 * 1024**2 + 5)
    blob = blobs.open(blobs.put([content]))
    pieces = list(blob.chunks())
    assert [len(piece) for piece in pieces] == [1024**2, 1024**2, 5]
    assert b"".join(pieces) == content
    blob.close()


@pytest.mark.parametrize("name", ["../secret", "", "A" * 32, "0" * 31, "/etc/passwd", "0" * 32])
def test_only_ids_of_blobs_open_files(tmp_path: Path, name: str) -> None:
    """No other text becomes a path, and an id without a file is a fault."""
    (tmp_path / "secret").write_bytes(b"secret")
    with pytest.raises(StorageFailed):
        FileBlobs(tmp_path / "blobs").open(name)


def test_a_file_that_lost_its_end_is_noticed(tmp_path: Path) -> None:
    """Reading past what is left is a fault, not a short answer."""
    blobs = FileBlobs(tmp_path)
    blob_id = blobs.put([b"0123456789"])
    blob = blobs.open(blob_id)
    os.truncate(tmp_path / "kept" / blob_id, 4)
    with pytest.raises(StorageFailed, match="ends at 4 bytes"):
        list(blob.chunks())
    blob.close()


def test_a_disk_that_refuses_is_a_storage_fault(tmp_path: Path) -> None:
    """A full device, here Linux's own, is told as StorageFailed with the system's words."""
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    blobs = FileBlobs(tmp_path)
    draft = blobs.draft()
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, draft._file.fileno())  # type: ignore[attr-defined]  # the file behind the draft
    os.close(full)
    with pytest.raises(StorageFailed, match=os.strerror(errno.ENOSPC)):
        draft.write(b"x")
    draft.discard()


def test_dropping_a_blob_closes_its_file(tmp_path: Path) -> None:
    """A reader that goes away without a word leaves no file open."""
    blobs = FileBlobs(tmp_path)
    blob_id = blobs.put([b"x"])
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").exists() else 0
    for _ in range(50):
        blobs.open(blob_id)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before + 1
