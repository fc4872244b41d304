"""The interpreter: steps, positions that can be stored, and the events between."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from bakehouse.states.definition import parse_definition
from bakehouse.states.history import MOST_EVENTS
from bakehouse.states.interpreter import advance, begin, effect_at
from bakehouse.states.position import (
    Crashed,
    ExecutionTimedOut,
    Finished,
    Happened,
    Moment,
    Proceed,
    RunTask,
    Step,
    Stopped,
    TaskFailed,
    TaskSucceeded,
    TaskTimedOut,
    TimeCame,
    WaitUntil,
    position_from_document,
    position_to_document,
)

NOW = 1_700_000_000_000
INVOKE = "arn:aws:states:::lambda:invoke"
CONTEXT = {"Execution": {"Name": "run-1"}, "StateMachine": {"Name": "m"}}


class Play:
    """An execution without an engine: what happened is said by the test.

    The position goes through JSON after each step, as it does on a disk.
    """

    def __init__(self, states: dict[str, Any], data: Any, **top: Any) -> None:
        text = json.dumps({"StartAt": next(iter(states)), "States": states, **top})
        self.machine = parse_definition(text)
        self.now_ms = NOW
        first = begin(self.machine, json.dumps(data), data, role_arn="role", now_ms=NOW)
        self.events = list(first.events)
        self.step = first
        self.tell(Proceed())

    def tell(self, happened: Happened) -> Step:
        stored = json.loads(json.dumps(position_to_document(self.step.position)))
        moment = Moment(self.now_ms, CONTEXT, "us-east-1", random.Random(1))
        self.step = advance(self.machine, position_from_document(stored), happened, moment)
        self.events += self.step.events
        return self.step

    @property
    def effect(self) -> Any:
        return self.step.effect

    def types(self) -> list[str]:
        return [event["type"] for event in self.events]

    def details(self, kind: str) -> dict[str, Any]:
        """The details of the last event of a type."""
        event = next(event for event in reversed(self.events) if event["type"] == kind)
        return next((v for k, v in event.items() if k.endswith("EventDetails")), {})


def task(**changes: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": INVOKE,
        "Parameters": {"FunctionName": "f", "Payload.$": "$"},
        "End": True,
    } | changes


def done(value: Any) -> TaskSucceeded:
    return TaskSucceeded(json.dumps(value), value)


def test_a_position_goes_through_json_unchanged() -> None:
    """What is stored is all that the interpreter knows."""
    play = Play({"T": task(Retry=[{"ErrorEquals": ["A"]}])}, {"n": 12345678901234567890123})
    play.tell(TaskFailed("A", None))
    stored = json.loads(json.dumps(position_to_document(play.step.position)))
    assert position_from_document(stored) == play.step.position
    assert effect_at(play.machine, play.step.position) == play.effect


def test_the_events_name_their_causes() -> None:
    """Ids count from 1; event 2 names 0, every other one the event before it."""
    play = Play({"A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Succeed"}}, {})
    assert [(e["id"], e["previousEventId"]) for e in play.events] == [
        (1, 0),
        (2, 0),
        (3, 2),
        (4, 3),
        (5, 4),
        (6, 5),
    ]
    assert play.types() == [
        "ExecutionStarted",
        "PassStateEntered",
        "PassStateExited",
        "SucceedStateEntered",
        "SucceedStateExited",
        "ExecutionSucceeded",
    ]
    assert all(event["timestamp"] == NOW for event in play.events)


def test_data_flows_through_the_five_fields_in_order() -> None:
    """InputPath, Parameters, ResultSelector, ResultPath into the raw input, OutputPath."""
    play = Play(
        {
            "T": task(
                InputPath="$.in",
                Parameters={"FunctionName": "f", "Payload": {"x.$": "$.a", "n.$": "$$.State.Name"}},
                ResultSelector={"r.$": "$.Payload.b", "try.$": "$$.State.RetryCount"},
                ResultPath="$.result",
                OutputPath="$['in','result']",
            )
        },
        {"in": {"a": 1.0}, "rest": True},
    )
    assert play.effect == RunTask(
        play.effect.resource, '{"FunctionName":"f","Payload":{"x":1.0,"n":"T"}}', None
    )
    play.tell(done({"Payload": {"b": 2}}))
    assert play.effect.output == '{"in":{"a":1.0},"result":{"r":2,"try":0}}'


def test_null_paths_give_empty_objects_and_drop_results() -> None:
    """InputPath and OutputPath null are {}; ResultPath null keeps the input."""
    states = {
        "A": {"Type": "Pass", "InputPath": None, "ResultPath": "$.a", "Next": "B"},
        "B": {"Type": "Pass", "Result": 5, "ResultPath": None, "Next": "C"},
        "C": {"Type": "Pass", "OutputPath": None, "End": True},
    }
    play = Play(states, {"x": 1})
    exits = [e["stateExitedEventDetails"]["output"] for e in play.events if "Exited" in e["type"]]
    assert exits == ['{"x":1,"a":{}}', '{"x":1,"a":{}}', "{}"]


def test_a_task_is_scheduled_started_and_done() -> None:
    """The events carry resource, region, parameters and time limit."""
    play = Play({"T": task(TimeoutSeconds=9)}, {"k": "v"})
    assert play.effect.timeout_s == 9
    play.tell(done({"Payload": 1}))
    assert play.types()[2:] == [
        "TaskScheduled",
        "TaskStarted",
        "TaskSucceeded",
        "TaskStateExited",
        "ExecutionSucceeded",
    ]
    assert play.details("TaskScheduled") == {
        "resourceType": "lambda",
        "resource": "invoke",
        "region": "us-east-1",
        "parameters": '{"FunctionName":"f","Payload":{"k":"v"}}',
        "timeoutInSeconds": 9,
    }


def test_credentials_are_shown_in_the_history() -> None:
    """The role may be a path; it changes nothing else here."""
    play = Play({"T": task(Credentials={"RoleArn.$": "$.role"})}, {"role": "arn:x"})
    assert play.details("TaskScheduled")["taskCredentials"] == {"roleArn": "arn:x"}


def test_a_function_by_its_arn_has_events_of_its_own() -> None:
    """LambdaFunctionScheduled names the ARN and the input."""
    arn = "arn:aws:lambda:us-east-1:123456789012:function:f"
    play = Play({"T": {"Type": "Task", "Resource": arn, "End": True}}, {"k": 1})
    play.tell(done([1]))
    assert [kind for kind in play.types() if kind.startswith("Lambda")] == [
        "LambdaFunctionScheduled",
        "LambdaFunctionStarted",
        "LambdaFunctionSucceeded",
    ]
    assert play.details("LambdaFunctionScheduled")["input"] == '{"k":1}'
    assert play.effect.output == "[1]"


def test_a_failed_task_is_tried_again_then_caught() -> None:
    """Delays grow; then the catcher puts error and cause into the input."""
    play = Play(
        {
            "T": task(
                Retry=[{"ErrorEquals": ["E"], "MaxAttempts": 2, "IntervalSeconds": 3}],
                Catch=[{"ErrorEquals": ["E"], "Next": "C", "ResultPath": "$.why"}],
            ),
            "C": {"Type": "Pass", "End": True},
        },
        {"k": 1},
    )
    for delay_ms in (3000, 6000):
        play.tell(TaskFailed("E", "because"))
        assert play.effect == WaitUntil(play.now_ms + delay_ms)
        play.now_ms += delay_ms
        play.tell(TimeCame())
        assert isinstance(play.effect, RunTask)
    play.tell(TaskFailed("E", "because"))
    assert json.loads(play.effect.output) == {"k": 1, "why": {"Error": "E", "Cause": "because"}}
    assert play.types().count("TaskScheduled") == 3
    assert play.types()[-5:] == [
        "TaskFailed",
        "TaskStateExited",
        "PassStateEntered",
        "PassStateExited",
        "ExecutionSucceeded",
    ]


def test_each_retrier_counts_for_itself() -> None:
    """An error that another retrier meets does not use up the first one's attempts."""
    rules = [{"ErrorEquals": ["A"], "MaxAttempts": 1}, {"ErrorEquals": ["B"], "MaxAttempts": 1}]
    play = Play({"T": task(Retry=rules)}, {})
    for error in ("A", "B"):
        play.tell(TaskFailed(error, None))
        assert isinstance(play.effect, WaitUntil)
        play.now_ms = play.effect.due_ms
        play.tell(TimeCame())
    play.tell(TaskFailed("A", None))
    assert play.effect == Finished("FAILED", error="A")


def test_an_error_that_nobody_names_ends_the_execution() -> None:
    """ExecutionFailed carries error and cause; there is no StateExited."""
    play = Play({"T": task(Catch=[{"ErrorEquals": ["Other"], "Next": "T"}])}, {})
    play.tell(TaskFailed("E", "because"))
    assert play.effect == Finished("FAILED", error="E", cause="because")
    assert play.types()[-2:] == ["TaskFailed", "ExecutionFailed"]
    assert play.details("ExecutionFailed") == {"error": "E", "cause": "because"}


def test_a_long_error_is_cut() -> None:
    """256 characters of the name, 32,768 of the cause."""
    play = Play({"T": task()}, {})
    play.tell(TaskFailed("E" * 999, "c" * 99_999))
    assert (len(play.effect.error), len(play.effect.cause)) == (256, 32_768)


def test_a_task_that_takes_too_long_times_out() -> None:
    """States.Timeout, without a cause; caught, the cause is empty."""
    catch = [{"ErrorEquals": ["States.Timeout"], "Next": "C"}]
    play = Play({"T": task(Catch=catch), "C": {"Type": "Succeed"}}, {})
    play.tell(TaskTimedOut())
    assert play.details("TaskTimedOut") == {
        "resourceType": "lambda",
        "resource": "invoke",
        "error": "States.Timeout",
    }
    assert json.loads(play.effect.output) == {"Error": "States.Timeout", "Cause": ""}


def test_too_large_a_result_fails_the_task_in_the_words_of_aws() -> None:
    """States.DataLimitExceeded names what was called."""
    play = Play({"T": task()}, {})
    play.tell(TaskSucceeded("x" * 300_000, None))
    assert play.effect.error == "States.DataLimitExceeded"
    assert play.effect.cause == (
        "The state/task 'lambda' returned a result with a size exceeding the maximum number of "
        "bytes service limit."
    )


def test_a_state_cannot_pass_on_too_much() -> None:
    """A Pass that doubles its input meets the limit."""
    play = Play({"A": {"Type": "Pass", "ResultPath": "$.b", "Next": "A"}}, {"a": "x" * 100_000})
    assert play.effect.error == "States.DataLimitExceeded"


def test_a_path_to_nothing_ends_with_the_state_and_its_event() -> None:
    """States.Runtime is not caught, not even by States.ALL."""
    catch = [{"ErrorEquals": ["States.ALL"], "Next": "T"}]
    play = Play({"T": task(OutputPath="$.no.such", Catch=catch)}, {})
    play.tell(done({}))
    assert play.effect.error == "States.Runtime"
    assert play.effect.cause == (
        "An error occurred while executing the state 'T' (entered at the event id #2). "
        "Invalid path '$.no.such' : Missing property in path $['no']"
    )


def test_an_intrinsic_failure_can_be_caught() -> None:
    """It fails the state, not the execution, where a catcher names it."""
    catch = [{"ErrorEquals": ["States.IntrinsicFailure"], "Next": "C"}]
    parameters = {"FunctionName.$": "States.ArrayGetItem($.a, 9)"}
    play = Play(
        {"T": task(Parameters=parameters, Catch=catch), "C": {"Type": "Succeed"}}, {"a": []}
    )
    assert play.effect.status == "SUCCEEDED"
    assert "TaskScheduled" not in play.types()


def test_a_result_path_into_a_text_is_a_match_failure() -> None:
    """It can be caught on a Task; a Pass just fails."""
    play = Play({"A": {"Type": "Pass", "Result": 1, "ResultPath": "$.a", "End": True}}, "text")
    assert play.effect.error == "States.ResultPathMatchFailure"


def test_a_choice_leads_on_by_the_first_rule_that_holds() -> None:
    """Its output is its input; without a rule or a Default it fails."""
    rules = [
        {"Variable": "$.n", "NumericGreaterThan": 5, "Next": "Big"},
        {"Variable": "$.n", "NumericGreaterThan": 1, "Next": "Middle"},
    ]
    states = {
        "C": {"Type": "Choice", "Choices": rules},
        "Big": {"Type": "Succeed"},
        "Middle": {"Type": "Fail", "Error": "Middle"},
    }
    assert Play(states, {"n": 9}).effect == Finished("SUCCEEDED", output='{"n":9}')
    assert Play(states, {"n": 2}).effect == Finished("FAILED", error="Middle")
    assert Play(states, {"n": 0}).effect.error == "States.NoChoiceMatched"


@pytest.mark.parametrize(
    ("fields", "due_ms"),
    [
        ({"Seconds": 5}, NOW + 5000),
        ({"SecondsPath": "$.s"}, NOW + 7000),
        ({"Timestamp": "2033-05-18T03:33:20Z"}, 2_000_000_000_000),
        ({"TimestampPath": "$.t"}, 2_000_000_000_001),
    ],
)
def test_a_wait_ends_when_it_is_due(fields: dict[str, Any], due_ms: int) -> None:
    """Seconds from now, or a timestamp rounded up to milliseconds."""
    data = {"s": 7, "t": "2033-05-18T03:33:20.000000001Z"}
    play = Play({"W": {"Type": "Wait", **fields, "End": True}}, data)
    assert play.effect == WaitUntil(due_ms)
    play.tell(TimeCame())
    assert play.types()[-2:] == ["WaitStateExited", "ExecutionSucceeded"]


def test_a_moment_that_has_passed_is_not_waited_for() -> None:
    """The execution goes on in the same batch of events."""
    wait = {"Type": "Wait", "Timestamp": "2001-01-01T00:00:00Z", "End": True}
    assert Play({"W": wait}, {}).effect == Finished("SUCCEEDED", output="{}")


@pytest.mark.parametrize("value", [-1, 1.5, "1", True, None, 10**9])
def test_seconds_by_path_must_be_a_whole_number(value: Any) -> None:
    """Anything else is States.Runtime, with the path and the value."""
    play = Play({"W": {"Type": "Wait", "SecondsPath": "$.s", "End": True}}, {"s": value})
    assert play.effect.error == "States.Runtime"
    assert f"$.s == {value if isinstance(value, str) else json.dumps(value)}" in play.effect.cause


def test_a_fail_state_may_say_nothing() -> None:
    """ExecutionFailed has empty details then."""
    play = Play({"F": {"Type": "Fail"}}, {})
    assert play.effect == Finished("FAILED")
    assert play.types()[-1] == "ExecutionFailed"
    assert play.details("ExecutionFailed") == {}


@pytest.mark.parametrize(
    ("happened", "status", "event"),
    [
        (Stopped("E", "why"), "ABORTED", "ExecutionAborted"),
        (ExecutionTimedOut(), "TIMED_OUT", "ExecutionTimedOut"),
        (Crashed("why"), "FAILED", "ExecutionFailed"),
    ],
)
def test_an_execution_can_be_ended_wherever_it_stands(
    happened: Happened, status: str, event: str
) -> None:
    """Stopped, out of time, or by an error of ours."""
    play = Play({"T": task()}, {})
    play.tell(happened)
    assert play.effect.status == status
    assert play.types()[-1] == event


def test_a_loop_ends_when_the_history_is_full() -> None:
    """The last of 25,000 events says that the execution failed; batches stay small."""
    play = Play({"A": {"Type": "Pass", "Next": "A"}}, {})
    while isinstance(play.effect, Proceed):
        assert len(play.step.events) < 500
        play.tell(Proceed())
    assert play.effect.status == "FAILED"
    assert [event["id"] for event in play.events] == list(range(1, MOST_EVENTS + 1))
    assert play.types()[-1] == "ExecutionFailed"
