"""Log groups and streams over the in-memory records."""

from __future__ import annotations

import pytest

from bakehouse.faults import AlreadyExists, InvalidInput, NotFound
from bakehouse.storage.logs import PAGE_BYTES, LogStore
from bakehouse.storage.memory import MemoryRecords

GROUP = "/aws/sagemaker/TrainingJobs"


@pytest.fixture
def logs() -> LogStore:
    """An empty store."""
    return LogStore(MemoryRecords())


def messages(logs: LogStore, stream: str, start: int = 0, from_ms: int = 0) -> list[str]:
    page = logs.events(GROUP, stream, start=start, from_ms=from_ms)
    return [event.message for event in page.events]


def test_append_makes_group_and_stream(logs: LogStore) -> None:
    """The first line makes what it goes into, and the stream knows the span of its times."""
    logs.append(GROUP, "job/algo-1-7", [(1000, "one"), (3000, "two")]).result()
    assert [group.name for group in logs.groups()] == [GROUP]
    (stream,) = logs.streams(GROUP, prefix="job/")
    assert (stream.name, stream.first_ms, stream.last_ms) == ("job/algo-1-7", 1000, 3000)


def test_from_ms_includes_its_own_millisecond(logs: LogStore) -> None:
    """A reader who starts at the last time it saw gets that time's lines again, late ones last."""
    logs.append(GROUP, "s", [(1000, "a"), (2000, "b"), (2000, "c")])
    assert messages(logs, "s", from_ms=2000) == ["b", "c"]
    logs.append(GROUP, "s", [(2000, "d")]).result()
    assert messages(logs, "s", from_ms=2000) == ["b", "c", "d"]


def test_position_stays_resumable_after_an_empty_page(logs: LogStore) -> None:
    """The end of an empty page is a place from which later lines are read."""
    logs.append(GROUP, "s", [(1, "a")])
    end = logs.events(GROUP, "s").end
    empty = logs.events(GROUP, "s", start=end)
    assert (empty.events, empty.end) == ([], end)
    logs.append(GROUP, "s", [(1, "b")])
    assert messages(logs, "s", start=empty.end) == ["b"]


def test_pages_cover_a_long_stream_once(logs: LogStore) -> None:
    """Going on from each page's end gives every line once, across segments."""
    lines = [(n, str(n)) for n in range(3500)]
    logs.append(GROUP, "s", lines[:1700])
    logs.append(GROUP, "s", lines[1700:])
    seen, start = [], 0
    while (page := logs.events(GROUP, "s", start=start, limit=999)).events:
        seen += [event.message for event in page.events]
        start = page.end
    assert seen == [text for _, text in lines]


def test_last_events_walk_backward(logs: LogStore) -> None:
    """The newest lines come first page, oldest first within it, and the pages go back."""
    logs.append(GROUP, "s", [(n, str(n)) for n in range(2500)])
    newest = logs.last_events(GROUP, "s", limit=2)
    assert [event.message for event in newest.events] == ["2498", "2499"]
    older = logs.last_events(GROUP, "s", before=newest.start, limit=600)
    assert [event.message for event in older.events] == [str(n) for n in range(1898, 2498)]
    assert messages(logs, "s", start=newest.end) == []


def test_page_is_bounded_in_bytes(logs: LogStore) -> None:
    """A page ends before it holds more than 1 MiB, however many lines were asked for."""
    logs.append(GROUP, "s", [(1, "x" * 200_000)] * 12)
    page = logs.events(GROUP, "s")
    assert len(page.events) == PAGE_BYTES // 200_026
    assert len(logs.events(GROUP, "s", start=page.end).events) == 5


def test_oldest_lines_go_when_a_stream_is_full(logs: LogStore) -> None:
    """A stream keeps its newest 100,000 lines; what it keeps is whole and in order."""
    for start in range(0, 102_000, 6000):
        logs.append(GROUP, "s", [(n, str(n)) for n in range(start, start + 6000)])
    page = logs.events(GROUP, "s")
    assert page.events[0].message == "2000"
    assert logs.last_events(GROUP, "s", limit=1).events[0].message == "101999"
    assert logs.stream(GROUP, "s").first_ms == 2000


def test_long_messages_are_cut(logs: LogStore) -> None:
    """One line cannot be longer than 256 KiB."""
    logs.append(GROUP, "s", [(1, "x" * 300_000)])
    assert len(messages(logs, "s")[0]) == 262_144


def test_only_what_contains_the_texts(logs: LogStore) -> None:
    """A page can be narrowed to the lines that hold every one of some texts."""
    logs.append(GROUP, "s", [(1, "ERROR disk"), (2, "ERROR net"), (3, "disk ok")])
    page = logs.events(GROUP, "s", containing=["ERROR", "disk"])
    assert [event.message for event in page.events] == ["ERROR disk"]


def test_missing_group_and_stream(logs: LogStore) -> None:
    """What is not there is named in the fault."""
    with pytest.raises(NotFound, match="log group"):
        logs.events(GROUP, "s")
    logs.create_group(GROUP).result()
    with pytest.raises(NotFound, match="log stream"):
        logs.events(GROUP, "s")
    assert logs.streams(GROUP) == []


def test_create_refuses_what_is_there(logs: LogStore) -> None:
    """A group and a stream are made once."""
    logs.create_group(GROUP).result()
    logs.create_stream(GROUP, "s").result()
    with pytest.raises(AlreadyExists):
        logs.create_group(GROUP)
    with pytest.raises(AlreadyExists):
        logs.create_stream(GROUP, "s")


@pytest.mark.parametrize(("group", "stream"), [("a b", "s"), ("", "s"), ("g", "a:b"), ("g", "*")])
def test_names_are_checked(logs: LogStore, group: str, stream: str) -> None:
    """A name that CloudWatch Logs would not take makes nothing."""
    with pytest.raises(InvalidInput):
        logs.append(group, stream, [(1, "x")])
    assert logs.groups() == []


def test_deleted_group_starts_anew(logs: LogStore) -> None:
    """Deleting a group removes every line; a later line of the same stream stands alone."""
    logs.append(GROUP, "s", [(1, "old")])
    logs.delete_group(GROUP).result()
    assert logs.groups() == []
    logs.append(GROUP, "s", [(2, "new")])
    assert messages(logs, "s") == ["new"]
    assert logs.stream(GROUP, "s").first_ms == 2


def test_another_store_goes_on_where_the_first_ended() -> None:
    """What a second process appends after a restart stands behind what was there."""
    records = MemoryRecords()
    LogStore(records).append(GROUP, "s", [(1, "a")])
    again = LogStore(records)
    again.append(GROUP, "s", [(1, "b")])
    assert messages(again, "s") == ["a", "b"]


def test_refused_lines_leave_no_gap(logs: LogStore) -> None:
    """What cannot be stored is not counted: the places of later lines follow what is there."""
    logs.append(GROUP, "s", [(1, "a")])
    with pytest.raises(InvalidInput):
        logs.append(GROUP, "s", [(1, "\ud800")]).result()
    assert logs.last_events(GROUP, "s").end == 1
    logs.append(GROUP, "s", [(1, "b")]).result()
    assert logs.last_events(GROUP, "s").end == 2
