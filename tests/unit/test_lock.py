"""Who has a data folder."""

from __future__ import annotations

import fcntl
import os
import threading
from pathlib import Path

import pytest

from bakehouse import lock
from bakehouse.faults import Conflict


def test_a_folder_has_one_holder(tmp_path: Path) -> None:
    """A second one is refused until the first gives it back."""
    first = lock.take(tmp_path)
    assert lock.is_taken(tmp_path)
    with pytest.raises(Conflict):
        lock.take(tmp_path)
    first.release()
    assert not lock.is_taken(tmp_path)
    lock.take(tmp_path).release()


def test_who_looks_does_not_keep_a_server_from_starting(tmp_path: Path) -> None:
    """A look at the lock holds it for an instant; a start waits that long."""
    lock.take(tmp_path).release()
    looking = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(looking, fcntl.LOCK_SH)
    timer = threading.Timer(0.03, os.close, (looking,))
    timer.start()
    lock.take(tmp_path).release()
    timer.join()
