"""Definitions that somebody spoiled: each is refused or run, and nothing else comes of it."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bakehouse.states.definition import parse_definition
from bakehouse.states.interpreter import advance, begin
from bakehouse.states.json_text import to_text
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
from bakehouse.states.problems import InvalidDefinition

DEFINITIONS = [
    json.loads(file.read_text())["definition"]
    for file in sorted((Path(__file__).parent / "cases").glob("*.json"))
]
JUNK = [
    "null",
    "true",
    "0",
    "-1",
    "1.5",
    "[]",
    "{}",
    "[1]",
    "1000000000000000000000000000000",
    '""',
    '"x"',
    '"$"',
    '"$$"',
    '"$.a[0]"',
    '"$.a[*]"',
    '"$..*"',
    '"States.UUID()"',
    '"Pass"',
    '"Wait"',
    '{"a.$":"$"}',
    '{"a":1}',
]
FIELDS = [
    "Next",
    "End",
    "Catch",
    "Retry",
    "Result",
    "InputPath",
    "Parameters",
    "ResultPath",
    "OutputPath",
    "Comment",
]


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in inside:
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


def spoiled(definition: Any, chance: random.Random) -> Any:
    """A copy in which one to three values are removed, added or replaced by junk."""
    copy = json.loads(json.dumps(definition))
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice(list(places(copy)))
        parent = copy
        for key in way:
            parent = parent[key]
        junk = json.loads(chance.choice(JUNK))
        action = chance.random()
        if action < 0.2 and isinstance(parent, dict):
            parent[chance.choice(FIELDS)] = junk
        elif action < 0.4 and isinstance(parent, dict):
            del parent[last]
        else:
            parent[last] = junk
    return copy


def answer(effect: Any, chance: random.Random) -> Happened:
    if isinstance(effect, WaitUntil):
        return TimeCame()
    if not isinstance(effect, RunTask):
        return Proceed()
    value = chance.choice([{}, {"Payload": {"scores": [0.7]}}, [1], None])
    if chance.random() < 0.5:
        return TaskFailed("Lambda.ServiceException", None)
    return TaskSucceeded(to_text(value), value)


@pytest.mark.parametrize("seed", range(5))
def test_a_spoiled_definition_is_refused_or_run(seed: int) -> None:
    """Two hundred for each seed; whatever is accepted ends or waits, within sixty steps."""
    chance = random.Random(seed)
    ended = 0
    for _ in range(200):
        definition = spoiled(chance.choice(DEFINITIONS), chance)
        try:
            machine = parse_definition(json.dumps(definition))
        except InvalidDefinition:
            continue
        data = chance.choice([{}, {"a": [1, {"b": 2}], "n": 0, "function": "f"}, "text", None])
        step = begin(machine, to_text(data), data, role_arn="role", now_ms=1)
        for _ in range(60):
            if isinstance(step.effect, Finished):
                ended += 1
                break
            moment = Moment(10**13, {"Execution": {"Input": data}}, "us-east-1", chance)
            step = advance(machine, step.position, answer(step.effect, chance), moment)
    assert ended > 5
