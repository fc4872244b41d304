"""Files that are whole and on the disk, or not there at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from bakehouse.storage.files import write_durably


def test_a_file_is_replaced_whole_with_the_mode_that_was_asked_for(tmp_path: Path) -> None:
    """The new bytes stand alone in the folder, for their owner's eyes only."""
    path = tmp_path / "note.json"
    path.write_text("older and longer")
    write_durably(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_moved_to_its_place_leaves_nothing_behind(tmp_path: Path) -> None:
    """A folder of that name is in the way; it stays, and it stays alone."""
    path = tmp_path / "note.json"
    path.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_durably(path, b"new")
    assert list(tmp_path.iterdir()) == [path]
