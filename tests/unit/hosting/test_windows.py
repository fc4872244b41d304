"""Windows of captured records: when they close, what is in their objects, what a crash leaves."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from bakehouse.hosting import windows
from bakehouse.hosting.windows import JOURNALS, Windows
from bakehouse.storage.records import Append, commit
from bakehouse.storage.sqlite import SqliteRecords
from support.hosting_parts import BUCKET, Place, record, until

AT = datetime(2026, 11, 23, 4, 5, 6, 789_000, tzinfo=UTC)
DESTINATION = f"s3://{BUCKET}/captured"
CHILD = Path(__file__).with_name("capturing_child.py")


@asynccontextmanager
async def opened(
    place: Place, told: list[str], *, window_s: float = 60.0, kept_windows: int = 9
) -> AsyncIterator[Windows]:
    made = Windows(
        place.records,
        place.objects,
        lambda endpoint, variant, text: told.append(f"{endpoint}/{variant}: {text}"),
        window_s=window_s,
        idle_s=30.0,
        retry_s=(0.01,),
        kept_windows=kept_windows,
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def add(
    to: Windows, line: bytes, endpoint: str = "e", destination: str = DESTINATION
) -> None:
    await asyncio.wrap_future(to.add(endpoint, "v", destination, AT, line))


def test_a_record_is_durable_before_its_window_closes(tmp_path: Path) -> None:
    """When the future is done, the record is in a journal; the object comes with the close."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with opened(place, []) as made:
            await add(made, b"one\n")
            (journal,) = place.records.journals(JOURNALS)
            assert place.records.journal(journal) == [(1, {"line": "one\n"})]
            assert place.captured_keys() == []
        assert place.captured() == [b"one\n"]
        assert place.records.journals(JOURNALS) == []

    asyncio.run(scenario())


def test_a_window_closes_after_its_time_though_traffic_goes_on(tmp_path: Path) -> None:
    """Steady traffic makes a new object each window; every record is in one of them, in order."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with opened(place, [], window_s=0.1) as made:
            for number in range(30):
                await add(made, b"%d\n" % number)
                await asyncio.sleep(0.01)
        assert 2 <= len(place.captured_keys()) <= 6
        assert sorted(place.captured(), key=int) == [b"%d\n" % number for number in range(30)]

    asyncio.run(scenario())


def test_a_window_closes_when_it_is_full(tmp_path: Path) -> None:
    """A window that reaches its size is written without waiting."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with opened(place, []) as made:
            half = b"x" * (windows.WINDOW_BYTES // 2) + b"\n"
            for _ in range(3):
                await add(made, half)
            await until(lambda: len(place.captured_keys()) == 1)
        assert [len(line) for line in place.captured()] == [len(half)] * 3

    asyncio.run(scenario())


def test_flush_writes_one_endpoint(tmp_path: Path) -> None:
    """When flush returns, that endpoint's records are in S3, and the others' still wait."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with opened(place, []) as made:
            await add(made, b"mine\n", "mine")
            await add(made, b"other\n", "other")
            await made.flush("mine")
            assert place.captured() == [b"mine\n"]

    asyncio.run(scenario())


def test_a_missing_bucket_keeps_records_until_it_is_there(tmp_path: Path) -> None:
    """The reason is told once; the records are written as soon as the bucket can take them."""

    async def scenario() -> None:
        place, told = Place(tmp_path), list[str]()
        async with opened(place, told) as made:
            await add(made, b"kept\n", destination="s3://not-there/x")
            await made.flush("e")
            await until(lambda: len(told) == 1)
            assert "e/v: Captured data could not be written to s3://not-there/x/e/v/" in told[0]
            assert "no bucket named 'not-there'" in told[0]
            assert len(place.records.journals(JOURNALS)) == 1
            place.objects.create_bucket("not-there")
            await until(lambda: place.records.journals(JOURNALS) == [])
            (info,) = place.objects.listing("not-there").objects
            assert place.objects.read("not-there", info.key, limit_bytes=9) == b"kept\n"
        assert len(told) == 1

    asyncio.run(scenario())


def test_what_is_refused_waits_for_the_next_start(tmp_path: Path) -> None:
    """A stop does not wait for a missing bucket, and loses nothing."""

    async def scenario() -> None:
        place = Place(tmp_path)
        async with opened(place, []) as made:
            await add(made, b"kept\n", destination="s3://not-there/x")
        assert len(place.records.journals(JOURNALS)) == 1
        place.objects.create_bucket("not-there")
        async with opened(place, []):
            pass
        assert place.records.journals(JOURNALS) == []

    asyncio.run(scenario())


def test_what_is_refused_is_bounded(tmp_path: Path) -> None:
    """When too much waits, the oldest window is given up, and the endpoint's log says so."""

    async def scenario() -> None:
        place, told = Place(tmp_path), list[str]()
        async with opened(place, told, kept_windows=2) as made:
            for number in range(3):
                await add(made, b"%d\n" % number, destination="s3://not-there/x")
                await made.flush("e")
            await until(lambda: any("was given up" in text for text in told))
            assert len(place.records.journals(JOURNALS)) == 2

    asyncio.run(scenario())


def test_an_object_that_was_written_before_a_crash_is_written_again_as_it_is(
    tmp_path: Path,
) -> None:
    """Between the object and the end of its journal a crash neither loses nor doubles records."""

    async def scenario() -> None:
        place = Place(tmp_path)
        key = "captured/e/v/2026/11/23/04/05-06-789-u.jsonl"
        entries = [{"line": f"{number}\n"} for number in range(1500)]
        commit(place.records, Append(f"{JOURNALS}{BUCKET}/{key}", entries))
        place.objects.put(BUCKET, key, b"".join(b"%d\n" % number for number in range(1500)))
        async with opened(place, []):
            await until(lambda: place.records.journals(JOURNALS) == [])
        assert place.captured_keys() == [key]
        assert place.captured() == [b"%d\n" % number for number in range(1500)]

    asyncio.run(scenario())


def acknowledged(folder: Path, first: int, many: int) -> list[str]:
    """Ids whose answers a child gave before it was killed, at least ``many``."""
    argv = [sys.executable, str(CHILD), str(folder), str(first)]
    paths = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=paths)
    with child:
        assert child.stdout is not None
        said = [child.stdout.readline().strip() for _ in range(many)]
        child.kill()
        rest = child.stdout.read().split("\n")
    return said + [line for line in rest[:-1] if line]


def test_captured_records_survive_kill_9(tmp_path: Path) -> None:
    """Whatever a server answered before it was killed is in S3 after a restart, exactly once."""
    answered: list[str] = []
    for round_number, many in enumerate((30, 77, 150)):
        answered += acknowledged(tmp_path, round_number * 100_000, many)
    assert len(answered) >= 257
    records = SqliteRecords(tmp_path / "records.db")

    async def restart() -> list[bytes]:
        place = Place(tmp_path, records)
        async with place.hosting():
            pass
        assert records.journals(JOURNALS) == []
        return place.captured()

    try:
        lines = asyncio.run(restart())
    finally:
        records.close()
    ids = [record(line)["eventMetadata"]["inferenceId"] for line in lines]
    assert len(ids) == len(set(ids))
    assert set(answered) <= set(ids)
