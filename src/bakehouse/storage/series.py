"""Series: timed entries that only grow at one end and are dropped at the other.

Logs and metrics are such series. Entries lie in journals of at most 1,000 (a *segment*); when a
series has more segments than it may, the oldest is dropped whole, so that no stream can fill the
disk and its newest part is always there. A small record for each series says which segments there
are and which span of time each holds, so that a reader who wants the newest does not read the rest.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import asdict, dataclass, replace
from itertools import accumulate

from bakehouse import clock
from bakehouse.storage.records import (
    Append,
    Delete,
    Document,
    DropJournal,
    Put,
    Records,
    Write,
)

SizeOf = Callable[[Document], int]

SEGMENT_ENTRIES = 1000
_SEGMENT_BYTES = 1 << 20
_MOST_OPEN = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry with its place in the series. Positions grow, but may leave numbers out."""

    position: int
    at_ms: int
    value: Document


@dataclass(frozen=True, slots=True)
class Segment:
    """What one journal of a series holds."""

    entries: int
    size_bytes: int
    earliest_ms: int
    latest_ms: int


@dataclass(frozen=True, slots=True)
class Extent:
    """What there is of a series: its segments, the first of them being number ``first``."""

    created_ms: int
    appended_ms: int | None
    first: int
    segments: tuple[Segment, ...]

    @property
    def end(self) -> int:
        """The position behind the last entry."""
        if not self.segments:
            return self.first * SEGMENT_ENTRIES
        last = self.first + len(self.segments) - 1
        return last * SEGMENT_ENTRIES + self.segments[-1].entries


class SeriesStore:
    """All series of one kind, by key. Safe to use from several threads.

    Args:
        records: where they are kept.
        kind: of the records and the first part of the journals' names (``logs/stream``).
        segments: how many segments a series keeps, of at most 1,000 entries or about 1 MiB each.
        size_of: about how many bytes an entry's document takes.
    """

    def __init__(
        self,
        records: Records,
        kind: str,
        *,
        segments: int,
        size_of: SizeOf = lambda _: 100,
    ) -> None:
        self._records, self._kind, self._most = records, kind, segments
        self._size_of = size_of
        self._lock = threading.Lock()
        self._open: dict[str, tuple[Extent, Future[None]]] = {}

    def append(
        self, added: Mapping[str, Sequence[tuple[int, Document]]], *also: Write
    ) -> Future[None]:
        """Add entries (epoch milliseconds, document) to one or more series, in one commit.

        No entries make an empty series. ``also`` is written with them. Whatever is appended later
        stands later, whatever its time.
        """
        with self._lock:
            grown = {key: self._grow(key, entries) for key, entries in added.items()}
            writes = [write for _, part in grown.values() for write in part]
            done = self._records.submit(*also, *writes)
            self._open.update({key: (extent, done) for key, (extent, _) in grown.items()})
            self._forget_settled()
        return done

    def find(self, key: str) -> Extent | None:
        """What is stored of a series; None if there is none by that key."""
        row = self._records.get(self._kind, key)
        return None if row is None else _from_row(row.value)

    def scan(self, *, prefix: str = "", after: str = "", limit: int) -> list[tuple[str, Extent]]:
        """Up to ``limit`` series by key, in the keys' order."""
        rows = self._records.scan(self._kind, prefix=prefix, after=after, limit=limit)
        return [(row.key, _from_row(row.value)) for row in rows]

    def read(self, key: str, *, start: int = 0, from_ms: int = 0) -> Iterator[Entry]:
        """The entries at or behind position ``start`` and not before ``from_ms``, in order."""
        extent = self.find(key)
        for index, segment in _numbered(extent):
            base = index * SEGMENT_ENTRIES
            if segment.latest_ms >= from_ms and base + segment.entries > start:
                found = self._records.journal(
                    f"{self._journal_prefix(key)}{index}",
                    after=max(0, start - base),
                    limit=SEGMENT_ENTRIES,
                )
                yield from _entries(base, found, from_ms)

    def read_back(
        self, key: str, *, before: int | None = None, from_ms: int = 0
    ) -> Iterator[Entry]:
        """The entries in front of position ``before`` (default: all), the last one first."""
        extent = self.find(key)
        for index, segment in reversed(_numbered(extent)):
            base = index * SEGMENT_ENTRIES
            if segment.latest_ms >= from_ms and (before is None or base < before):
                bound = None if before is None else before - base + 1
                found = self._records.journal_tail(
                    f"{self._journal_prefix(key)}{index}", before=bound, limit=SEGMENT_ENTRIES
                )
                yield from _entries(base, found, from_ms)

    def segments(self, key: str) -> list[tuple[int, Segment]]:
        """The segments of a series with their numbers, oldest first."""
        return _numbered(self.find(key))

    def segment(self, key: str, index: int) -> list[Entry]:
        """The entries of one segment, in order; none where it was dropped."""
        name = f"{self._journal_prefix(key)}{index}"
        found = self._records.journal(name, limit=SEGMENT_ENTRIES)
        return list(_entries(index * SEGMENT_ENTRIES, found, 0))

    def drop(self, keys: Sequence[str], *also: Write) -> Future[None]:
        """Remove series with all their entries, in one commit with ``also``.

        What is appended meanwhile begins a new series of that key.
        """
        with self._lock:
            extents = {key: self._newest(key) for key in keys}
            writes: list[Write] = [Delete(self._kind, key) for key in keys]
            for key, extent in extents.items():
                prefix = self._journal_prefix(key)
                writes += [DropJournal(f"{prefix}{index}") for index, _ in _numbered(extent)]
            done = self._records.submit(*also, *writes)
            self._open.update({key: (_anew(extent), done) for key, extent in extents.items()})
        return done

    def _grow(
        self, key: str, entries: Sequence[tuple[int, Document]]
    ) -> tuple[Extent, list[Write]]:
        prefix = self._journal_prefix(key)
        grown, appends = _grow(self._newest(key), entries, prefix, self._size_of)
        kept, drops = _trim(grown, self._most, prefix)
        return kept, [*appends, *drops, Put(self._kind, key, _to_row(kept))]

    def _journal_prefix(self, key: str) -> str:
        return f"{self._kind}:{key}:"

    def _newest(self, key: str) -> Extent:
        """The series as it will be when everything submitted is stored."""
        kept = self._open.get(key)
        if kept is not None and not _failed(kept[1]):
            return kept[0]
        return self.find(key) or Extent(clock.epoch_ms(), None, 0, ())

    def _forget_settled(self) -> None:
        """Keep in memory what is being written, and let go of the rest when there is much."""
        if len(self._open) > _MOST_OPEN:
            self._open = {key: kept for key, kept in self._open.items() if not kept[1].done()}


def _anew(extent: Extent) -> Extent:
    """An empty series whose journals are none of those that the old one had."""
    return Extent(clock.epoch_ms(), None, extent.first + len(extent.segments), ())


def _failed(done: Future[None]) -> bool:
    return done.done() and done.exception() is not None


def _numbered(extent: Extent | None) -> list[tuple[int, Segment]]:
    return [] if extent is None else list(enumerate(extent.segments, start=extent.first))


def _entries(base: int, found: Sequence[tuple[int, Document]], from_ms: int) -> Iterator[Entry]:
    for number, row in found:
        if row["t"] >= from_ms:
            yield Entry(base + number - 1, row["t"], row["v"])


def _grow(
    extent: Extent, entries: Sequence[tuple[int, Document]], journal_prefix: str, size_of: SizeOf
) -> tuple[Extent, list[Write]]:
    """The series with the entries behind it, and the appends that make it so."""
    segments, appends = list(extent.segments), list[Write]()
    sizes = [size_of(value) for _, value in entries]
    start = 0
    while start < len(entries):
        if not segments or _is_full(segments[-1]):
            segments.append(Segment(0, 0, entries[start][0], entries[start][0]))
        end = start + _room(segments[-1], sizes[start : start + SEGMENT_ENTRIES])
        part = entries[start:end]
        segments[-1] = _with_entries(segments[-1], part, sum(sizes[start:end]))
        rows = [{"t": at_ms, "v": value} for at_ms, value in part]
        appends.append(Append(f"{journal_prefix}{extent.first + len(segments) - 1}", rows))
        start = end
    appended = clock.epoch_ms() if entries else extent.appended_ms
    return replace(extent, appended_ms=appended, segments=tuple(segments)), appends


def _is_full(segment: Segment) -> bool:
    return segment.entries >= SEGMENT_ENTRIES or segment.size_bytes >= _SEGMENT_BYTES


def _room(segment: Segment, sizes: Sequence[int]) -> int:
    """How many entries of these sizes go in until it is full; at least one."""
    reached = list(accumulate(sizes, initial=segment.size_bytes))
    return min(SEGMENT_ENTRIES - segment.entries, len(sizes), bisect_left(reached, _SEGMENT_BYTES))


def _with_entries(
    segment: Segment, part: Sequence[tuple[int, Document]], size_bytes: int
) -> Segment:
    times = [at_ms for at_ms, _ in part]
    return Segment(
        segment.entries + len(part),
        segment.size_bytes + size_bytes,
        min(segment.earliest_ms, *times),
        max(segment.latest_ms, *times),
    )


def _trim(extent: Extent, most: int, journal_prefix: str) -> tuple[Extent, list[Write]]:
    """The series without its oldest segments beyond ``most``, and the drops that make it so."""
    surplus = max(0, len(extent.segments) - most)
    drops: list[Write] = [
        DropJournal(f"{journal_prefix}{extent.first + index}") for index in range(surplus)
    ]
    kept = replace(extent, first=extent.first + surplus, segments=extent.segments[surplus:])
    return kept, drops


def _to_row(extent: Extent) -> Document:
    return {**asdict(extent), "segments": [list(asdict(part).values()) for part in extent.segments]}


def _from_row(row: Document) -> Extent:
    return Extent(**{**row, "segments": tuple(Segment(*part) for part in row["segments"])})
