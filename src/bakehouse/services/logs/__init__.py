"""Amazon CloudWatch Logs: groups, streams and their events."""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import Any

from bakehouse.faults import AlreadyExists, LimitExceeded, NotFound, Rejected
from bakehouse.services.logs.filtering import filter_events
from bakehouse.storage.logs import (
    PAGE_EVENTS,
    LogEvent,
    LogGroup,
    LogStore,
    LogStream,
    group_arn,
)
from bakehouse.storage.records import KeyTaken
from bakehouse.wire.types import AwsError, Call, Operation, Params, Service

_BATCH_BYTES = 1_048_576
_TOKEN = re.compile(r"([fb])/(\d{1,56})(?:/s)?")
_IDENTIFIER = re.compile(r"arn:[^:]*:logs:[^:]*:\d*:log-group:([^:]+)(?::\*)?")


def service(logs: LogStore, region: str) -> Service:
    """The door of CloudWatch Logs over a store; the region is that of the ARNs."""
    return Service(
        name="logs",
        signing_name="logs",
        operations={**_writing(logs), **_describing(logs, region), **_reading(logs)},
        aws_error=aws_error,
        target_prefix="Logs_20140328",
        broken_code="ServiceUnavailableException",
    )


def _writing(logs: LogStore) -> dict[str, Operation]:
    async def create_log_group(call: Call, params: Params) -> Params:
        await asyncio.wrap_future(logs.create_group(params["logGroupName"]))
        return {}

    async def create_log_stream(call: Call, params: Params) -> Params:
        done = logs.create_stream(params["logGroupName"], params["logStreamName"])
        await asyncio.wrap_future(done)
        return {}

    async def delete_log_group(call: Call, params: Params) -> Params:
        await asyncio.wrap_future(logs.delete_group(params["logGroupName"]))
        return {}

    async def put_log_events(call: Call, params: Params) -> Params:
        group, stream = params["logGroupName"], params["logStreamName"]
        logs.stream(group, stream)
        events = [(event["timestamp"], event["message"]) for event in params["logEvents"]]
        _check_batch(events)
        await asyncio.wrap_future(logs.append(group, stream, events))
        return {}

    return {
        "CreateLogGroup": create_log_group,
        "CreateLogStream": create_log_stream,
        "DeleteLogGroup": delete_log_group,
        "PutLogEvents": put_log_events,
    }


def _describing(logs: LogStore, region: str) -> dict[str, Operation]:
    async def describe_log_groups(call: Call, params: Params) -> Params:
        limit = params.get("limit", 50)
        groups = logs.groups(
            prefix=params.get("logGroupNamePrefix", ""),
            after=params.get("nextToken", ""),
            limit=limit + 1,
        )
        found = [
            group_to_response(group, group_arn(region, call.account_id, group.name))
            for group in groups[:limit]
        ]
        more = {"nextToken": groups[limit - 1].name} if len(groups) > limit else {}
        return {"logGroups": found, **more}

    async def describe_log_streams(call: Call, params: Params) -> Params:
        group, limit = _group(params), params.get("limit", 50)
        streams = _streams_after(logs, group, params, limit + 1)
        arn = group_arn(region, call.account_id, group)
        more = {"nextToken": streams[limit - 1].name} if len(streams) > limit else {}
        return {"logStreams": [stream_to_response(s, arn) for s in streams[:limit]], **more}

    return {"DescribeLogGroups": describe_log_groups, "DescribeLogStreams": describe_log_streams}


def _reading(logs: LogStore) -> dict[str, Operation]:
    async def get_log_events(call: Call, params: Params) -> Params:
        group, stream = _group(params), params["logStreamName"]
        way, position = _from_token(params)
        span = {"from_ms": params.get("startTime", 0), "to_ms": params.get("endTime")}
        limit = params.get("limit", PAGE_EVENTS)
        if way == "f":
            read = partial(logs.events, group, stream, start=position or 0, limit=limit, **span)
        else:
            read = partial(logs.last_events, group, stream, before=position, limit=limit, **span)
        page = await asyncio.to_thread(read)  # 10,000 events take some 50 ms
        return {
            "events": [event_to_response(event) for event in page.events],
            "nextForwardToken": f"f/{page.end:056d}/s",
            "nextBackwardToken": f"b/{page.start:056d}/s",
        }

    async def filter_log_events(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(filter_events, logs, _group(params), params)

    return {"GetLogEvents": get_log_events, "FilterLogEvents": filter_log_events}


def _from_token(params: Params) -> tuple[str, int | None]:
    """Which way to read, and from which position; None stands for the end."""
    if "nextToken" not in params:
        return ("f", 0) if params.get("startFromHead") else ("b", None)
    found = _TOKEN.fullmatch(params["nextToken"])
    if found is None:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return found[1], int(found[2])


def _group(params: Params) -> str:
    """The group's name, also where the request has its ARN."""
    if "logGroupName" in params:
        return str(params["logGroupName"])
    identifier = params.get("logGroupIdentifier")
    if identifier is None:
        text = "Either logGroupName or logGroupIdentifier must be specified."
        raise AwsError("InvalidParameterException", text)
    found = _IDENTIFIER.fullmatch(identifier)
    return found[1] if found else str(identifier)


def _streams_after(logs: LogStore, group: str, params: Params, limit: int) -> list[LogStream]:
    """The streams behind the token, in the order that was asked for."""
    prefix, token = params.get("logStreamNamePrefix", ""), params.get("nextToken", "")
    by_time = params.get("orderBy") == "LastEventTime"
    if by_time and prefix:
        text = "Cannot order by LastEventTime with a logStreamNamePrefix."
        raise AwsError("InvalidParameterException", text)
    if not by_time and not params.get("descending"):
        return logs.streams(group, prefix=prefix, after=token, limit=limit)
    streams = list(logs.every_stream(group, prefix=prefix))
    if by_time:
        streams.sort(key=lambda stream: stream.last_ms or 0)
    if params.get("descending"):
        streams.reverse()
    names = [stream.name for stream in streams]
    start = names.index(token) + 1 if token in names else 0
    return streams[start : start + limit]


def _check_batch(events: list[tuple[int, str]]) -> None:
    times = [at for at, _ in events]
    if times != sorted(times):
        text = "Log events in a single PutLogEvents request must be in chronological order."
        raise AwsError("InvalidParameterException", text)
    size = sum(len(message.encode()) + 26 for _, message in events)
    if size > _BATCH_BYTES:
        text = f"Upload too large: {size} bytes exceeds limit of {_BATCH_BYTES}"
        raise AwsError("InvalidParameterException", text)


def group_to_response(group: LogGroup, arn: str) -> Params:
    """A group as DescribeLogGroups shows it."""
    return {
        "logGroupName": group.name,
        "creationTime": group.created_ms,
        "metricFilterCount": 0,
        "arn": f"{arn}:*",
        "logGroupArn": arn,
        "logGroupClass": "STANDARD",
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


def event_to_response(event: LogEvent) -> Params:
    """An event as GetLogEvents shows it."""
    return {
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    }


def aws_error(fault: Rejected) -> AwsError:
    """A rejection in the words of CloudWatch Logs."""
    match fault:
        case NotFound(kind=kind):
            return AwsError("ResourceNotFoundException", f"The specified {kind} does not exist.")
        case AlreadyExists(kind=kind):
            text = f"The specified {kind} already exists"
            return AwsError("ResourceAlreadyExistsException", text)
        case KeyTaken():
            text = "The specified log group already exists"
            return AwsError("ResourceAlreadyExistsException", text)
        case LimitExceeded():
            return AwsError("LimitExceededException", fault.message)
    return AwsError("InvalidParameterException", fault.message)
