"""``bakehouse data`` as a user types it."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from bakehouse.cli.data import command
from bakehouse.datasets.drawn import draw_vehicles
from bakehouse.datasets.folders import write_folder


def test_drawn_images_are_written_and_the_folder_is_printed(tmp_path: Path) -> None:
    """The last line of standard output is the folder."""
    out = tmp_path / "images"
    result = CliRunner().invoke(command, ["--out", str(out), "--drawn", "--seed", "5"])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[-1] == str(out)
    assert len((out / "train.lst").read_text().splitlines()) == 1000


def test_other_images_stay_without_replace(tmp_path: Path) -> None:
    """A second run with another seed says what is there and how to go on."""
    out = tmp_path / "images"
    write_folder(out, draw_vehicles(seed=5, train=2, test=2))
    words = ["--out", str(out), "--drawn", "--seed"]
    refused = CliRunner().invoke(command, [*words, "6"])
    assert refused.exit_code == 1
    assert "holds drawings (bicycle, motorcycle, seed 5); choose another" in refused.stderr
    assert '"seed": 5' in (out / "source.json").read_text()
    assert CliRunner().invoke(command, [*words, "6", "--replace"]).exit_code == 0
    assert '"seed": 6' in (out / "source.json").read_text()


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
