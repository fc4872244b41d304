from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson

from bakehouse.functions.removal import SANDBOX_VARIABLE, end_processes, remove_folder
from support.functions_parts import Workplace, archive_of, draft

DEEP = """
import os

def handler(event, context):
    os.chdir(os.environ["TMPDIR"])
    for _ in range(2500):
        os.mkdir("a")
        os.chdir("a")
    return "deep"
"""

DAEMON = """
import os, time

def handler(event, context):
    told, tell = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.write(tell, str(os.getpid()).encode())
            time.sleep(600)
        os._exit(0)
    return int(os.read(told, 20))
"""


def is_running(number: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False


def test_a_folder_deeper_than_any_path_is_removed(tmp_path: Path) -> None:
    """Neither the length of a path nor recursion bounds what can be removed."""
    here = os.getcwd()
    (tmp_path / "home").mkdir()
    try:
        os.chdir(tmp_path / "home")
        for _ in range(2500):
            os.mkdir("a")
            os.chdir("a")
        Path("file").write_text("x")
        os.symlink("/etc", "link")
    finally:
        os.chdir(here)
    remove_folder(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []
    assert Path("/etc").is_dir()


def test_a_folder_without_rights_is_removed(tmp_path: Path) -> None:
    """A handler that locks its folders does not keep them."""
    locked = tmp_path / "home" / "locked"
    (locked / "inside").mkdir(parents=True)
    locked.chmod(0)
    remove_folder(tmp_path / "home")
    assert list(tmp_path.iterdir()) == []


def test_a_handler_that_nests_folders_does_not_spoil_the_next_start(tmp_path: Path) -> None:
    """After such a handler the server ends and starts, and the function runs again."""
    place = Workplace(tmp_path / "place")
    assert orjson.loads(place.invoke(DEEP, timeout_s=20).payload) == "deep"
    assert list((tmp_path / "place" / "functions").glob("run-*")) == []
    again = place.run(lambda functions: functions.invoke("f", b"{}"))
    assert orjson.loads(again.payload) == "deep"


def test_a_process_that_left_its_session_ends_with_the_sandbox(tmp_path: Path) -> None:
    """A daemon that a handler starts does not outlive the server."""

    async def work(functions: object) -> int:
        await functions.create(draft(), archive_of(app=DAEMON))  # type: ignore[attr-defined]  # its type is private to the workplace
        answer = await functions.invoke("f", b"{}")  # type: ignore[attr-defined]  # as above
        return int(answer.payload)

    number = Workplace(tmp_path / "place").run(work)
    assert not is_running(number)


def test_only_marked_processes_are_ended(tmp_path: Path) -> None:
    """A process is known by the folder in its environment, and others are left alone."""
    command = [sys.executable, "-c", "input()"]
    marked, other = (
        subprocess.Popen(
            command, stdin=subprocess.PIPE, env={**os.environ, SANDBOX_VARIABLE: str(folder)}
        )
        for folder in (tmp_path / "run-1" / "sandboxes" / "x", tmp_path / "run-2")
    )
    with marked, other:
        end_processes(tmp_path / "run-1")
        assert marked.wait(timeout=10) == -signal.SIGKILL
        assert other.poll() is None
        other.kill()
