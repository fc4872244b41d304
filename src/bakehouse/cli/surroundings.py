"""What a command gives to clients of a server: their variables, their files, a proxy."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from bakehouse import keys
from bakehouse.cli import options, running
from bakehouse.client_side import files
from bakehouse.client_side.environment import Client, ProxyAddress


def client_of(
    found: running.Running,
    data: Path,
    *,
    shim: bool,
    fast_polls: bool = True,
    proxy: ProxyAddress | None = None,
) -> Client:
    """A client of a server, with its files written into the data folder.

    Raises:
        click.ClickException: there are no keys, or the folder cannot be written.
    """
    folder = data / "client"
    with options.faults_as_messages(), options.data_folder_errors(data):
        pair = keys.load_or_make(data)
        files.write(folder, pair, found.region, found.account_id, os.environ)
    return Client(found.endpoint, pair, found.region, folder, shim, fast_polls, proxy)


@contextlib.contextmanager
def proxy_of(found: running.Running, data: Path, port: int = 0) -> Iterator[ProxyAddress]:
    """A proxy before a server, for the life of a block; its files are kept in the data folder.

    Raises:
        click.ClickException: the port is taken, or the folder cannot be used.
    """
    from bakehouse.proxy import background  # noqa: PLC0415  # cryptography: 60 ms

    with contextlib.ExitStack() as stack:
        with options.faults_as_messages(), options.data_folder_errors(data):
            parts = background.running(found.endpoint, data / "proxy", os.environ, port)
            url, bundle = stack.enter_context(parts)
        yield ProxyAddress(url, bundle)
