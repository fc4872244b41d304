"""Groups and streams: made, described, removed, and how long a group keeps its events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

from bakehouse.services.logs.names import group_from_request, group_of_identifier
from bakehouse.storage.log_info import LogGroup, LogStream, group_arn
from bakehouse.storage.logs import LogStore
from bakehouse.wire.types import AwsError, Call, Operation, Params

_MONTHS = (30, 60, 90, 120, 150, 180, 365, 400, 545)
_YEARS = (731, 1096, 1827, 2192, 2557, 2922, 3288, 3653)
_DAYS = (1, 3, 5, 7, 14, *_MONTHS, *_YEARS)
"""How long a group may keep its events."""
_PAGE = 50


def operations(logs: LogStore, region: str) -> dict[str, Operation]:
    """The operations by name; the region is that of the ARNs."""
    return {**_making(logs), **_removing(logs), **_describing(logs, region)}


def _making(logs: LogStore) -> dict[str, Operation]:
    async def create_log_group(call: Call, params: Params) -> Params:
        if params.get("deletionProtectionEnabled"):
            text = "bakehouse does not protect log groups from being deleted yet."
            raise AwsError("InvalidParameterException", text)
        made = logs.create_group(
            params["logGroupName"],
            tags=params.get("tags"),
            log_class=params.get("logGroupClass", "STANDARD"),
            kms_key=params.get("kmsKeyId"),
        )
        await asyncio.wrap_future(made)
        return {}

    async def create_log_stream(call: Call, params: Params) -> Params:
        done = logs.create_stream(params["logGroupName"], params["logStreamName"])
        await asyncio.wrap_future(done)
        return {}

    async def put_retention_policy(call: Call, params: Params) -> Params:
        days = params["retentionInDays"]
        if days not in _DAYS:
            text = f"Invalid retention value. Valid values are: {list(_DAYS)}"
            raise AwsError("InvalidParameterException", text)
        name = params["logGroupName"]
        await asyncio.to_thread(logs.change_group, name, lambda g: replace(g, retention_days=days))
        return {}

    return {
        "CreateLogGroup": create_log_group,
        "CreateLogStream": create_log_stream,
        "PutRetentionPolicy": put_retention_policy,
    }


def _removing(logs: LogStore) -> dict[str, Operation]:
    async def delete_log_group(call: Call, params: Params) -> Params:
        await asyncio.wrap_future(logs.delete_group(params["logGroupName"]))
        return {}

    async def delete_log_stream(call: Call, params: Params) -> Params:
        done = logs.delete_stream(params["logGroupName"], params["logStreamName"])
        await asyncio.wrap_future(done)
        return {}

    async def delete_retention_policy(call: Call, params: Params) -> Params:
        name = params["logGroupName"]
        await asyncio.to_thread(logs.change_group, name, lambda g: replace(g, retention_days=None))
        return {}

    return {
        "DeleteLogGroup": delete_log_group,
        "DeleteLogStream": delete_log_stream,
        "DeleteRetentionPolicy": delete_retention_policy,
    }


def _describing(logs: LogStore, region: str) -> dict[str, Operation]:
    async def describe_log_groups(call: Call, params: Params) -> Params:
        limit = params.get("limit", _PAGE)
        groups = list(islice(_groups(logs, params), limit + 1))
        found = [
            group_to_response(group, group_arn(region, call.account_id, group.name))
            for group in groups[:limit]
        ]
        more = {"nextToken": groups[limit - 1].name} if len(groups) > limit else {}
        return {"logGroups": found, **more}

    async def describe_log_streams(call: Call, params: Params) -> Params:
        group, limit = group_from_request(params), params.get("limit", _PAGE)
        streams = _streams(logs, group, params, limit + 1)
        arn = group_arn(region, call.account_id, group)
        more = {"nextToken": _place(streams[limit - 1])} if len(streams) > limit else {}
        return {"logStreams": [stream_to_response(s, arn) for s in streams[:limit]], **more}

    return {"DescribeLogGroups": describe_log_groups, "DescribeLogStreams": describe_log_streams}


def _groups(logs: LogStore, params: Params) -> Iterator[LogGroup]:
    """The groups behind the token that a request wants, read a page at a time."""
    if "logGroupNamePrefix" in params and "logGroupNamePattern" in params:
        text = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
        raise AwsError("InvalidParameterException", text)
    prefix, after = params.get("logGroupNamePrefix", ""), params.get("nextToken", "")
    wanted = _is_wanted(params)
    while page := logs.groups(prefix=prefix, after=after, limit=200):
        yield from filter(wanted, page)
        after = page[-1].name


def _is_wanted(params: Params) -> Callable[[LogGroup], bool]:
    pattern = params.get("logGroupNamePattern", "").lower()
    log_class = params.get("logGroupClass")
    named = {group_of_identifier(one) for one in params.get("logGroupIdentifiers", [])}
    return lambda group: (
        pattern in group.name.lower()
        and log_class in (None, group.log_class)
        and (not named or group.name in named)
    )


def _streams(logs: LogStore, group: str, params: Params, limit: int) -> list[LogStream]:
    """The streams behind the token, in the order that was asked for."""
    prefix, backwards = params.get("logStreamNamePrefix", ""), params.get("descending", False)
    by_time = params.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        text = "Cannot order by LastEventTime with a logStreamNamePrefix."
        raise AwsError("InvalidParameterException", text)
    last_ms, name = _from_token(params.get("nextToken"))
    if not by_time and not backwards:
        return logs.streams(group, prefix=prefix, after=name, limit=limit)

    def order(stream: LogStream) -> tuple[int, str]:
        return (stream.last_ms or 0 if by_time else 0, stream.name)

    streams = sorted(logs.every_stream(group, prefix=prefix), key=order, reverse=backwards)
    if name:
        seen = (last_ms if by_time else 0, name)
        streams = [s for s in streams if (order(s) < seen if backwards else order(s) > seen)]
    return streams[:limit]


def _place(stream: LogStream) -> str:
    """Where a stream stands in every order: the time of its last event, and its name."""
    return f"{stream.last_ms or 0}:{stream.name}"


def _from_token(token: str | None) -> tuple[int, str]:
    last_ms, _, name = (token or "0:").partition(":")
    if not last_ms.isdecimal() or len(last_ms) > 20:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(last_ms), name


def group_to_response(group: LogGroup, arn: str) -> Params:
    """A group as DescribeLogGroups shows it."""
    told: dict[str, Any] = {
        "retentionInDays": group.retention_days,
        "kmsKeyId": group.kms_key,
    }
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "logGroupClass": group.log_class,
        **{name: value for name, value in told.items() if value is not None},
    }


def stream_to_response(stream: LogStream, arn: str) -> Params:
    """A stream as DescribeLogStreams shows it; ``arn`` is its group's."""
    times: dict[str, Any] = {
        "firstEventTimestamp": stream.first_ms,
        "lastEventTimestamp": stream.last_ms,
        "lastIngestionTime": stream.ingested_ms,
    }
    return {
        "logStreamName": stream.name,
        "creationTime": stream.created_ms,
        **{name: value for name, value in times.items() if value is not None},
        "arn": f"{arn}:log-stream:{stream.name}",
        "storedBytes": 0,  # so it is on AWS, since 2019
    }
