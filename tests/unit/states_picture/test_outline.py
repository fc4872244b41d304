"""What a definition looks like as boxes and arrows."""

from __future__ import annotations

from typing import Any

import pytest

from bakehouse.faults import InvalidInput
from bakehouse.states.outline import END, START, describe_resource, describe_rule, outline


def machine(**states: dict[str, Any]) -> dict[str, Any]:
    return {"StartAt": next(iter(states)), "States": states}


def test_a_task_leads_on_and_to_its_catchers() -> None:
    """Next and Catch are arrows; the errors are the label; retries are a note."""
    task = {
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Parameters": {"FunctionName": "classify"},
        "Retry": [{"ErrorEquals": ["A", "B"], "MaxAttempts": 2}],
        "Catch": [
            {"ErrorEquals": ["ThresholdNotMet"], "Next": "No"},
            {"ErrorEquals": ["States.ALL"], "Next": "No"},
        ],
        "Next": "Yes",
    }
    graph = outline(machine(Ask=task, Yes={"Type": "Succeed"}, No={"Type": "Fail", "Error": "E"}))
    assert [(edge.source, edge.target, edge.kind) for edge in graph.edges] == [
        (START, "Ask", "next"),
        ("Ask", "Yes", "next"),
        ("Ask", "No", "catch"),
        ("Yes", END, "next"),
    ]
    assert graph.edges[2].labels == ("ThresholdNotMet", "States.ALL")
    assert graph.nodes[1].notes == ("lambda invoke: classify", "↻ 2x on A +1")


def test_rules_to_one_state_share_an_arrow() -> None:
    """Each rule is a label; Default is one too."""
    choice = {
        "Type": "Choice",
        "Choices": [
            {"Variable": "$.a", "NumericEquals": 1, "Next": "One"},
            {"Variable": "$.a", "NumericEquals": 2, "Next": "One"},
        ],
        "Default": "Other",
    }
    graph = outline(machine(Q=choice, One={"Type": "Pass", "End": True}, Other={"Type": "Fail"}))
    assert graph.edges[1].labels == ("$.a = 1", "$.a = 2")
    assert graph.edges[2].labels == ("default",)


def test_a_machine_that_only_fails_has_no_end() -> None:
    """The end's circle is there only where a way leads to it."""
    assert [node.kind for node in outline(machine(F={"Type": "Fail"})).nodes] == ["Start", "Fail"]


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ({"Variable": "$.c", "NumericGreaterThanEquals": 0.93}, "$.c ≥ 0.93"),
        ({"Variable": "$.c", "NumericLessThanPath": "$.limit"}, "$.c < $.limit"),
        ({"Variable": "$.s", "StringMatches": "a*"}, '$.s matches "a*"'),
        ({"Variable": "$.b", "BooleanEquals": True}, "$.b = true"),
        ({"Variable": "$.p", "IsPresent": False}, "$.p is not present"),
        ({"Variable": "$.p", "IsNull": True}, "$.p is null"),
        ({"Not": {"Variable": "$.p", "IsString": True}}, "not ($.p is a string)"),
        (
            {
                "And": [
                    {"Variable": "$.a", "IsNumeric": True},
                    {
                        "Or": [
                            {"Variable": "$.a", "NumericEquals": 1},
                            {"Variable": "$.a", "NumericEquals": 2},
                        ]
                    },
                ]
            },
            "$.a is a number and ($.a = 1 or $.a = 2)",
        ),
        ({"Condition": "{% $states.input.n > 3 %}"}, "$states.input.n > 3"),
        ({"Variable": "$.x"}, "$.x"),
    ],
)
def test_rules_read_as_sentences(rule: dict[str, Any], text: str) -> None:
    """Every operator has a sign or a word."""
    assert describe_rule(rule) == text


ARN = "arn:aws:lambda:us-east-1:123456789012:function:classify"


@pytest.mark.parametrize(
    ("state", "text"),
    [
        ({"Resource": ARN}, "lambda: classify"),
        ({"Resource": f"{ARN}:live"}, "lambda: classify"),
        (
            {
                "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                "Arguments": {"FunctionName": f"{ARN}:$LATEST"},
            },
            "lambda invoke.waitForTaskToken: classify",
        ),
        (
            {
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName": "${ClassifyArn}"},
            },
            "lambda invoke: ClassifyArn",
        ),
        (
            {
                "Resource": "arn:aws:states:::lambda:invoke",
                "Parameters": {"FunctionName.$": "$.f"},
            },
            "lambda invoke: $.f",
        ),
        ({"Resource": "arn:aws:states:::aws-sdk:s3:putObject"}, "s3 putObject"),
        (
            {"Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync"},
            "sagemaker createTrainingJob.sync",
        ),
        ({"Resource": "arn:aws:states:us-east-1:1:activity:ask"}, "activity: ask"),
        ({"Resource": "arn:aws:states:::"}, "arn:aws:states:::"),
        ({"Resource": "whatever"}, "whatever"),
    ],
)
def test_resources_read_in_a_few_words(state: dict[str, Any], text: str) -> None:
    """A Task's note says which service it calls, which action, and which function."""
    assert describe_resource(state) == text


@pytest.mark.parametrize(
    ("state", "note"),
    [
        ({"Type": "Wait", "Seconds": 5}, "5 s"),
        ({"Type": "Wait", "Seconds": "{% $n %}"}, "$n s"),
        ({"Type": "Wait", "SecondsPath": "$.n"}, "$.n seconds"),
        ({"Type": "Wait", "TimestampPath": "$.t"}, "until $.t"),
        ({"Type": "Parallel", "Branches": [{}, {}]}, "2 branches"),
        ({"Type": "Map", "ItemProcessor": {"States": {"A": {}}}}, "1 state for each item"),
        ({"Type": "Fail", "Error": "Oops"}, "Oops"),
    ],
)
def test_each_type_has_its_note(state: dict[str, Any], note: str) -> None:
    """What tells most about a state stands below its name."""
    assert outline(machine(S={**state, "End": True})).nodes[1].notes == (note,)


@pytest.mark.parametrize(
    ("definition", "path"),
    [
        ([], "the definition"),
        ({}, "States"),
        ({"States": {}}, "States"),
        ({"States": {"A": {"Type": "Pass"}}}, "StartAt"),
        ({"StartAt": "B", "States": {"A": {"Type": "Pass", "End": True}}}, "StartAt"),
        ({"StartAt": "A", "States": {"A": {"Type": "Loop"}}}, "States.A.Type"),
        ({"StartAt": "A", "States": {"A": 1}}, "States.A.Type"),
        ({"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "B"}}}, "States.A.Next"),
        (
            {"StartAt": "A", "States": {"A": {"Type": "Choice", "Choices": [{}]}}},
            "States.A.Choices",
        ),
    ],
)
def test_what_has_no_graph_is_refused(definition: object, path: str) -> None:
    """The error names the place in the definition."""
    with pytest.raises(InvalidInput) as caught:
        outline(definition)
    assert caught.value.path == path
