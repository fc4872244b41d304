"""What a reader may ask for: an object only if it is (un)changed, and a range of its bytes.

The order in which conditions are looked at is that of RFC 9110, section 13.2.2, which S3 follows.
"""

from __future__ import annotations

import re
from datetime import datetime

from bakehouse import clock
from bakehouse.services.s3.errors import invalid_argument, precondition_failed
from bakehouse.storage.objects import Expect, ObjectInfo
from bakehouse.wire.types import AwsError, Params

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


def is_unmodified(info: ObjectInfo, params: Params, *, prefix: str = "") -> bool:
    """Whether the reader has this object already, which is answered with 304.

    ``prefix`` stands before the parameters' names: ``CopySource`` where an object is copied.

    Raises:
        AwsError: 412, a condition of the reader's does not hold.
    """
    if_match, if_none_match = params.get(f"{prefix}IfMatch"), params.get(f"{prefix}IfNoneMatch")
    if if_match is not None:
        if not names_etag(if_match, info.etag):
            raise precondition_failed("If-Match")
    elif is_after(info, params.get(f"{prefix}IfUnmodifiedSince")):
        raise precondition_failed("If-Unmodified-Since")
    if if_none_match is not None:
        return names_etag(if_none_match, info.etag)
    since = params.get(f"{prefix}IfModifiedSince")
    return since is not None and not is_after(info, since)


def is_after(info: ObjectInfo, moment: datetime | None) -> bool:
    """Whether the object changed after that moment, in whole seconds as HTTP counts."""
    return moment is not None and clock.to_second(info.modified) > moment


def names_etag(header: str, etag: str) -> bool:
    """Whether ``*`` or one of the ETags in an ``If-…Match`` header is this one."""
    given = [item.strip().removeprefix("W/").strip('"') for item in header.split(",")]
    return "*" in given or etag in given


def expectation(params: Params) -> Expect | None:
    """What a conditional write expects: nothing there (``If-None-Match: *``), or that ETag.

    Raises:
        AwsError: when it is called by the write and does not hold.
    """
    if_match, if_none_match = params.get("IfMatch"), params.get("IfNoneMatch")
    if if_match is None and if_none_match is None:
        return None

    def expect(found: ObjectInfo | None) -> None:
        if if_none_match is not None and found and names_etag(if_none_match, found.etag):
            raise precondition_failed("If-None-Match")
        if if_match is None:
            return
        if found is None:
            raise AwsError("NoSuchKey", "The specified key does not exist.", 404)
        if not names_etag(if_match, found.etag):
            raise precondition_failed("If-Match")

    return expect


def range_of(header: str | None, size_bytes: int) -> tuple[int, int] | None:
    """The part (start, stop) that a ``Range`` header asks for; None for the whole object.

    Headers that S3 does not understand (several ranges, other units) mean the whole, as there.

    Raises:
        AwsError: 416, the object has no such bytes.
    """
    found = _RANGE.fullmatch(header.strip()) if header else None
    if found is None or found[0] == "bytes=-":
        return None
    first, last = found[1], found[2]
    if not first:
        start, stop = max(0, size_bytes - int(last)), size_bytes
    else:
        start, stop = int(first), min(int(last) + 1, size_bytes) if last else size_bytes
        if last and int(last) < start:
            return None
    if start >= size_bytes:
        raise _not_satisfiable(header, size_bytes)
    return start, stop


def copied_range(header: str | None, size_bytes: int) -> tuple[int, int]:
    """The part of a source that is copied: ``bytes=first-last``, all of it in the source.

    Raises:
        AwsError: it is not written so, or the source has no such bytes.
    """
    if header is None:
        return 0, size_bytes
    found = _RANGE.fullmatch(header)
    if found is None or not found[1] or not found[2] or int(found[2]) < int(found[1]):
        text = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy"
        )
        raise invalid_argument("x-amz-copy-source-range", header[:200], text)
    start, stop = int(found[1]), int(found[2]) + 1
    if stop > size_bytes:
        raise _not_satisfiable(header, size_bytes)
    return start, stop


def _not_satisfiable(header: str | None, size_bytes: int) -> AwsError:
    fields = {"RangeRequested": header, "ActualObjectSize": size_bytes}
    return AwsError("InvalidRange", "The requested range is not satisfiable", 416, fields)
