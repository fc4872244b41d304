"""What every implementation of Records holds to; SqliteRecords has to survive SIGKILL as well."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bakehouse.faults import InvalidInput, StorageFailed
from bakehouse.storage.memory import MemoryRecords
from bakehouse.storage.records import (
    Append,
    Delete,
    DropJournal,
    Insert,
    KeyTaken,
    Put,
    Record,
    Records,
    Write,
    commit,
    commit_async,
    every,
    every_entry,
    every_journal,
)
from bakehouse.storage.sqlite import SqliteRecords

LAST = "\U0010ffff"


@pytest.fixture(params=["memory", "sqlite"])
def records(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Records]:
    made: Records = (
        MemoryRecords() if request.param == "memory" else SqliteRecords(tmp_path / "records.db")
    )
    yield made
    made.close()


def keys(found: list[Record]) -> list[str]:
    return [record.key for record in found]


def test_every_record_of_a_kind_is_found_page_by_page(records: Records) -> None:
    """More than a page of records come once each, in order; other kinds and prefixes do not."""
    wanted = [f"a/{number:04d}" for number in range(2100)]
    commit(records, *(Put("part/thing", key, {}) for key in reversed(wanted)))
    commit(records, Put("part/thing", "b/1", {}), Put("part/other", "a/1", {}))
    assert [record.key for record in every(records, "part/thing", prefix="a/")] == wanted
    assert sum(1 for _ in every(records, "part/thing")) == 2101
    assert list(every(records, "part/none")) == []


def test_every_journal_and_every_entry_are_found_page_by_page(records: Records) -> None:
    """More than a page of either come once each, in order."""
    names = [f"log/{number:04d}" for number in range(1001)]
    commit(records, *(Append(name, [{}]) for name in names), Append("other", [{}]))
    assert list(every_journal(records, "log/")) == names
    entries = [{"n": number} for number in range(2001)]
    commit(records, Append("long", entries))
    assert list(every_entry(records, "long")) == entries
    assert list(every_entry(records, "none")) == []


def test_a_record_comes_back_with_its_document_and_its_bytes(records: Records) -> None:
    """What was put is what is got, and other kinds and keys are not there."""
    commit(records, Put("part/thing", "a", {"n": 1, "deep": [None, True, "é"]}, b"\x00\xff"))
    found = Record("a", {"n": 1, "deep": [None, True, "é"]}, b"\x00\xff")
    assert records.get("part/thing", "a") == found
    assert records.get("part/thing", "b") is None
    assert records.get("part/other", "a") is None


def test_no_bytes_and_zero_bytes_are_told_apart(records: Records) -> None:
    """A record without content has None, one with empty content has b""."""
    commit(records, Put("k", "none", {}), Put("k", "empty", {}, b""))
    contents = [r.content for r in records.scan("k", content=True)]
    assert contents == [b"", None]


def test_put_replaces_document_and_bytes(records: Records) -> None:
    """A second Put leaves nothing of the first."""
    commit(records, Put("k", "a", {"old": 1}, b"old"))
    commit(records, Put("k", "a", {"new": 2}))
    assert records.get("k", "a") == Record("a", {"new": 2}, None)


def test_a_document_is_kept_as_it_was_when_it_was_submitted(records: Records) -> None:
    """Changing the dict afterwards, or one that was read, changes nothing that is stored."""
    document = {"list": [1]}
    done = records.submit(Put("k", "a", document))
    document["list"].append(2)
    done.result()
    first = records.get("k", "a")
    assert first is not None
    first.value["list"].append(3)
    second = records.get("k", "a")
    assert second is not None
    assert second.value == {"list": [1]}


def test_tuples_come_back_as_lists(records: Records) -> None:
    """Documents pass through JSON in every implementation."""
    commit(records, Put("k", "a", {"pair": (1, 2)}))
    found = records.get("k", "a")
    assert found is not None
    assert found.value == {"pair": [1, 2]}


def test_delete_removes_and_a_second_delete_is_no_error(records: Records) -> None:
    """Deleting what is not there does nothing."""
    commit(records, Put("k", "a", {}))
    commit(records, Delete("k", "a"), Delete("k", "a"), Delete("k", "never"))
    assert records.get("k", "a") is None


def test_insert_takes_a_free_key_only(records: Records) -> None:
    """A second Insert fails with the kind and key that were taken, and changes nothing."""
    commit(records, Insert("k", "a", {"first": 1}))
    with pytest.raises(KeyTaken) as caught:
        commit(records, Insert("k", "a", {"second": 2}))
    assert (caught.value.kind, caught.value.key) == ("k", "a")
    assert records.get("k", "a") == Record("a", {"first": 1})


def test_a_refused_insert_undoes_its_own_commit_and_no_other(records: Records) -> None:
    """Writes before and after it in the same commit are gone, its neighbours' stay."""
    commit(records, Put("k", "taken", {}), Append("j", [{"n": 1}]))
    mine: list[Write] = [
        Put("k", "mine", {}),
        Delete("k", "taken"),
        Append("j", [{"n": 2}]),
        DropJournal("j"),
        Put("k", "taken", {"again": 1}),
        Insert("k", "taken", {}),
        Put("k", "after", {}),
    ]
    outcomes = [
        records.submit(Put("k", "before", {})),
        records.submit(*mine),
        records.submit(Put("k", "behind", {})),
    ]
    outcomes[0].result()
    with pytest.raises(KeyTaken):
        outcomes[1].result()
    outcomes[2].result()
    assert keys(records.scan("k")) == ["before", "behind", "taken"]
    assert records.get("k", "taken") == Record("taken", {})
    assert records.journal("j") == [(1, {"n": 1})]


def test_an_insert_sees_the_writes_before_it(records: Records) -> None:
    """Within one commit a deleted key is free, and an inserted one is taken."""
    commit(records, Put("k", "a", {"old": 1}))
    commit(records, Delete("k", "a"), Insert("k", "a", {"new": 1}))
    assert records.get("k", "a") == Record("a", {"new": 1})
    with pytest.raises(KeyTaken):
        commit(records, Insert("k", "b", {}), Insert("k", "b", {}))
    assert records.get("k", "b") is None


def test_submissions_take_effect_in_their_order(records: Records) -> None:
    """The last of many submissions that nobody waited for is what stays."""
    waiting = [records.submit(Put("k", "a", {"n": n})) for n in range(500)]
    for done in waiting:
        done.result()
    assert records.get("k", "a") == Record("a", {"n": 499})


def test_a_scan_is_ordered_by_utf8_bytes_and_bounded(records: Records) -> None:
    """Keys outside the basic plane come last, as their UTF-8 does, and limit holds."""
    names = ["z", "a", "\uffff", "\U00010000", "é", LAST, "a\x00b", "aa", " "]
    commit(records, *[Put("k", name, {}) for name in names])
    in_order = sorted(names, key=str.encode)
    assert keys(records.scan("k")) == in_order
    assert keys(records.scan("k", limit=3)) == in_order[:3]
    assert keys(records.scan("k", after=in_order[2], limit=2)) == in_order[3:5]
    assert records.scan("k", limit=0) == []


@pytest.mark.parametrize(
    "prefix", ["a", "a%", "a_", "a\x00", "a*", LAST, f"a{LAST}", "\ud7ff", "'", "a/../"]
)
def test_a_prefix_is_taken_literally(records: Records, prefix: str) -> None:
    """Any character may stand in a prefix, also the last code point and those before surrogates."""
    inside = [prefix, f"{prefix}\x00", f"{prefix}{LAST}", f"{prefix}{LAST}{LAST}x", f"{prefix}zz"]
    outside = ["", "0", "b", "\ue000", "A"]
    commit(records, *[Put("k", name, {}) for name in inside + outside])
    assert set(keys(records.scan("k", prefix=prefix))) == set(inside)


def test_after_and_prefix_hold_together(records: Records) -> None:
    """An `after` before, within or behind the prefix gives what is both."""
    commit(records, *[Put("k", name, {}) for name in ("a/1", "a/2", "b/1", "b/2", "c/1")])
    assert keys(records.scan("k", prefix="b/", after="a/2")) == ["b/1", "b/2"]
    assert keys(records.scan("k", prefix="b/", after="b/1")) == ["b/2"]
    assert keys(records.scan("k", prefix="b/", after="c")) == []
    assert keys(records.scan("k", prefix="b/", after="b/")) == ["b/1", "b/2"]


def test_content_is_left_behind_unless_asked_for(records: Records) -> None:
    """A scan reads documents only; with content it reads the bytes too."""
    commit(records, Put("k", "a", {}, b"bytes"))
    assert records.scan("k") == [Record("a", {}, None)]
    assert records.scan("k", content=True) == [Record("a", {}, b"bytes")]


def test_a_journal_is_numbered_from_one_and_pages_from_both_ends(records: Records) -> None:
    """Entries keep their order over several appends."""
    commit(records, Append("j", [{"n": n} for n in range(1, 4)]), Append("j", [{"n": 4}]))
    commit(records, Append("j", [{"n": 5}]), Append("other", [{"x": 0}]), Append("none", []))
    assert records.journal("j") == [(n, {"n": n}) for n in range(1, 6)]
    assert records.journal("j", after=2, limit=2) == [(3, {"n": 3}), (4, {"n": 4})]
    assert records.journal_tail("j", limit=2) == [(5, {"n": 5}), (4, {"n": 4})]
    assert records.journal_tail("j", before=3) == [(2, {"n": 2}), (1, {"n": 1})]
    assert records.journal("missing") == []
    assert records.journal_tail("missing") == []


def test_a_dropped_journal_begins_again_at_one(records: Records) -> None:
    """DropJournal takes every entry of that journal and of no other."""
    commit(records, Append("j", [{"n": 1}, {"n": 2}]), Append("jj", [{"n": 1}]))
    commit(records, DropJournal("j"), Append("j", [{"new": 1}]), DropJournal("missing"))
    assert records.journal("j") == [(1, {"new": 1})]
    assert records.journal("jj") == [(1, {"n": 1})]


def test_journal_names_are_listed_by_prefix_in_pages(records: Records) -> None:
    """Only journals with entries are listed, each once."""
    names = ["a", "log/1", "log/2", f"log/{LAST}", "m"]
    commit(records, *[Append(name, [{}, {}]) for name in names], Append("log/none", []))
    assert records.journals() == names
    assert records.journals("log/") == names[1:4]
    assert records.journals("log/", after="log/1", limit=1) == ["log/2"]


@pytest.mark.parametrize(
    "use",
    [
        lambda r: r.get("k", "\ud800"),
        lambda r: r.get("\udfff", "k"),
        lambda r: r.scan("k", prefix="\ud800"),
        lambda r: r.scan("k", after="\ud800"),
        lambda r: r.journal("\ud800"),
        lambda r: r.journal_tail("\ud800"),
        lambda r: r.journals("\ud800"),
        lambda r: r.submit(Put("k", "\ud800", {})),
        lambda r: r.submit(Put("k", "a", {"text": "\ud800"})),
        lambda r: r.submit(Append("j", [{"too large": 2**64}])),
        lambda r: r.submit(Put("k", "a", {"not json": {1, 2}})),
    ],
)
def test_what_utf8_or_json_cannot_hold_is_refused(
    records: Records, use: Callable[[Records], Any]
) -> None:
    """It is refused before anything is written, and the records go on working."""
    with pytest.raises(InvalidInput):
        use(records)
    commit(records, Put("k", "fine", {}))
    assert keys(records.scan("k")) == ["fine"]
    assert records.journals() == []


def test_many_threads_lose_nothing(records: Records) -> None:
    """Eight threads append to one journal and count up keys of their own."""

    def work(name: str) -> None:
        for n in range(50):
            commit(records, Put("k", f"{name}/{n}", {}), Append("j", [{"by": name, "n": n}]))
            assert records.get("k", f"{name}/{n}") is not None

    threads = [threading.Thread(target=work, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    entries = records.journal("j")
    assert [number for number, _ in entries] == list(range(1, 401))
    for name in map(str, range(8)):
        assert [e["n"] for _, e in entries if e["by"] == name] == list(range(50))
    assert len(records.scan("k")) == 400


def test_one_of_many_inserts_of_a_key_wins(records: Records) -> None:
    """Whoever submits it first; all others are told that it is taken."""
    outcomes = [records.submit(Insert("k", "a", {"n": n})) for n in range(20)]
    assert outcomes[0].exception() is None
    assert all(isinstance(outcome.exception(), KeyTaken) for outcome in outcomes[1:])


def test_a_cancelled_waiter_harms_nobody(records: Records) -> None:
    """Cancelling the wait for a commit cancels neither the commit nor those after it."""

    async def run() -> None:
        waiters = [
            asyncio.ensure_future(commit_async(records, Put("k", str(n), {}))) for n in range(10)
        ]
        await asyncio.sleep(0)
        waiters[3].cancel()
        await asyncio.gather(*waiters, return_exceptions=True)
        await commit_async(records, Put("k", "last", {}))

    asyncio.run(run())
    assert len(records.scan("k")) == 11


def test_a_submission_cannot_be_cancelled(records: Records) -> None:
    """The future refuses, so that a commit is never half believed."""
    done: Future[None] = records.submit(Put("k", "a", {}))
    assert not done.cancel()
    done.result()


def test_after_close_writes_are_refused(records: Records) -> None:
    """What was submitted before the close is written; what comes after fails, at once."""
    waiting = [records.submit(Put("k", str(n), {})) for n in range(50)]
    records.close()
    records.close()
    assert [done.exception(timeout=5) for done in waiting] == [None] * 50
    with pytest.raises(StorageFailed):
        records.submit(Put("k", "late", {})).result(timeout=5)


TEXT = st.text(alphabet="ab/\x00\uffff\U0010ffff", max_size=4)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.lists(TEXT, max_size=12), prefix=TEXT, after=TEXT, limit=st.integers(0, 5))
def test_both_implementations_scan_alike(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    prefix: str,
    after: str,
    limit: int,
) -> None:
    """Whatever the keys and bounds, the twin gives what SQLite gives."""
    memory = MemoryRecords()
    disk = SqliteRecords(tmp_path_factory.mktemp("alike") / "records.db")
    for records in (memory, disk):
        commit(records, *[Put("k", n, {}) for n in names], *[Append(n, [{}]) for n in names])
    try:
        found = disk.scan("k", prefix=prefix, after=after, limit=limit)
        assert memory.scan("k", prefix=prefix, after=after, limit=limit) == found
        listed = disk.journals(prefix, after=after, limit=limit)
        assert memory.journals(prefix, after=after, limit=limit) == listed
    finally:
        disk.close()


# What only the one on the disk must hold

WRITER = """
import sys, threading
from pathlib import Path
from bakehouse.storage.records import Append, Put, commit
from bakehouse.storage.sqlite import SqliteRecords

records = SqliteRecords(Path(sys.argv[1]))
lock = threading.Lock()

def work(name):
    for n in range(10**9):
        commit(records, Put("k", f"{name}/{n}", {"n": n}, b"x" * 100), Append(name, [{"n": n}]))
        with lock:
            print(name, n, flush=True)

for name in "abcd":
    threading.Thread(target=work, args=(name,), daemon=True).start()
threading.Event().wait()
"""


def test_what_was_acknowledged_survives_sigkill(tmp_path: Path) -> None:
    """A process is killed while four threads commit; every commit that it reported is whole."""
    path = tmp_path / "records.db"
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=-1, text=True) as child:
        assert child.stdout is not None
        reported = [child.stdout.readline().split() for _ in range(200)]
        child.send_signal(signal.SIGKILL)
        reported += [line.split() for line in child.stdout.read().splitlines()]
    records = SqliteRecords(path)
    try:
        for name, n in (line for line in reported if len(line) == 2):
            found = records.get("k", f"{name}/{n}")
            assert found == Record(f"{name}/{n}", {"n": int(n)}, b"x" * 100)
        for name in "abcd":
            entries = records.journal(name, limit=10**6)
            assert len(records.scan("k", prefix=f"{name}/", limit=10**6)) == len(entries)
            assert [e["n"] for _, e in entries] == list(range(len(entries)))
    finally:
        records.close()


def test_records_are_there_after_a_restart(tmp_path: Path) -> None:
    """A second opening of the same file finds what the first one wrote."""
    first = SqliteRecords(tmp_path / "records.db")
    commit(first, Put("k", "a", {"n": 1}, b"b"), Append("j", [{}]))
    first.close()
    second = SqliteRecords(tmp_path / "records.db")
    commit(second, Append("j", [{}]))
    assert second.get("k", "a") == Record("a", {"n": 1}, b"b")
    assert [n for n, _ in second.journal("j")] == [1, 2]
    second.close()


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    """The fault names the file."""
    path = tmp_path / "records.db"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(StorageFailed, match=r"records\.db"):
        SqliteRecords(path)


def test_a_failing_commit_tells_all_who_wait_and_the_writer_goes_on(tmp_path: Path) -> None:
    """A table is gone: what needs it fails with the fault, what does not need it still works."""
    path = tmp_path / "records.db"
    records = SqliteRecords(path)
    commit(records, Put("k", "a", {}))
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("DROP TABLE record")
    with pytest.raises(StorageFailed):
        records.submit(Put("k", "b", {})).result()
    with pytest.raises(StorageFailed):
        records.get("k", "never read before")
    commit(records, Append("j", [{}]))
    assert records.journal("j") == [(1, {})]
    other.close()
    records.close()
