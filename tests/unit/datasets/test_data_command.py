"""``bakehouse data`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bakehouse.cli.data import command


def test_drawn_images_are_written_and_the_folder_is_printed(tmp_path: Path) -> None:
    """The last line of standard output is the folder."""
    out = tmp_path / "images"
    result = CliRunner().invoke(command, ["--out", str(out), "--drawn", "--seed", "5"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == str(out)
    assert len((out / "train.lst").read_text().splitlines()) == 1000


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--labels", "bycicle,48"], "such as bicycle"),
        (["--labels", "fox,48", "--drawn"], "not fox"),
        (["--archive", "nowhere.tar.gz"], "name another with --archive"),
    ],
)
def test_an_error_says_what_to_do(tmp_path: Path, arguments: list[str], said: str) -> None:
    """A failure is one or two sentences and status 1, never a trace."""
    result = CliRunner().invoke(command, ["--out", str(tmp_path / "out"), *arguments])
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-2:] != []
    assert said in result.stderr
    assert "Traceback" not in result.output
