"""FilterLogEvents: the events of many streams that match a pattern of plain terms.

The streams are read one after the other, in the order of their names; AWS mixes them by time, and
within a page so does this.
"""

from __future__ import annotations

import re

from bakehouse.storage.logs import PAGE_EVENTS, LogEvent, LogStore
from bakehouse.wire.types import AwsError, Params

_TERM = re.compile(r'\s*(?:"([^"]*)"|([^\s"?{}\[\]%-][^\s"]*))')


def filter_events(logs: LogStore, group: str, params: Params) -> Params:
    """Answer a FilterLogEvents request.

    Raises:
        NotFound: there is no such group.
        AwsError: the pattern has more than plain terms, or the token is not one of ours.
    """
    names = _names(logs, group, params)
    terms, limit = terms_of(params.get("filterPattern", "")), params.get("limit", PAGE_EVENTS)
    first, position = _from_token(params.get("nextToken"), names)
    found: list[tuple[str, LogEvent]] = []
    token = None
    for name in names[first:]:
        page = logs.events(
            group,
            name,
            start=position,
            from_ms=params.get("startTime", 0),
            to_ms=params["endTime"] + 1 if "endTime" in params else None,
            containing=terms,
            limit=limit - len(found),
        )
        found += [(name, event) for event in page.events]
        position = 0
        if len(found) >= limit or len(page.events) >= PAGE_EVENTS:
            token = f"{page.end}/{name}"
            break
    found.sort(key=lambda one: one[1].at_ms)
    events = [match_to_response(name, event) for name, event in found]
    return {"events": events, "searchedLogStreams": [], **({"nextToken": token} if token else {})}


def terms_of(pattern: str) -> list[str]:
    """The terms of a pattern, all of which an event must contain.

    Raises:
        AwsError: the pattern is one of JSON, of columns, of alternatives or of exclusions.
    """
    terms: list[str] = []
    rest = pattern.strip()
    while rest:
        found = _TERM.match(rest)
        if found is None:
            text = f'Invalid filter pattern {pattern!r}; bakehouse knows words and "phrases" today.'
            raise AwsError("InvalidParameterException", text)
        terms.append(found[1] if found[1] is not None else found[2])
        rest = rest[found.end() :].lstrip()
    return terms


def _names(logs: LogStore, group: str, params: Params) -> list[str]:
    logs.group(group)
    if "logStreamNames" in params:
        if "logStreamNamePrefix" in params:
            text = "logStreamNames and logStreamNamePrefix cannot be specified together."
            raise AwsError("InvalidParameterException", text)
        return sorted(params["logStreamNames"])
    prefix = params.get("logStreamNamePrefix", "")
    return [stream.name for stream in logs.every_stream(group, prefix=prefix)]


def _from_token(token: str | None, names: list[str]) -> tuple[int, int]:
    """The index of the stream and the position in it at which to go on."""
    if token is None:
        return 0, 0
    position, _, name = token.partition("/")
    if not position.isdecimal() or name not in names:
        raise AwsError("InvalidParameterException", "The specified nextToken is invalid.")
    return names.index(name), int(position)


def match_to_response(stream: str, event: LogEvent) -> Params:
    """An event as FilterLogEvents shows it."""
    return {
        "logStreamName": stream,
        "timestamp": event.at_ms,
        "message": event.message,
        "ingestionTime": event.ingested_ms,
        "eventId": f"{event.ingested_ms:020d}{event.position:036d}",
    }
