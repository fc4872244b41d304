"""A folder as a ``.tar.gz`` whose bytes depend on nothing but the files' names and contents."""

from __future__ import annotations

import gzip
import tarfile
from pathlib import Path

_LEVEL = 1
"""Weights hardly get smaller; a higher level costs seconds for nothing."""


def has_files(folder: Path) -> bool:
    """There is at least one file in the folder or below it."""
    return any(path.is_file() for path in folder.rglob("*"))


def merge(folder: Path, other: Path) -> None:
    """Move the files of another folder into this one, but for those whose names it has already."""
    for path in sorted(other.rglob("*")):
        target = folder / path.relative_to(other)
        if path.is_file() and not path.is_symlink() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            path.rename(target)


def pack(folder: Path, archive: Path) -> None:
    """Write the folder's files, named relative to it, in the order of their names; blocks.

    Times and owners are zero. Only regular files and folders go in: a link would not be followed on
    the machine that unpacks it.
    """
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", _LEVEL, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        for path in sorted(folder.rglob("*")):
            if not path.is_symlink() and (path.is_file() or path.is_dir()):
                _add(tar, path, path.relative_to(folder).as_posix())


def _add(tar: tarfile.TarFile, path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if path.is_dir():
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(member)
        return
    with path.open("rb") as file:
        member.size, member.mode = path.stat().st_size, 0o644
        tar.addfile(member, file)
