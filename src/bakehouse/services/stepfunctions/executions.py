"""Operations on executions."""

from __future__ import annotations

from bakehouse.faults import Unimplemented
from bakehouse.services import page_tokens
from bakehouse.services.stepfunctions import shapes, tokens
from bakehouse.wire.types import Call, Params
from bakehouse.workflows import Workflows


async def start_execution(workflows: Workflows, call: Call, params: Params) -> Params:
    """Start an execution; it is stored when this answers."""
    machine = workflows.machine(params["stateMachineArn"])
    execution = await workflows.executions.start(
        machine, name=params.get("name"), text=params.get("input", "{}")
    )
    return {
        "executionArn": execution.arn,
        "startDate": shapes.moment(execution.started_ms),
    }


async def describe_execution(workflows: Workflows, call: Call, params: Params) -> Params:
    """How an execution stands."""
    return shapes.execution_to_response(workflows.executions.get(params["executionArn"]))


async def stop_execution(workflows: Workflows, call: Call, params: Params) -> Params:
    """End an execution as ABORTED."""
    execution = await workflows.executions.stop(
        params["executionArn"], params.get("error"), params.get("cause")
    )
    return {"stopDate": shapes.moment(execution.stopped_ms or execution.started_ms)}


async def list_executions(workflows: Workflows, call: Call, params: Params) -> Params:
    """A page of a machine's executions, the latest first."""
    if "stateMachineArn" not in params:
        raise Unimplemented("stepfunctions", "ListExecutions of a map run")
    page, after = workflows.executions.listing(
        workflows.machine(params["stateMachineArn"]),
        status=params.get("statusFilter"),
        after=tokens.read(params.get("nextToken")),
        limit=params.get("maxResults") or tokens.PAGE,
    )
    answer: Params = {"executions": [shapes.execution_to_item(run) for run in page]}
    if after is not None:
        answer["nextToken"] = page_tokens.write(after)
    return answer


async def get_execution_history(workflows: Workflows, call: Call, params: Params) -> Params:
    """A page of an execution's events."""
    limit = params.get("maxResults") or tokens.PAGE
    page = workflows.executions.history(
        params["executionArn"],
        is_reversed=params.get("reverseOrder", False),
        after=tokens.read_number(params.get("nextToken")),
        limit=limit + 1,
    )
    with_data = params.get("includeExecutionData", True)
    events = [shapes.event_to_response(event, with_data=with_data) for event in page[:limit]]
    answer: Params = {"events": events}
    if len(page) > limit:
        answer["nextToken"] = page_tokens.write(str(page[limit - 1]["id"]))
    return answer
