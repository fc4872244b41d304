"""AWS Step Functions: the door to state machines, their executions and histories."""

from __future__ import annotations

from bakehouse.faults import Unimplemented
from bakehouse.services.stepfunctions import shapes, tokens
from bakehouse.services.stepfunctions.errors import aws_error
from bakehouse.wire.types import AwsError, Call, Operation, Params, Service
from bakehouse.workflows import Workflows

_DEFAULT_PAGE = 100


def service(workflows: Workflows) -> Service:
    """The door, with the operations on state machines and executions."""
    operations = {**_machine_operations(workflows), **_execution_operations(workflows)}
    return Service(
        name="stepfunctions",
        signing_name="states",
        operations=operations,
        aws_error=aws_error,
        target_prefix="AWSStepFunctions",
    )


def _machine_operations(workflows: Workflows) -> dict[str, Operation]:
    machines = workflows.machines

    async def create_state_machine(call: Call, params: Params) -> Params:
        _refuse_unbuilt(params)
        machine = await machines.create(
            params["name"],
            params["definition"],
            params["roleArn"],
            shapes.configuration_from_request(params),
        )
        return {
            "stateMachineArn": machine.arn,
            "creationDate": shapes.moment(machine.created_ms),
        }

    async def update_state_machine(call: Call, params: Params) -> Params:
        _refuse_unbuilt(params)
        configuration = shapes.configuration_from_request(params)
        if not configuration and "definition" not in params and "roleArn" not in params:
            raise AwsError(
                "MissingRequiredParameter",
                "Either the definition, the role ARN, the LoggingConfiguration, or the "
                "TracingConfiguration must be specified",
            )
        machine = await machines.update(
            workflows.machine(params["stateMachineArn"]).name,
            params.get("definition"),
            params.get("roleArn"),
            configuration,
        )
        return {"updateDate": shapes.moment(machine.updated_ms), "revisionId": machine.revision}

    async def describe_state_machine(call: Call, params: Params) -> Params:
        machine = workflows.machine(params["stateMachineArn"])
        return shapes.machine_to_response(machine, machines.definition(machine.definition_key))

    async def list_state_machines(call: Call, params: Params) -> Params:
        limit = params.get("maxResults") or _DEFAULT_PAGE
        after = tokens.read(params.get("nextToken"))
        page = machines.listing(after=after, limit=limit + 1)
        answer: Params = {"stateMachines": [shapes.machine_to_item(m) for m in page[:limit]]}
        if len(page) > limit:
            answer["nextToken"] = tokens.write(page[limit - 1].name)
        return answer

    async def delete_state_machine(call: Call, params: Params) -> Params:
        await workflows.delete_machine(params["stateMachineArn"])
        return {}

    return {
        "CreateStateMachine": create_state_machine,
        "UpdateStateMachine": update_state_machine,
        "DescribeStateMachine": describe_state_machine,
        "ListStateMachines": list_state_machines,
        "DeleteStateMachine": delete_state_machine,
    }


def _execution_operations(workflows: Workflows) -> dict[str, Operation]:
    executions = workflows.executions

    async def start_execution(call: Call, params: Params) -> Params:
        machine = workflows.machine(params["stateMachineArn"])
        execution = await executions.start(
            machine, name=params.get("name"), text=params.get("input", "{}")
        )
        return {
            "executionArn": execution.arn,
            "startDate": shapes.moment(execution.started_ms),
        }

    async def describe_execution(call: Call, params: Params) -> Params:
        return shapes.execution_to_response(executions.get(params["executionArn"]))

    async def stop_execution(call: Call, params: Params) -> Params:
        execution = await executions.stop(
            params["executionArn"], params.get("error"), params.get("cause")
        )
        return {"stopDate": shapes.moment(execution.stopped_ms or execution.started_ms)}

    async def list_executions(call: Call, params: Params) -> Params:
        if "stateMachineArn" not in params:
            raise Unimplemented("stepfunctions", "ListExecutions of a map run")
        page, after = executions.listing(
            workflows.machine(params["stateMachineArn"]),
            status=params.get("statusFilter"),
            after=tokens.read(params.get("nextToken")),
            limit=params.get("maxResults") or _DEFAULT_PAGE,
        )
        answer: Params = {"executions": [shapes.execution_to_item(run) for run in page]}
        if after is not None:
            answer["nextToken"] = tokens.write(after)
        return answer

    async def get_execution_history(call: Call, params: Params) -> Params:
        limit = params.get("maxResults") or _DEFAULT_PAGE
        page = executions.history(
            params["executionArn"],
            is_reversed=params.get("reverseOrder", False),
            after=tokens.read_number(params.get("nextToken")),
            limit=limit + 1,
        )
        with_data = params.get("includeExecutionData", True)
        events = [shapes.event_to_response(event, with_data=with_data) for event in page[:limit]]
        answer: Params = {"events": events}
        if len(page) > limit:
            answer["nextToken"] = tokens.write(str(page[limit - 1]["id"]))
        return answer

    return {
        "StartExecution": start_execution,
        "DescribeExecution": describe_execution,
        "StopExecution": stop_execution,
        "ListExecutions": list_executions,
        "GetExecutionHistory": get_execution_history,
    }


def _refuse_unbuilt(params: Params) -> None:
    if params.get("type", "STANDARD") != "STANDARD":
        raise Unimplemented("stepfunctions", "state machines of type EXPRESS")
    if params.get("publish"):
        raise Unimplemented("stepfunctions", "versions of state machines")
    if "versionDescription" in params:
        raise AwsError(
            "ValidationException", "Version description can only be set when publish is true"
        )
