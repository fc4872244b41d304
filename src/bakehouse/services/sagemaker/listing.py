"""List operations: rows that are filtered, sorted and cut to the page that is asked for.

A page's token names the row behind which the next page starts, so it holds across a restart of the
server, and rows that come or go meanwhile neither repeat nor hide others.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from bakehouse import clock
from bakehouse.services import page_tokens
from bakehouse.wire.types import AwsError, Params

_PAGE = 10
"""The rows of a page, where the client does not say."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing in a list: what it is filtered and sorted by, and how it is shown."""

    name: str
    created_ms: float
    show: Callable[[], Params]
    """Its summary; made only for the rows of the page."""
    modified_ms: int | None = None
    status: str | None = None
    key: str = ""
    """What tells it from others of its name, if there can be any."""


def page(params: Params, member: str, rows: Iterable[Row], *, order: str = "Descending") -> Params:
    """A List operation's answer.

    Args:
        params: the request: ``NameContains``, ``CreationTimeAfter`` and ``Before``,
            ``LastModifiedTimeAfter`` and ``Before``, ``StatusEquals``, ``SortBy``, ``SortOrder``,
            ``MaxResults`` and ``NextToken``, as far as the operation has them.
        member: the answer's member that holds the summaries.
        rows: everything that there is.
        order: AWS's order for this operation, where the client does not say.

    Raises:
        AwsError: the token is none that this listing gave.
    """
    by, order = params.get("SortBy", "CreationTime"), params.get("SortOrder", order)
    kept = sorted(
        ((_sort_key(row, by), row) for row in filter(_wanted(params), rows)),
        key=lambda pair: pair[0],
        reverse=order == "Descending",
    )
    if "NextToken" in params:
        start = read_token(params["NextToken"], by, order)
        kept = [(key, row) for key, row in kept if is_behind(key, start, order)]
    size = params.get("MaxResults", _PAGE)
    answer: Params = {member: [row.show() for _, row in kept[:size]]}
    if len(kept) > size:
        answer["NextToken"] = write_token(kept[size - 1][0], by, order)
    return answer


def write_token(key: tuple[Any, ...], by: str, order: str) -> str:
    """The token of a page that starts behind a row with this sort key."""
    return page_tokens.write(orjson.dumps([by, order, *key]).decode())


def read_token(token: str, by: str, order: str) -> tuple[Any, ...]:
    """The sort key in a token that a listing in the same order gave.

    Raises:
        AwsError: it is no such token.
    """
    try:
        content = orjson.loads(page_tokens.read(token))
    except ValueError as error:
        raise _invalid() from error
    match content:
        case [str(said_by), str(said_order), int() | float() | str() as value, str(name)]:
            if (said_by, said_order) == (by, order):
                return value, name
    raise _invalid()


def is_behind(key: tuple[Any, ...], start: tuple[Any, ...], order: str) -> bool:
    """Whether a sort key comes behind the one that a page ended with.

    Raises:
        AwsError: they cannot be compared: the token is not of this listing.
    """
    try:
        return key < start if order == "Descending" else key > start
    except TypeError as error:
        raise _invalid() from error


def _invalid() -> AwsError:
    return AwsError("ValidationException", "Invalid NextToken: it is not one of this listing.")


def _sort_key(row: Row, by: str) -> tuple[Any, str]:
    key = row.key or row.name
    match by:
        case "Name":
            return key, key
        case "Status":
            return row.status or "", key
        case _:
            return row.created_ms, key


def _wanted(params: Params) -> Callable[[Row], bool]:
    """The filters of a request; the moments at both ends are included."""
    part, status = params.get("NameContains", "").lower(), params.get("StatusEquals")
    created, modified = _span(params, "CreationTime"), _span(params, "LastModifiedTime")

    def is_wanted(row: Row) -> bool:
        return (
            part in row.name.lower()
            and status in (None, row.status)
            and created[0] <= row.created_ms <= created[1]
            and (row.modified_ms is None or modified[0] <= row.modified_ms <= modified[1])
        )

    return is_wanted


def _span(params: Params, time: str) -> tuple[float, float]:
    """From when to when, in milliseconds since 1970; without an end where none is said."""
    after: datetime | None = params.get(f"{time}After")
    before: datetime | None = params.get(f"{time}Before")
    return (
        -math.inf if after is None else clock.to_epoch_ms(after),
        math.inf if before is None else clock.to_epoch_ms(before),
    )
