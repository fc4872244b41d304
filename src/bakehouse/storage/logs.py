"""Log groups and streams, as CloudWatch Logs keeps them: lines with a time, in order of arrival.

A stream keeps its newest 100 segments (up to 100,000 events or about 100 MB); when there are more,
the oldest 1,000 events go at once. A message longer than 1 MiB is cut. Where a group has a
retention, older events are not there for any reader.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from itertools import islice

from bakehouse import clock
from bakehouse.faults import AlreadyExists, InvalidInput, NotFound
from bakehouse.storage.log_info import (
    LogEvent,
    LogGroup,
    LogMatches,
    LogPage,
    LogStream,
    group_row,
    to_event,
    to_stream,
)
from bakehouse.storage.log_search import Place, Query, event_bytes, search
from bakehouse.storage.records import Delete, Insert, Put, Records, Write, commit
from bakehouse.storage.series import SeriesStore

PAGE_EVENTS = 10_000
"""The most events that one page holds."""
PAGE_BYTES = 1 << 20
"""The most bytes that one page holds, as :func:`event_bytes` counts them."""

_GROUP, _STREAM = "logs/group", "logs/stream"
_KEPT_SEGMENTS = 100
_MESSAGE_CHARACTERS = 1 << 20
_DAY_MS = 86_400_000
_GROUP_NAME = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
_STREAM_NAME = re.compile(r"[^:*\x00]{1,512}")


class LogStore:
    """Every log group of a data folder. Safe to use from several threads."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self._streams = SeriesStore(
            records, _STREAM, segments=_KEPT_SEGMENTS, size_of=lambda event: len(event["m"])
        )
        self._changing = threading.Lock()

    def append(self, group: str, stream: str, events: Sequence[tuple[int, str]]) -> Future[None]:
        """Add events (epoch milliseconds, message); the group and the stream are made if needed.

        Raises:
            InvalidInput: a name is not one that CloudWatch Logs takes.
        """
        _check_names(group, stream)
        arrived = clock.epoch_ms()
        entries = [(at, {"m": text[:_MESSAGE_CHARACTERS], "i": arrived}) for at, text in events]
        return self._streams.append({f"{group}:{stream}": entries}, *self._missing_group(group))

    def create_group(
        self,
        group: str,
        *,
        tags: Mapping[str, str] | None = None,
        log_class: str = "STANDARD",
        kms_key: str | None = None,
    ) -> Future[None]:
        """Make an empty group.

        Raises:
            AlreadyExists: there is one of that name (``KeyTaken`` in the future, after a race).
            InvalidInput: the name is not 1 to 512 of ``A-Z a-z 0-9 . - _ / #``.
        """
        _check_names(group, "-")
        if self._records.get(_GROUP, group) is not None:
            raise AlreadyExists("log group", group)
        made = LogGroup(group, clock.epoch_ms(), None, tags or {}, log_class, kms_key)
        return self._records.submit(Insert(_GROUP, group, group_row(made)))

    def change_group(self, name: str, change: Callable[[LogGroup], LogGroup]) -> None:
        """Replace what is kept of a group by what ``change`` makes of it. This blocks.

        Raises:
            NotFound: there is no such group.
        """
        with self._changing:
            commit(self._records, Put(_GROUP, name, group_row(change(self.group(name)))))

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
        with self._changing:  # a change that has begun is written first, not afterwards
            return self._streams.drop(keys, Delete(_GROUP, group))

    def delete_stream(self, group: str, stream: str) -> Future[None]:
        """Remove a stream with its events; NotFound if the group or the stream is not there."""
        self.stream(group, stream)
        return self._streams.drop([f"{group}:{stream}"])

    def group(self, name: str) -> LogGroup:
        """The group of that name; NotFound if there is none."""
        row = self._records.get(_GROUP, name)
        if row is None:
            raise NotFound("log group", name)
        return LogGroup(name, **row.value)

    def groups(self, *, prefix: str = "", after: str = "", limit: int = 50) -> list[LogGroup]:
        """Up to ``limit`` groups in the order of their names."""
        rows = self._records.scan(_GROUP, prefix=prefix, after=after, limit=limit)
        return [LogGroup(row.key, **row.value) for row in rows]

    def stream(self, group: str, name: str) -> LogStream:
        """The stream of that name; NotFound if the group or the stream is not there."""
        self.group(group)
        extent = self._streams.find(f"{group}:{name}")
        if extent is None:
            raise NotFound("log stream", name)
        return to_stream(name, extent)

    def streams(
        self, group: str, *, prefix: str = "", after: str = "", limit: int = 50
    ) -> list[LogStream]:
        """Up to ``limit`` streams of a group by name; NotFound if there is no such group."""
        self.group(group)
        within = f"{group}:"
        found = self._streams.scan(
            prefix=within + prefix, after=within + after if after else "", limit=limit
        )
        return [to_stream(key.removeprefix(within), extent) for key, extent in found]

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
        limit: int = PAGE_EVENTS,
    ) -> LogPage:
        """A page of the events at or behind position ``start``, in order of arrival.

        Only events with ``from_ms`` ≤ time < ``to_ms``. The page's ``end`` is where to go on, also
        when the page is empty.

        Raises:
            NotFound: there is no such group or stream.
        """
        self.stream(group, stream)
        kept_ms = max(from_ms, self._kept_from_ms(group))
        found = self._streams.read(f"{group}:{stream}", start=start, from_ms=kept_ms)
        events = _page((to_event(one) for one in found), to_ms, limit)
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
        kept_ms = max(from_ms, self._kept_from_ms(group))
        found = self._streams.read_back(key, before=before, from_ms=kept_ms)
        events = _page((to_event(one) for one in found), to_ms, limit)[::-1]
        extent = self._streams.find(key)
        end = before if before is not None else extent.end if extent else 0
        return LogPage(
            events,
            events[0].position if events else end,
            events[-1].position + 1 if events else end,
        )

    def matches(
        self,
        group: str,
        streams: Sequence[str],
        wanted: Callable[[str], bool],
        *,
        from_ms: int = 0,
        to_ms: int | None = None,
        after: Place | None = None,
        backwards: bool = False,
        limit: int = PAGE_EVENTS,
    ) -> LogMatches:
        """A page of the events of several streams whose message is ``wanted``, by time.

        Only events with ``from_ms`` ≤ time < ``to_ms``; ``backwards`` gives the newest first.
        Streams that are not there have no events. A page can be empty and not yet the last one.
        """
        from_ms = max(from_ms, self._kept_from_ms(group))
        keys = {stream: f"{group}:{stream}" for stream in streams}
        limit = min(limit, PAGE_EVENTS)
        query = Query(keys, wanted, from_ms, to_ms, after, backwards, limit, PAGE_BYTES)
        found = search(self._streams, query)
        return LogMatches([(stream, to_event(entry)) for stream, entry in found.events], found.end)

    def _kept_from_ms(self, group: str) -> int:
        """The time before which the group's retention leaves nothing."""
        days = self.group(group).retention_days
        return 0 if days is None else clock.epoch_ms() - days * _DAY_MS

    def _missing_group(self, group: str) -> list[Write]:
        if self._records.get(_GROUP, group) is not None:
            return []
        return [Put(_GROUP, group, {"created_ms": clock.epoch_ms()})]


def _check_names(group: str, stream: str) -> None:
    if not _GROUP_NAME.fullmatch(group):
        raise InvalidInput("logGroupName", group, "1 to 512 of A-Z a-z 0-9 . - _ / #")
    if not _STREAM_NAME.fullmatch(stream):
        raise InvalidInput("logStreamName", stream, "1 to 512 characters without : and *")


def _page(found: Iterable[LogEvent], to_ms: int | None, limit: int) -> list[LogEvent]:
    """The first events that match, as many as a page may hold, but at least one."""
    matching = (event for event in found if to_ms is None or event.at_ms < to_ms)
    events: list[LogEvent] = []
    room = PAGE_BYTES
    for event in islice(matching, min(limit, PAGE_EVENTS)):
        room -= event_bytes(event.message)
        if events and room < 0:
            break
        events.append(event)
    return events
