"""Environments of their own for clients: made once below ``.clients/``, which git ignores."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from pathlib import Path

CACHE = Path(__file__).resolve().parents[2] / ".clients"

PINS: dict[str, tuple[str, ...]] = {
    "awscli-1.46.3": ("awscli==1.46.3",),
    "boto3-1.24.0": ("boto3==1.24.0",),
    "boto3-1.28.0": ("boto3==1.28.0",),
    "boto3-1.44.5-crt": ("boto3[crt]==1.44.5",),
    "pandas-3.1.1": ("aiobotocore==3.10.0", "pandas==3.1.1", "pyarrow==26.0.1", "s3fs==2026.9.0"),
    "sagemaker-2.257.7": (
        "sagemaker==2.257.7",
        "stepfunctions==2.3.0",
        "awscli==1.46.3",
        "boto3==1.44.5",
        "jsonlines==4.0.0",
        "matplotlib==3.11.2",
    ),
    "sagemaker-3.27.0": (
        "sagemaker==3.27.0",
        "boto3==1.44.5",
        "jsonlines==4.0.0",
        "matplotlib==3.11.2",
    ),
}
"""What each environment is made of, by its name."""


class NotToBeHad(Exception):
    """The packages of an environment could not be installed."""


def python_of(name: str) -> Path:
    """The Python of an environment, which is made now if it is not there; minutes, then.

    One that was not completed is made again. Several processes may ask for the same one.

    Raises:
        NotToBeHad: the packages cannot be installed, as where there is no registry.
    """
    folder = CACHE / name
    CACHE.mkdir(exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _is_complete(folder, PINS[name]):
            _make(folder, PINS[name])
    return folder / "bin" / "python"


def _is_complete(folder: Path, pins: tuple[str, ...]) -> bool:
    try:
        return (folder / "pins.txt").read_text().splitlines() == list(pins)
    except OSError:
        return False


def _make(folder: Path, pins: tuple[str, ...]) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    without = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME")}
    quiet = [*pip, "--disable-pip-version-check", *pins]
    done = subprocess.run(quiet, capture_output=True, text=True, env=without)
    if done.returncode != 0:
        raise NotToBeHad(f"{folder.name} cannot be installed: {done.stderr.strip()[-300:]}")
    (folder / "pins.txt").write_text("\n".join(pins) + "\n")
