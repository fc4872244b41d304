"""The events of an execution's history, in AWS's own form."""

from __future__ import annotations

from typing import Any

from bakehouse.states.machine import Resource
from bakehouse.states.position import Event

MOST_EVENTS = 25_000
"""The longest history; an execution that reaches it fails."""

_LONGEST_ERROR = 256
_LONGEST_CAUSE = 32_768
_WHOLE = {"truncated": False}


class History:
    """Numbers the events of one step.

    Args:
        last: the number of the last event so far.
        previous: the event that causes the next one.
        now_ms: the time of all of them, in epoch milliseconds.
    """

    def __init__(self, last: int, previous: int, now_ms: int) -> None:
        self.last, self.previous, self.now_ms = last, previous, now_ms
        self.events: list[Event] = []

    def add(self, kind: str, field: str = "", details: dict[str, Any] | None = None) -> None:
        """Record an event; ``field`` names the member that holds its details."""
        self.last += 1
        event: Event = {
            "timestamp": self.now_ms,
            "type": kind,
            "id": self.last,
            "previousEventId": self.previous,
        }
        if details is not None:
            event[field] = details
        self.events.append(event)
        self.previous = self.last

    # The execution

    def started(self, text: str, role_arn: str) -> None:
        """ExecutionStarted."""
        details = {"input": text, "inputDetails": _WHOLE, "roleArn": role_arn}
        self.add("ExecutionStarted", "executionStartedEventDetails", details)

    def succeeded(self, text: str) -> None:
        """ExecutionSucceeded."""
        details = {"output": text, "outputDetails": _WHOLE}
        self.add("ExecutionSucceeded", "executionSucceededEventDetails", details)

    def ended(self, how: str, error: str | None, cause: str | None) -> None:
        """ExecutionFailed, ExecutionTimedOut or ExecutionAborted."""
        self.add(f"Execution{how}", f"execution{how}EventDetails", error_details(error, cause))

    # States

    def entered(self, kind: str, name: str, text: str) -> None:
        """``TaskStateEntered`` and its like."""
        details = {"name": name, "input": text, "inputDetails": _WHOLE}
        self.add(f"{kind}StateEntered", "stateEnteredEventDetails", details)

    def exited(self, kind: str, name: str, text: str) -> None:
        """``TaskStateExited`` and its like."""
        details = {"name": name, "output": text, "outputDetails": _WHOLE}
        self.add(f"{kind}StateExited", "stateExitedEventDetails", details)

    # Tasks

    def scheduled(
        self,
        resource: Resource,
        text: str,
        *,
        region: str,
        timeout_s: int | None,
        role_arn: str | None,
    ) -> None:
        """The task was handed over, and started."""
        limits: dict[str, Any] = {} if timeout_s is None else {"timeoutInSeconds": timeout_s}
        if role_arn is not None:
            limits["taskCredentials"] = {"roleArn": role_arn}
        if resource.kind == "function":
            details = {"resource": resource.arn, "input": text, "inputDetails": _WHOLE, **limits}
            self.add("LambdaFunctionScheduled", "lambdaFunctionScheduledEventDetails", details)
            self.add("LambdaFunctionStarted")
        else:
            details = {**_invoke(), "region": region, "parameters": text, **limits}
            self.add("TaskScheduled", "taskScheduledEventDetails", details)
            self.add("TaskStarted", "taskStartedEventDetails", _invoke())

    def task_succeeded(self, resource: Resource, text: str) -> None:
        """The task has a result."""
        details = {"output": text, "outputDetails": _WHOLE}
        if resource.kind == "function":
            self.add("LambdaFunctionSucceeded", "lambdaFunctionSucceededEventDetails", details)
        else:
            self.add("TaskSucceeded", "taskSucceededEventDetails", {**_invoke(), **details})

    def task_failed(
        self, resource: Resource, how: str, error: str | None, cause: str | None
    ) -> None:
        """The task Failed or TimedOut."""
        details = error_details(error, cause)
        if resource.kind == "function":
            self.add(f"LambdaFunction{how}", f"lambdaFunction{how}EventDetails", details)
        else:
            self.add(f"Task{how}", f"task{how}EventDetails", {**_invoke(), **details})


def cut(error: str | None, cause: str | None) -> tuple[str | None, str | None]:
    """An error's name and cause, cut to AWS's lengths."""
    return (error and error[:_LONGEST_ERROR]), (cause and cause[:_LONGEST_CAUSE])


def error_details(error: str | None, cause: str | None) -> dict[str, Any]:
    """An error's name and cause as details of an event; what is not there is left out."""
    given = {"error": error, "cause": cause}
    return {name: text for name, text in given.items() if text is not None}


def _invoke() -> dict[str, Any]:
    return {"resourceType": "lambda", "resource": "invoke"}
