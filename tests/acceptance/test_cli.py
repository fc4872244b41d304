"""The command line as a shell sees it: exit codes and messages where things go wrong."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from bakehouse.cli import starting
from support.server import ServerProcess


def bakehouse(
    *words: str | Path, columns: int = 80, **changed: str
) -> subprocess.CompletedProcess[str]:
    """Run a command in an environment without variables of AWS, bakehouse or a terminal's width."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}
    return subprocess.run(
        [sys.executable, "-m", "bakehouse", *(str(word) for word in words)],
        env={**environment, "COLUMNS": str(columns), **changed},
        capture_output=True,
        text=True,
        timeout=60,
    )


def refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Assert that a command ended with one sentence that has all the parts, and no traceback."""
    assert done.returncode == 1, done.stdout + done.stderr
    error = done.stderr[done.stderr.index("Error: ") :].strip()
    assert "\n" not in error
    for part in parts:
        assert part in error, error


@pytest.fixture
def not_a_folder(tmp_path: Path) -> Path:
    """A path at which no data folder can be made: a part of it is a file."""
    (tmp_path / "file").write_text("")
    return tmp_path / "file" / "data"


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of the loopback address on which somebody else listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("words", [("up", "--port", "0"), ("env",)])
def test_a_data_folder_that_cannot_be_made_is_named(
    words: tuple[str, ...], not_a_folder: Path
) -> None:
    """The message has the folder, the system's reason and the option that helps."""
    refused(bakehouse(*words, "--data", not_a_folder), str(not_a_folder), "Errno", "--data")


def test_a_taken_port_is_named(tmp_path: Path, taken_port: int) -> None:
    """The message has address and port, and leaves no data folder behind."""
    done = bakehouse("up", "--port", str(taken_port), "--data", tmp_path / "new")
    refused(done, f"127.0.0.1:{taken_port}", "in use", "--port 0")
    assert not (tmp_path / "new").exists()


def test_a_port_that_is_none_is_refused(tmp_path: Path) -> None:
    """A number over 65535 in the variable is answered with the number and the range."""
    refused(bakehouse("up", "--data", tmp_path, BAKEHOUSE_PORT="99999"), "99999", "65535")


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    """An address that this machine does not have is named, and --host is what helps."""
    done = bakehouse("up", "--port", "0", "--host", "192.0.2.1", "--data", tmp_path)
    refused(done, "192.0.2.1:0", "--host")


def test_a_second_server_is_sent_to_the_first(server: ServerProcess) -> None:
    """A data folder that is in use is answered with the address of the server that has it."""
    done = bakehouse("up", "--port", "0", "--data", server.data)
    refused(done, str(server.data), server.endpoint, "bakehouse down")


def test_advice_names_the_data_folder_that_was_given(tmp_path: Path) -> None:
    """A command that says what to type next has --data in it where it was needed itself."""
    folder = tmp_path / "a b"
    advice = f"`bakehouse up --data '{folder}'`"
    assert advice in bakehouse("status", "--data", folder).stdout
    assert advice in bakehouse("env", "--data", folder).stderr
    refused(bakehouse("proxy", "--data", folder), advice)
    usual = bakehouse("status", HOME=str(tmp_path))
    assert "`bakehouse up`" in usual.stdout


def test_a_taken_port_of_the_proxy_is_named(server: ServerProcess, taken_port: int) -> None:
    """The message has address and port, and says which port is always free."""
    done = bakehouse("proxy", "--port", str(taken_port), "--data", server.data)
    refused(done, f"127.0.0.1:{taken_port}", "in use", "Port 0")


def test_a_server_that_ends_without_a_word_is_looked_for_on_the_disk(tmp_path: Path) -> None:
    """Where its log is empty, the message says what may be wrong and how to see it."""
    (log := tmp_path / "server.log").touch()
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait(20)
        with pytest.raises(click.ClickException, match="room on the disk"):
            starting.wait_until_ready(tmp_path, process, log)


@pytest.mark.parametrize("command", ["up", "env"])
def test_help_shows_its_examples_as_they_are_typed(command: str) -> None:
    """Examples keep their lines, and no control character is left in the text."""
    done = bakehouse(command, "--help")
    assert '\n    eval "$(bakehouse env)"\n' in done.stdout
    assert "\\b" not in done.stdout


def test_graph_names_the_file_that_cannot_be_drawn(tmp_path: Path) -> None:
    """A definition that is JSON and no state machine is refused by its file and field."""
    file = tmp_path / "machine.json"
    file.write_text(json.dumps({"StartAt": "X", "States": {"A": {"Type": "Pass", "End": True}}}))
    refused(bakehouse("graph", file), str(file), "StartAt is 'X'")


def test_graph_refuses_an_endpoint_that_is_no_address() -> None:
    """``--endpoint`` without a scheme is answered with an example of what is wanted."""
    done = bakehouse("graph", "--execution", "arn", "--endpoint", "nonsense")
    refused(done, "'nonsense'", "http://127.0.0.1:4566")


def test_demo_refuses_a_folder_that_cannot_be_made(not_a_folder: Path) -> None:
    """The message has the folder and the option that helps."""
    refused(bakehouse("demo", "--drawn", "--out", not_a_folder), str(not_a_folder), "--out")


def test_demo_refuses_a_threshold_that_nothing_reaches(tmp_path: Path) -> None:
    """1 is out of the range, as it is for the workflow itself."""
    done = bakehouse("demo", "--drawn", "--threshold", "1", "--out", tmp_path)
    assert done.returncode == 2
    assert "0.5<=x<1.0" in done.stderr


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for demos that has its images already: drawing them takes seconds."""
    folder = tmp_path_factory.mktemp("out")
    assert bakehouse("data", "--drawn", "--out", folder / "data").returncode == 0
    return folder


@pytest.fixture
def failing_example(tmp_path: Path) -> Path:
    """An example whose workflow begins a step and fails in it."""
    folder = tmp_path / "example"
    for name in ("serialize", "classify", "filter"):
        (folder / "functions" / name).mkdir(parents=True)
        (folder / "functions" / name / "lambda_function.py").write_text("")
    machine = {"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}}
    (folder / "state_machine.asl.json").write_text(json.dumps(machine))
    lines = "print('step 1 burn')\nprint('failed: the oven is cold')\nraise SystemExit(1)\n"
    (folder / "workflow.py").write_text(lines)
    return folder


def test_a_failed_demo_says_why_and_shows_nothing_of_an_earlier_run(
    failing_example: Path, out: Path
) -> None:
    """The error has the log's last line; the step is not called done; the old summary is gone."""
    (out / "summary.json").write_text('{"accuracy": "of yesterday"}')
    done = bakehouse("demo", "--drawn", "--out", out, "--example", failing_example)
    refused(done, "exit code 1", "workflow.log", "failed: the oven is cold")
    assert "of yesterday" not in done.stdout
    assert done.stdout.endswith("burn …\n  failed: the oven is cold\n")


def test_a_server_that_does_not_start_is_quoted(failing_example: Path, out: Path) -> None:
    """The demo's error has what the server said."""
    words = ("demo", "--drawn", "--out", out, "--example", failing_example)
    done = bakehouse(*words, BAKEHOUSE_SANDBOXES="many")
    refused(done, "server.log", "BAKEHOUSE_SANDBOXES is 'many'")
