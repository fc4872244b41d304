"""The outbox: messages that are stored until they are delivered, and what delivers them.

A message is a row. It is *ready*, or it is to be tried *later*; in both cases the order of the keys
is the order in which they are taken. A row goes when its message was delivered or given up, or,
where it was an event for the bus, together with the commit that stores a message for each target.
"""

from __future__ import annotations

import asyncio
import functools
import itertools
import logging
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from bakehouse import clock
from bakehouse.faults import Fault, Rejected
from bakehouse.notifications.inputs import Event, input_of
from bakehouse.notifications.rules import Rule, Rules, Target
from bakehouse.notifications.targets import RunOperation, Undelivered, deliver
from bakehouse.storage.records import Delete, Put, Record, Records, Write, commit_async

IN_FLIGHT = 8
"""How many messages are being delivered at the same time, at most."""
AGE_S = 24 * 3600
"""How old a message may become before it is given up."""

_READY, _LATER = "notifications/ready", "notifications/later"
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 60.0
_STOP_S = 5.0

_numbers = itertools.count()
_log = logging.getLogger(__name__)
Report = Callable[[str], None]
"""Is told, in a sentence, of every message that is given up."""


@dataclass(frozen=True, slots=True)
class Message:
    """Something for one target."""

    origin: str
    """Who sends it, for reports: ``bucket photos``, ``rule new-photos``."""
    arn: str
    text: str
    """What is delivered, as JSON."""
    name: str
    """Its own name; the same for every attempt."""
    since_ms: int
    attempts: int = 0
    failures: int = 0
    """How many of the attempts ended with the target's own failure, rather than before it."""
    most_attempts: int = 186
    age_s: int = AGE_S


class Outbox:
    """Delivers what is stored. ``wake`` may be called from any thread, all else in the event loop.

    Args:
        records: where the messages are.
        rules: where events go.
        call: runs the operations that deliver.
        report: is told of what is given up.
    """

    def __init__(self, records: Records, rules: Rules, call: RunOperation, report: Report) -> None:
        self._records, self._rules = records, rules
        self._call, self._report = call, report
        self._loop: asyncio.AbstractEventLoop | None = None
        self._woken = asyncio.Event()
        self._flying: dict[str, asyncio.Task[None]] = {}
        self._stuck: set[str] = set()
        self._runner: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with what was stored before."""
        self._loop = asyncio.get_running_loop()
        self._runner = self._loop.create_task(self._run())
        self._runner.add_done_callback(_tell_of_an_end)

    async def stop(self) -> None:
        """Leave what is not delivered; the next start goes on with it."""
        tasks = [*self._flying.values(), *([self._runner] if self._runner else [])]
        self._loop, self._runner = None, None
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_STOP_S)

    def wake(self) -> None:
        """Look whether there is something to deliver."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._woken.set)

    # Taking messages

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self._take_later()
                self._take_ready()
            except Fault:
                _log.exception("The outbox could not be read.")
            pause_s = self._pause_s()
            try:
                async with asyncio.timeout(pause_s):
                    await self._woken.wait()
            except TimeoutError:
                continue

    def _take_ready(self) -> None:
        free, passed_over = IN_FLIGHT - len(self._flying), self._stuck | self._flying.keys()
        rows = self._records.scan(_READY, limit=free + len(passed_over)) if free else []
        for row in [row for row in rows if row.key not in passed_over][:free]:
            task = asyncio.get_running_loop().create_task(self._handle(row))
            self._flying[row.key] = task
            task.add_done_callback(functools.partial(self._landed, row.key))

    def _landed(self, key: str, task: asyncio.Task[None]) -> None:
        """Take the next one. What broke in a way that nobody meant waits for the next start."""
        del self._flying[key]
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("The message %s cannot be handled.", key, exc_info=error)
            self._stuck.add(key)

    async def _take_later(self) -> None:
        """Make ready what has waited long enough."""
        now = f"{clock.epoch_ms():014d}"
        due = [row for row in self._records.scan(_LATER, limit=IN_FLIGHT) if row.key < now]
        writes: list[Write] = []
        for row in due:
            writes += [Delete(_LATER, row.key), Put(_READY, _new_key(), row.value)]
        if writes:
            await commit_async(self._records, *writes)

    def _pause_s(self) -> float | None:
        """How long until the next message is due; None if none waits for its time."""
        first = self._records.scan(_LATER, limit=1)
        if not first:
            return None
        due_ms = int(first[0].key.partition(":")[0])
        return max(0.01, (due_ms - clock.epoch_ms()) / 1000)

    # Delivering one

    async def _handle(self, row: Record) -> None:
        try:
            if "event" in row.value:
                writes = self._routed(row.value["event"])
            else:
                writes = await self._attempted(Message(**row.value["message"]))
            await commit_async(self._records, Delete(_READY, row.key), *writes)
        except Fault:
            _log.exception("The message %s stays in the outbox.", row.key)
            await asyncio.sleep(_LONGEST_PAUSE_S)

    def _routed(self, event: Event) -> list[Write]:
        """A message for each target of each rule that is for an event."""
        writes: list[Write] = []
        for rule in self._rules.matching(event):
            for target in rule.targets:
                try:
                    writes.append(message_row(self._message(rule, target, event)))
                except Rejected as fault:
                    self._give_up(f"rule {rule.name}", target.arn, fault.message)
        return writes

    def _message(self, rule: Rule, target: Target, event: Event) -> Message:
        text = input_of(
            target.shape, event, rule_name=rule.name, rule_arn=self._rules.arn(rule.name)
        )
        made = new_message(f"rule {rule.name}", target.arn, text, str(event["id"]))
        return replace(
            made,
            most_attempts=target.retry.get("attempts", made.most_attempts - 1) + 1,
            age_s=target.retry.get("age_s", AGE_S),
        )

    async def _attempted(self, message: Message) -> list[Write]:
        """Try once; what is written then: nothing, or the message again for a later time."""
        try:
            await deliver(self._call, message.arn, message.text, message.name)
        except Undelivered as failed:
            return self._after_failure(message, failed)
        except Fault as fault:
            self._give_up(message.origin, message.arn, fault.message)
        return []

    def _after_failure(self, message: Message, failed: Undelivered) -> list[Write]:
        attempts, most = message.attempts + 1, message.most_attempts
        failures = message.failures + (failed.most is not None)
        pause_s = min(_FIRST_PAUSE_S * 2 ** min(attempts, 20), _LONGEST_PAUSE_S)
        due_ms = clock.epoch_ms() + round(pause_s * 1000)
        is_old = due_ms - message.since_ms > message.age_s * 1000
        if is_old or attempts >= most or (failed.most is not None and failures >= failed.most):
            self._give_up(message.origin, message.arn, failed.message)
            return []
        tried = replace(message, attempts=attempts, failures=failures)
        return [Put(_LATER, f"{due_ms:014d}:{_new_key()}", {"message": asdict(tried)})]

    def _give_up(self, origin: str, arn: str, reason: str) -> None:
        self._report(f"A message of {origin} to {arn} was given up: {reason}")


def _tell_of_an_end(runner: asyncio.Task[None]) -> None:
    if not runner.cancelled() and (error := runner.exception()) is not None:
        _log.critical("Messages are not delivered until the next start.", exc_info=error)


def new_message(origin: str, arn: str, text: str, event_id: str) -> Message:
    """A message that was not tried yet."""
    name = f"{event_id}_{secrets.token_hex(16)}"[:80]
    return Message(origin, arn, text, name, clock.epoch_ms())


def message_row(message: Message) -> Put:
    """The row of a message that is ready."""
    return Put(_READY, _new_key(), {"message": asdict(message)})


def event_row(event: Event) -> Put:
    """The row of an event that is to be matched with the rules."""
    return Put(_READY, _new_key(), {"event": event})


def _new_key() -> str:
    """A key that comes after those that were made before."""
    return f"{clock.epoch_ms():014d}-{next(_numbers):012d}"
