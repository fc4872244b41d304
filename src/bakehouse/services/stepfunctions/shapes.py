"""State machines, executions and events as AWS's shapes say them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from bakehouse.clock import from_epoch_ms
from bakehouse.states.position import Event
from bakehouse.states.problems import InvalidDefinition
from bakehouse.wire.types import Params
from bakehouse.workflows.records import Execution, StoredMachine

_CONFIGURATIONS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
_DEFAULTS: dict[str, Any] = {
    "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
    "tracingConfiguration": {"enabled": False},
    "encryptionConfiguration": {"type": "AWS_OWNED_KEY"},
}
_REASONS = {
    "RUNNING": "Execution is RUNNING and cannot be redriven.",
    "SUCCEEDED": "Execution is SUCCEEDED and cannot be redriven.",
}
_DATA = {"input", "inputDetails", "output", "outputDetails", "parameters"}


def moment(epoch_ms: int) -> datetime:
    """A stored time as the wire takes it."""
    return from_epoch_ms(epoch_ms)


def configuration_from_request(params: Params) -> dict[str, Any]:
    """What a request says of logging, tracing and encryption; it is kept and shown."""
    return {name: params[name] for name in _CONFIGURATIONS if name in params}


def machine_to_item(machine: StoredMachine) -> Params:
    """A machine in ListStateMachines."""
    return {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "type": "STANDARD",
        "creationDate": moment(machine.created_ms),
    }


def machine_to_response(machine: StoredMachine, definition: str) -> Params:
    """A machine in DescribeStateMachine."""
    answer: Params = {
        **machine_to_item(machine),
        "status": "DELETING" if machine.is_deleting else "ACTIVE",
        "definition": definition,
        "roleArn": machine.role_arn,
        **_DEFAULTS,
        **machine.configuration,
    }
    if machine.revision:
        answer["revisionId"] = machine.revision
    return answer


def machine_of_execution_to_response(machine: StoredMachine, definition: str) -> Params:
    """A machine in DescribeStateMachineForExecution."""
    answer: Params = {
        "stateMachineArn": machine.arn,
        "name": machine.name,
        "definition": definition,
        "roleArn": machine.role_arn,
        "updateDate": moment(machine.updated_ms),
        **_DEFAULTS,
        **machine.configuration,
    }
    if machine.revision:
        answer["revisionId"] = machine.revision
    return answer


def problem_to_response(invalid: InvalidDefinition) -> Params:
    """What is wrong with a definition, in ValidateStateMachineDefinition."""
    place = {"location": invalid.where} if invalid.where else {}
    return {"severity": "ERROR", "code": invalid.code, "message": invalid.problem, **place}


def execution_to_item(execution: Execution) -> Params:
    """An execution in ListExecutions."""
    answer: Params = {
        "executionArn": execution.arn,
        "stateMachineArn": execution.machine_arn,
        "name": execution.name,
        "status": execution.status,
        "startDate": moment(execution.started_ms),
        "redriveCount": 0,
    }
    if execution.stopped_ms is not None:
        answer["stopDate"] = moment(execution.stopped_ms)
    return answer


def execution_to_response(execution: Execution) -> Params:
    """An execution in DescribeExecution."""
    answer: Params = {
        **execution_to_item(execution),
        "input": execution.input,
        "inputDetails": {"included": True},
        "redriveStatus": "NOT_REDRIVABLE",
    }
    if execution.output is not None:
        answer |= {"output": execution.output, "outputDetails": {"included": True}}
    if execution.error is not None:
        answer["error"] = execution.error
    if execution.cause is not None:
        answer["cause"] = execution.cause
    if execution.status in _REASONS:
        answer["redriveStatusReason"] = _REASONS[execution.status]
    return answer


def event_to_response(event: Event, *, with_data: bool) -> Params:
    """An event in GetExecutionHistory; without data, inputs and outputs are left out."""
    answer = {**event, "timestamp": moment(event["timestamp"])}
    if not with_data:
        for name, details in event.items():
            if isinstance(details, Mapping):
                answer[name] = {key: details[key] for key in details if key not in _DATA}
    return answer
