"""A job's process under both event loops, and when its output cannot be stored."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import uvloop

from bakehouse.faults import StorageFailed
from bakehouse.training.process import Ending, run_process


async def run(folder: Path, script: str, kept: list[str]) -> Ending:
    async def keep(lines: list[str]) -> None:
        kept.extend(lines)

    return await run_process(
        (sys.executable, "-S", "-c", script),
        folder=folder,
        environment=os.environ,
        keep_lines=keep,
        halt=asyncio.Event(),
        limit_s=20,
        grace_s=1,
    )


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_both_event_loops(
    tmp_path: Path, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Output, standard error and exit code come through asyncio's loop and through uvloop's."""
    kept: list[str] = []
    script = "import sys; print('out', flush=True); sys.stderr.write('err\\n\\nend'); sys.exit(5)"
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(run(tmp_path, script, kept)) == Ending("exited", 5)
    assert kept == ["out", "err", "end"]


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    """What is not UTF-8 is replaced, not refused."""
    kept: list[str] = []
    asyncio.run(run(tmp_path, "import sys; sys.stdout.buffer.write(b'a\\xffb')", kept))
    assert kept == ["a\ufffdb"]


def test_process_ends_when_nobody_can_store_its_output(tmp_path: Path) -> None:
    """A full disk ends the job at once instead of leaving its process waiting."""

    async def fail(lines: list[str]) -> None:
        raise StorageFailed("The disk is full.")

    async def run_and_fail() -> None:
        await run_process(
            (sys.executable, "-S", "-c", "print(1, flush=True)\nimport time\ntime.sleep(60)"),
            folder=tmp_path,
            environment=os.environ,
            keep_lines=fail,
            halt=asyncio.Event(),
            limit_s=60,
            grace_s=1,
        )

    begun = time.monotonic()
    with pytest.raises(StorageFailed):
        asyncio.run(run_and_fail())
    assert time.monotonic() - begun < 20


@pytest.mark.slow
def test_output_held_by_one_who_left_the_group(tmp_path: Path) -> None:
    """A daemon that keeps the pipe open does not keep the job from ending."""
    script = (
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    print(os.getpid(), flush=True)\n"
        "    time.sleep(60)\n"
        "time.sleep(0.5)\n"
        "os._exit(0)\n"
    )
    kept: list[str] = []
    begun = time.monotonic()
    assert asyncio.run(run(tmp_path, script, kept)) == Ending("exited", 0)
    assert time.monotonic() - begun < 20
    os.kill(int(kept[0]), signal.SIGKILL)
