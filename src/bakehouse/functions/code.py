"""The code of functions: archives kept under their digest, unpacked when first needed."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from bakehouse.faults import StorageFailed
from bakehouse.functions.archives import ZIPPED_BYTES, check_archive, unpack
from bakehouse.storage.files import write_durably


@dataclass(frozen=True, slots=True)
class Code:
    """An archive that is kept: its SHA-256 in hexadecimal and its size."""

    digest: str
    size_bytes: int


class CodeStore:
    """Archives in one folder, unpacked below another that lives as long as the server.

    All methods block and are meant for threads.

    Args:
        kept: where the archives stay.
        unpacked: where they are unpacked; emptied by whoever owns it.
    """

    def __init__(self, kept: Path, unpacked: Path) -> None:
        self._kept, self._unpacked = kept, unpacked

    def keep(self, archive: bytes, limit_bytes: int = ZIPPED_BYTES) -> Code:
        """Check an archive and store it; it is on the disk when this returns.

        Raises:
            InvalidInput, ArchiveTooLarge: it is not acceptable.
            StorageFailed: it cannot be written.
        """
        check_archive(archive, limit_bytes)
        digest = hashlib.sha256(archive).hexdigest()
        try:
            self._kept.mkdir(parents=True, exist_ok=True)
            write_durably(self._archive(digest), archive)
        except OSError as error:
            raise StorageFailed(f"The code could not be written: {error}.") from error
        return Code(digest, len(archive))

    def forget(self, digest: str) -> None:
        """Remove an archive that no function has any more, and its files."""
        self._archive(digest).unlink(missing_ok=True)
        shutil.rmtree(self._unpacked / digest, ignore_errors=True)

    def sweep(self, used: Collection[str]) -> None:
        """Remove everything but the archives of these digests."""
        wanted = {self._archive(digest) for digest in used}
        for path in self._kept.glob("*"):
            if path not in wanted:
                path.unlink()

    def unpack(self, digest: str) -> Path:
        """The folder with an archive's files. Two threads must not ask for the same one at once.

        Raises:
            InvalidInput: it cannot be unpacked.
            StorageFailed: the archive is gone.
        """
        folder = self._unpacked / digest
        if not folder.is_dir():
            if not self._archive(digest).is_file():
                raise StorageFailed(f"{self._archive(digest)} is not there any more.")
            partial = folder.with_suffix(".partial")
            unpack(self._archive(digest), partial)
            partial.rename(folder)
        return folder

    def _archive(self, digest: str) -> Path:
        return self._kept / f"{digest}.zip"
