"""Everything that tells others, as one part of the server."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence

from bakehouse import clock
from bakehouse.notifications.bucket_rules import SETTING_NAME, rules_from
from bakehouse.notifications.inputs import Event
from bakehouse.notifications.messages import event_of, record_of
from bakehouse.notifications.outbox import Outbox, event_row, message_row, new_message
from bakehouse.notifications.rules import Rules
from bakehouse.notifications.targets import RunOperation
from bakehouse.storage.object_info import SETTING, Change
from bakehouse.storage.records import Put, Records, commit_async

LOG_GROUP, LOG_STREAM = "/bakehouse/notifications", "given-up"
"""Where every message that could not be delivered is told of."""

_log = logging.getLogger(__name__)


class Notifications:
    """Watches the objects (see ``storage.object_info.Watch``), takes events, delivers both.

    Args:
        records: where rules and messages are kept; the objects' own.
        call: runs one of our own operations, to deliver.
        append_log: adds events to a log group's stream.
        account_id: the account in events and ARNs.
        region: the region in events and ARNs.
    """

    def __init__(
        self,
        records: Records,
        *,
        call: RunOperation,
        append_log: Callable[[str, str, Sequence[tuple[int, str]]], object],
        account_id: str,
        region: str,
    ) -> None:
        self._records, self._append_log = records, append_log
        self._account_id, self._region = account_id, region
        self.rules = Rules(records, account_id=account_id, region=region)
        """The rules of the default event bus."""
        self._outbox = Outbox(records, self.rules, call, self._report)

    async def start(self) -> None:
        """Begin to deliver, first what was stored before."""
        await self._outbox.start()

    async def stop(self) -> None:
        """Deliver no more; what is left is delivered after the next start."""
        await self._outbox.stop()

    # Changes of objects

    def rows(self, change: Change) -> Sequence[Put]:
        """What is written together with a change: a message for each who is told of it."""
        row = self._records.get(SETTING, f"{change.bucket}/{SETTING_NAME}")
        if row is None:
            return ()
        rules = rules_from(row.value)
        told = [rule for rule in rules.functions if rule.concerns(change)]
        rows = [self._row(rule.arn, rule.rule_id, change) for rule in told]
        if rules.to_bus:
            event = event_of(change, account_id=self._account_id, region=self._region)
            rows.append(event_row(event))
        return rows

    def committed(self) -> None:
        """There may be messages to deliver now."""
        self._outbox.wake()

    def _row(self, arn: str, rule_id: str, change: Change) -> Put:
        record = record_of(change, rule_id, account_id=self._account_id, region=self._region)
        origin = f"bucket {change.bucket}"
        return message_row(new_message(origin, arn, json.dumps(record), change.sequencer))

    # Events of programs

    async def put_events(self, events: Sequence[Event]) -> list[str]:
        """Take events, given without ``id``, ``account`` and ``region``; they are stored then.

        Returns:
            Their ids.
        """
        full = [self._completed(event) for event in events]
        await commit_async(self._records, *(event_row(event) for event in full))
        self._outbox.wake()
        return [event["id"] for event in full]

    def _completed(self, event: Event) -> Event:
        named = {"version": "0", "id": str(uuid.uuid4())}
        return named | {"account": self._account_id, "region": self._region} | event

    def _report(self, text: str) -> None:
        _log.warning("%s", text)
        self._append_log(LOG_GROUP, LOG_STREAM, [(clock.epoch_ms(), text)])
