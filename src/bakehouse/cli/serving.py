"""Serving a data folder on a socket, in the foreground, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import gc
import os
import signal
import socket
import threading
from pathlib import Path

import click
import uvicorn
import uvloop

from bakehouse import clock
from bakehouse.cli import options, running
from bakehouse.cli.bounded_http import BoundedHeads
from bakehouse.faults import Conflict
from bakehouse.runtime import Bakehouse
from bakehouse.settings import Settings

_SHUTDOWN_S = 2  # for requests in flight; each is answered with 503 after that
_BACKLOG = 2048
_GC_THRESHOLDS = (20_000, 20, 100)  # looking for cycles at every 700th object costs 3 % under load


def serve(settings: Settings, *, verbose: bool) -> None:
    """Serve until SIGINT or SIGTERM; a second one does not wait for requests in flight.

    Raises:
        click.ClickException: the address or the data folder is taken.
    """
    with contextlib.closing(_listen(settings)) as listener:
        endpoint = f"http://{_reachable(settings.host)}:{listener.getsockname()[1]}"
        uvloop.run(_serve(settings, listener, endpoint, verbose=verbose))


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise click.ClickException(_refusal(settings, error)) from error
    return listener


def _refusal(settings: Settings, error: OSError | OverflowError) -> str:
    """Why an address cannot be listened on, and what to do about it."""
    if isinstance(error, OverflowError):
        return f"port is {settings.port}; expected 0 (any free one) to 65535."
    text = f"{settings.host}:{settings.port} cannot be listened on: {error.strerror}."
    if error.errno == errno.EADDRINUSE:
        return f"{text} Try `--port 0`, or see with `bakehouse status` whether a server runs."
    return f"{text} Choose another address with --host and --port."


def _reachable(host: str) -> str:
    """The address that clients use: always an IP, because boto3 then puts buckets into the path."""
    if host in ("0.0.0.0", "localhost"):  # noqa: S104  # told to clients, not listened on
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host


async def _serve(
    settings: Settings, listener: socket.socket, endpoint: str, *, verbose: bool
) -> None:
    with options.faults_as_messages():
        with options.data_folder_errors(settings.data):
            house = _open(settings, endpoint)
            running.forget(settings.data)
        await house.start()
    gc.freeze()
    gc.set_threshold(*_GC_THRESHOLDS)
    config = uvicorn.Config(
        house.server,
        http=BoundedHeads,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=verbose,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_SHUTDOWN_S,
        timeout_keep_alive=75,
    )
    server = _Server(config)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, server.ask_to_end)
    if os.environ.get("BAKEHOUSE_WATCH_STDIN") == "1":
        _end_with_stdin(server, settings.data)
    now = clock.now().isoformat(timespec="seconds")
    note = running.Running(os.getpid(), endpoint, settings.region, now, settings.account_id)
    with running.noted(settings.data, note):
        click.echo(f"bakehouse is ready at {endpoint}  (data: {settings.data})")
        env = options.typed("bakehouse env", settings.data)
        click.echo(f'In another terminal:  eval "$({env})"      Ctrl-C ends the server.')
        await server.serve(sockets=[listener])
    await house.stop()


def _end_with_stdin(server: _Server, folder: Path) -> None:
    """End when standard input does: a pipe from who started the server, who may be killed.

    Other commands that use the server by then are waited for.
    """
    loop = asyncio.get_running_loop()

    def end_unused() -> None:
        with contextlib.suppress(OSError):  # the folder is gone: nobody uses it
            running.wait_until_unused(folder)
        loop.call_soon_threadsafe(server.ask_to_end)

    def ended() -> None:
        loop.remove_reader(0)
        threading.Thread(target=end_unused, daemon=True).start()

    loop.add_reader(0, ended)


def _open(settings: Settings, endpoint: str) -> Bakehouse:
    try:
        return Bakehouse(settings, endpoint)
    except Conflict as conflict:
        other = running.find(settings.data)
        where = f" at {other.endpoint} (process {other.pid})" if other else ""
        text = f"A server already runs with the data folder {settings.data}{where}."
        down = options.typed("bakehouse down", settings.data)
        hint = f"End it with `{down}`, or choose another folder with --data."
        raise click.ClickException(f"{text} {hint}") from conflict


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process by the signal again."""

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    def ask_to_end(self) -> None:
        if self.should_exit:
            self.force_exit = True
        self.should_exit = True
