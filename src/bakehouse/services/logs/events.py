"""The events of streams: written, read one stream at a time, searched over many."""

from __future__ import annotations

import asyncio
import re
from bisect import bisect_left
from functools import partial

from bakehouse import clock
from bakehouse.services.logs.names import group_from_request
from bakehouse.services.logs.patterns import matcher
from bakehouse.storage.log_info import LogEvent
from bakehouse.storage.log_search import Place, event_bytes
from bakehouse.storage.logs import PAGE_EVENTS, LogStore
from bakehouse.wire.types import AwsError, Call, Operation, Params

_BATCH_BYTES = 1_048_576
_DAY_MS = 86_400_000
_FUTURE_MS = 2 * 3_600_000
_PAST_DAYS = 14
_TOKEN = re.compile(r"([fb])/(\d{1,56})(?:/s)?")
_SEARCH_TOKEN = re.compile(r"(-?\d{1,18})/(-?\d{1,18})/(.*)", re.DOTALL)


def operations(logs: LogStore) -> dict[str, Operation]:
    """The operations by name."""

    async def put_log_events(call: Call, params: Params) -> Params:
        return await _put(logs, params)

    async def get_log_events(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(_get, logs, params)  # 10,000 events take some 50 ms

    async def filter_log_events(call: Call, params: Params) -> Params:
        return await asyncio.to_thread(_filter, logs, group_from_request(params), params)

    return {
        "FilterLogEvents": filter_log_events,
        "GetLogEvents": get_log_events,
        "PutLogEvents": put_log_events,
    }


# Writing


async def _put(logs: LogStore, params: Params) -> Params:
    group, stream = params["logGroupName"], params["logStreamName"]
    logs.stream(group, stream)
    events = [(event["timestamp"], event["message"]) for event in params["logEvents"]]
    _check_batch(events)
    first, last, rejected = _taken(
        [at for at, _ in events], logs.group(group).retention_days, clock.epoch_ms()
    )
    await asyncio.wrap_future(logs.append(group, stream, events[first:last]))
    told = {"rejectedLogEventsInfo": rejected} if rejected else {}
    # Nothing asks for it any more; older clients read it all the same.
    return {"nextSequenceToken": f"{clock.epoch_ms():056d}", **told}


def _check_batch(events: list[tuple[int, str]]) -> None:
    times = [at for at, _ in events]
    if times != sorted(times):
        text = "Log events in a single PutLogEvents request must be in chronological order."
        raise AwsError("InvalidParameterException", text)
    size = sum(event_bytes(message) for _, message in events)
    if size > _BATCH_BYTES:
        text = f"Upload too large: {size} bytes exceeds limit of {_BATCH_BYTES}"
        raise AwsError("InvalidParameterException", text)


def _taken(
    times: list[int], retention_days: int | None, now_ms: int
) -> tuple[int, int, dict[str, int]]:
    """Which of the events, in order, are kept, and what is told of those that are not.

    Returns:
        The index of the first that is kept, that behind the last, and the indices that AWS tells.
    """
    too_old = bisect_left(times, now_ms - _PAST_DAYS * _DAY_MS)
    expired = 0 if retention_days is None else bisect_left(times, now_ms - retention_days * _DAY_MS)
    too_new = bisect_left(times, now_ms + _FUTURE_MS + 1)
    first = max(too_old, expired)
    if times[first:too_new] and times[too_new - 1] - times[first] > _DAY_MS:
        text = "The batch of log events in a single PutLogEvents request cannot span more than "
        raise AwsError("InvalidParameterException", f"{text}24 hours.")
    rejected: dict[str, int] = {}
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if too_new < len(times):
        rejected["tooNewLogEventStartIndex"] = too_new
    return first, too_new, rejected


# One stream


def _get(logs: LogStore, params: Params) -> Params:
    group, stream = group_from_request(params), params["logStreamName"]
    way, position = _from_token(params)
    span = {"from_ms": params.get("startTime", 0), "to_ms": params.get("endTime")}
    limit = params.get("limit", PAGE_EVENTS)
    if way == "f":
        read = partial(logs.events, group, stream, start=position or 0, limit=limit, **span)
    else:
        read = partial(logs.last_events, group, stream, before=position, limit=limit, **span)
    page = read()
    return {
        "events": [event_to_response(event) for event in page.events],
        "nextForwardToken": f"f/{page.end:056d}/s",
        "nextBackwardToken": f"b/{page.start:056d}/s",
    }


def _from_token(params: Params) -> tuple[str, int | None]:
    """Which way to read, and from which position; None stands for the end."""
    if "nextToken" not in params:
        return ("f", 0) if params.get("startFromHead") else ("b", None)
    found = _TOKEN.fullmatch(params["nextToken"])
    if found is None:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return found[1], int(found[2])


def event_to_response(event: LogEvent) -> Params:
    """An event as GetLogEvents shows it."""
    return {
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
    }


# Many streams


def _filter(logs: LogStore, group: str, params: Params) -> Params:
    after = _from_search_token(params.get("nextToken"))
    backwards = not params.get("startFromHead", True) if after is None else after[0] < 0
    found = logs.matches(
        group,
        _names(logs, group, params),
        matcher(params.get("filterPattern", "")),
        from_ms=params.get("startTime", 0),
        to_ms=params["endTime"] + 1 if "endTime" in params else None,
        after=after,
        backwards=backwards,
        limit=params.get("limit", PAGE_EVENTS),
    )
    events = [match_to_response(name, event) for name, event in found.events]
    more = {} if found.end is None else {"nextToken": _search_token(found.end)}
    return {"events": events, "searchedLogStreams": [], **more}


def _names(logs: LogStore, group: str, params: Params) -> list[str]:
    logs.group(group)
    if "logStreamNames" not in params:
        prefix = params.get("logStreamNamePrefix", "")
        return [stream.name for stream in logs.every_stream(group, prefix=prefix)]
    if "logStreamNamePrefix" in params:
        text = "logStreamNames and logStreamNamePrefix cannot be specified together."
        raise AwsError("InvalidParameterException", text)
    for name in params["logStreamNames"]:
        logs.stream(group, name)
    return list(params["logStreamNames"])


def _search_token(place: Place) -> str:
    at_ms, stream, position = place
    return f"{at_ms}/{position}/{stream}"


def _from_search_token(token: str | None) -> Place | None:
    """The place in the order of time behind which to go on; its time is negative backwards."""
    if token is None:
        return None
    found = _SEARCH_TOKEN.fullmatch(token)
    if found is None:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return int(found[1]), found[3], int(found[2])


def match_to_response(stream: str, event: LogEvent) -> Params:
    """An event as FilterLogEvents shows it."""
    return {
        "logStreamName": stream,
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": f"{event.ingested_ms:020d}{event.position:036d}",
    }
