"""Tags of log groups, by ARN and, as older clients ask, by name."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace

from bakehouse.services.logs.names import group_of_arn
from bakehouse.storage.log_info import LogGroup
from bakehouse.storage.logs import LogStore
from bakehouse.wire.types import AwsError, Call, Operation, Params

_MOST = 50


def operations(logs: LogStore) -> dict[str, Operation]:
    """The operations by name."""

    async def tag_resource(call: Call, params: Params) -> Params:
        return await _tag(logs, group_of_arn(params["resourceArn"]), params["tags"])

    async def untag_resource(call: Call, params: Params) -> Params:
        return await _untag(logs, group_of_arn(params["resourceArn"]), params["tagKeys"])

    async def list_tags_for_resource(call: Call, params: Params) -> Params:
        return _tags_to_response(logs.group(group_of_arn(params["resourceArn"])))

    async def tag_log_group(call: Call, params: Params) -> Params:
        return await _tag(logs, params["logGroupName"], params["tags"])

    async def untag_log_group(call: Call, params: Params) -> Params:
        return await _untag(logs, params["logGroupName"], params["tags"])

    async def list_tags_log_group(call: Call, params: Params) -> Params:
        return _tags_to_response(logs.group(params["logGroupName"]))

    return {
        "ListTagsForResource": list_tags_for_resource,
        "ListTagsLogGroup": list_tags_log_group,
        "TagLogGroup": tag_log_group,
        "TagResource": tag_resource,
        "UntagLogGroup": untag_log_group,
        "UntagResource": untag_resource,
    }


async def _tag(logs: LogStore, name: str, tags: Mapping[str, str]) -> Params:
    def tagged(group: LogGroup) -> LogGroup:
        now = {**group.tags, **tags}
        if len(now) > _MOST:
            text = f"The resource {name} would have {len(now)} tags; it can have {_MOST}."
            raise AwsError("TooManyTagsException", text, fields={"resourceName": name})
        return replace(group, tags=now)

    await asyncio.to_thread(logs.change_group, name, tagged)
    return {}


async def _untag(logs: LogStore, name: str, keys: Sequence[str]) -> Params:
    def untagged(group: LogGroup) -> LogGroup:
        return replace(group, tags={k: v for k, v in group.tags.items() if k not in keys})

    await asyncio.to_thread(logs.change_group, name, untagged)
    return {}


def _tags_to_response(group: LogGroup) -> Params:
    return {"tags": dict(group.tags)}
