"""What SqliteRecords does for speed changes nothing of what a reader sees."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from bakehouse.storage.recent import UNKNOWN, RecentReads
from bakehouse.storage.records import Delete, Insert, KeyTaken, Put, commit
from bakehouse.storage.sqlite import SqliteRecords


@pytest.fixture
def records(tmp_path: Path) -> Iterator[SqliteRecords]:
    made = SqliteRecords(tmp_path / "records.sqlite")
    yield made
    made.close()


@pytest.mark.parametrize("count", [1, 2, 3, 31, 32, 33, 75])
def test_rows_that_are_written_together_are_all_there(records: SqliteRecords, count: int) -> None:
    """However many of them one statement takes; the last of two writes of one key wins."""
    puts = [Put("k", f"{n:03}", {"n": n}, b"%d" % n) for n in range(count)]
    commit(records, *puts, Put("k", "000", {"n": "last"}))
    found = {row.key: row.value["n"] for row in records.scan("k")}
    assert found == {f"{n:03}": n or "last" for n in range(count)}


def test_one_refusal_takes_nobody_with_it(records: SqliteRecords, tmp_path: Path) -> None:
    """Many callers' writes are one group; the refused one's are undone, the others' stay."""
    commit(records, Put("k", "taken", {}))
    with contextlib.closing(sqlite3.connect(tmp_path / "records.sqlite")) as other:
        other.execute("BEGIN IMMEDIATE")  # so that the writer has to wait
        puts = [Put("k", f"a{n}", {"n": n}) for n in range(10)]
        group = [
            records.submit(put, Insert("k", "taken", {})) if n == 5 else records.submit(put)
            for n, put in enumerate(puts)
        ]
        other.rollback()
        failures = [done.exception(10) for done in group]
    assert [type(failure) for failure in failures if failure] == [KeyTaken]
    assert failures[5] is not None
    kept = {row.key for row in records.scan("k", prefix="a")}
    assert kept == {put.key for put in puts} - {"a5"}


def test_a_read_after_a_commit_sees_it(records: SqliteRecords) -> None:
    """Whatever was read before, also that there was nothing."""
    for n in range(20):
        assert (row := records.get("k", "a")) is None or row.value == {"n": n - 1, "again": True}
        commit(records, Put("k", "a", {"n": n}))
        assert (row := records.get("k", "a")) is not None
        assert row.value == {"n": n}
        commit(records, Delete("k", "a"))
        assert records.get("k", "a") is None
        commit(records, Insert("k", "a", {"n": n, "again": True}))


def test_a_document_that_was_read_is_the_readers_own(records: SqliteRecords) -> None:
    """To change it changes nothing for the next reader."""
    commit(records, Put("k", "a", {"list": [1]}))
    for _ in range(3):
        row = records.get("k", "a")
        assert row is not None
        assert row.value == {"list": [1]}
        row.value["list"].append(2)


def test_readers_beside_writers_never_see_an_older_value_again(records: SqliteRecords) -> None:
    """In threads, with commits between any two reads."""
    commit(records, Put("k", "a", {"n": 0}))
    stopped = threading.Event()
    wrong: list[tuple[int, int]] = []

    def read() -> None:
        last = 0
        while not stopped.is_set():
            row = records.get("k", "a")
            number = -1 if row is None else row.value["n"]
            if number < last:
                wrong.append((last, number))
            last = number

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for n in range(1, 20):
        commit(records, Put("k", "a", {"n": n}))
        row = records.get("k", "a")
        assert row is not None
        assert row.value == {"n": n}
    stopped.set()
    for reader in readers:
        reader.join()
    assert wrong == []


def test_what_was_read_around_a_commit_is_not_remembered() -> None:
    """It may be older than the commit."""
    recent = RecentReads()
    before = recent.moment
    recent.begin({("k", "a")})
    recent.remember(("k", "a"), (b"old", None), recent.moment)
    recent.remember(("k", "b"), (b"other", b"bytes"), recent.moment)
    assert recent.get(("k", "a")) is UNKNOWN
    recent.end({})
    recent.remember(("k", "a"), (b"old", None), before)
    assert recent.get(("k", "a")) is UNKNOWN
    assert recent.get(("k", "b")) == (b"other", b"bytes")


def test_what_a_commit_writes_is_remembered() -> None:
    """Instead of what was there; what it was to write and did not is forgotten."""
    recent = RecentReads()
    for key in "abc":
        recent.remember(("k", key), (b"old", None), recent.moment)
    recent.begin({("k", "a"), ("k", "b"), ("k", "c")})
    recent.end({("k", "a"): (b"new", b"bytes"), ("k", "b"): None})
    assert recent.get(("k", "a")) == (b"new", b"bytes")
    assert recent.get(("k", "b")) is None
    assert recent.get(("k", "c")) is UNKNOWN


def test_a_refused_write_is_not_read(records: SqliteRecords) -> None:
    """Nor are those that it was to be done with."""
    commit(records, Put("k", "a", {"n": 1}))
    with pytest.raises(KeyTaken):
        commit(records, Put("k", "b", {"n": 2}), Insert("k", "a", {"n": 3}))
    assert records.get("k", "b") is None
    row = records.get("k", "a")
    assert row is not None
    assert row.value == {"n": 1}


def test_little_is_remembered() -> None:
    """Long documents not at all, and of many short ones the latest."""
    recent = RecentReads()
    recent.remember(("k", "long"), (b"{}", bytes(20_000)), recent.moment)
    assert recent.get(("k", "long")) is UNKNOWN
    for n in range(5000):
        recent.remember(("k", str(n)), None, recent.moment)
    assert recent.get(("k", "0")) is UNKNOWN
    assert recent.get(("k", "4999")) is None
    for n in range(600):
        recent.remember(("large", str(n)), (b"{}", bytes(16_000)), recent.moment)
    assert recent.get(("large", "0")) is UNKNOWN
    assert recent.get(("large", "599")) == (b"{}", bytes(16_000))
