from __future__ import annotations

import io
import stat
import zipfile
from pathlib import Path

import pytest

from bakehouse.faults import InvalidInput
from bakehouse.functions.archives import (
    UNZIPPED_BYTES,
    ZIPPED_BYTES,
    ArchiveTooLarge,
    check_archive,
    unpack,
)

UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


def zipped(*entries: tuple[str, bytes, int]) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            opened.writestr(entry, content)
    return written.getvalue()


def unpacked(folder: Path, archive: bytes) -> Path:
    (folder / "a.zip").write_bytes(archive)
    unpack(folder / "a.zip", folder / "out")
    return folder / "out"


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil", "a/../../evil", "a/b/../c", "//evil", ".."]
)
def test_a_name_that_leads_out_is_refused(name: str) -> None:
    """A path that is absolute or climbs makes the whole archive unacceptable, in AWS's words."""
    with pytest.raises(InvalidInput) as caught:
        check_archive(zipped((name, b"x", 0)))
    assert caught.value.message == UNREADABLE


@pytest.mark.parametrize("kind", [stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK])
def test_a_device_is_refused(kind: int) -> None:
    """Only files, folders and links are in an archive."""
    with pytest.raises(InvalidInput):
        check_archive(zipped(("device", b"", kind | 0o644)))


@pytest.mark.parametrize("archive", [b"", b"no zip at all", b"PK\x05\x06" + bytes(18)])
def test_what_is_no_archive_is_refused(archive: bytes) -> None:
    """Bytes that are no zip, and a zip without entries, get AWS's text."""
    with pytest.raises(InvalidInput) as caught:
        check_archive(archive)
    assert caught.value.message == UNREADABLE


def test_more_than_fifty_mebibytes_are_refused() -> None:
    """The limit is on the archive as it came, before anything is read of it."""
    with pytest.raises(ArchiveTooLarge) as caught:
        check_archive(bytes(ZIPPED_BYTES + 1))
    assert caught.value.limit == 52_428_800


def test_an_archive_that_would_unpack_too_large_is_refused() -> None:
    """The unpacked sizes are added up before a byte is unpacked."""
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as opened:
        for name in ("a", "b"):
            opened.writestr(name, b"x")
            opened.filelist[-1].file_size = UNZIPPED_BYTES // 2 + 1  # as the directory tells it
    with pytest.raises(InvalidInput) as caught:
        check_archive(written.getvalue())
    assert caught.value.message == "Unzipped size must be smaller than 262144000 bytes"


def test_files_get_plain_modes(tmp_path: Path) -> None:
    """Set-user-id and write bits do not survive; being executable does."""
    archive = zipped(
        ("run", b"#!", stat.S_IFREG | 0o6777), ("m/app.py", b"x = 1", stat.S_IFREG | 0o400)
    )
    out = unpacked(tmp_path, archive)
    assert stat.S_IMODE((out / "run").stat().st_mode) == 0o755
    assert stat.S_IMODE((out / "m" / "app.py").stat().st_mode) == 0o644


def test_a_link_inside_works(tmp_path: Path) -> None:
    """A relative link to a file of the archive is kept."""
    link = stat.S_IFLNK | 0o777
    out = unpacked(tmp_path, zipped(("lib/a.so", b"so", 0), ("a.so", b"lib/a.so", link)))
    assert (out / "a.so").read_bytes() == b"so"


@pytest.mark.parametrize(
    "entries",
    [
        [("l", "/etc/passwd")],
        [("l", "../..")],
        [("l", "l")],
        [("d/up", ".."), ("l", "d/up/..")],
        [("up", "/tmp"), ("up/planted", "x")],
    ],
)
def test_a_link_that_leads_out_is_refused(tmp_path: Path, entries: list[tuple[str, str]]) -> None:
    """Links out, rings, detours and links through links leave nothing behind."""
    link = stat.S_IFLNK | 0o777
    archive = zipped(*((name, target.encode(), link) for name, target in entries))
    with pytest.raises(InvalidInput):
        unpacked(tmp_path, archive)
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    """A file below a name that is also a link does not land behind the link."""
    outside = tmp_path / "outside"
    outside.mkdir()
    link = stat.S_IFLNK | 0o777
    with pytest.raises(InvalidInput):
        unpacked(tmp_path, zipped(("d", str(outside).encode(), link), ("d/planted", b"x", 0)))
    assert list(outside.iterdir()) == []


def test_a_damaged_archive_leaves_nothing(tmp_path: Path) -> None:
    """A wrong checksum is found while unpacking, and the folder goes away again."""
    archive = zipped(("app.py", b"x = 1\n" * 100, 0))
    broken = archive[:50] + bytes([archive[50] ^ 0xFF]) + archive[51:]
    with pytest.raises(InvalidInput) as caught:
        unpacked(tmp_path, broken)
    assert caught.value.message == UNREADABLE
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["a/" * 1900 + "x", "a/" * 1900])
def test_folders_nested_without_end_are_refused(name: str) -> None:
    """An archive deeper than any package is unacceptable, in AWS's words."""
    with pytest.raises(InvalidInput) as caught:
        check_archive(zipped((name, b"", 0)))
    assert caught.value.message == UNREADABLE
