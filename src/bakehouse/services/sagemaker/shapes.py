"""What the answers about all kinds of jobs have in common."""

from __future__ import annotations

from collections.abc import Mapping

from bakehouse import clock
from bakehouse.wire.types import Params


def moments(milliseconds: Mapping[str, int | None]) -> Params:
    """The times that are known, as AWS's timestamps."""
    return {
        name: clock.from_epoch_ms(value)
        for name, value in milliseconds.items()
        if value is not None
    }
