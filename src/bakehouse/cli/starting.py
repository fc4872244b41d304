"""A server for the life of a command: the one that runs, else one that ends with its users."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from bakehouse import lock
from bakehouse.cli import options, running
from bakehouse.settings import Settings

_READY_S = 30.0
_ENDING_S = 15.0
LOG_NAME = "server.log"


@contextlib.contextmanager
def server(settings: Settings) -> Iterator[running.Running]:
    """The server of a data folder; one that has to be started ends after its last user.

    Raises:
        click.ClickException: it does not start.
    """
    with options.data_folder_errors(settings.data):
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        use = running.begin_use(settings.data)
    with contextlib.closing(use):
        found = running.find(settings.data)
        if found is not None:
            yield found
            return
        process = _start(settings)
        try:
            yield wait_until_ready(settings.data, process, settings.data / LOG_NAME)
        finally:
            _let_go(process, use)


def _start(settings: Settings) -> subprocess.Popen[bytes]:
    words = ["--data", str(settings.data), "--port", str(_free_port(settings))]
    with (settings.data / LOG_NAME).open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "bakehouse", "up", *words],
            env={**os.environ, "BAKEHOUSE_WATCH_STDIN": "1"},  # it ends with us, even by kill -9
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the command
        )


def _free_port(settings: Settings) -> int:
    """The port of the settings, or 0 for any where somebody listens there already."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError:
            return 0
    return settings.port


def wait_until_ready(folder: Path, process: subprocess.Popen[bytes], log: Path) -> running.Running:
    """The note of a server that is starting; somebody else may have been faster in starting one.

    Raises:
        click.ClickException: it ended, or takes more than 30 s; the log's last line says why.
    """
    deadline = time.monotonic() + _READY_S
    while (found := running.find(folder)) is None:
        ended = process.poll() is not None and not lock.is_taken(folder)
        if ended or time.monotonic() > deadline:
            raise click.ClickException(f"The server did not start. {_said(log, folder)}")
        time.sleep(0.01)
    return found


def _let_go(process: subprocess.Popen[bytes], use: running.Use) -> None:
    """End the server, or leave it to those who use it too: with the pipe closed it ends then."""
    if use.is_last():
        process.terminate()
        try:
            process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            process.kill()
    if process.stdin is not None:
        process.stdin.close()


def _said(log: Path, folder: Path) -> str:
    if said := last_line(log):
        return f"{log} ends with: {said}"
    up = options.typed("bakehouse up", folder)
    return f"{log} says nothing: is there room on the disk? `{up}` shows what is wrong."


def last_line(log: Path) -> str:
    """The last line of a log that says something; empty where there is none."""
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1].strip() if lines else ""
