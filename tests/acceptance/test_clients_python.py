"""boto3, also versions that do not read AWS_ENDPOINT_URL, s3fs and pandas."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.client_environments import python_of
from support.server import ServerProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCRIPTS = Path(__file__).parent / "clients"
SERVICES = ("sagemaker", "stepfunctions", "logs", "iam", "cloudwatch")


def ran(server: ServerProcess, python: Path, script: str, *words: str) -> Any:
    """What a script printed that ran under ``bakehouse exec`` in an environment of its own."""
    exec_words = ["exec", "--data", str(server.data), "--", str(python), str(SCRIPTS / script)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}
    done = subprocess.run(
        [sys.executable, "-m", "bakehouse", *exec_words, *words],
        env=kept,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("name", "words"),
    [("boto3-1.24.0", ()), ("boto3-1.28.0", ()), ("boto3-1.44.5-crt", ("--sums",))],
)
def test_a_program_of_boto3s_runs_in_any_version(
    server: ServerProcess, name: str, words: tuple[str, ...]
) -> None:
    """Parts, paging, presigned addresses, a function, and a call in each protocol."""
    seen = ran(server, python_of(name), "boto3_calls.py", name.replace(".", "-"), *words)
    assert seen["account"] == "123456789012"
    assert seen["large"]
    assert seen["keys"] == ["copied/ä b+c", "large", "plain"]
    assert seen["presigned"] == "hello"
    assert seen["lambda"] == 42
    assert all(seen[service] for service in SERVICES)
    assert all(seen.get("sums", {"none": True}).values())
    assert len(seen.get("sums", {})) == 5 * len(words)


def test_pandas_reads_and_writes_addresses_of_s3(server: ServerProcess) -> None:
    """CSV and Parquet, folders of parts, and s3fs's own calls, as in a notebook."""
    seen = ran(server, python_of("pandas-3.1.1"), "frames.py", "from-pandas")
    assert seen == {
        "csv": True,
        "parquet": True,
        "column": 500,
        "parts": 1000,
        "ls": ["from-pandas/data/frame.parquet", "from-pandas/data/train.lst"],
        "glob": ["from-pandas/data/train.lst"],
        "seek": "0b0b0b",
        "size": 12 * 2**20,
        "exists": [True, False, True],
        "missing": "FileNotFoundError",
        "gone": True,
    }
