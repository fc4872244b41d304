"""Where the CIFAR-100 archive is: named, in the environment, in the cache, or on the web."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

from bakehouse.datasets import cifar
from bakehouse.datasets.archive import read_members
from bakehouse.datasets.download import download
from bakehouse.faults import InvalidInput

_MOST_BYTES = 256 * 1024**2


def find_archive(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    """The archive that is on this machine, if there is one.

    Args:
        path: the archive, if the user named one.
        environment: ``BAKEHOUSE_CIFAR100`` names one too; ``BAKEHOUSE_CACHE`` the cache's folder.

    Returns:
        The first of the two that is given, else the cached copy, else None.

    Raises:
        InvalidInput: the one that is given is not there.
    """
    variable = environment.get("BAKEHOUSE_CIFAR100")
    if path is not None or variable:
        where, given = ("archive", path) if path is not None else ("BAKEHOUSE_CIFAR100", variable)
        named = Path(str(given)).expanduser()
        if not named.is_file():
            raise InvalidInput(where, str(named), f"an existing file, {cifar.ARCHIVE_NAME}")
        return named
    cached = cached_archive(environment)
    return cached if cached.is_file() else None


def cached_archive(environment: Mapping[str, str]) -> Path:
    """Where a downloaded archive is kept, whether it is there or not."""
    folder = Path(environment.get("BAKEHOUSE_CACHE") or "~/.cache/bakehouse").expanduser()
    return folder / cifar.ARCHIVE_NAME


def fetch_archive(
    target: Path,
    *,
    url: str = cifar.URL,
    md5: str = cifar.ARCHIVE_MD5,
    patience_s: float = 4.0,
    progress: Callable[[float], None] | None = None,
) -> Path:
    """Download the archive; only a checked one ever stands at ``target``.

    What an interrupted download left is gone on from. ``patience_s`` bounds the wait for the
    server's first answer; ``progress`` is told the share that is here.

    Raises:
        WorkFailed: it could not be downloaded.
        InvalidInput: what came is not the published archive; it is removed.
    """
    part = target.with_name(f"{target.name}.part")
    download(url, part, most_bytes=_MOST_BYTES, patience_s=patience_s, progress=progress)
    try:
        with part.open("rb") as file:
            digest = hashlib.file_digest(file, "md5").hexdigest()
        if digest != md5:
            # Packed anew, maybe: then the members are still the published ones.
            read_members(part, cifar.FOLDER, cifar.MEMBERS)
    except InvalidInput:
        part.unlink()
        raise
    return part.rename(target)
