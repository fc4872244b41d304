"""Small machines, each a file in ``cases``: definition, input, what tasks answer, what must come.

``answers`` are what the tasks give, one after the other: ``{"result": …}`` or ``{"error": …}``.
``events`` are the types of the history in order; ``expect`` is the end.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from bakehouse.states.definition import parse_definition
from bakehouse.states.interpreter import advance, begin
from bakehouse.states.json_text import parse, to_text
from bakehouse.states.position import (
    Finished,
    Happened,
    Moment,
    Proceed,
    RunTask,
    TaskFailed,
    TaskSucceeded,
    TimeCame,
    WaitUntil,
)

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def what_happens(effect: Any, answers: list[dict[str, Any]]) -> Happened:
    if isinstance(effect, WaitUntil):
        return TimeCame()
    if not isinstance(effect, RunTask):
        return Proceed()
    answer = answers.pop(0)
    if "error" in answer:
        return TaskFailed(answer["error"], answer.get("cause"))
    return TaskSucceeded(to_text(answer["result"]), answer["result"])


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_a_case_comes_out_as_written(file: Path) -> None:
    """The end of the execution and the types of all its events."""
    case = parse(file.read_text())
    machine = parse_definition(json.dumps(case["definition"]))
    context = {"Execution": {"Name": "run", "Input": case["input"]}, "StateMachine": {"Name": "m"}}
    now_ms, answers = 1_700_000_000_000, list(case.get("answers", []))
    step = begin(machine, to_text(case["input"]), case["input"], role_arn="role", now_ms=now_ms)
    events = list(step.events)
    while not isinstance(step.effect, Finished):
        if isinstance(step.effect, WaitUntil):
            now_ms = max(now_ms, step.effect.due_ms)
        moment = Moment(now_ms, context, "us-east-1", random.Random(1))
        step = advance(machine, step.position, what_happens(step.effect, answers), moment)
        events += step.events
    ended = {"status": step.effect.status, "error": step.effect.error, "cause": step.effect.cause}
    if step.effect.output is not None:
        ended["output"] = parse(step.effect.output)
    assert {key: value for key, value in ended.items() if value is not None} == case["expect"]
    assert [event["type"] for event in events] == case["events"]
    assert answers == []


def test_there_are_cases() -> None:
    """The folder is found."""
    assert len(CASES) >= 6
