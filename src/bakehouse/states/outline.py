"""A state machine's definition as a graph to draw: boxes with notes, arrows with labels.

Only the top level is outlined: a Parallel or Map state is one box that says how much is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bakehouse.faults import InvalidInput

START, END = "\0start", "\0end"
"""The keys of the two circles; no state's name can hold a NUL in JSON that anybody would write."""

KINDS = ("Task", "Pass", "Choice", "Wait", "Succeed", "Fail", "Parallel", "Map")

EdgeKind = Literal["next", "choice", "catch"]


@dataclass(frozen=True, slots=True)
class Node:
    """A state, or one of the two circles.

    Args:
        key: the state's name, :data:`START` or :data:`END`.
        kind: the state's type, or ``Start`` or ``End``.
        notes: short lines that say what it does, the most telling first.
    """

    key: str
    kind: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Edge:
    """A way from one state to another; ``labels`` say when it is taken, any of them sufficing."""

    source: str
    target: str
    kind: EdgeKind
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """All nodes and edges, in the order in which the definition has them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


_FIELDS: dict[EdgeKind, str] = {"next": "Next", "choice": "Choices", "catch": "Catch"}


def outline(definition: object) -> Outline:
    """The graph of a definition in the Amazon States Language.

    Raises:
        InvalidInput: it has no ``States`` or ``StartAt``, a state has no known ``Type``, or a way
            leads to a state that is not there.
    """
    states = _states(definition)
    start = definition["StartAt"] if isinstance(definition, dict) else ""
    edges = [Edge(START, start, "next")]
    for name, state in states.items():
        edges.extend(_merged(_edges(name, state)))
    for edge in edges:
        if edge.target not in states and edge.target != END:
            where = f"States.{edge.source}.{_FIELDS[edge.kind]}"
            where = "StartAt" if edge.source == START else where
            raise InvalidInput(where, edge.target, "the name of a state of this machine")
    nodes = [Node(START, "Start"), *(_node(name, state) for name, state in states.items())]
    if any(edge.target == END for edge in edges):
        nodes.append(Node(END, "End"))
    return Outline(tuple(nodes), tuple(edges))


def _states(definition: object) -> dict[str, dict[str, Any]]:
    if not isinstance(definition, dict):
        raise InvalidInput("the definition", definition, "a JSON object")
    states = definition.get("States")
    if not isinstance(states, dict) or not states:
        raise InvalidInput("States", states, "an object with at least one state")
    if not isinstance(definition.get("StartAt"), str):
        raise InvalidInput("StartAt", definition.get("StartAt"), "the name of a state")
    for name, state in states.items():
        kind = state.get("Type") if isinstance(state, dict) else None
        if kind not in KINDS:
            raise InvalidInput(f"States.{name}.Type", kind, f"one of {', '.join(KINDS)}")
    return states


def _edges(name: str, state: Mapping[str, Any]) -> Iterator[Edge]:
    for rule in _objects(state, "Choices"):
        yield Edge(name, _target(rule), "choice", (describe_rule(rule),))
    if "Default" in state:
        yield Edge(name, str(state["Default"]), "choice", ("default",))
    if "Next" in state:
        yield Edge(name, str(state["Next"]), "next")
    elif state.get("End") is True or state["Type"] == "Succeed":
        yield Edge(name, END, "next")
    for catcher in _objects(state, "Catch"):
        yield Edge(name, _target(catcher), "catch", tuple(map(str, _errors(catcher))))


def _merged(edges: Iterator[Edge]) -> list[Edge]:
    """Edges of one kind to one target as one edge with all their labels."""
    found: dict[tuple[str, EdgeKind], Edge] = {}
    for edge in edges:
        key = (edge.target, edge.kind)
        labels = (*found[key].labels, *edge.labels) if key in found else edge.labels
        found[key] = Edge(edge.source, edge.target, edge.kind, labels)
    return list(found.values())


def _objects(state: Mapping[str, Any], field: str) -> list[dict[str, Any]]:
    found = state.get(field, [])
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _target(rule: Mapping[str, Any]) -> str:
    return str(rule.get("Next"))


def _errors(rule: Mapping[str, Any]) -> list[Any]:
    errors = rule.get("ErrorEquals")
    return errors if isinstance(errors, list) else []


def _node(name: str, state: Mapping[str, Any]) -> Node:
    notes = [_detail(state), *(_retry(retrier) for retrier in _objects(state, "Retry"))]
    return Node(name, state["Type"], tuple(note for note in notes if note))


def _detail(state: Mapping[str, Any]) -> str:
    kind = state["Type"]
    if kind == "Task":
        return describe_resource(state)
    if kind == "Wait":
        return _wait(state)
    if kind == "Fail":
        return str(state.get("Error", ""))
    if kind == "Parallel":
        return _counted(len(_objects(state, "Branches")), "branch", "branches")
    if kind == "Map":
        inner = state.get("ItemProcessor") or state.get("Iterator") or {}
        return f"{_counted(len(inner.get('States', {})), 'state')} for each item"
    return ""


def _counted(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _wait(state: Mapping[str, Any]) -> str:
    if "Seconds" in state:
        return f"{_expression(state['Seconds'])} s"
    if "SecondsPath" in state:
        return f"{state['SecondsPath']} seconds"
    return f"until {_expression(state.get('Timestamp', state.get('TimestampPath', '')))}"


def _retry(retrier: Mapping[str, Any]) -> str:
    errors = [str(error) for error in _errors(retrier)]
    more = f" +{len(errors) - 1}" if len(errors) > 1 else ""
    return f"↻ {retrier.get('MaxAttempts', 3)}x on {errors[0] if errors else 'any error'}{more}"


def describe_resource(state: Mapping[str, Any]) -> str:
    """What a Task calls, in a few words: ``lambda invoke: classify``."""
    resource = str(state.get("Resource", ""))
    parts = resource.split(":")
    if resource.startswith("arn:aws:states:::"):
        called = " ".join(part for part in parts[5:] if part not in ("", "aws-sdk"))
        function = _function_name(state)
        return f"{called}: {function}" if function else called or resource
    if len(parts) > 6 and parts[5] in ("function", "activity"):
        return f"{'lambda' if parts[5] == 'function' else 'activity'}: {parts[6]}"
    return resource


def _function_name(state: Mapping[str, Any]) -> str:
    given = state.get("Parameters") or state.get("Arguments") or {}
    if not isinstance(given, dict):
        return ""
    name = str(given.get("FunctionName", given.get("FunctionName.$", "")))
    if name.startswith("${") and name.endswith("}"):  # to be filled in before it is created
        return name[2:-1]
    return name.split(":")[6] if name.count(":") >= 6 else _expression(name)


_SIGNS = {
    "Equals": "=",
    "LessThan": "<",
    "GreaterThan": ">",
    "LessThanEquals": "≤",
    "GreaterThanEquals": "≥",
    "Matches": "matches",
}
_TYPES = ("String", "Numeric", "Boolean", "Timestamp")
_TESTS = {
    "IsNull": "null",
    "IsPresent": "present",
    "IsNumeric": "a number",
    "IsString": "a string",
    "IsBoolean": "a boolean",
    "IsTimestamp": "a timestamp",
}


def describe_rule(rule: Mapping[str, Any]) -> str:
    """A Choice rule as one line: ``$.confidence ≥ 0.9 and $.label is present``."""
    if "Condition" in rule:
        return _expression(rule["Condition"])
    for word in ("And", "Or"):
        if word in rule:
            inner = (f"({text})" if " or " in text else text for text in _each(rule[word]))
            return f" {word.lower()} ".join(inner)
    if "Not" in rule:
        return f"not ({', '.join(_each([rule['Not']]))})"
    variable = str(rule.get("Variable", "?"))
    for field, value in rule.items():
        if field in _TESTS:
            return f"{variable} is {'' if value else 'not '}{_TESTS[field]}"
        sign = _sign(field)
        if sign:
            shown = value if field.endswith("Path") else json.dumps(value, ensure_ascii=False)
            return f"{variable} {sign} {shown}"
    return variable


def _each(rules: object) -> list[str]:
    found = rules if isinstance(rules, list) else []
    return [describe_rule(rule) for rule in found if isinstance(rule, dict)]


def _sign(field: str) -> str | None:
    for kind in _TYPES:
        if field.startswith(kind):
            return _SIGNS.get(field.removeprefix(kind).removesuffix("Path"))
    return None


def _expression(value: object) -> str:
    """A value; of a JSONata expression what is between the marks."""
    text = value if isinstance(value, str) else json.dumps(value)
    return text.removeprefix("{%").removesuffix("%}").strip()
