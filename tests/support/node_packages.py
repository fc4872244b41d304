"""Packages for node, installed once below ``.clients/``, which git ignores."""

from __future__ import annotations

import fcntl
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from support.client_environments import CACHE

PINS = {
    "@aws-sdk/client-cloudwatch": "3.1164.0",
    "@aws-sdk/client-s3": "3.1169.0",
    "@aws-sdk/client-sagemaker": "3.1142.0",
    "@aws-sdk/client-sts": "3.1169.0",
    "@aws-sdk/lib-storage": "3.1169.0",
    "@aws-sdk/s3-request-presigner": "3.1163.0",
}
"""What the folder holds, from npm's registry."""


def folder() -> Path:
    """The folder in which scripts find the packages; without node and npm the test is skipped."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    found = CACHE / "javascript"
    found.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps({"private": True, "dependencies": PINS}, indent=2)
    with (CACHE / "javascript.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = found / "installed.json"
        if not done.exists() or done.read_text() != wanted:
            (found / "package.json").write_text(wanted)
            words = ["npm", "install", "--no-audit", "--no-fund", "--silent"]
            subprocess.run(words, cwd=found, check=True)
            done.write_text(wanted)
    return found
