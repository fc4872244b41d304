"""Definitions: what is accepted, what is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bakehouse.states.definition import parse_definition
from bakehouse.states.problems import InvalidDefinition

FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:classify"
INVOKE = "arn:aws:states:::lambda:invoke"
CALL = {"FunctionName": "classify"}


def machine(**changes: Any) -> str:
    """A machine of one state X; what is given changes that state, None removes a field."""
    state = {"Type": "Pass", "End": True} | changes
    kept = {name: value for name, value in state.items() if value is not ...}
    return json.dumps({"StartAt": "X", "States": {"X": kept}})


def refusal(text: str) -> str:
    with pytest.raises(InvalidDefinition) as refused:
        parse_definition(text)
    return refused.value.message


@pytest.mark.parametrize(
    "state",
    [
        {"Type": "Pass", "Result": {"a.$": "$.x"}, "ResultPath": None, "Comment": "c"},
        {"Type": "Task", "Resource": FUNCTION},
        {"Type": "Task", "Resource": f"{FUNCTION}:$LATEST", "TimeoutSeconds": 5},
        {"Type": "Task", "Resource": INVOKE, "Parameters": {"FunctionName.$": "$.f"}},
        {
            "Type": "Task",
            "Resource": INVOKE,
            "Parameters": CALL,
            "Credentials": {"RoleArn": "arn:aws:iam::123456789012:role/x"},
            "Retry": [
                {
                    "ErrorEquals": ["Lambda.ServiceException"],
                    "IntervalSeconds": 2,
                    "MaxAttempts": 6,
                    "BackoffRate": 2,
                    "MaxDelaySeconds": 60,
                    "JitterStrategy": "FULL",
                },
                {"ErrorEquals": ["States.ALL"], "MaxAttempts": 0, "Comment": "c"},
            ],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "X", "ResultPath": "$.e"}],
        },
        {"Type": "Wait", "Seconds": 0},
        {"Type": "Wait", "TimestampPath": "$.at"},
        {"Type": "Succeed", "End": ...},
        {"Type": "Fail", "End": ..., "ErrorPath": "$.e", "Cause": "c"},
        {
            "Type": "Choice",
            "End": ...,
            "Choices": [{"Variable": "$.a", "IsNull": True, "Next": "X", "Comment": "c"}],
        },
    ],
)
def test_every_state_of_the_language_that_is_built_is_accepted(state: dict[str, Any]) -> None:
    """The fields of the table, in JSONPath."""
    assert list(parse_definition(machine(**state)).states) == ["X"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("not json", "INVALID_JSON_DESCRIPTION: Unrecognized token 'not'"),
        ("[]", "SCHEMA_VALIDATION_FAILED: Definition must be a valid JSON object'"),
        ("{}", "SCHEMA_VALIDATION_FAILED: These fields are required: [States, StartAt] at /'"),
        ('{"States": {}}', "These fields are required: [StartAt] at /'"),
        ('{"StartAt": "X", "States": {}}', "Value has no states at /States'"),
        ('{"StartAt": "Y", "States": {"X": {}}}', "MISSING_TRANSITION_TARGET: Missing 'StartAt'"),
        (machine(Type=...), "These fields are required: [Type] at /States/X'"),
        (machine(Type="Pas"), "/States/X/Type'"),
        (machine(Type=["Pass"]), "/States/X/Type'"),
        ('{"StartAt": ["X"], "States": {"X": {}}}', "Missing 'StartAt' target"),
        (machine(Nxt="X"), "Field 'Nxt' is not supported at /States/X/Nxt'"),
        (machine(End=...), "One of these fields is required: [Next, End] at /States/X'"),
        (machine(Next="X"), "Only one of these fields may stand: [Next, End] at /States/X'"),
        (machine(End=..., Next="Y"), "Missing 'Next' target: Y at /States/X/Next'"),
        (machine(InputPath="a"), "Value is not a valid JSONPath at /States/X/InputPath'"),
        (machine(ResultPath="$.a[*]"), "not a valid reference path at /States/X/ResultPath'"),
        (machine(ResultPath="$$.a"), "not a valid reference path at /States/X/ResultPath'"),
        (machine(Parameters={"a.$": "b"}), "at /States/X/Parameters/a.$'"),
        (machine(Type="Task"), "These fields are required: [Resource] at /States/X'"),
        (machine(Type="Task", Resource="x"), "The resource provided x is not recognized."),
        (machine(Type="Task", Resource=INVOKE), "The field 'FunctionName' is required"),
        (
            machine(Type="Task", Resource=INVOKE, Parameters={**CALL, "Body": 1}),
            "The field 'Body' is not supported by Step Functions at /States/X/Parameters'",
        ),
        (machine(Type="Task", Resource=FUNCTION, TimeoutSeconds=0), "/TimeoutSeconds'"),
        (machine(Type="Wait"), "One of these fields is required: [Seconds, SecondsPath"),
        (machine(Type="Wait", Seconds=1, Timestamp="x"), "Only one of these fields may stand"),
        (machine(Type="Wait", Seconds=-1), "/States/X/Seconds'"),
        (machine(Type="Wait", Timestamp="2020"), "/States/X/Timestamp'"),
        (machine(Type="Choice", End=..., Choices=[]), "/States/X/Choices'"),
        (machine(Type="Fail", End=..., Error="a", ErrorPath="$.a"), "[Error, ErrorPath]"),
    ],
)
def test_a_broken_rule_is_refused_with_its_place(text: str, words: str) -> None:
    """The message is AWS's frame around the problem and the path of the field."""
    message = refusal(text)
    assert message.startswith("Invalid State Machine Definition: '")
    assert words in message


@pytest.mark.parametrize(
    ("text", "what", "where"),
    [
        (machine(Type="Map"), "Map states", "/States/X/Type"),
        (machine(Type="Parallel"), "Parallel states", "/States/X/Type"),
        (machine(QueryLanguage="JSONata"), "JSONata", "/States/X/QueryLanguage"),
        (machine(Output="{% 1 %}"), "'Output'", "/States/X/Output"),
        (machine(Assign={"a": 1}), "variables", "/States/X/Assign"),
        (machine(Parameters={"a.$": "$v"}), "variables", "/States/X/Parameters/a.$"),
        (
            machine(
                Type="Choice", End=..., Choices=[{"Variable": "$v", "IsNull": True, "Next": "X"}]
            ),
            "variables",
            "/States/X/Choices[0]/Variable",
        ),
        (machine(InputPath="$v.a"), "variables", "/States/X/InputPath"),
        (
            machine(Type="Task", Resource="arn:aws:states:::sqs:sendMessage"),
            "the resource arn:aws:states:::sqs:sendMessage",
            "/States/X/Resource",
        ),
        (
            machine(Type="Task", Resource=f"{INVOKE}.waitForTaskToken"),
            "waitForTaskToken",
            "/States/X/Resource",
        ),
        (
            machine(Type="Task", Resource=FUNCTION, HeartbeatSeconds=5),
            "heartbeats",
            "/States/X/HeartbeatSeconds",
        ),
    ],
)
def test_what_is_not_built_is_refused_by_name(text: str, what: str, where: str) -> None:
    """A definition that AWS would run and we do not is never run wrongly."""
    message = refusal(text)
    assert "NOT_BUILT: bakehouse does not run" in message
    assert what in message
    assert message.endswith(f" at {where}'")


@pytest.mark.parametrize(
    "rule",
    [
        {},
        {"ErrorEquals": []},
        {"ErrorEquals": ["A", "States.ALL"]},
        {"ErrorEquals": ["A"], "IntervalSeconds": 0},
        {"ErrorEquals": ["A"], "MaxAttempts": 1.5},
        {"ErrorEquals": ["A"], "BackoffRate": 0.5},
        {"ErrorEquals": ["A"], "MaxDelaySeconds": 1},
        {"ErrorEquals": ["A"], "JitterStrategy": "SOME"},
        {"ErrorEquals": ["A"], "Delay": 1},
    ],
)
def test_a_retrier_is_checked(rule: dict[str, Any]) -> None:
    """Bounds, unknown fields and the place of States.ALL."""
    assert "/States/X/Retry[0]" in refusal(machine(Type="Task", Resource=FUNCTION, Retry=[rule]))


def test_a_state_that_nothing_leads_to_is_refused() -> None:
    """AWS says which one."""
    states = {"X": {"Type": "Succeed"}, "Y": {"Type": "Succeed"}}
    message = refusal(json.dumps({"StartAt": "X", "States": states}))
    assert 'State "Y" is not reachable. at /States/Y' in message


def test_a_name_has_eighty_characters_at_most() -> None:
    """The limit of the language."""
    name = "x" * 81
    states = {name: {"Type": "Succeed"}}
    assert "1 to 80 characters" in refusal(json.dumps({"StartAt": name, "States": states}))


def test_a_machine_of_a_thousand_states_compiles() -> None:
    """Each state once; the machine's own limit is read."""
    states: dict[str, Any] = {f"S{i}": {"Type": "Pass", "Next": f"S{i + 1}"} for i in range(1000)}
    states["S1000"] = {"Type": "Succeed"}
    text = json.dumps({"StartAt": "S0", "States": states, "TimeoutSeconds": 60})
    compiled = parse_definition(text)
    assert (len(compiled.states), compiled.timeout_s) == (1001, 60)
