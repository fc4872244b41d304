"""Tags of state machines: given with the machine, listed, added and removed."""

from __future__ import annotations

from bakehouse.faults import NotFound
from bakehouse.registry import Tags
from bakehouse.services.stepfunctions import machines
from bakehouse.services.tagging import checked_tags
from bakehouse.wire.types import AwsError, Call, Operation, Params
from bakehouse.workflows import Workflows


def operations(workflows: Workflows, tags: Tags) -> dict[str, Operation]:
    """Operation name → what does it, for all that concerns tags."""

    async def create_state_machine(call: Call, params: Params) -> Params:
        arn = workflows.machine_arn(params["name"])
        first = tags.first(arn, _tags_from_request(params))
        return await machines.create_state_machine(workflows, call, params, first)

    async def delete_state_machine(call: Call, params: Params) -> Params:
        arn = params["stateMachineArn"]
        await workflows.delete_machine(arn, tags.gone(arn))
        return {}

    async def list_tags(call: Call, params: Params) -> Params:
        own = tags.of(_known(workflows, params))
        return {"tags": [{"key": key, "value": value} for key, value in own.items()]}

    async def tag(call: Call, params: Params) -> Params:
        await tags.add(_known(workflows, params), _tags_from_request(params))
        return {}

    async def untag(call: Call, params: Params) -> Params:
        await tags.remove(_known(workflows, params), params["tagKeys"])
        return {}

    return {
        "CreateStateMachine": create_state_machine,
        "DeleteStateMachine": delete_state_machine,
        "ListTagsForResource": list_tags,
        "TagResource": tag,
        "UntagResource": untag,
    }


def _known(workflows: Workflows, params: Params) -> str:
    """The ARN in a request, if it is of a machine that there is."""
    arn = str(params["resourceArn"])
    try:
        return workflows.machine(arn).arn
    except NotFound as missing:
        raise AwsError("ResourceNotFound", f"Resource not found: '{arn}'") from missing


def _tags_from_request(params: Params) -> dict[str, str]:
    return checked_tags(
        (tag.get("key", ""), tag.get("value", "")) for tag in params.get("tags", [])
    )
