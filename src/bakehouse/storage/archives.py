"""Unpacks a ``model.tar.gz`` that anybody may have made.

Only plain files come out, in their folders, each inside the target. What an archive can ask for is
bounded before it is given: bytes once decompressed, files, length of a header.
"""

from __future__ import annotations

import gzip
import io
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from bakehouse.faults import InvalidInput, LimitExceeded

FILES = 10_000
"""The most entries that an archive may have."""
_CHUNK = 1 << 18
_HEADER_BYTES = 1 << 20  # of one extended header (a long name), which tarfile reads at once
_DEEPEST = 32
_PLAIN = (tarfile.REGTYPE, tarfile.AREGTYPE)


def unpack(chunks: Iterable[bytes], folder: Path, *, limit_bytes: int, source: str) -> None:
    """Write the files of a gzip-compressed tar below ``folder``, which exists and is empty.

    Args:
        chunks: the archive's bytes.
        folder: where the files go.
        limit_bytes: the most bytes that the archive may have when decompressed, headers included.
        source: what the archive is called in messages.

    Raises:
        InvalidInput: it is no such archive, or holds something else than files and folders inside.
        LimitExceeded: it is larger than it may be.
    """
    with tempfile.TemporaryFile(dir=folder) as plain:
        try:
            _decompress(chunks, plain, limit_bytes, source)
            plain.seek(0)
            _extract_all(plain, folder, source)
        except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile, RecursionError) as error:
            raise InvalidInput(source, str(error), "a gzip-compressed tar archive") from error


def _decompress(chunks: Iterable[bytes], plain: IO[bytes], limit: int, source: str) -> None:
    size = 0
    with gzip.GzipFile(fileobj=io.BufferedReader(_Chunks(chunks), _CHUNK)) as packed:
        while block := packed.read(_CHUNK):
            size += len(block)
            if size > limit:
                raise LimitExceeded(f"{source}, unpacked,", size, limit, "bytes")
            plain.write(block)


def _extract_all(plain: IO[bytes], folder: Path, source: str) -> None:
    with tarfile.open(fileobj=_Bounded(plain), mode="r:") as archive:
        for number, entry in enumerate(archive, start=1):
            if number > FILES:
                raise LimitExceeded(f"{source}'s number of entries", number, FILES, "entries")
            _extract(archive, entry, folder, source)


def _extract(archive: tarfile.TarFile, entry: tarfile.TarInfo, folder: Path, source: str) -> None:
    if entry.size < 0:  # tarfile would find the same header again
        raise InvalidInput(f"{source}: {entry.name}", entry.size, "a size from 0 on")
    target = folder / _inside(entry.name, source)
    if entry.isdir():
        _make_folder(target, entry.name, source)
        return
    if entry.type not in _PLAIN or entry.issparse():
        raise InvalidInput(f"{source}: {entry.name}", entry.type, "a plain file or a folder")
    _make_folder(target.parent, entry.name, source)
    content = archive.extractfile(entry) or io.BytesIO()
    try:
        with content, target.open("xb") as file:
            shutil.copyfileobj(content, file, _CHUNK)
    except (FileExistsError, IsADirectoryError) as error:
        raise InvalidInput(source, entry.name, "each name once") from error


def _inside(name: str, source: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\0" in name or len(path.parts) > _DEEPEST:
        raise InvalidInput(source, name, "names that stay inside the archive's own folder")
    return path


def _make_folder(folder: Path, name: str, source: str) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise InvalidInput(source, name, "each name once, as a file or as a folder") from error


class _Chunks(io.RawIOBase):
    """An iterable of bytes, as a file to read."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks, self._left = iter(chunks), b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # what io passes
        while not self._left:
            more = next(self._chunks, None)
            if more is None:
                return 0
            self._left = more
        taken = self._left[: len(buffer)]
        buffer[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        return len(taken)


class _Bounded(io.RawIOBase):
    """A tar file of which ``tarfile`` cannot read a huge header, nor one of a negative size."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
