"""Records that were read or written lately: a bucket, its settings, a job that is waited for."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

Name = tuple[str, str]
"""A record's kind and key."""
Stored = tuple[bytes, bytes | None]
"""A document as JSON, and its bytes if it has any."""

UNKNOWN = object()
"""What is found for a record that is not remembered."""

_MOST = 4096
_MOST_BYTES, _MOST_BYTES_EACH = 8 * 1024**2, 16 * 1024


class RecentReads:
    """Remembers records, and that there are none, and what commits make of them.

    A reader may have looked just before a commit and come back after it. So it takes the *moment*
    along, which every beginning and end of a commit moves on, and is only believed at the same one.
    """

    def __init__(self) -> None:
        self._found: dict[Name, Stored | None] = {}
        self._size_bytes = 0
        self._changing: Collection[Name] = ()
        self._lock = threading.Lock()
        self.moment = 0
        """To be noted before a record is read."""

    def get(self, name: Name) -> Stored | object | None:
        """The record as it is stored, None if there is none, or ``UNKNOWN``."""
        return self._found.get(name, UNKNOWN)

    def remember(self, name: Name, stored: Stored | None, moment: int) -> None:
        """Keep what was read since that moment, if nothing can have changed it meanwhile."""
        with self._lock:
            if moment == self.moment and name not in self._changing:
                self._keep(name, stored)

    def begin(self, changing: Collection[Name]) -> None:
        """A commit of these records begins."""
        with self._lock:
            self.moment += 1
            self._changing = changing

    def end(self, written: Mapping[Name, Stored | None]) -> None:
        """The commit that began is over; to be called before anyone is told.

        Args:
            written: what it wrote of the records that it was to change; None where it removed one.
        """
        with self._lock:
            self.moment += 1
            for name in self._changing:
                self._forget(name)
            self._changing = ()
            for name, stored in written.items():
                self._keep(name, stored)

    def _keep(self, name: Name, stored: Stored | None) -> None:
        self._forget(name)
        if _size(stored) > _MOST_BYTES_EACH:
            return
        self._found[name] = stored
        self._size_bytes += _size(stored)
        while len(self._found) > _MOST or self._size_bytes > _MOST_BYTES:
            self._forget(next(iter(self._found)))

    def _forget(self, name: Name) -> None:
        self._size_bytes -= _size(self._found.pop(name, None))


def _size(stored: Stored | None) -> int:
    return 0 if stored is None else len(stored[0]) + len(stored[1] or b"")
