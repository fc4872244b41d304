"""``bakehouse exec``: a command with its server, its signals and its end."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bakehouse import lock
from bakehouse.cli import running
from support.server import ServerProcess

CALLS = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"
PATIENCE_S = 20.0


def command(data: Path, *words: str) -> list[str]:
    """The words of ``bakehouse exec`` with a data folder."""
    return [sys.executable, "-m", "bakehouse", "exec", "--data", str(data), *words]


def surroundings(**changed: str) -> dict[str, str]:
    """An environment without AWS's variables, on a port of which nobody else thinks."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "BAKEHOUSE_"))}
    return {**kept, "BAKEHOUSE_PORT": "0", **changed}


def ran(data: Path, *words: str, **changed: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    environment = surroundings(**changed)
    return subprocess.run(
        command(data, *words), env=environment, capture_output=True, text=True, timeout=60
    )


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something comes true in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def begun(data: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command that has begun and said its first word; killed at the end at the latest."""
    with subprocess.Popen(
        command(data, *words),
        env=surroundings(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            yield process
        finally:
            process.kill()


def test_a_program_of_awss_runs_as_it_is(tmp_path: Path) -> None:
    """Without a server running, boto3 reaches one; it ends with the command."""
    done = ran(tmp_path / "data", "--", sys.executable, "-c", CALLS)
    assert done.stdout == "123456789012\n", done.stderr
    assert not lock.is_taken(tmp_path / "data")


def test_the_running_server_is_used_and_stays(server: ServerProcess) -> None:
    """A command finds the address of the server that has the data folder."""
    done = ran(server.data, "printenv", "AWS_ENDPOINT_URL")
    assert done.stdout == f"{server.endpoint}\n"
    assert running.find(server.data) is not None


def test_our_commands_within_mean_the_same_folder(server: ServerProcess) -> None:
    """What ``exec --data`` was told holds for ``bakehouse status`` in the command."""
    found = ran(server.data, sys.executable, "-m", "bakehouse", "status")
    assert server.endpoint in found.stdout, found.stderr


def test_real_keys_and_profiles_are_not_in_the_process(
    server: ServerProcess, tmp_path: Path
) -> None:
    """A program that asks for a profile by name gets the server's keys under that name."""
    (tmp_path / "credentials").write_text("[prod]\naws_access_key_id = REAL\n")
    code = "import boto3; print(boto3.Session(profile_name='prod').get_credentials().access_key)"
    mine = {
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_PROFILE": "prod",
        "AWS_SESSION_TOKEN": "REAL",
        "AWS_ENDPOINT_URL_S3": "https://s3.amazonaws.com",
    }
    done = ran(server.data, sys.executable, "-c", code, **mine)
    assert done.stdout.strip() == server.environment()["AWS_ACCESS_KEY_ID"], done.stderr
    shown = ran(server.data, "env", **mine).stdout
    assert "REAL" not in shown
    assert "s3.amazonaws.com" not in shown


@pytest.mark.parametrize(
    ("end", "code"),
    [("exit 0", 0), ("exit 3", 3), ("kill -TERM $$", -signal.SIGTERM), ("kill -9 $$", -9)],
)
def test_the_end_is_the_commands(server: ServerProcess, end: str, code: int) -> None:
    """The exit code, or the signal that ended the command, becomes ours."""
    assert ran(server.data, "sh", "-c", end).returncode == code


@pytest.mark.parametrize(
    ("word", "code", "part"),
    [("no-such-program", 127, "no-such-program: there is no"), ("/tmp", 126, "Permission denied")],
)
def test_a_command_that_cannot_be_run_is_named(
    server: ServerProcess, word: str, code: int, part: str
) -> None:
    """One sentence, and the exit code that shells have for it."""
    done = ran(server.data, word)
    assert done.returncode == code
    assert part in done.stderr
    assert "Traceback" not in done.stderr


def test_input_and_options_are_the_commands(server: ServerProcess) -> None:
    """Standard input goes to the command, and an option behind its name is not ours."""
    done = subprocess.run(
        command(server.data, "cat", "--data", "-"),
        env=surroundings(),
        input="bytes",
        capture_output=True,
        text=True,
    )
    assert "--data" in done.stderr
    done = subprocess.run(
        command(server.data, "cat"), env=surroundings(), input="bytes", stdout=-1, text=True
    )
    assert done.stdout == "bytes"


def test_a_signal_to_us_reaches_the_command(server: ServerProcess) -> None:
    """What another process sends to exec alone is passed on; the command decides what it means."""
    code = (
        "import signal\n"
        "for name in ('SIGHUP', 'SIGINT', 'SIGTERM', 'SIGUSR1'):\n"
        "    signal.signal(getattr(signal, name), lambda number, _: print(number, flush=True))\n"
        "print('ready', flush=True)\n"
        "while True:\n    signal.pause()"
    )
    with begun(server.data, sys.executable, "-c", code) as process:
        assert process.stdout is not None
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
            process.send_signal(number)
            assert process.stdout.readline() == f"{int(number)}\n"
        (child,) = children_of(process.pid)
        os.kill(child, signal.SIGKILL)
        assert process.wait(PATIENCE_S) == -signal.SIGKILL


def children_of(process: int) -> list[int]:
    """The processes that a process started."""
    text = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(word) for word in text.split()]


def test_the_command_owns_the_terminal(server: ServerProcess) -> None:
    """It is in the terminal's foreground; Ctrl-C reaches it once, and not the one that waits."""
    code = (
        "import os, signal, sys, time\n"
        "seen = []\n"
        "signal.signal(signal.SIGINT, lambda *_: seen.append(1))\n"
        "print('ready', os.tcgetpgrp(0) == os.getpgrp(), flush=True)\n"
        "while not seen: time.sleep(0.01)\n"
        "time.sleep(0.3)\n"
        "sys.exit(len(seen))"
    )
    process, terminal = pty.fork()
    if process == 0:
        words = command(server.data, sys.executable, "-c", code)
        os.execve(words[0], words, surroundings())
    try:
        shown = b""
        while b"\n" not in shown and select.select([terminal], [], [], PATIENCE_S)[0]:
            shown += os.read(terminal, 1000)
        assert shown.split() == [b"ready", b"True"]
        os.write(terminal, b"\x03")
        assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 1
    finally:
        os.close(terminal)  # a hang-up, for what still runs


def test_the_server_ends_also_when_exec_is_killed(tmp_path: Path) -> None:
    """After kill -9 nothing holds the data folder."""
    data = tmp_path / "data"
    with begun(data, "sh", "-c", "echo ready; exec sleep 30 >/dev/null") as process:
        children = children_of(process.pid)
        assert lock.is_taken(data)
        process.kill()
        assert soon(lambda: not lock.is_taken(data))
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


def test_a_server_outlives_its_command_while_another_uses_it(tmp_path: Path) -> None:
    """Two commands share the server that the first one started, in whatever order they end."""
    data = tmp_path / "data"
    words = ("sh", "-c", "echo ready; read line; printenv AWS_ENDPOINT_URL")
    with begun(data, *words) as first, begun(data, *words) as second:
        before = running.find(data)
        assert before is not None
        first.communicate("go on\n", PATIENCE_S)
        assert first.returncode == 0
        assert running.find(data) == before
        assert second.communicate("go on\n", PATIENCE_S)[0] == f"{before.endpoint}\n"
    assert soon(lambda: not lock.is_taken(data))


@pytest.mark.slow
def test_commands_that_begin_together_share_one_server(tmp_path: Path) -> None:
    """Whichever starts it, all use it, and it ends after the last."""
    data = tmp_path / "data"
    words = ("sh", "-c", "echo ready; read line; printenv AWS_ENDPOINT_URL")
    with contextlib.ExitStack() as stack, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: stack.enter_context(begun(data, *words)), range(4)))
        said = {process.communicate("go on\n", PATIENCE_S)[0] for process in found}
        assert len(said) == 1
    assert soon(lambda: not lock.is_taken(data))


@pytest.mark.slow
def test_a_taken_port_makes_way_for_a_free_one(server: ServerProcess, tmp_path: Path) -> None:
    """Where somebody listens on the port of the settings, the server takes any other."""
    port = server.endpoint.rpartition(":")[2]
    done = ran(tmp_path / "data", "printenv", "AWS_ENDPOINT_URL", BAKEHOUSE_PORT=port)
    assert done.stdout.startswith("http://127.0.0.1:")
    assert done.stdout.strip() != server.endpoint


@pytest.mark.slow
def test_a_server_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    """The error has what the server said, and where it said it."""
    (tmp_path / "credentials.json").write_text("nonsense")
    done = ran(tmp_path, "true")
    assert done.returncode == 1
    assert "server.log" in done.stderr
    assert "does not hold a key pair" in done.stderr


def test_env_prints_the_same_in_three_forms(server: ServerProcess) -> None:
    """A shell, a .env file and a program get one set of variables."""
    words = [sys.executable, "-m", "bakehouse", "env", "--data", str(server.data)]
    environment = surroundings(AWS_PROFILE="prod")
    shell, dotenv, found = (
        subprocess.run([*words, form], env=environment, capture_output=True, text=True).stdout
        for form in ("--shell", "--dotenv", "--json")
    )
    wanted = json.loads(found)
    assert wanted["AWS_ENDPOINT_URL"] == server.endpoint
    assert "PYTHONPATH" not in wanted
    assert dotenv.splitlines() == [f"{name}={value}" for name, value in wanted.items()]
    lines = ["unset AWS_PROFILE", *(f"export {line}" for line in dotenv.splitlines())]
    assert shell.splitlines() == lines


def test_env_gives_the_shim_only_when_asked(server: ServerProcess) -> None:
    """With ``--shim`` Python programs of the shell get it too."""
    words = [sys.executable, "-m", "bakehouse", "env", "--data", str(server.data), "--shim"]
    shown = subprocess.run(words, env=surroundings(), capture_output=True, text=True).stdout
    assert "client_side/startup" in shown
