"""Log groups and streams, as CloudWatch Logs keeps them: lines with a time, in order of arrival.

A stream keeps its newest 100 segments (up to 100,000 events or about 100 MB); when there are more,
the oldest 1,000 events go at once. A message longer than 256 KiB is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice

from bakehouse import clock
from bakehouse.faults import AlreadyExists, InvalidInput, NotFound
from bakehouse.storage.records import Delete, Insert, Put, Records, Write
from bakehouse.storage.series import Entry, Extent, SeriesStore

PAGE_EVENTS = 10_000
"""The most events that one page holds."""
PAGE_BYTES = 1 << 20
"""The most bytes that one page holds; an event counts as its message in UTF-8 and 26 bytes."""

_GROUP, _STREAM = "logs/group", "logs/stream"
_KEPT_SEGMENTS = 100
_MESSAGE_CHARACTERS = 262_144
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*\x00]{1,512}")


def group_arn(region: str, account_id: str, name: str) -> str:
    """The Amazon resource name of a group."""
    return f"arn:aws:logs:{region}:{account_id}:log-group:{name}"


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A named set of streams."""

    name: str
    created_ms: int


@dataclass(frozen=True, slots=True)
class LogStream:
    """A stream of a group. The three times are None as long as it is empty."""

    name: str
    created_ms: int
    first_ms: int | None
    last_ms: int | None
    ingested_ms: int | None


@dataclass(frozen=True, slots=True)
class LogEvent:
    """A line: its place in the stream, its own time, the time of its arrival, its text."""

    position: int
    at_ms: int
    ingested_ms: int
    message: str


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some events, oldest first, and the positions at which to go on, backward and forward."""

    events: list[LogEvent]
    start: int
    end: int


class LogStore:
    """Every log group of a data folder. Safe to use from several threads."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._streams = SeriesStore(
            records, _STREAM, segments=_KEPT_SEGMENTS, size_of=lambda event: len(event["m"])
        )

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> Future[None]:
        """Add events (epoch milliseconds, message); the group and the stream are made if needed.

        Raises:
            InvalidInput: a name is not one that CloudWatch Logs takes.
        """
        _check_names(group, stream)
        arrived = clock.epoch_ms()
        entries = [(at, {"m": text[:_MESSAGE_CHARACTERS], "i": arrived}) for at, text in events]
        return self._streams.append({f"{group}:{stream}": entries}, *self._missing_group(group))

    def create_group(self, group: str) -> Future[None]:
        """Make an empty group.

        Raises:
            AlreadyExists: there is one of that name (``KeyTaken`` in the future, after a race).
            InvalidInput: the name is not 1 to 512 of ``A-Z a-z 0-9 . - _ / #``.
        """
        _check_names(group, "-")
        if self._records.get(_GROUP, group) is not None:
            raise AlreadyExists("log group", group)
        return self._records.submit(Insert(_GROUP, group, {"created_ms": clock.epoch_ms()}))

    def create_stream(self, group: str, stream: str) -> Future[None]:
        """Make an empty stream in a group; NotFound or AlreadyExists otherwise."""
        self.group(group)
        if self._streams.find(f"{group}:{stream}") is not None:
            raise AlreadyExists("log stream", stream)
        return self.append(group, stream, [])

    def delete_group(self, group: str) -> Future[None]:
        """Remove a group with its streams and their events; NotFound if there is none."""
        self.group(group)
        keys = [f"{group}:{stream.name}" for stream in self.every_stream(group)]
        return self._streams.drop(keys, Delete(_GROUP, group))

    def group(self, name: str) -> LogGroup:
        """The group of that name; NotFound if there is none."""
        row = self._records.get(_GROUP, name)
        if row is None:
            raise NotFound("log group", name)
        return LogGroup(name, row.value["created_ms"])

    def groups(self, *, prefix: str = "", after: str = "", limit: int = 50) -> list[LogGroup]:
        """Up to ``limit`` groups in the order of their names."""
        rows = self._records.scan(_GROUP, prefix=prefix, after=after, limit=limit)
        return [LogGroup(row.key, row.value["created_ms"]) for row in rows]

    def stream(self, group: str, name: str) -> LogStream:
        """The stream of that name; NotFound if the group or the stream is not there."""
        self.group(group)
        extent = self._streams.find(f"{group}:{name}")
        if extent is None:
            raise NotFound("log stream", name)
        return _to_stream(name, extent)

    def streams(
        self, group: str, *, prefix: str = "", after: str = "", limit: int = 50
    ) -> list[LogStream]:
        """Up to ``limit`` streams of a group by name; NotFound if there is no such group."""
        self.group(group)
        within = f"{group}:"
        found = self._streams.scan(
            prefix=within + prefix, after=within + after if after else "", limit=limit
        )
        return [_to_stream(key.removeprefix(within), extent) for key, extent in found]

    def every_stream(self, group: str, *, prefix: str = "") -> Iterator[LogStream]:
        """All streams of a group by name, read a page at a time; NotFound as :meth:`streams`."""
        after = ""
        while page := self.streams(group, prefix=prefix, after=after, limit=1000):
            yield from page
            after = page[-1].name

    def events(
        self,
        group: str,
        stream: str,
        *,
        start: int = 0,
        from_ms: int = 0,
        to_ms: int | None = None,
        containing: Sequence[str] = (),
        limit: int = PAGE_EVENTS,
    ) -> LogPage:
        """A page of the events at or behind position ``start``, in order of arrival.

        Only events with ``from_ms`` ≤ time < ``to_ms`` whose message has every text of
        ``containing``. The page's ``end`` is where to go on, also when the page is empty.

        Raises:
            NotFound: there is no such group or stream.
        """
        self.stream(group, stream)
        found = self._streams.read(f"{group}:{stream}", start=start, from_ms=from_ms)
        events = _page((_to_event(one) for one in found), to_ms, containing, limit)
        return LogPage(
            events,
            events[0].position if events else start,
            events[-1].position + 1 if events else start,
        )

    def last_events(
        self,
        group: str,
        stream: str,
        *,
        before: int | None = None,
        from_ms: int = 0,
        to_ms: int | None = None,
        limit: int = PAGE_EVENTS,
    ) -> LogPage:
        """The last events in front of position ``before`` (default: all), oldest first."""
        self.stream(group, stream)
        key = f"{group}:{stream}"
        found = self._streams.read_back(key, before=before, from_ms=from_ms)
        events = _page((_to_event(one) for one in found), to_ms, (), limit)[::-1]
        extent = self._streams.find(key)
        end = before if before is not None else extent.end if extent else 0
        return LogPage(
            events,
            events[0].position if events else end,
            events[-1].position + 1 if events else end,
        )

    def _missing_group(self, group: str) -> list[Write]:
        if self._records.get(_GROUP, group) is not None:
            return []
        return [Put(_GROUP, group, {"created_ms": clock.epoch_ms()})]


def _check_names(group: str, stream: str) -> None:
    if not _GROUP_NAME.fullmatch(group):
        raise InvalidInput("logGroupName", group, "1 to 512 of A-Z a-z 0-9 . - _ / #")
    if not _STREAM_NAME.fullmatch(stream):
        raise InvalidInput("logStreamName", stream, "1 to 512 characters without : and *")


def _to_stream(name: str, extent: Extent) -> LogStream:
    return LogStream(
        name,
        extent.created_ms,
        min((part.earliest_ms for part in extent.segments), default=None),
        max((part.latest_ms for part in extent.segments), default=None),
        extent.appended_ms,
    )


def _to_event(entry: Entry) -> LogEvent:
    return LogEvent(entry.position, entry.at_ms, entry.value["i"], entry.value["m"])


def _page(
    found: Iterable[LogEvent], to_ms: int | None, containing: Sequence[str], limit: int
) -> list[LogEvent]:
    """The first events that match, as many as a page may hold, but at least one."""
    matching = (
        event
        for event in found
        if (to_ms is None or event.at_ms < to_ms)
        and all(text in event.message for text in containing)
    )
    events: list[LogEvent] = []
    room = PAGE_BYTES
    for event in islice(matching, min(limit, PAGE_EVENTS)):
        room -= len(event.message.encode()) + 26
        if events and room < 0:
            break
        events.append(event)
    return events
