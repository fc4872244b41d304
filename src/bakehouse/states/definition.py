"""From a definition's text to a machine: every rule is checked here, once, when it is made.

What AWS would run and we do not yet (Parallel, Map, JSONata, variables …) is refused with the name
of the state and the field, so that nothing is ever run wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from bakehouse.states import fields, task_fields
from bakehouse.states.choice import parse_rule
from bakehouse.states.json_text import NotJson, parse
from bakehouse.states.machine import Choice, Fail, Flow, Machine, Pass, State, Succeed, Task, Wait
from bakehouse.states.problems import InvalidDefinition, not_built, schema_problem
from bakehouse.states.templates import compile_template

MOST_BYTES = 1_048_576
"""The longest definition, in bytes."""

_LONGEST_NAME = 80
_MACHINE_FIELDS = {"Comment", "StartAt", "States", "Version", "TimeoutSeconds", "QueryLanguage"}
_COMMON = {"Type", "Comment", "QueryLanguage"}
_FLOW = {"Next", "End", "InputPath", "OutputPath"}
_FIELDS = {
    "Pass": _FLOW | {"Parameters", "Result", "ResultPath"},
    "Task": _FLOW
    | {"Parameters", "ResultSelector", "ResultPath", "Resource", "Retry", "Catch", "Credentials"}
    | {"TimeoutSeconds", "TimeoutSecondsPath"},
    "Choice": {"InputPath", "OutputPath", "Choices", "Default"},
    "Wait": _FLOW | {"Seconds", "SecondsPath", "Timestamp", "TimestampPath"},
    "Succeed": {"InputPath", "OutputPath"},
    "Fail": {"Error", "ErrorPath", "Cause", "CausePath"},
}
"""Type → the fields that it has beside the common ones."""

_NOT_BUILT_TYPES = {"Parallel", "Map"}
_NOT_BUILT_FIELDS = {
    "Assign": "variables (the field 'Assign')",
    "Output": "JSONata (the field 'Output')",
    "Arguments": "JSONata (the field 'Arguments')",
    "HeartbeatSeconds": "heartbeats (the field 'HeartbeatSeconds')",
    "HeartbeatSecondsPath": "heartbeats (the field 'HeartbeatSecondsPath')",
}


def parse_definition(text: str) -> Machine:
    """Check a definition and compile it.

    Args:
        text: the Amazon States Language, as JSON.

    Raises:
        InvalidDefinition: it breaks a rule, or it asks for what is not built.
    """
    document = _read(text)
    fields.require(document, ("States", "StartAt"), "/")
    fields.refuse_unknown(document, _MACHINE_FIELDS, "")
    _check_language(document, "")
    states = _object(document["States"], "/States")
    if not states:
        raise schema_problem("Value has no states", "/States")
    if not isinstance(document["StartAt"], str) or document["StartAt"] not in states:
        raise _missing_target("StartAt", document["StartAt"], "/StartAt")
    for name, state in states.items():
        _check_targets(name, state, states)
    _check_reachable(document["StartAt"], states)
    return Machine(
        document["StartAt"],
        {name: _parse_state(name, state) for name, state in states.items()},
        fields.whole_number(document, "TimeoutSeconds", "", least=1),
    )


def _read(text: str) -> Mapping[str, Any]:
    try:
        document = parse(text)
    except NotJson as error:
        raise InvalidDefinition("INVALID_JSON_DESCRIPTION", str(error)) from error
    if not isinstance(document, dict):
        raise schema_problem("Definition must be a valid JSON object", "")
    return document


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise schema_problem("Value is not an object", where)
    return value


def _check_language(given: Mapping[str, Any], where: str) -> None:
    language = given.get("QueryLanguage", "JSONPath")
    if language == "JSONata":
        raise not_built("JSONata (the field 'QueryLanguage')", f"{where}/QueryLanguage")
    if language != "JSONPath":
        raise schema_problem("Value is not one of [JSONPath, JSONata]", f"{where}/QueryLanguage")


# Where the states lead


def _missing_target(field: str, target: Any, where: str) -> InvalidDefinition:
    return InvalidDefinition(
        "MISSING_TRANSITION_TARGET", f"Missing '{field}' target: {target}", where
    )


def _targets(state: Mapping[str, Any]) -> list[tuple[str, Any, str]]:
    """Every transition of a state: the field's name, the target, the field's path in the state."""
    found = [(field, state[field], f"/{field}") for field in ("Next", "Default") if field in state]
    for field in ("Choices", "Catch"):
        rules = state.get(field, [])
        found += [
            ("Next", rule["Next"], f"/{field}[{i}]/Next")
            for i, rule in enumerate(rules if isinstance(rules, list) else ())
            if isinstance(rule, dict) and "Next" in rule
        ]
    return found


def _check_targets(name: str, state: Any, states: Mapping[str, Any]) -> None:
    where = f"/States/{name}"
    if not name or len(name) > _LONGEST_NAME:
        raise schema_problem(f"A state's name has 1 to {_LONGEST_NAME} characters", where)
    for field, target, path in _targets(_object(state, where)):
        if not isinstance(target, str) or target not in states:
            raise _missing_target(field, target, where + path)


def _check_reachable(start_at: str, states: Mapping[str, Any]) -> None:
    reached, waiting = {start_at}, [start_at]
    while waiting:
        targets = {target for _, target, _ in _targets(states[waiting.pop()])} - reached
        reached |= targets
        waiting.extend(targets)
    for name in states:
        if name not in reached:
            raise InvalidDefinition(
                "MISSING_TRANSITION_TARGET",
                f'State "{name}" is not reachable.',
                f"/States/{name}",
            )


# One state


def _parse_state(name: str, state: Mapping[str, Any]) -> State:
    where = f"/States/{name}"
    fields.require(state, ("Type",), where)
    kind = state["Type"] if isinstance(state["Type"], str) else ""
    if kind in _NOT_BUILT_TYPES:
        raise not_built(f"{kind} states", f"{where}/Type")
    if kind not in _PARSERS:
        known = ", ".join([*_FIELDS, *sorted(_NOT_BUILT_TYPES)])
        raise schema_problem(f"Value is not one of [{known}]", f"{where}/Type")
    _check_language(state, where)
    for field, what in _NOT_BUILT_FIELDS.items():
        if field in state:
            raise not_built(what, f"{where}/{field}")
    fields.refuse_unknown(state, _FIELDS[kind] | _COMMON, where)
    return _PARSERS[kind](state, where)


def _flow(state: Mapping[str, Any], where: str) -> Flow:
    return Flow(
        fields.data_path(state, "InputPath", where),
        fields.data_path(state, "OutputPath", where),
        state.get("Next"),
    )


def _leading_flow(state: Mapping[str, Any], where: str) -> Flow:
    """The flow of a state that must say where it leads: ``Next``, or ``End: true``."""
    if "Next" in state and "End" in state:
        raise schema_problem("Only one of these fields may stand: [Next, End]", where)
    if "Next" not in state and state.get("End") is not True:
        raise schema_problem("One of these fields is required: [Next, End]", where)
    return _flow(state, where)


def _template(state: Mapping[str, Any], field: str, where: str) -> Any:
    return compile_template(state[field], f"{where}/{field}") if field in state else None


def _parse_pass(state: Mapping[str, Any], where: str) -> Pass:
    result = state.get("Result")
    return Pass(
        _leading_flow(state, where),
        _template(state, "Parameters", where),
        (lambda _: result) if "Result" in state else None,
        fields.result_path(state, where),
    )


def _parse_task(state: Mapping[str, Any], where: str) -> Task:
    flow = _leading_flow(state, where)
    fields.require(state, ("Resource",), where)
    resource = task_fields.resource(state["Resource"], f"{where}/Resource")
    if resource.kind == "invoke":
        task_fields.check_invoke(state.get("Parameters"), f"{where}/Parameters")
    return Task(
        flow,
        resource,
        _template(state, "Parameters", where),
        _template(state, "ResultSelector", where),
        fields.result_path(state, where),
        fields.timeout(state, where),
        task_fields.credentials(state, where),
        task_fields.retriers(state, where),
        task_fields.catchers(state, where),
    )


def _parse_choice(state: Mapping[str, Any], where: str) -> Choice:
    fields.require(state, ("Choices",), where)
    rules = state["Choices"]
    if not isinstance(rules, list) or not rules:
        raise schema_problem("Value is not a non-empty array of rules", f"{where}/Choices")
    parsed = []
    for i, rule in enumerate(rules):
        here = f"{where}/Choices[{i}]"
        holds = parse_rule(rule, here)
        for field in ("Assign", "Output"):
            if field in rule:
                raise not_built(_NOT_BUILT_FIELDS[field], f"{here}/{field}")
        fields.require(rule, ("Next",), here)
        parsed.append((holds, rule["Next"]))
    return Choice(_flow(state, where), tuple(parsed), state.get("Default"))


def _parse_wait(state: Mapping[str, Any], where: str) -> Wait:
    flow = _leading_flow(state, where)
    return Wait(flow, *fields.waiting(state, where))


def _parse_succeed(state: Mapping[str, Any], where: str) -> Succeed:
    return Succeed(_flow(state, where))


def _parse_fail(state: Mapping[str, Any], where: str) -> Fail:
    return Fail(
        fields.text_or_path(state, "Error", where), fields.text_or_path(state, "Cause", where)
    )


_PARSERS: dict[str, Callable[[Mapping[str, Any], str], State]] = {
    "Pass": _parse_pass,
    "Task": _parse_task,
    "Choice": _parse_choice,
    "Wait": _parse_wait,
    "Succeed": _parse_succeed,
    "Fail": _parse_fail,
}
