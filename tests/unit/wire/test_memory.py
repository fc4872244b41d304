"""Room for the bodies of requests."""

from __future__ import annotations

import asyncio

import pytest

from bakehouse.wire.memory import Memory
from bakehouse.wire.types import AwsError


def test_whoever_finds_no_room_waits_for_it() -> None:
    """First come, first served; a small one does not overtake a large one."""
    order: list[str] = []

    async def hold(memory: Memory, name: str, size: int) -> None:
        async with memory.room(size):
            order.append(name)
            await asyncio.sleep(0)

    async def work() -> None:
        memory = Memory(100)
        async with memory.room(60):
            waiting = [asyncio.create_task(hold(memory, *one)) for one in (("a", 90), ("b", 10))]
            await asyncio.sleep(0)
            assert order == []
        await asyncio.gather(*waiting)
        async with memory.room(100):
            order.append("c")

    asyncio.run(work())
    assert order == ["a", "b", "c"]


def test_a_body_beyond_the_limit_has_all_room_for_itself() -> None:
    """It is not refused for ever, and others wait for it."""

    async def work() -> None:
        memory = Memory(10, patience_s=0.01)
        async with memory.room(1000):
            with pytest.raises(AwsError):
                async with memory.room(1):
                    raise AssertionError

    asyncio.run(work())


def test_waiting_has_an_end() -> None:
    """After its patience a request is told to come again, and its place is given up."""

    async def work() -> None:
        memory = Memory(10, patience_s=0.01)
        async with memory.room(10):
            with pytest.raises(AwsError) as caught:
                async with memory.room(5):
                    raise AssertionError
            assert caught.value.status == 503
        async with memory.room(10):
            pass

    asyncio.run(work())


def test_who_leaves_while_waiting_frees_the_way() -> None:
    """A client that went away neither holds room nor keeps those behind it waiting."""

    async def hold(memory: Memory, size: int) -> None:
        async with memory.room(size):
            pass

    async def work() -> None:
        memory = Memory(10)
        async with memory.room(5):
            large = asyncio.create_task(hold(memory, 8))
            small = asyncio.create_task(hold(memory, 5))
            await asyncio.sleep(0)
            large.cancel()
            await small
            assert large.cancelled()
        async with memory.room(10):
            pass

    asyncio.run(work())
