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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff",
        b"[" * 100_000,
        b'{"access_key_id": "x"}',
        b'{"access_key_id": 1, "secret_access_key": 2}',
    ],
    ids=["empty", "no keys", "a list", "no text", "deep", "half", "numbers"],
)
def test_a_damaged_file_is_kept_and_the_way_out_is_said(tmp_path: Path, content: bytes) -> None:
    """Keys that cannot be read are never silently replaced; the sentence says what to do."""
    path = tmp_path / keys.FILE_NAME
    path.write_bytes(content)
    with pytest.raises(StorageFailed) as caught:
        keys.load_or_make(tmp_path)
    assert caught.value.message == (
        f"{path} does not hold a key pair. Delete it and start the server again for a new one;"
        " clients then need the output of `bakehouse env` anew."
    )
    assert path.read_bytes() == content


def test_a_folder_without_keys_says_how_they_come_about(tmp_path: Path) -> None:
    """To load is not to make; and a place that cannot be written to is a sentence too."""
    with pytest.raises(StorageFailed, match="Start a server with this data folder"):
        keys.load(tmp_path)
    with pytest.raises(StorageFailed, match="cannot be written to"):
        keys.load_or_make(tmp_path / "none")


def test_clients_get_everything_that_boto3_reads() -> None:
    """The endpoint, the keys, the region, and no host prefixes."""
    pair = keys.KeyPair("id", "secret")
    variables = keys.client_environment("http://127.0.0.1:1", pair, "eu-west-1")
    assert variables["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
    assert variables["AWS_DEFAULT_REGION"] == variables["AWS_REGION"] == "eu-west-1"
    assert variables["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
