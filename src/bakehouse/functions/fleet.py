"""All the sandboxes of a server: what they share, and the pool of each function."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Callable, Mapping
from importlib.metadata import PackageNotFoundError
from pathlib import Path

from bakehouse import clock
from bakehouse.functions.background import Background
from bakehouse.functions.code import CodeStore
from bakehouse.functions.definition import LATEST, Function
from bakehouse.functions.interpreter import build_interpreter
from bakehouse.functions.invocation import Event, Invocation
from bakehouse.functions.isolation import folders_to_keep, is_private_possible
from bakehouse.functions.logs import AppendLog, LogWriter, group_name, new_stream_name
from bakehouse.functions.pool import Pool
from bakehouse.functions.removal import end_processes, remove_folder
from bakehouse.functions.sandbox import Sandbox, SandboxFailed
from bakehouse.functions.surroundings import Surroundings


class Fleet:
    """Runs events in sandboxes. Its methods run in the event loop.

    Args:
        folder: for archives (``code``) and for what lives as long as the server (``run-…``).
        find: the function of a name as it is now; raises NotFound.
        append_log: adds events to a log group's stream.
        environment: the variables that every sandbox gets.
        region: the AWS region that sandboxes are told.
        limit: how many sandboxes one function may have.
        idle_s: seconds after which an idle one ends.
    """

    def __init__(
        self,
        folder: Path,
        find: Callable[[str], Function],
        *,
        append_log: AppendLog,
        environment: Callable[[], Mapping[str, str]],
        region: str,
        limit: int,
        idle_s: float,
    ) -> None:
        self._folder, self._find, self._append_log = folder, find, append_log
        self._environment, self._region = environment, region
        self._limit, self._idle_s = limit, idle_s
        self._run = folder / f"run-{os.urandom(6).hex()}"
        self.store = CodeStore(folder / "code", self._run / "code")
        """The archives."""
        self._background = Background()
        self._preparing: asyncio.Task[Surroundings] | None = None
        self._pools: dict[str, tuple[str, Pool]] = {}  # with the revision that they are for
        self._living: set[Pool] = set()  # those above, and those that retire
        self._is_stopping = False
        self._unpacked: dict[str, Path] = {}
        self._unpacking: dict[str, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Make ready; the slow part goes on beside."""
        self._run.mkdir(parents=True)
        self._preparing = self._background.spawn(asyncio.to_thread(self._prepare))

    async def stop(self) -> None:
        """End every sandbox, whatever it does, and remove what only the server's life needed."""
        self._is_stopping = True
        if self._preparing is not None:
            await asyncio.wait([self._preparing])
        await asyncio.gather(*(pool.stop() for pool in self._living))
        await self._background.stop()
        await asyncio.to_thread(remove_folder, self._run)

    async def invoke(self, name: str, event: Event) -> Invocation:
        """Run an event through the function of that name.

        Raises:
            NotFound: it is gone.
            Throttled: all the sandboxes that it may have are busy.
            SandboxFailed: no process can be started.
        """
        pool = await self._pool(name)
        return await pool.invoke(event)

    async def retire(self, old: Function) -> None:
        """End the sandboxes of a revision that is not current any more, when they are done."""
        revision, pool = self._pools.get(old.name, (None, None))
        if pool is not None and revision == old.revision:
            del self._pools[old.name]
            await self._retire_pool(pool)

    async def unpack(self, digest: str) -> None:
        """Unpack an archive, once for all who ask at the same time.

        Raises:
            InvalidInput: it cannot be unpacked.
            StorageFailed: it is gone.
        """
        if digest in self._unpacked:
            return
        if digest not in self._unpacking:
            self._unpacking[digest] = self._background.spawn(self._unpack_alone(digest))
        await asyncio.shield(self._unpacking[digest])

    async def forget(self, digest: str) -> None:
        """Remove an archive and its files; no function has it any more."""
        self._unpacked.pop(digest, None)
        await asyncio.to_thread(self.store.forget, digest)

    async def _pool(self, name: str) -> Pool:
        """The pool of the function as it is now, whatever changed while this had to wait."""
        while True:
            if self._preparing is None or self._is_stopping:
                raise SandboxFailed("The server is starting or stopping: no sandbox can be had.")
            surroundings = await asyncio.shield(self._preparing)
            function = self._find(name)
            known = self._pools.get(name)
            if known is not None and known[0] == function.revision:
                return known[1]
            code = self._unpacked.get(function.code_digest)
            if code is not None:
                break
            await self.unpack(function.code_digest)
        if known is not None:
            self._background.spawn(self._retire_pool(known[1]))
        pool = self._new_pool(function, code, surroundings)
        self._pools[name] = (function.revision, pool)
        return pool

    def _new_pool(self, function: Function, code: Path, surroundings: Surroundings) -> Pool:
        def make() -> Sandbox:
            stream = new_stream_name(clock.now(), LATEST)
            writer = LogWriter(self._append_log, group_name(function.name), stream)
            home = self._run / "sandboxes" / uuid.uuid4().hex
            return Sandbox(function, code, home, writer, surroundings)

        pool = Pool(make, limit=self._limit, idle_s=self._idle_s)
        self._living.add(pool)
        return pool

    async def _retire_pool(self, pool: Pool) -> None:
        await pool.retire()
        self._living.discard(pool)

    async def _unpack_alone(self, digest: str) -> None:
        try:
            self._unpacked[digest] = await asyncio.to_thread(self.store.unpack, digest)
        finally:
            del self._unpacking[digest]

    def _prepare(self) -> Surroundings:
        """What sandboxes need besides their function; in a thread."""
        for leftover in self._folder.glob("run-*"):
            if leftover != self._run:
                end_processes(leftover)
                remove_folder(leftover)
        interpreter = self._run / "python"
        try:
            python = build_interpreter(interpreter)
        except (OSError, PackageNotFoundError) as error:
            raise SandboxFailed(f"No interpreter for handlers could be made: {error}.") from error
        is_private = is_private_possible(self._run / "trial")
        keep = folders_to_keep() if is_private else ()
        return Surroundings(interpreter, python, is_private, keep, self._region, self._environment)
