"""Moments as AWS writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from bakehouse import clock

MOMENT = datetime(2026, 11, 23, 1, 3, 15, 287_999, UTC)


def test_moments_are_told_in_utc_and_cut_off() -> None:
    """To the second or the millisecond, whatever zone they were given in."""
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=9)))
    for moment in (MOMENT, elsewhere):
        assert clock.to_iso(moment) == "2026-11-23T01:03:15Z"
        assert clock.to_iso_ms(moment) == "2026-11-23T01:03:15.287Z"


def test_milliseconds_come_back() -> None:
    """What is stored as milliseconds since 1970 is the same moment, to the millisecond."""
    stored = clock.to_epoch_ms(MOMENT)
    assert clock.from_epoch_ms(stored) == MOMENT.replace(microsecond=288_000)
