"""Zip archives from outside: checked before anything of them is believed, unpacked in bounds."""

from __future__ import annotations

import io
import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from bakehouse.faults import InvalidInput, LimitExceeded

ZIPPED_BYTES = 52_428_800
"""The largest archive, as on AWS."""
UNZIPPED_BYTES = 262_144_000
"""The largest sum of the unpacked files, as on AWS."""
_ENTRIES = 65_535
_LINK_BYTES = 4096
_DEEPEST = 100  # folders within each other
_UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."
# What zipfile and zlib raise on bytes that are no sound archive.
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError, ValueError)


class ArchiveTooLarge(LimitExceeded):
    """The zipped file is over its limit."""


def check_archive(archive: bytes, limit_bytes: int = ZIPPED_BYTES) -> None:
    """Look at an archive's directory.

    Raises:
        ArchiveTooLarge: it has more than ``limit_bytes``.
        InvalidInput: it is no archive, is too large unpacked, or has an entry that is no plain
            file, folder or link, or whose name leads out of its folder.
    """
    if len(archive) > limit_bytes:
        raise ArchiveTooLarge("The archive", len(archive), limit_bytes, "bytes")
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as opened:
            _check_entries(opened.infolist())
    except _BROKEN as error:
        raise unreadable() from error


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a checked archive into a folder that is not there yet.

    Files get mode 0644, or 0755 where the archive marks them executable. Links are made last, so
    that no file is ever written through one, and all must end inside the folder.

    Raises:
        InvalidInput: the archive is damaged or a link leads out of the folder; nothing is left.
    """
    folder.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _check_entries(opened.infolist())
            for entry in entries:
                if not _is_link(entry):
                    _write(opened, entry, folder)
            _make_links(opened, [entry for entry in entries if _is_link(entry)], folder)
    except (*_BROKEN, OSError, InvalidInput) as error:
        shutil.rmtree(folder)
        raise error if isinstance(error, InvalidInput) else unreadable() from error


def unreadable(reason: str = _UNREADABLE) -> InvalidInput:
    """The fault for bytes that are no archive, in AWS's words."""
    return InvalidInput("Code.ZipFile", b"", "a zip archive", reason)


def _check_entries(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    if not entries or len(entries) > _ENTRIES:
        raise unreadable()
    if sum(entry.file_size for entry in entries) > UNZIPPED_BYTES:
        limit = f"Unzipped size must be smaller than {UNZIPPED_BYTES} bytes"
        raise InvalidInput("Code.ZipFile", b"", "a smaller archive", limit)
    for entry in entries:
        if not _is_safe(entry):
            raise unreadable()
    return entries


def _is_safe(entry: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(entry.filename)
    kind = stat.S_IFMT(entry.external_attr >> 16)
    return (
        0 < len(path.parts) <= _DEEPEST
        and not path.is_absolute()
        and ".." not in path.parts
        and kind in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
        and not entry.flag_bits & 0x1  # encrypted
    )


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16)


def _write(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    place = folder / entry.filename
    if entry.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as source, place.open("wb") as target:
        shutil.copyfileobj(source, target, 1 << 20)
    place.chmod(0o755 if (entry.external_attr >> 16) & 0o111 else 0o644)


def _make_links(opened: zipfile.ZipFile, links: list[zipfile.ZipInfo], folder: Path) -> None:
    root = folder.resolve()
    places = []
    for entry in links:
        if entry.file_size > _LINK_BYTES:
            raise unreadable()
        place = root / entry.filename
        if place.parent.resolve() != place.parent:  # it would be made through another link
            raise unreadable()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(os.fsdecode(opened.read(entry)))
        places.append(place)
    for place in places:
        if not _resolves_inside(place, root):
            raise unreadable()


def _resolves_inside(place: Path, root: Path) -> bool:
    try:
        return place.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a ring of links
        return False
