"""The files of a client: the SDKs' defaults, and the user's profiles with the server's keys."""

from __future__ import annotations

import stat
from pathlib import Path

import botocore.session
import pytest

from bakehouse.client_side import files
from bakehouse.keys import KeyPair

PAIR = KeyPair("AKID", "secret")
CONFIG = """\
[default]
region = eu-central-1
[profile prod]
region = ap-south-1
role_arn = arn:aws:iam::999999999999:role/admin
source_profile = default
endpoint_url = https://s3.example.com
[profile "two words"]
output = yaml
[sso-session work]
sso_start_url = https://example.com
"""
CREDENTIALS = """\
[default]
aws_access_key_id = REAL
aws_secret_access_key = REAL
[only-here]
aws_access_key_id = REAL
aws_session_token = REAL
"""


@pytest.fixture
def surroundings(tmp_path: Path) -> dict[str, str]:
    """A home with profiles of the user's own."""
    folder = tmp_path / "home" / ".aws"
    folder.mkdir(parents=True)
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text(CREDENTIALS)
    return {"HOME": str(tmp_path / "home")}


def session(folder: Path, profile: str) -> botocore.session.Session:
    """A session of botocore's that reads the files."""
    found = botocore.session.Session(profile=profile)
    found.set_config_variable("config_file", str(folder / "aws-config"))
    found.set_config_variable("credentials_file", str(folder / "aws-credentials"))
    return found


@pytest.mark.parametrize(
    ("profile", "region"),
    [
        ("default", "eu-central-1"),
        ("prod", "ap-south-1"),
        ("two words", "us-east-1"),
        ("only-here", "us-east-1"),
    ],
)
def test_every_profile_has_the_servers_keys_and_its_own_region(
    tmp_path: Path, surroundings: dict[str, str], profile: str, region: str
) -> None:
    """botocore finds the user's profiles, and in none of them anything that is real."""
    files.write(tmp_path / "client", PAIR, "us-east-1", "123456789012", surroundings)
    found = session(tmp_path / "client", profile)
    credentials = found.get_credentials()
    assert (credentials.access_key, credentials.secret_key) == ("AKID", "secret")
    assert credentials.token is None
    assert found.get_config_variable("region") == region


def test_nothing_real_is_copied(tmp_path: Path, surroundings: dict[str, str]) -> None:
    """Keys, roles, addresses and single sign-on stay behind."""
    files.write(tmp_path / "client", PAIR, "us-east-1", "123456789012", surroundings)
    written = "".join(file.read_text() for file in (tmp_path / "client").iterdir())
    for word in ("REAL", "role_arn", "example.com", "sso"):
        assert word not in written


def test_the_files_are_for_their_owner(tmp_path: Path) -> None:
    """Folder and files have no permissions for others; nothing else lies there."""
    files.write(tmp_path / "client", PAIR, "us-east-1", "123456789012", {"HOME": str(tmp_path)})
    assert stat.S_IMODE((tmp_path / "client").stat().st_mode) == 0o700
    found = {
        file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "client").iterdir()
    }
    assert found == dict.fromkeys(("sagemaker.yaml", "aws-config", "aws-credentials"), 0o600)


def test_files_that_are_right_are_left_alone(tmp_path: Path) -> None:
    """A second command does not touch what the first one's programs may be reading."""
    for _ in range(2):
        files.write(tmp_path / "c", PAIR, "us-east-1", "123456789012", {"HOME": str(tmp_path)})
    before = (tmp_path / "c" / "aws-config").stat().st_ino
    files.write(tmp_path / "c", PAIR, "us-east-1", "123456789012", {"HOME": str(tmp_path)})
    assert (tmp_path / "c" / "aws-config").stat().st_ino == before


def test_the_bucket_has_the_name_that_the_sdks_give_it(tmp_path: Path) -> None:
    """sagemaker-<region>-<account>, without asking who one is."""
    files.write(tmp_path / "c", PAIR, "eu-west-3", "000000000001", {"HOME": str(tmp_path)})
    text = (tmp_path / "c" / "sagemaker.yaml").read_text()
    assert "DefaultS3Bucket: sagemaker-eu-west-3-000000000001\n" in text
    assert "TelemetryOptOut: true\n" in text


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[open\nx", b"no section", b"[a]\nb\n"])
def test_files_that_cannot_be_understood_have_no_profiles(tmp_path: Path, content: bytes) -> None:
    """A broken file of the user's does not keep a command from running."""
    (tmp_path / "config").write_bytes(content)
    named = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)}
    assert files.own_profiles(named) == {}


def test_a_value_of_several_lines_is_not_copied(tmp_path: Path) -> None:
    """Lines of the user's file cannot become lines of ours."""
    text = "[profile p]\nregion = x\n  aws_access_key_id = REAL\n"
    (tmp_path / "config").write_text(text)
    named = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)}
    assert files.own_profiles(named) == {"p": {}}
