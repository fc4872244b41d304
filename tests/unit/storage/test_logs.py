"""Log groups and streams over the in-memory records."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from random import Random

import pytest

from bakehouse import clock
from bakehouse.faults import AlreadyExists, InvalidInput, NotFound
from bakehouse.storage.log_info import LogGroup
from bakehouse.storage.logs import PAGE_BYTES, LogStore
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.records import Put

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
    """One line cannot be longer than 1 MiB."""
    logs.append(GROUP, "s", [(1, "x" * 1_100_000)])
    assert len(messages(logs, "s")[0]) == 1_048_576


def found(logs: LogStore, streams: list[str], limit: int, *, backwards: bool = False) -> list[str]:
    """The messages of a search, page by page."""
    seen: list[str] = []
    place, is_more = None, True
    while is_more:
        page = logs.matches(
            GROUP, streams, lambda _: True, after=place, limit=limit, backwards=backwards
        )
        assert len(page.events) <= limit
        seen += [event.message for _, event in page.events]
        place, is_more = page.end, page.end is not None
    return seen


@pytest.mark.parametrize("limit", [1, 7, 10_000])
def test_a_search_gives_every_event_once_by_time(logs: LogStore, limit: int) -> None:
    """Whatever the size of the pages, in both directions, and where streams are out of order."""
    random = Random(7)
    expected = []
    for stream in ("a", "b", "c"):
        for batch in range(3):
            times = [random.randrange(500) for _ in range(20)]
            rows = [(at, f"{at:03d} {stream} {batch * 20 + n:02d}") for n, at in enumerate(times)]
            logs.append(GROUP, stream, rows)
            expected += [message for _, message in rows]
    assert found(logs, ["a", "b", "c"], limit) == sorted(expected)
    newest_first = found(logs, ["a", "b", "c"], limit, backwards=True)
    assert sorted(newest_first) == sorted(expected)
    times_found = [int(message[:3]) for message in newest_first]
    assert times_found == sorted(times_found, reverse=True)


def test_a_search_goes_through_many_segments(logs: LogStore) -> None:
    """Of two streams of several segments each, a page of the middle has what is there."""
    for stream in ("a", "b"):
        logs.append(GROUP, stream, [(n, f"{stream}{n}") for n in range(2500)])
    page = logs.matches(GROUP, ["a", "b"], lambda m: m.endswith("00"), from_ms=1000, to_ms=1201)
    assert [event.message for _, event in page.events] == [
        "a1000", "b1000", "a1100", "b1100", "a1200", "b1200",
    ]  # fmt: skip
    assert page.end is None


def test_a_search_that_finds_little_ends_its_page_and_goes_on(logs: LogStore) -> None:
    """After 100,000 events a page ends, with a place from which the rest is found."""
    for start in range(0, 100_000, 10_000):
        logs.append(GROUP, "a", [(start + n, "dull") for n in range(10_000)])
    logs.append(GROUP, "b", [(200_000, "wanted")]).result()
    first = logs.matches(GROUP, ["a", "b"], lambda m: m == "wanted")
    assert (first.events, first.end) == ([], (200_000, "", 0))
    rest = logs.matches(GROUP, ["a", "b"], lambda m: m == "wanted", after=first.end)
    assert [event.message for _, event in rest.events] == ["wanted"]


def test_a_page_of_a_search_has_at_most_a_mebibyte(logs: LogStore) -> None:
    """Long messages make pages short, but never empty."""
    logs.append(GROUP, "a", [(n, "x" * 600_000) for n in range(3)]).result()
    page = logs.matches(GROUP, ["a"], lambda _: True)
    assert len(page.events) == 1
    assert found(logs, ["a"], 10) == ["x" * 600_000] * 3


def test_a_retention_hides_what_is_older(logs: LogStore) -> None:
    """Events that a group no longer keeps are there for no reader."""
    now = clock.epoch_ms()
    logs.append(GROUP, "s", [(now - 2 * 86_400_000, "old"), (now, "new")]).result()
    logs.change_group(GROUP, lambda group: replace(group, retention_days=1))
    assert messages(logs, "s") == ["new"]
    assert [event.message for event in logs.last_events(GROUP, "s").events] == ["new"]
    assert found(logs, ["s"], 5) == ["new"]


def test_changes_of_a_group_do_not_lose_each_other(logs: LogStore) -> None:
    """Tags that several threads add are all there."""
    logs.create_group("/g").result()

    def add(number: int) -> None:
        tag = {str(number): "x"}
        logs.change_group("/g", lambda group: replace(group, tags={**group.tags, **tag}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(add, range(40)))
    assert len(logs.group("/g").tags) == 40


def test_a_group_of_an_older_data_folder_is_read() -> None:
    """What was stored before groups had a retention and tags has neither."""
    records = MemoryRecords()
    records.submit(Put("logs/group", "/old", {"created_ms": 5})).result()
    assert LogStore(records).group("/old") == LogGroup("/old", 5)


def test_a_stream_is_removed_alone(logs: LogStore) -> None:
    """Its events go with it, and one of the same name begins anew."""
    logs.append(GROUP, "s", [(1, "a")])
    logs.append(GROUP, "other", [(1, "b")]).result()
    logs.delete_stream(GROUP, "s").result()
    with pytest.raises(NotFound):
        logs.stream(GROUP, "s")
    assert messages(logs, "other") == ["b"]
    logs.append(GROUP, "s", [(2, "c")]).result()
    assert messages(logs, "s") == ["c"]


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
