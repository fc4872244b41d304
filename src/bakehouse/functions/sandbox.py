"""A sandbox: one process that runs one function's handler, one event at a time.

A sandbox outlives its process. When a handler times out or ends its process, the next event starts
another one in the same place: ``/tmp`` and the log stream stay, as on AWS.
"""

from __future__ import annotations

import asyncio
import logging
import math
import platform
import signal
import time
from pathlib import Path

from bakehouse import clock
from bakehouse.faults import Broken
from bakehouse.functions import invocation
from bakehouse.functions.definition import LATEST, MB, Function
from bakehouse.functions.invocation import Event, Invocation, Outcome
from bakehouse.functions.logs import LogWriter
from bakehouse.functions.process import Process
from bakehouse.functions.removal import end_processes, remove_folder
from bakehouse.functions.runtime_api import RuntimeApi
from bakehouse.functions.surroundings import Place, Surroundings

_INIT_S = 10.0  # how long a start may take before it eats into the function's own time
_WATCH_S = 0.05
_FLUSHES = 20  # every so many looks at the memory, the log is handed on

_log = logging.getLogger(__name__)


class SandboxFailed(Broken):
    """A handler's process could not be started."""


class Sandbox:
    """Runs events through a handler's process, which it starts when there is none.

    Args:
        function: whose handler it runs.
        code: the folder with the function's files.
        home: a folder of its own; made here, removed by :meth:`stop`.
        writer: where its log goes.
        surroundings: what it shares with the others.
    """

    def __init__(
        self,
        function: Function,
        code: Path,
        home: Path,
        writer: LogWriter,
        surroundings: Surroundings,
    ) -> None:
        self._function, self._place = function, Place(code, home)
        self._log, self._surroundings = writer, surroundings
        self._api = RuntimeApi(self._polled, self._reported)
        self._address: str | None = None
        self._process: Process | None = None
        self._ending: set[asyncio.Future[int]] = set()
        self._event: Event | None = None
        self._settled: asyncio.Future[Outcome] | None = None
        self._launched_at = self._began_at = 0.0
        self._init_s: float | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._watcher: asyncio.TimerHandle | None = None
        self._peak_bytes = 0
        self._is_stopped = False

    async def invoke(self, event: Event) -> Invocation:
        """Run one event through the handler. Not before the last one has ended.

        Raises:
            SandboxFailed: no process can be started.
        """
        loop = asyncio.get_running_loop()
        self._event, self._settled = event, loop.create_future()
        self._init_s, self._began_at = None, 0.0
        self._log.begin()
        self._watcher = loop.call_later(_WATCH_S, self._watch, 1)
        if self._process is None:
            await self._launch()
        elif self._api.is_polled:
            self._polled()
        outcome = await self._settled
        return self._conclude(event, outcome)

    async def stop(self) -> None:
        """End the process and remove the folder. What still runs ends as if it was killed."""
        if self._is_stopped:
            return
        self._is_stopped = True
        if self._event is not None:
            self._settle(invocation.exited(self._event.request_id, -signal.SIGKILL))
        self._end_process()
        self._api.stop()
        self._log.flush()
        if self._ending:
            await asyncio.wait(self._ending)
        await asyncio.to_thread(_clear, self._place.home)
        if self._place.home.exists():
            _log.warning("%s could not be removed.", self._place.home)

    # The start of a process

    async def _launch(self) -> None:
        if self._address is None:
            self._place.make()
            self._address = await self._api.start()
        if self._is_stopped:  # meanwhile
            self._api.stop()
            return
        self._launched_at = time.monotonic()
        self._log.say(f"INIT_START Runtime Version: python:{platform.python_version()}\n")
        try:
            self._process = self._new_process(self._address)
        except OSError as error:
            self._cancel_timers()
            self._event = None
            raise SandboxFailed(f"No process could be started: {error}.") from error
        self._set_deadline(_INIT_S + self._function.timeout_s)

    def _new_process(self, address: str) -> Process:
        return Process(
            self._surroundings.command(self._function, self._place),
            environment=self._surroundings.variables(
                self._function, self._place, runtime_api=address, log_stream=self._log.stream
            ),
            on_output=self._log.feed,
            must_wait=lambda: self._log.is_behind,
            on_exit=self._exited,
        )

    # What happens while an event is under way

    def _polled(self) -> None:
        """The runtime is ready; if an event waits, it goes now and its time starts."""
        is_waiting = self._settled is not None and not self._settled.done()
        if self._event is None or self._began_at or not is_waiting:
            return
        event, budget_s = self._event, float(self._function.timeout_s)
        self._begin(event)
        if self._launched_at:
            self._init_s = self._began_at - self._launched_at
            budget_s -= max(0.0, self._init_s - _INIT_S)
            self._launched_at = 0.0
        self._set_deadline(budget_s)
        self._api.hand_over(event, clock.epoch_ms() + int(budget_s * 1000))

    def _begin(self, event: Event) -> None:
        self._began_at = time.monotonic()  # finer than the loop's own, which may count ms
        self._log.say(f"START RequestId: {event.request_id} Version: {LATEST}\n")

    def _reported(self, request_id: str | None, outcome: Outcome) -> bool:
        event = self._event
        if event is None or request_id not in (None, event.request_id):
            return False
        self._settle(outcome)
        return True

    def _exited(self, status: int) -> None:
        self._process = None
        self._api.forget()
        if self._event is not None:
            self._settle(invocation.exited(self._event.request_id, status))

    def _time_out(self) -> None:
        if self._event is None:
            return
        now = clock.to_iso_ms(clock.now())
        timeout_s = self._function.timeout_s
        self._settle(invocation.timed_out(self._event.request_id, timeout_s, now))

    def _watch(self, count: int) -> None:
        """Look at the memory now and then; hand on the log of a long invocation."""
        if self._event is None:
            return
        if self._is_over_memory():
            self._settle(invocation.out_of_memory(self._event.request_id))
            return
        if count % _FLUSHES == 0:
            self._log.hand_on()
        loop = asyncio.get_running_loop()
        self._watcher = loop.call_later(_WATCH_S, self._watch, count + 1)

    def _is_over_memory(self) -> bool:
        self._peak_bytes = self._process.peak_bytes() if self._process else 0
        return self._peak_bytes > self._function.memory_mb * MB

    def _settle(self, outcome: Outcome) -> None:
        if self._settled is not None and not self._settled.done():
            self._cancel_timers()
            self._settled.set_result(outcome)

    # The end of an event

    def _conclude(self, event: Event, outcome: Outcome) -> Invocation:
        ended_at = time.monotonic()
        if self._process is not None:
            self._process.drain()
        if self._is_over_memory() and not outcome.ends:
            outcome = invocation.out_of_memory(event.request_id)
        if not self._began_at:
            self._begin(event)
        if outcome.detail:
            self._log.say(outcome.detail)
        self._log.say(f"END RequestId: {event.request_id}\n")
        self._log.say(self._report(event, ended_at))
        self._log.flush()
        self._event = self._settled = None
        if outcome.ends:
            self._end_process()
        return Invocation(
            event.request_id,
            outcome.payload,
            outcome.error,
            LATEST,
            self._log.tail,
            event.trace_id,
        )

    def _report(self, event: Event, ended_at: float) -> str:
        duration_ms = max(0.0, ended_at - self._began_at) * 1000
        used_mb = min(self._function.memory_mb, math.ceil(self._peak_bytes / MB))
        fields = [
            f"REPORT RequestId: {event.request_id}",
            f"Duration: {duration_ms:.2f} ms",
            f"Billed Duration: {math.ceil(duration_ms)} ms",
            f"Memory Size: {self._function.memory_mb} MB",
            f"Max Memory Used: {used_mb} MB",
        ]
        if self._init_s is not None:
            fields.append(f"Init Duration: {self._init_s * 1000:.2f} ms")
        return "\t".join(fields) + "\t\n"

    def _end_process(self) -> None:
        """Let go of the process at once; its end is only waited for by :meth:`stop`."""
        process, self._process = self._process, None
        self._api.forget()
        self._cancel_timers()
        if process is not None:
            process.disown()
            process.kill()
            self._ending.add(process.ended)
            process.ended.add_done_callback(self._ending.discard)

    def _set_deadline(self, seconds: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(max(0.0, seconds), self._time_out)

    def _cancel_timers(self) -> None:
        for timer in (self._deadline, self._watcher):
            if timer is not None:
                timer.cancel()


def _clear(home: Path) -> None:
    end_processes(home)
    remove_folder(home)
