"""AWS Step Functions: the door to state machines, their executions and histories."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from bakehouse.registry import Tags
from bakehouse.services.stepfunctions import executions, machines, tagging
from bakehouse.services.stepfunctions.errors import aws_error
from bakehouse.wire.types import Call, Params, Service
from bakehouse.workflows import Workflows

__all__ = ["aws_error", "service"]

_Run = Callable[[Workflows, Call, Params], Awaitable[Params]]

_OPERATIONS: dict[str, _Run] = {
    "DescribeExecution": executions.describe_execution,
    "DescribeStateMachine": machines.describe_state_machine,
    "DescribeStateMachineForExecution": machines.describe_state_machine_for_execution,
    "GetExecutionHistory": executions.get_execution_history,
    "ListExecutions": executions.list_executions,
    "ListStateMachineAliases": machines.list_state_machine_aliases,
    "ListStateMachineVersions": machines.list_state_machine_versions,
    "ListStateMachines": machines.list_state_machines,
    "StartExecution": executions.start_execution,
    "StopExecution": executions.stop_execution,
    "UpdateStateMachine": machines.update_state_machine,
    "ValidateStateMachineDefinition": machines.validate_state_machine_definition,
}


def service(workflows: Workflows, tags: Tags) -> Service:
    """The door, with the operations on state machines and executions, and the machines' tags."""
    return Service(
        name="stepfunctions",
        signing_name="states",
        operations={
            **{name: partial(run, workflows) for name, run in _OPERATIONS.items()},
            **tagging.operations(workflows, tags),
        },
        aws_error=aws_error,
        target_prefix="AWSStepFunctions",
        broken_code="InternalError",
    )
