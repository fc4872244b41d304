"""From the lines of a log to the values of metrics."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Definition(Protocol):
    """A metric's name and the expression whose first group is its value in a line."""

    @property
    def name(self) -> str:
        """Such as ``validation:accuracy``."""
        ...

    @property
    def regex(self) -> str:
        """Searched for in each line."""
        ...


@dataclass(frozen=True, slots=True)
class Gauge:
    """A definition that is ready to be used."""

    name: str
    pattern: re.Pattern[str]

    def read(self, line: str) -> float | None:
        """The value that the line gives; None if it gives none, or none that is a finite number."""
        found = self.pattern.search(line)
        if found is None:
            return None
        try:
            value = float(found[1])
        except ValueError:
            return None
        return value if math.isfinite(value) else None


def gauges(definitions: Sequence[Definition]) -> tuple[Gauge, ...]:
    """Compile what an algorithm says of its metrics."""
    return tuple(Gauge(one.name, re.compile(one.regex)) for one in definitions)


def read_values(gauges: Sequence[Gauge], lines: Sequence[str]) -> list[tuple[str, float]]:
    """Name and value of everything that the lines report, in order."""
    found = ((gauge.name, gauge.read(line)) for line in lines for gauge in gauges)
    return [(name, value) for name, value in found if value is not None]
