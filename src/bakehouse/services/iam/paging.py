"""Long answers in pages, as IAM gives them: ``Marker``, ``MaxItems``, ``IsTruncated``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from bakehouse.services import page_tokens
from bakehouse.wire.types import AwsError, Params

T = TypeVar("T")
_DEFAULT = 100


def page(
    items: Sequence[T],
    params: Params,
    member: str,
    key: Callable[[T], str],
    shown: Callable[[T], Any],
) -> Params:
    """The page of an answer that a request asks for.

    Args:
        items: everything, in any order.
        params: the request, with its ``Marker`` and ``MaxItems``.
        member: the answer's list.
        key: a text that tells an item from all others; the pages follow its order, and a marker
            holds the last one.
        shown: the item as IAM tells it.

    Raises:
        AwsError: the marker is none.
    """
    after = _place(params["Marker"]) if "Marker" in params else ""
    rest = sorted((item for item in items if key(item) > after), key=key)
    limit = params.get("MaxItems", _DEFAULT)
    answer: Params = {member: [shown(item) for item in rest[:limit]]}
    if len(rest) <= limit:
        return answer | {"IsTruncated": False}
    return answer | {"IsTruncated": True, "Marker": page_tokens.write(key(rest[limit - 1]))}


def _place(marker: str) -> str:
    try:
        return page_tokens.read(marker)
    except ValueError as error:
        raise AwsError("ValidationError", f"Invalid Marker: {marker}", 400) from error
