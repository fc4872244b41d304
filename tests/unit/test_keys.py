"""The key pair of a data folder, and the variables of its clients."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from bakehouse import keys
from bakehouse.faults import StorageFailed


def test_a_folder_keeps_its_keys(tmp_path: Path) -> None:
    """Keys are made once, for their owner only."""
    pair = keys.load_or_make(tmp_path)
    assert keys.load_or_make(tmp_path) == pair == keys.load(tmp_path)
    assert stat.S_IMODE((tmp_path / keys.FILE_NAME).stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [keys.FILE_NAME]


def test_two_folders_have_different_keys(tmp_path: Path) -> None:
    """Nobody's secret is known beforehand."""
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    assert keys.load_or_make(one) != keys.load_or_make(other)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"access_key_id": "x"}'])
def test_a_damaged_file_is_told_and_kept(tmp_path: Path, text: str) -> None:
    """Keys that cannot be read are an error, never silently replaced."""
    (tmp_path / keys.FILE_NAME).write_text(text)
    with pytest.raises(StorageFailed, match="cannot be read as a key pair"):
        keys.load_or_make(tmp_path)
    assert (tmp_path / keys.FILE_NAME).read_text() == text


def test_clients_get_everything_that_boto3_reads() -> None:
    """The endpoint, the keys, the region, and no host prefixes."""
    pair = keys.KeyPair("id", "secret")
    variables = keys.client_environment("http://127.0.0.1:1", pair, "eu-west-1")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert variables["AWS_DEFAULT_REGION"] == variables["AWS_REGION"] == "eu-west-1"
    assert variables["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
