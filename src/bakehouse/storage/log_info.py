"""What the log store tells: groups, streams, events, and pages of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

from bakehouse.storage.log_search import Place
from bakehouse.storage.records import Document
from bakehouse.storage.series import Entry, Extent


def group_arn(region: str, account_id: str, name: str) -> str:
    """The Amazon resource name of a group."""
    return f"arn:aws:logs:{region}:{account_id}:log-group:{name}"


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A named set of streams.

    ``log_class`` is AWS's word for what can be done with it. A ``kms_key`` is kept and told;
    nothing is encrypted with it.
    """

    name: str
    created_ms: int
    retention_days: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    log_class: str = "STANDARD"
    kms_key: str | None = None


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
class LogMatches:
    """Events of several streams with the names of these, and where to go on if there is more."""

    events: list[tuple[str, LogEvent]]
    end: Place | None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Some events, oldest first, and the positions at which to go on, backward and forward."""

    events: list[LogEvent]
    start: int
    end: int


def group_row(group: LogGroup) -> Document:
    """What is stored of a group: its name is the key."""
    row = asdict(replace(group, tags=dict(group.tags)))
    del row["name"]
    return row


def to_stream(name: str, extent: Extent) -> LogStream:
    """A stream from what its series holds."""
    return LogStream(
        name,
        extent.created_ms,
        min((part.earliest_ms for part in extent.segments), default=None),
        max((part.latest_ms for part in extent.segments), default=None),
        extent.appended_ms,
    )


def to_event(entry: Entry) -> LogEvent:
    """An event from an entry of its stream's series."""
    return LogEvent(entry.position, entry.at_ms, entry.value["i"], entry.value["m"])
