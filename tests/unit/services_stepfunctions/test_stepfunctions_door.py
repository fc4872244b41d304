"""Step Functions as boto3 sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from bakehouse.registry import Tags
from bakehouse.services.stepfunctions import service
from bakehouse.storage.memory import MemoryRecords
from bakehouse.workflows import Workflows
from support.doors import client, served

ROLE = "arn:aws:iam::123456789012:role/workflow"
ARN = "arn:aws:states:us-east-1:123456789012"
PASS = json.dumps({"StartAt": "P", "States": {"P": {"Type": "Pass", "Result": [1.0], "End": True}}})
WAIT = json.dumps({"StartAt": "W", "States": {"W": {"Type": "Wait", "Seconds": 900, "End": True}}})
LOOP = json.dumps(
    {
        "StartAt": "A",
        "States": {
            "A": {"Type": "Pass", "Next": "B"},
            "B": {"Type": "Pass", "Next": "C"},
            "C": {"Type": "Fail", "Error": "Enough", "Cause": "of this"},
        },
    }
)


async def no_task(service: str, operation: str, params: dict[str, Any]) -> dict[str, Any]:
    raise AssertionError


@pytest.fixture(scope="module")
def states() -> Iterator[Any]:
    """A client of the door."""
    records = MemoryRecords()
    workflows = Workflows(records, run_task=no_task, account_id="123456789012", region="us-east-1")
    with served([service(workflows, Tags(records))], [workflows]) as url:
        yield client("stepfunctions", url)


def make(states: Any, name: str, definition: str = PASS) -> str:
    answer = states.create_state_machine(name=name, definition=definition, roleArn=ROLE)
    assert isinstance(answer["creationDate"], datetime)
    return str(answer["stateMachineArn"])


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """The code and the text of an error."""
    with pytest.raises(ClientError) as error:
        call(**params)
    found = error.value.response["Error"]
    return found["Code"], found["Message"]


def test_a_machine_is_made_described_listed_and_deleted(states: Any) -> None:
    """The life of a machine, with AWS's defaults in its description."""
    arn = make(states, "whole")
    assert arn == f"{ARN}:stateMachine:whole"
    shown = states.describe_state_machine(stateMachineArn=arn)
    assert (shown["definition"], shown["roleArn"]) == (PASS, ROLE)
    assert (shown["status"], shown["type"]) == ("ACTIVE", "STANDARD")
    assert shown["loggingConfiguration"] == {"level": "OFF", "includeExecutionData": False}
    assert "revisionId" not in shown
    pages = states.get_paginator("list_state_machines").paginate(PaginationConfig={"PageSize": 1})
    assert arn in [
        machine["stateMachineArn"] for page in pages for machine in page["stateMachines"]
    ]
    states.delete_state_machine(stateMachineArn=arn)
    states.delete_state_machine(stateMachineArn=arn)
    assert refused(states.describe_state_machine, stateMachineArn=arn) == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{arn}'",
    )


def test_the_same_creation_again_gives_the_same_machine(states: Any) -> None:
    """Another role makes no difference, another definition does."""
    arn = make(states, "twice")
    again = states.create_state_machine(name="twice", definition=PASS, roleArn=f"{ROLE}2")
    assert again["stateMachineArn"] == arn
    assert refused(states.create_state_machine, name="twice", definition=WAIT, roleArn=ROLE) == (
        "StateMachineAlreadyExists",
        f"State Machine Already Exists: '{arn}'",
    )


def test_an_update_needs_something_to_change(states: Any) -> None:
    """It gives a date and a revision."""
    arn = make(states, "changing")
    assert (
        refused(states.update_state_machine, stateMachineArn=arn)[0] == "MissingRequiredParameter"
    )
    updated = states.update_state_machine(stateMachineArn=arn, definition=WAIT)
    shown = states.describe_state_machine(stateMachineArn=arn)
    assert (shown["definition"], shown["revisionId"]) == (WAIT, updated["revisionId"])


def test_an_execution_is_described_with_its_result(states: Any) -> None:
    """Input and output as texts; the output only where it succeeded."""
    arn = make(states, "runs")
    started = states.start_execution(stateMachineArn=arn, name="one", input='{"a": 1}')
    assert started["executionArn"] == f"{ARN}:execution:runs:one"
    shown = states.describe_execution(executionArn=started["executionArn"])
    assert (shown["status"], shown["input"], shown["output"]) == ("SUCCEEDED", '{"a": 1}', "[1.0]")
    assert shown["inputDetails"] == shown["outputDetails"] == {"included": True}
    assert shown["startDate"] == started["startDate"]
    assert "error" not in shown


def test_a_failed_execution_says_why(states: Any) -> None:
    """Error and cause, no output."""
    arn = states.start_execution(stateMachineArn=make(states, "fails", LOOP))["executionArn"]
    shown = states.describe_execution(executionArn=arn)
    assert (shown["status"], shown["error"], shown["cause"]) == ("FAILED", "Enough", "of this")
    assert "output" not in shown


def test_a_history_comes_in_pages_from_either_end(states: Any) -> None:
    """Each event once, in order; without data if so asked."""
    arn = states.start_execution(stateMachineArn=make(states, "pages", LOOP))["executionArn"]
    paginator = states.get_paginator("get_execution_history")
    for is_reversed in (False, True):
        pages = paginator.paginate(
            executionArn=arn, reverseOrder=is_reversed, PaginationConfig={"PageSize": 3}
        )
        ids = [event["id"] for page in pages for event in page["events"]]
        assert ids == (list(range(7, 0, -1)) if is_reversed else list(range(1, 8)))
    events = states.get_execution_history(executionArn=arn)["events"]
    assert events[0]["executionStartedEventDetails"] == {
        "input": "{}",
        "inputDetails": {"truncated": False},
        "roleArn": ROLE,
    }
    bare = states.get_execution_history(executionArn=arn, includeExecutionData=False)["events"]
    assert bare[1]["stateEnteredEventDetails"] == {"name": "A"}


def test_executions_are_listed_newest_first(states: Any) -> None:
    """By status, in pages."""
    arn = make(states, "list", WAIT)
    for name in ("a", "b", "c"):
        states.start_execution(stateMachineArn=arn, name=name)
    states.stop_execution(executionArn=f"{ARN}:execution:list:b", error="E", cause="why")
    pages = states.get_paginator("list_executions").paginate(
        stateMachineArn=arn, PaginationConfig={"PageSize": 2}
    )
    listed = [run for page in pages for run in page["executions"]]
    assert {run["name"] for run in listed} == {"a", "b", "c"}
    assert [run["startDate"] for run in listed] == sorted(
        (run["startDate"] for run in listed), reverse=True
    )
    stopped = states.list_executions(stateMachineArn=arn, statusFilter="ABORTED")["executions"]
    assert [run["name"] for run in stopped] == ["b"]
    shown = states.describe_execution(executionArn=f"{ARN}:execution:list:b")
    assert (shown["error"], shown["cause"]) == ("E", "why")


def test_refusals_have_the_words_of_aws(states: Any) -> None:
    """Code and text of each."""
    arn = make(states, "errors")
    create, start = states.create_state_machine, states.start_execution
    assert refused(create, name="a b", definition=PASS, roleArn=ROLE) == (
        "InvalidName",
        "Invalid Name: 'a b'",
    )
    assert refused(create, name="x", definition="{}", roleArn=ROLE) == (
        "InvalidDefinition",
        "Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: "
        "[States, StartAt] at /'",
    )
    assert refused(start, stateMachineArn=f"{arn}x") == (
        "StateMachineDoesNotExist",
        f"State Machine Does Not Exist: '{arn}x'",
    )
    assert refused(start, stateMachineArn="arn:aws:s3:::bucket")[0] == "InvalidArn"
    code, text = refused(start, stateMachineArn=arn, input="not json")
    assert code == "InvalidExecutionInput"
    assert text.startswith("Invalid State Machine Execution Input: 'Unrecognized token 'not':")
    states.start_execution(stateMachineArn=arn, name="once")
    assert refused(start, stateMachineArn=arn, name="once") == (
        "ExecutionAlreadyExists",
        f"Execution Already Exists: '{ARN}:execution:errors:once'",
    )
    missing = f"{ARN}:execution:errors:none"
    for call in (states.describe_execution, states.get_execution_history, states.stop_execution):
        assert refused(call, executionArn=missing) == (
            "ExecutionDoesNotExist",
            f"Execution Does Not Exist: '{missing}'",
        )
    assert refused(states.list_state_machines, nextToken="?")[0] == "InvalidToken"


def test_what_is_not_built_says_so(states: Any) -> None:
    """Express machines and versions are refused, not ignored."""
    for extra in ({"type": "EXPRESS"}, {"publish": True}):
        with pytest.raises(ClientError) as error:
            states.create_state_machine(name="x", definition=PASS, roleArn=ROLE, **extra)
        assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 501


def tags_of(states: Any, arn: str) -> dict[str, str]:
    told = states.list_tags_for_resource(resourceArn=arn)["tags"]
    return {tag["key"]: tag["value"] for tag in told}


def test_a_machine_has_tags_until_it_is_deleted(states: Any) -> None:
    """Given with it, added, replaced and removed; the next machine of its name has none."""
    first = [{"key": "team", "value": "scones"}, {"key": "stage", "value": "test"}]
    made = {"name": "tagged", "definition": PASS, "roleArn": ROLE}
    arn = states.create_state_machine(**made, tags=first)["stateMachineArn"]
    states.create_state_machine(**made, tags=[{"key": "other", "value": "ignored"}])
    assert tags_of(states, arn) == {"stage": "test", "team": "scones"}
    states.tag_resource(resourceArn=arn, tags=[{"key": "stage", "value": "live"}])
    states.untag_resource(resourceArn=arn, tagKeys=["team", "never there"])
    assert tags_of(states, arn) == {"stage": "live"}
    states.delete_state_machine(stateMachineArn=arn)
    states.create_state_machine(**made)
    assert tags_of(states, arn) == {}


def test_tags_that_are_refused(states: Any) -> None:
    """A machine that is not there, a tag of AWS's own, and one more than 50."""
    arn = make(states, "full")
    missing = f"{ARN}:stateMachine:none"
    assert refused(states.list_tags_for_resource, resourceArn=missing) == (
        "ResourceNotFound",
        f"Resource not found: '{missing}'",
    )
    assert refused(states.list_tags_for_resource, resourceArn="arn:x")[0] == "InvalidArn"
    own = [{"key": "aws:team", "value": ""}]
    assert refused(states.tag_resource, resourceArn=arn, tags=own)[0] == "ValidationException"
    many = [{"key": f"k{i}", "value": ""} for i in range(51)]
    assert refused(states.tag_resource, resourceArn=arn, tags=many)[0] == "TooManyTags"
    assert tags_of(states, arn) == {}


def test_an_execution_keeps_the_definition_that_it_began_with(states: Any) -> None:
    """DescribeStateMachineForExecution tells it, also when the machine has another one since."""
    arn = make(states, "changed")
    run = states.start_execution(stateMachineArn=arn)["executionArn"]
    created = states.describe_state_machine(stateMachineArn=arn)["creationDate"]
    told = states.describe_state_machine_for_execution(executionArn=run)
    assert (told["definition"], told["roleArn"], told["name"]) == (PASS, ROLE, "changed")
    assert (told["stateMachineArn"], told["updateDate"]) == (arn, created)
    other = ROLE.replace("workflow", "other")
    states.update_state_machine(stateMachineArn=arn, definition=LOOP, roleArn=other)
    told = states.describe_state_machine_for_execution(executionArn=run)
    assert (told["definition"], told["roleArn"]) == (PASS, ROLE)
    later = states.start_execution(stateMachineArn=arn)["executionArn"]
    told = states.describe_state_machine_for_execution(executionArn=later)
    assert (told["definition"], told["roleArn"]) == (LOOP, other)
    assert told["revisionId"]
    missing = f"{ARN}:execution:changed:none"
    code, _ = refused(states.describe_state_machine_for_execution, executionArn=missing)
    assert code == "ExecutionDoesNotExist"


def test_definitions_are_validated_without_a_machine(states: Any) -> None:
    """What is wrong is told with its place; what could be run is OK; nothing is made."""
    told = states.validate_state_machine_definition(definition=PASS)
    assert (told["result"], told["diagnostics"], told["truncated"]) == ("OK", [], False)
    told = states.validate_state_machine_definition(definition="{}")
    (problem,) = told["diagnostics"]
    assert told["result"] == "FAIL"
    assert problem == {
        "severity": "ERROR",
        "code": "SCHEMA_VALIDATION_FAILED",
        "message": "These fields are required: [States, StartAt]",
        "location": "/",
    }
    code, text = refused(states.validate_state_machine_definition, definition=PASS, type="EXPRESS")
    assert (code, "EXPRESS" in text) == ("NotImplemented", True)


def test_a_machine_has_no_versions_and_no_aliases(states: Any) -> None:
    """They are not built, so the lists that tools ask for are empty."""
    arn = make(states, "single")
    assert states.list_state_machine_versions(stateMachineArn=arn)["stateMachineVersions"] == []
    assert states.list_state_machine_aliases(stateMachineArn=arn)["stateMachineAliases"] == []
