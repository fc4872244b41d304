"""Several blobs that are one content, as the parts of an upload are when it is completed.

Nothing is copied for that: the bytes stay where the parts put them.
"""

from __future__ import annotations

import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence

from bakehouse.storage.blobs import Blobs

Extent = tuple[str, int]
"""A blob and its size in bytes."""


class OpenExtents:
    """An :class:`~bakehouse.storage.blobs.OpenBlob` over many blobs, with one open at a time.

    Args:
        blobs: where they are.
        extents: which they are, in order. They must stay there until this is closed.
        closed: called once, when nobody reads any more; it must not block.
    """

    def __init__(self, blobs: Blobs, extents: Sequence[Extent], closed: Callable[[], None]) -> None:
        self._blobs, self._extents = blobs, extents
        self.size_bytes = sum(size for _, size in extents)
        self.close = weakref.finalize(self, closed)

    def chunks(self, start: int = 0, stop: int | None = None) -> Iterator[bytes]:
        """The bytes from ``start`` up to ``stop`` (default: the end), at most 1 MiB at a time."""
        end = self.size_bytes if stop is None else min(stop, self.size_bytes)
        before = 0
        for blob, size in self._extents:
            first, last = max(start - before, 0), min(end - before, size)
            before += size
            if first < last:
                opened = self._blobs.open(blob)
                try:
                    yield from opened.chunks(first, last)
                finally:
                    opened.close()


class Readers:
    """Which blobs somebody still reads, so that they outlive the row that named them.

    A reader may be let go of by the garbage collector, in any thread and under any lock; so leaving
    only notes it, and :meth:`unread` counts.
    """

    def __init__(self) -> None:
        self._reading: Counter[str] = Counter()
        self._left: deque[Sequence[str]] = deque()
        self._waiting: set[str] = set()

    def come(self, blobs: Sequence[str]) -> Callable[[], None]:
        """Begin to read some blobs. What is returned ends that; it may be called anywhere."""
        self._reading.update(blobs)
        return lambda: self._left.append(blobs)

    @property
    def has_left(self) -> bool:
        """Whether somebody left since :meth:`unread` was called."""
        return bool(self._left)

    def unread(self, unused: Iterable[str]) -> list[str]:
        """Those of the blobs that nobody reads; the others come with a later call."""
        while self._left:
            self._reading.subtract(self._left.popleft())
        candidates = self._waiting.union(unused)
        self._waiting = {blob for blob in candidates if self._reading[blob] > 0}
        self._reading = +self._reading
        return [blob for blob in candidates if blob not in self._waiting]
