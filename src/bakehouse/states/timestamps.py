"""Timestamps of the States Language: RFC 3339 with an upper-case ``T`` and a zone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_FORM = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])(\d\d):(\d\d))", re.ASCII
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NANOSECONDS = 1_000_000_000


def parse_timestamp(text: object) -> int | None:
    """Nanoseconds since 1970 at a timestamp, or None for anything that is not one."""
    found = _FORM.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return None
    moment, fraction, sign, hours, minutes = found.groups()
    try:
        seconds = (datetime.fromisoformat(f"{moment}+00:00") - _EPOCH) // timedelta(seconds=1)
    except ValueError:
        return None
    shift = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "+" else 1) if sign else 0
    return (seconds + shift) * _NANOSECONDS + int((fraction or "").ljust(9, "0"))
