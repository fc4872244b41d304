"""The time, as aware UTC. The only module that reads the machine's clock for a date."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""What every part that needs the time of day takes: a callable that returns aware UTC."""


def now() -> datetime:
    """The time now, in UTC, to the microsecond."""
    return datetime.now(UTC)


def epoch_ms() -> int:
    """Milliseconds since 1970-01-01T00:00:00Z, as CloudWatch Logs counts them."""
    return time.time_ns() // 1_000_000


def to_epoch_ms(moment: datetime) -> int:
    """The milliseconds since 1970 at an aware moment."""
    return round(moment.timestamp() * 1000)


def from_epoch_ms(milliseconds: float) -> datetime:
    """The aware UTC moment so many milliseconds after 1970."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def to_second(moment: datetime) -> datetime:
    """The moment without the part of a second, as HTTP and many of AWS's answers have it."""
    return moment.replace(microsecond=0)


def to_iso(moment: datetime) -> str:
    """AWS's text form in whole seconds: ``2026-11-23T01:03:15Z``."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def to_iso_ms(moment: datetime) -> str:
    """AWS's text form with milliseconds: ``2026-11-23T01:03:15.287Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
