"""Known members of a ``.tar.gz``, read in one pass without unpacking anything to disk."""

from __future__ import annotations

import hashlib
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import IO

from bakehouse.faults import InvalidInput

_MOST_MEMBERS = 64
_MOST_BYTES = 512 * 1024**2
_FOLDER_OR_FILE = (tarfile.DIRTYPE, tarfile.REGTYPE, tarfile.AREGTYPE)


def read_members(path: Path, folder: str, checksums: Mapping[str, str | None]) -> dict[str, bytes]:
    """Read members of one folder in a gzipped tar, and check what they hold.

    Args:
        path: the archive.
        folder: the one folder that everything in the archive must lie in.
        checksums: for each wanted member's name the MD5 of its content in hex, or None to take any.

    Returns:
        The wanted members' content by name.

    Raises:
        InvalidInput: there is no such file; it is cut short or is no gzipped tar; a member leaves
            the folder, is a link or device, or is huge; a wanted one is missing or differs.
    """
    if not path.is_file():
        raise InvalidInput("archive", str(path), "an existing file")
    try:
        with tarfile.open(path, "r|gz") as archive:
            found = _read_wanted(archive, path, folder, checksums)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise _damaged(path, f"it is cut short or is no gzipped tar ({error})") from error
    missing = sorted(set(checksums) - set(found))
    if missing:
        raise _damaged(path, f"{folder}/{missing[0]} is missing")
    return found


def _read_wanted(
    archive: tarfile.TarFile, path: Path, folder: str, checksums: Mapping[str, str | None]
) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for number, member in enumerate(archive, start=1):
        if number > _MOST_MEMBERS:
            raise _damaged(path, f"it has more than {_MOST_MEMBERS} members")
        _check_member(path, folder, member)
        name = PurePosixPath(member.name).name
        content = archive.extractfile(member) if name in checksums else None
        if content is not None:
            found[name] = _read_checked(path, member, content, checksums[name])
    return found


def _check_member(path: Path, folder: str, member: tarfile.TarInfo) -> None:
    place = PurePosixPath(member.name)
    if place.is_absolute() or ".." in place.parts or place.parts[:1] != (folder,):
        raise _damaged(path, f"its member {member.name!r} lies outside the folder {folder}/")
    if member.type not in _FOLDER_OR_FILE:
        raise _damaged(path, f"its member {member.name!r} is a link or a device")
    if member.size > _MOST_BYTES:
        raise _damaged(path, f"its member {member.name!r} claims {member.size} bytes")


def _read_checked(
    path: Path, member: tarfile.TarInfo, content: IO[bytes], expected: str | None
) -> bytes:
    read = content.read()
    digest = hashlib.md5(read, usedforsecurity=False).hexdigest()
    if expected is not None and digest != expected:
        raise _damaged(path, f"{member.name} has the MD5 {digest}; {expected} was published")
    return read


def _damaged(path: Path, what: str) -> InvalidInput:
    return InvalidInput(
        "archive",
        str(path),
        "the published archive",
        f"The archive {path} cannot be used: {what}.",
    )
