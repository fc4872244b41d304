"""The way that an execution took through its machine, read from its history events.

Events are as ``GetExecutionHistory`` of boto3 answers them: ``id``, ``previousEventId``,
``timestamp``, ``type`` and the details that belong to the type.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from bakehouse.states.outline import END, START

Outcome = Literal["succeeded", "failed", "caught", "running"]
"""How a state was left last; ``caught`` means that it failed and a Catch led on."""


@dataclass(slots=True)
class Visit:
    """What happened in one state, over all the times it was entered.

    Args:
        outcome: how the last time ended.
        times: how often it was entered.
        taken_ms: milliseconds in it, all times together.
        failures: how often what it runs failed, retried attempts included.
        error: the name of the last error, if it failed.
    """

    outcome: Outcome = "running"
    times: int = 0
    taken_ms: float = 0.0
    failures: int = 0
    error: str = ""


@dataclass(slots=True)
class Passage:
    """The visits by state's name, and the ways taken as (from, to, whether by a Catch)."""

    visits: dict[str, Visit] = field(default_factory=dict)
    ways: set[tuple[str, str, bool]] = field(default_factory=set)


_FAILURES = ("Failed", "TimedOut", "Aborted")
_ENDS = ("ExecutionFailed", "ExecutionTimedOut", "ExecutionAborted")


def follow(events: Iterable[Mapping[str, Any]], names: Collection[str]) -> Passage:
    """Read what happened in the states of these names; states inside of others are passed over."""
    ordered = sorted(events, key=lambda event: event["id"])
    owners = _owners(ordered)
    types = {event["id"]: str(event["type"]) for event in ordered}
    passage = Passage()
    here, came_by_catch, entered = START, False, 0.0
    for event in ordered:
        kind, at = str(event["type"]), event["timestamp"].timestamp() * 1000
        name = owners[event["id"]]
        if kind.endswith("StateEntered") and name in names:
            passage.ways.add((here, name, came_by_catch))
            visit = passage.visits.setdefault(name, Visit())
            visit.outcome, visit.times = "running", visit.times + 1
            here, came_by_catch, entered = name, False, at
        elif here == START:
            continue
        elif kind.endswith("StateExited") and name == here:
            came_by_catch = types.get(event["previousEventId"], "").endswith(_FAILURES)
            _leave(passage.visits[here], "caught" if came_by_catch else "succeeded", at - entered)
        elif kind in _ENDS:
            _leave(passage.visits[here], "failed", at - entered)
            passage.visits[here].error = _error(event) or passage.visits[here].error
        elif kind == "ExecutionSucceeded":
            passage.ways.add((here, END, False))
            if passage.visits[here].outcome == "running":
                _leave(passage.visits[here], "succeeded", at - entered)
        elif kind.endswith(_FAILURES) and (name == here or kind.endswith("StateFailed")):
            passage.visits[here].failures += 1
            passage.visits[here].error = _error(event)
    return passage


def _owners(events: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Each event's state: the one that it enters or leaves, else that of the event before it."""
    owners: dict[int, str] = {}
    for event in events:
        details = event.get("stateEnteredEventDetails") or event.get("stateExitedEventDetails")
        before = owners.get(event.get("previousEventId", 0), "")
        owners[event["id"]] = str(details["name"]) if details else before
    return owners


def _leave(visit: Visit, outcome: Outcome, taken_ms: float) -> None:
    visit.outcome = outcome
    visit.taken_ms += taken_ms


def _error(event: Mapping[str, Any]) -> str:
    for field_name, details in event.items():
        if field_name.endswith("EventDetails"):
            return str(details.get("error", ""))
    return ""


def duration(milliseconds: float) -> str:
    """A time as people write it: ``34 ms``, ``1.25 s``, ``2 min 3 s``."""
    if milliseconds < 0.5:
        return "< 1 ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 59_995:
        return f"{milliseconds / 1000:.3g} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"
