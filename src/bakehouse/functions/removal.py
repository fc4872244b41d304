"""Removes what handlers leave behind: folders of any depth, and processes that left their session.

A handler may nest folders deeper than any path or recursion reaches, and what it starts may outlive
it. Both must never keep the server from ending, or from starting again.
"""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path

SANDBOX_VARIABLE = "BAKEHOUSE_SANDBOX"
"""The variable that marks the processes of a sandbox; its value is the sandbox's folder."""

_ROUNDS = 10  # a process may have started another one while it was looked for


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it; what cannot be removed stays, and is no error.

    Folders inside are first moved beside it, so that no path grows longer and nothing recurses.
    """
    waiting, number = [folder], 0
    while waiting:
        place = waiting.pop()
        with contextlib.suppress(OSError):
            place.chmod(0o700)  # a handler may have taken its own rights away
        for name, is_folder in _entries(place):
            with contextlib.suppress(OSError):
                if is_folder:
                    number += 1
                    beside = folder.with_name(f"{folder.name}.{number}")
                    (place / name).chmod(0o700)
                    (place / name).rename(beside)
                    waiting.append(beside)
                else:
                    (place / name).unlink()
        with contextlib.suppress(OSError):
            place.rmdir()


def end_processes(folder: Path) -> None:
    """Kill every process that was started in a sandbox whose folder is this one or lies below it.

    What a handler started and what then left its session has no parent any more that could be
    asked. It is known by its environment; a process that wiped that is not found.
    """
    for _ in range(_ROUNDS):
        found = [number for number in _processes() if _end_if_within(number, folder)]
        if not found:
            return


def _entries(place: Path) -> list[tuple[str, bool]]:
    try:
        with os.scandir(place) as entries:
            return [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    except OSError:
        return []


def _processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def _end_if_within(number: int, folder: Path) -> bool:
    """Kill a process if it is marked with the folder; False if it is not, or is gone."""
    try:
        handle = os.pidfd_open(number)
    except OSError:
        return False
    try:
        if not _is_marked(number, folder):
            return False
        signal.pidfd_send_signal(handle, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def _is_marked(number: int, folder: Path) -> bool:
    prefix = f"{SANDBOX_VARIABLE}=".encode()
    variables = Path(f"/proc/{number}/environ").read_bytes().split(b"\0")
    marks = (one.removeprefix(prefix) for one in variables if one.startswith(prefix))
    return any(Path(os.fsdecode(mark)).is_relative_to(folder) for mark in marks)
