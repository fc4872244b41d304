"""``./dev demo``, as the README shows it: the whole workflow, in full size."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


def demo(out: Path, *arguments: str, **environment: str) -> tuple[int, str, dict[str, Any]]:
    """Run the demo; return exit code, what it printed, and its summary."""
    done = subprocess.run(
        [ROOT / "dev", "demo", "--out", str(out), *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=1200,
    )
    return done.returncode, done.stdout, json.loads((out / "summary.json").read_text())


def check(out: Path, code: int, printed: str, summary: dict[str, Any]) -> None:
    """What every demo must have come to."""
    assert code == 0, printed
    assert summary["gate"]["verdict"] == "ok"
    assert summary["accuracy"]["n"] == 200
    assert summary["accuracy"]["value"] >= 0.85
    for name in ("report.html", "state-machine.svg", "execution.svg", "timeline.png"):
        assert (out / name).stat().st_size > 10_000
        assert name in printed


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_on_photographs(tmp_path: Path) -> None:
    """On CIFAR-100 the accuracy on the 200 test images is at least 0.85."""
    if "BAKEHOUSE_CIFAR100" not in os.environ:
        pytest.skip("BAKEHOUSE_CIFAR100 names no archive")
    check(tmp_path, *demo(tmp_path))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_demo_on_drawings(tmp_path: Path) -> None:
    """Without an archive the demo runs on drawn vehicles, and says so."""
    code, printed, summary = demo(tmp_path, "--drawn", "--seed", "1")
    check(tmp_path, code, printed, summary)
    assert "drawn by code" in printed
