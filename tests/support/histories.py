"""Histories of executions, event by event, as boto3 answers them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any


class History:
    """Events with growing ids and times; each follows the one before unless it is said."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []
        self._now = datetime(2026, 1, 1, tzinfo=UTC)
        self.add("ExecutionStarted", 0)

    def add(self, kind: str, after_ms: int = 1, *, previous: int | None = None, **more: Any) -> int:
        """Add an event of some type, so many milliseconds after the last one; answers its id."""
        self._now += timedelta(milliseconds=after_ms)
        number = len(self.events) + 1
        before = (number - 1 if number > 2 else 0) if previous is None else previous
        self.events.append(
            {
                "id": number,
                "type": kind,
                "timestamp": self._now,
                "previousEventId": before,
                **more,
            }
        )
        return number

    def enter(self, kind: str, name: str) -> int:
        """Enter a state."""
        return self.add(f"{kind}StateEntered", stateEnteredEventDetails={"name": name})

    def leave(self, kind: str, name: str, after_ms: int = 0, previous: int | None = None) -> int:
        """Leave a state."""
        details = {"name": name}
        return self.add(
            f"{kind}StateExited", after_ms, previous=previous, stateExitedEventDetails=details
        )

    def task(self, name: str, took_ms: int) -> None:
        """Run a Task to its success."""
        self.enter("Task", name)
        self.add("TaskScheduled", 0)
        self.add("TaskSucceeded", took_ms)
        self.leave("Task", name)

    def failed_task(self, name: str, took_ms: int, error: str) -> None:
        """Run a Task until it fails; whether that is caught comes next."""
        self.enter("Task", name)
        self.add("TaskScheduled", 0)
        self.fail(took_ms, error)

    def fail(self, took_ms: int, error: str) -> None:
        """Let the Task that runs fail."""
        self.add("TaskFailed", took_ms, taskFailedEventDetails={"error": error, "cause": "{}"})
