"""Operations on state machines."""

from __future__ import annotations

import asyncio

from bakehouse.faults import Unimplemented
from bakehouse.services import page_tokens
from bakehouse.services.stepfunctions import shapes, tokens
from bakehouse.states.definition import parse_definition
from bakehouse.states.problems import InvalidDefinition
from bakehouse.storage.records import Write
from bakehouse.wire.types import AwsError, Call, Params
from bakehouse.workflows import Workflows


async def create_state_machine(
    workflows: Workflows, call: Call, params: Params, *beside: Write
) -> Params:
    """Define a machine; it can be started when this answers. Other writes join its commit."""
    _refuse_unbuilt(params)
    machine = await workflows.machines.create(
        params["name"],
        params["definition"],
        params["roleArn"],
        shapes.configuration_from_request(params),
        *beside,
    )
    return {
        "stateMachineArn": machine.arn,
        "creationDate": shapes.moment(machine.created_ms),
    }


async def update_state_machine(workflows: Workflows, call: Call, params: Params) -> Params:
    """Give a machine another definition, role or configuration."""
    _refuse_unbuilt(params)
    configuration = shapes.configuration_from_request(params)
    if not configuration and "definition" not in params and "roleArn" not in params:
        raise AwsError(
            "MissingRequiredParameter",
            "Either the definition, the role ARN, the LoggingConfiguration, or the "
            "TracingConfiguration must be specified",
        )
    machine = await workflows.machines.update(
        workflows.machine(params["stateMachineArn"]).name,
        params.get("definition"),
        params.get("roleArn"),
        configuration,
    )
    return {"updateDate": shapes.moment(machine.updated_ms), "revisionId": machine.revision}


async def describe_state_machine(workflows: Workflows, call: Call, params: Params) -> Params:
    """A machine with its definition."""
    machine = workflows.machine(params["stateMachineArn"])
    definition = workflows.machines.definition(machine.definition_key)
    return shapes.machine_to_response(machine, definition)


async def list_state_machines(workflows: Workflows, call: Call, params: Params) -> Params:
    """A page of the machines, by name."""
    limit = params.get("maxResults") or tokens.PAGE
    after = tokens.read(params.get("nextToken"))
    page = workflows.machines.listing(after=after, limit=limit + 1)
    answer: Params = {"stateMachines": [shapes.machine_to_item(m) for m in page[:limit]]}
    if len(page) > limit:
        answer["nextToken"] = page_tokens.write(page[limit - 1].name)
    return answer


async def describe_state_machine_for_execution(
    workflows: Workflows, call: Call, params: Params
) -> Params:
    """The machine of an execution, with the definition and the role that the execution has."""
    machine, definition = workflows.machine_of(params["executionArn"])
    return shapes.machine_of_execution_to_response(machine, definition)


async def list_state_machine_versions(workflows: Workflows, call: Call, params: Params) -> Params:
    """No versions: they are not built, so that a machine never has one."""
    workflows.machine(params["stateMachineArn"])
    return {"stateMachineVersions": []}


async def list_state_machine_aliases(workflows: Workflows, call: Call, params: Params) -> Params:
    """No aliases, for the same reason."""
    workflows.machine(params["stateMachineArn"])
    return {"stateMachineAliases": []}


async def validate_state_machine_definition(
    workflows: Workflows, call: Call, params: Params
) -> Params:
    """Whether a definition could be run, and the first thing that is wrong with it."""
    if params.get("type", "STANDARD") != "STANDARD":
        raise Unimplemented("stepfunctions", "state machines of type EXPRESS")
    try:
        await asyncio.to_thread(parse_definition, params["definition"])
    except InvalidDefinition as invalid:
        return {
            "result": "FAIL",
            "diagnostics": [shapes.problem_to_response(invalid)],
            "truncated": False,
        }
    return {"result": "OK", "diagnostics": [], "truncated": False}


def _refuse_unbuilt(params: Params) -> None:
    if params.get("type", "STANDARD") != "STANDARD":
        raise Unimplemented("stepfunctions", "state machines of type EXPRESS")
    if params.get("publish"):
        raise Unimplemented("stepfunctions", "versions of state machines")
    if "versionDescription" in params:
        raise AwsError(
            "ValidationException", "Version description can only be set when publish is true"
        )
