"""Searching many log streams at once, in the order of time.

The streams' segments are taken up by the earliest time in each, and only as far as the next event
needs it, so that a page costs what is near it. Of the events that wait for their turn only the
place is kept, so that memory does not grow with their messages.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bakehouse.storage.series import SEGMENT_ENTRIES, Entry, Segment, SeriesStore

Place = tuple[int, str, int]
"""Time in epoch milliseconds, stream, position in it: the order of a search. Backwards both numbers
are negative, so that it is ascending as well."""

READ_EVENTS = 100_000
"""After so many events a page ends, even if few of them match."""


def event_bytes(message: str) -> int:
    """How many bytes an event counts for, in a page and in a request: CloudWatch Logs adds 26."""
    return len(message.encode()) + 26


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    ``keys`` holds for each stream the key of its series; ``after`` is where an earlier page ended.
    """

    keys: Mapping[str, str]
    wanted: Callable[[str], bool]
    from_ms: int
    to_ms: int | None
    after: Place | None
    backwards: bool
    events: int
    size_bytes: int


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search: stream and entry of each event, and where to go on if there is more."""

    events: list[tuple[str, Entry]]
    end: Place | None


@dataclass(frozen=True, slots=True, order=True)
class _Part:
    """A segment of a stream, in the order in which a search needs it."""

    first: int
    """The smallest time, or the largest negated where the search goes backwards."""
    stream: str
    index: int
    entries: int


def search(series: SeriesStore, query: Query) -> Found:
    """The next page of the events that match."""
    parts = sorted(_parts(series, query))
    waiting: list[tuple[Place, int]] = []
    chosen: list[Place] = []
    room, seen = query.size_bytes, 0
    for number in range(len(parts) + 1):
        bound = parts[number].first if number < len(parts) else None
        while waiting and (bound is None or waiting[0][0][0] < bound):
            place, size = waiting[0]
            if len(chosen) >= query.events or (chosen and size > room):
                return Found(_fetch(series, query, chosen), chosen[-1])
            heapq.heappop(waiting)
            chosen.append(place)
            room -= size
        if bound is None:
            break
        if seen >= READ_EVENTS and (chosen or query.after is None or bound > query.after[0]):
            return Found(_fetch(series, query, chosen), (bound, "", 0))
        for found in _matching(series, query, parts[number]):
            heapq.heappush(waiting, found)
        seen += parts[number].entries
    return Found(_fetch(series, query, chosen), None)


def _parts(series: SeriesStore, query: Query) -> list[_Part]:
    """The segments that can hold something of the search."""
    found: list[_Part] = []
    for stream, key in query.keys.items():
        for index, segment in series.segments(key):
            if segment.entries and _overlaps(segment, query):
                first = -segment.latest_ms if query.backwards else segment.earliest_ms
                found.append(_Part(first, stream, index, segment.entries))
    return found


def _overlaps(segment: Segment, query: Query) -> bool:
    if segment.latest_ms < query.from_ms:
        return False
    if query.to_ms is not None and segment.earliest_ms >= query.to_ms:
        return False
    if query.after is None:
        return True
    if query.backwards:
        return -segment.earliest_ms >= query.after[0]
    return segment.latest_ms >= query.after[0]


def _matching(series: SeriesStore, query: Query, part: _Part) -> list[tuple[Place, int]]:
    """The places of a segment's events that match, with their sizes as a page counts them."""
    sign = -1 if query.backwards else 1
    found: list[tuple[Place, int]] = []
    for entry in series.segment(query.keys[part.stream], part.index):
        place = (sign * entry.at_ms, part.stream, sign * entry.position)
        if query.after is not None and place <= query.after:
            continue
        if entry.at_ms < query.from_ms or (query.to_ms is not None and entry.at_ms >= query.to_ms):
            continue
        message = entry.value["m"]
        if query.wanted(message):
            found.append((place, event_bytes(message)))
    return found


def _fetch(series: SeriesStore, query: Query, chosen: list[Place]) -> list[tuple[str, Entry]]:
    """The events at these places. One that was dropped meanwhile is left out."""
    read: dict[tuple[str, int], dict[int, Entry]] = {}
    for _, stream, position in chosen:
        index = abs(position) // SEGMENT_ENTRIES
        if (stream, index) not in read:
            entries = series.segment(query.keys[stream], index)
            read[stream, index] = {entry.position: entry for entry in entries}
    found: list[tuple[str, Entry]] = []
    for _, stream, position in chosen:
        entry = read[stream, abs(position) // SEGMENT_ENTRIES].get(abs(position))
        if entry is not None:
            found.append((stream, entry))
    return found
