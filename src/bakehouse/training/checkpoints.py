"""What an algorithm writes into ``checkpoints``, kept in S3 while it runs.

Source: "Use Checkpoints in Amazon SageMaker": what lies under the URI is there when the job starts,
and what changes is copied back as it goes on.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

from bakehouse.faults import Rejected
from bakehouse.storage.inputs import failed
from bakehouse.storage.objects import ObjectStore, parse_s3_uri
from bakehouse.training.channels import fetch
from bakehouse.training.job import Channel

FOLDER = "checkpoints"
PARTIAL = ".partial"
"""How the name of a file ends that is still being written."""
EVERY_S = 2.0


def fetch_checkpoints(objects: ObjectStore, uri: str, root: Path, *, most_bytes: int) -> None:
    """Copy what an earlier job left under a URI into a root's folder, if there is anything; blocks.

    Raises:
        JobFailed: there is no such bucket, or a key cannot be a file's path.
    """
    try:
        bucket, prefix = parse_s3_uri(uri)
        if not objects.listing(bucket, prefix=prefix, limit=1).objects:
            return
    except Rejected as error:
        raise failed(f"{error.message} CheckpointConfig.S3Uri is {uri}.") from error
    (root / FOLDER).rmdir()
    fetch(objects, [Channel(FOLDER, uri)], [root], most_bytes=most_bytes)


class Uploads:
    """Copies a folder to a URI, each file again when it has changed.

    Args:
        objects: where to.
        uri: a prefix.
        folder: of the checkpoints.
    """

    def __init__(self, objects: ObjectStore, uri: str, folder: Path) -> None:
        self._objects, self._folder = objects, folder
        self._bucket, self._prefix = parse_s3_uri(f"{uri.rstrip('/')}/")
        self._known = self._seen()

    async def keep_on(self) -> None:
        """Copy what changes, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            await asyncio.to_thread(self.copy_changes)

    def copy_changes(self) -> None:
        """Copy every whole file that is new or has changed; blocks."""
        for path, state in self._seen().items():
            if self._known.get(path) != state:
                key = f"{self._prefix}{path.relative_to(self._folder).as_posix()}"
                self._objects.put(self._bucket, key, path)
                self._known[path] = state

    def _seen(self) -> dict[Path, tuple[int, int]]:
        """Size and time of every whole file."""
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in self._folder.rglob("*")
            if path.is_file() and not path.is_symlink() and not path.name.endswith(PARTIAL)
        }
