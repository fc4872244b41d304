"""What comes out of a model.tar.gz, and what is refused."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

import pytest

from bakehouse.faults import InvalidInput, LimitExceeded
from bakehouse.storage.archives import FILES, unpack
from support.hosting_parts import tar_gz, tar_gz_of


def unpacked(archive: bytes, folder: Path, limit_bytes: int = 1 << 20) -> dict[str, bytes]:
    chunks = [archive[start : start + 100] for start in range(0, len(archive), 100)]
    unpack(chunks, folder, limit_bytes=limit_bytes, source="model.tar.gz")
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, link
    return made


def raw_header(kind: bytes, size: bytes, name: bytes = b"model") -> bytes:
    header = bytearray(512)
    header[0 : len(name)] = name
    header[124 : 124 + len(size)] = size
    header[156:157] = kind
    header[257:265] = b"ustar\x0000"
    header[148:156] = b" " * 8
    header[148:156] = f"{sum(header):06o}\0 ".encode()
    return bytes(header)


def test_files_come_out_in_their_folders(tmp_path: Path) -> None:
    """Files are written below the target, those with long names and no bytes too."""
    files = {"model.onnx": b"\x00" * 70_000, "code/lib/x.py": b"x", "n" * 180: b"", "./a": b"a"}
    expected = {name.removeprefix("./"): content for name, content in files.items()}
    assert unpacked(tar_gz(files), tmp_path) == expected


@pytest.mark.parametrize(
    "hostile",
    [
        entry("../out"),
        entry("a/../../out"),
        entry("/etc/out"),
        entry("link", tarfile.SYMTYPE, "/etc/passwd"),
        entry("hard", tarfile.LNKTYPE, "model.onnx"),
        entry("device", tarfile.CHRTYPE),
        entry("pipe", tarfile.FIFOTYPE),
        entry("/".join("d" * 40)),
    ],
    ids=lambda made: f"{made.name[:10]} {made.type!r}",
)
def test_anything_but_files_and_folders_inside_is_refused(
    hostile: tarfile.TarInfo, tmp_path: Path
) -> None:
    """Paths that leave the folder, links and devices are refused, and nothing is written."""
    with pytest.raises(InvalidInput, match="expected"):
        unpacked(tar_gz_of(hostile), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """A file cannot replace another, nor stand where a folder is."""
    with pytest.raises(InvalidInput, match="each name once"):
        unpacked(tar_gz_of(entry("a"), entry("a")), tmp_path)
    with pytest.raises(InvalidInput, match="each name once"):
        unpacked(tar_gz_of(entry("f"), entry("f/b")), tmp_path)


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"no archive",
        gzip.compress(b"no tar" * 200),
        tar_gz({"model.onnx": b"x" * 5000})[:-40],
        gzip.compress(raw_header(b"0", b"00000010000\0")),
    ],
    ids=["empty", "text", "gzip of text", "cut gzip", "cut tar"],
)
def test_what_is_no_whole_archive_is_refused(damaged: bytes, tmp_path: Path) -> None:
    """Anything that is not gzip of a whole tar is a clear refusal."""
    with pytest.raises(InvalidInput, match=r"gzip-compressed tar archive"):
        unpacked(damaged, tmp_path)


def test_a_bomb_is_stopped_at_the_limit(tmp_path: Path) -> None:
    """Decompressing ends as soon as there is more than the limit."""
    bomb = gzip.compress(b"\0" * (50 << 20), 9)
    with pytest.raises(LimitExceeded, match=r"model\.tar\.gz, unpacked"):
        unpacked(bomb, tmp_path)


def test_too_many_entries_are_refused(tmp_path: Path) -> None:
    """The number of entries is bounded."""
    entries = [entry("d", tarfile.DIRTYPE) for _ in range(FILES + 1)]
    with pytest.raises(LimitExceeded, match="entries"):
        unpacked(tar_gz_of(*entries), tmp_path, limit_bytes=64 << 20)


def test_a_huge_header_is_not_read(tmp_path: Path) -> None:
    """An extended header that claims gigabytes is refused before memory is taken."""
    archive = gzip.compress(raw_header(tarfile.XHDTYPE, b"77777777777\0") + b"\0" * 4096)
    with pytest.raises(InvalidInput, match="a header of"):
        unpacked(archive, tmp_path)


@pytest.mark.parametrize("kind", [b"0", b"5", tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
def test_an_entry_of_negative_size_is_refused(kind: bytes, tmp_path: Path) -> None:
    """Sizes below zero, which would read the same header for ever, end the unpacking."""
    negative = b"\xff" * 10 + b"\xfe\x00"
    headers = raw_header(b"5", b"0", b"d") + raw_header(kind, negative)
    with pytest.raises(InvalidInput, match=r"a size from 0 on|a header of -512 bytes"):
        unpacked(gzip.compress(headers + b"\0" * 2048), tmp_path)


def test_headers_within_headers_end(tmp_path: Path) -> None:
    """A long chain of extended headers is refused like any other damage."""
    chain = raw_header(tarfile.XHDTYPE, b"00000000000\0") * 1900
    with pytest.raises(InvalidInput):
        unpacked(gzip.compress(chain), tmp_path, limit_bytes=1 << 20)


def test_sparse_files_are_refused(tmp_path: Path) -> None:
    """A sparse file, which can be far larger than its archive, is refused in both its forms."""
    old = entry("sparse", tarfile.GNUTYPE_SPARSE)
    new = entry("sparse")
    new.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.map": "99999999,0",
        "GNU.sparse.size": "99999999",
    }
    for made in (old, new):
        with pytest.raises(InvalidInput, match="a plain file or a folder"):
            unpacked(tar_gz_of(made), tmp_path)
