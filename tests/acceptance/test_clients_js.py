"""The AWS SDK for JavaScript, version 3, as it comes from the registry."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support import node_packages
from support.server import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPT = Path(__file__).parent / "clients" / "s3.mjs"


@pytest.fixture(scope="module")
def seen(server: ServerProcess) -> Any:
    """What the script saw under ``bakehouse exec``, and printed."""
    folder = node_packages.folder()
    words = [sys.executable, "-m", "bakehouse", "exec", "--data", str(server.data), "--"]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}
    with SCRIPT.open() as script:
        done = subprocess.run(
            [*words, "node", "--no-warnings", "--input-type=module"],
            cwd=folder,
            env=kept,
            stdin=script,
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_clients_of_several_services_find_the_server(seen: Any) -> None:
    """Each takes address, keys and region from the environment."""
    assert seen["account"] == "123456789012"
    assert seen["models"] == 0


def test_a_stream_is_stored_without_its_chunks(seen: Any) -> None:
    """It goes over plain http in chunks with a trailing sum, which is checked and kept."""
    assert seen["streamed"] == {"length": 300_000, "encoding": None, "checksum": True}
    assert seen["streamedSame"]


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"])
def test_every_checksum_is_checked_at_both_ends(seen: Any, algorithm: str) -> None:
    """The SDK's sum is stored, told again and holds for what is read."""
    assert seen["checksums"][algorithm]


def test_parts_at_the_same_time_become_one_object(seen: Any) -> None:
    """lib-storage uploads a stream of unknown length; a range of it is what was sent."""
    assert seen["largeSame"]
    assert seen["range"] == ["bytes 10-19/12582912", True]


def test_keys_and_prefixes_are_listed(seen: Any) -> None:
    """A copied key with a blank, a plus and an umlaut lies below its prefix."""
    keys, prefixes = ["large", "plain", "streamed"], ["copied/", "sum/"]
    assert seen["listed"] == {"keys": keys, "prefixes": prefixes}
    assert seen["deleted"]


def test_presigned_addresses_work_and_are_signed(seen: Any) -> None:
    """PUT and GET by address need nothing else; an altered address is refused.

    The SDK puts the sum of an empty body into the address of a PUT, which AWS does not look at.
    """
    assert (seen["signedPut"], seen["signedGet"], seen["altered"]) == (200, "by address", 403)


def test_errors_are_the_sdks_own(seen: Any) -> None:
    """A missing key is the exception that a program catches by its name."""
    assert seen["missing"] == ["NoSuchKey", 404]


def test_metrics_go_there_and_back(seen: Any) -> None:
    """CloudWatch is spoken to in the protocol that the SDK chooses by itself."""
    assert seen["metrics"] == ["m"]
    assert seen["average"] == [2.5]
