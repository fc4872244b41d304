"""The proxy in a thread, for as long as a command runs."""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import signal
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from bakehouse.faults import StorageFailed
from bakehouse.proxy import authority, bundle
from bakehouse.proxy.connect import USER, Proxy
from bakehouse.proxy.streams import HEAD_BYTES, Target
from bakehouse.proxy.upstream import upstream_of

_BUNDLE = "authorities.pem"


@contextmanager
def running(
    endpoint: str, folder: Path, surroundings: Mapping[str, str], port: int = 0
) -> Iterator[tuple[str, Path]]:
    """Run the proxy for the life of a block.

    Args:
        endpoint: the URL of the server that plays AWS.
        folder: where the authority and the bundle are kept.
        surroundings: the variables that may name bundles and a proxy of the user's own.
        port: where to listen on 127.0.0.1; 0 for any free port.

    Yields:
        the proxy's URL, its token in it, and the file of authorities to trust.

    Raises:
        StorageFailed: the folder cannot be used, or the port is taken.
    """
    local = authority.load_or_make(folder)
    bundle.write(folder / _BUNDLE, local.pem, surroundings)
    token = secrets.token_urlsafe(24)
    upstream = upstream_of(surroundings)
    proxy = Proxy(_target(endpoint), local.context_if_of_aws, token, upstream)
    thread = _Thread(proxy, port)
    try:
        yield f"http://{USER}:{token}@127.0.0.1:{thread.port}", folder / _BUNDLE
    finally:
        thread.end()


class _Thread:
    """A thread with an event loop that serves a proxy."""

    def __init__(self, proxy: Proxy, port: int) -> None:
        self._begun: Future[tuple[int, Callable[[], object]]] = Future()
        self._thread = threading.Thread(
            target=self._run, args=(proxy, port), name="proxy", daemon=True
        )
        self._thread.start()
        self.port, self._ask_to_end = self._begun.result()

    def end(self) -> None:
        """End every connection, and the thread."""
        self._ask_to_end()
        self._thread.join()

    def _run(self, proxy: Proxy, port: int) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are the main one's
        logging.getLogger("asyncio").setLevel(logging.ERROR)  # it warns of each client that leaves
        try:
            asyncio.run(self._serve(proxy, port))
        except OSError as error:
            text = f"127.0.0.1:{port} cannot be listened on: {os.strerror(error.errno or 0)}."
            self._begun.set_exception(StorageFailed(f"{text} Port 0 takes any free one."))

    async def _serve(self, proxy: Proxy, port: int) -> None:
        loop, end = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(proxy.serve, "127.0.0.1", port, limit=HEAD_BYTES)
        found = server.sockets[0].getsockname()[1]
        self._begun.set_result((found, lambda: loop.call_soon_threadsafe(end.set)))
        await end.wait()
        server.close()


def _target(endpoint: str) -> Target:
    parts = urlsplit(endpoint)
    return Target(parts.hostname or "127.0.0.1", parts.port or 80)
