"""The README: what it shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.server import ServerProcess, running_server

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


def blocks(kind: str) -> list[str]:
    """The README's code blocks of a kind."""
    return re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A server with nothing in it."""
    with running_server(tmp_path_factory.mktemp("data")) as running:
        yield running


def test_the_example_prints_what_the_readme_says(server: ServerProcess, tmp_path: Path) -> None:
    """The Python block runs unchanged in a shell that ``bakehouse env`` set up."""
    (example,) = blocks("python")
    script = tmp_path / "example.py"
    script.write_text(example)
    (promise,) = re.findall(r"It prints `(.*?)`\.", README)
    setup = f'eval "$({sys.executable} -m bakehouse env --data {server.data})"'
    done = subprocess.run(
        ["sh", "-c", f"{setup} && exec {sys.executable} {script}"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == promise, done.stderr


def test_every_command_shown_exists() -> None:
    """Each line of the shell blocks names a command of ``./dev`` or of ``bakehouse``."""
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) >= 5
    for line in lines:
        words = line.replace('eval "$(', "").replace(')"', "").split()
        if words[0] == "./dev":
            assert f"{words[1]})" in (ROOT / "dev").read_text()
        elif words[0] == "bakehouse":
            known = subprocess.run(
                [sys.executable, "-m", "bakehouse", words[1], "--help"], capture_output=True
            )
            assert known.returncode == 0, line
        else:
            assert words[:3] == ["pip", "install", "'.[train]'"], line


def test_dev_explains_itself_and_refuses_what_it_does_not_know() -> None:
    """``./dev`` lists its commands; a wrong one is exit code 2 with the list."""
    helped = subprocess.run([ROOT / "dev", "help"], capture_output=True, text=True)
    wrong = subprocess.run([ROOT / "dev", "bake"], capture_output=True, text=True)
    assert helped.returncode == 0
    assert "./dev demo" in helped.stdout
    assert wrong.returncode == 2
    assert "./dev demo" in wrong.stderr


def test_links_and_pictures_are_there() -> None:
    """Every relative link of the README leads to a file."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
