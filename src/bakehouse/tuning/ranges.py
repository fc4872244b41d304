"""The values that a hyperparameter may have, and where each lies between 0 and 1.

Source: the SageMaker API, ``ParameterRanges``; "Define Hyperparameter Ranges" in the developer
guide, whose scales these are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from bakehouse.faults import InvalidInput

Kind = Literal["integer", "continuous", "categorical"]
Scale = Literal["Linear", "Logarithmic", "ReverseLogarithmic"]
_LOG_FROM = 100.0
"""Auto takes the logarithm where the largest value is so many times the smallest."""


@dataclass(frozen=True, slots=True)
class Range:
    """What one hyperparameter may be.

    ``low`` and ``high`` are of numbers, both included; ``values`` of categories.
    """

    name: str
    kind: Kind
    low: float = 0.0
    high: float = 0.0
    scale: Scale = "Linear"
    values: tuple[str, ...] = ()

    def value(self, share: float) -> str:
        """The value at a place from 0 to 1, as SageMaker writes it."""
        if self.kind == "categorical":
            return self.values[min(int(share * len(self.values)), len(self.values) - 1)]
        there, back = _SCALES[self.scale]
        low, high = there(self.low), there(self.high)
        number = min(max(back(low + share * (high - low)), self.low), self.high)
        return str(round(number)) if self.kind == "integer" else repr(number)

    def share(self, value: str) -> float | None:
        """Where a value lies from 0 to 1; None if it is none of this range."""
        if self.kind == "categorical":
            if value not in self.values:
                return None
            return (self.values.index(value) + 0.5) / len(self.values)
        try:
            number = float(value)
        except ValueError:
            return None
        if not self.low <= number <= self.high:
            return None
        there = _SCALES[self.scale][0]
        low, high = there(self.low), there(self.high)
        return (there(number) - low) / (high - low) if high > low else 0.0


def number_range(kind: Kind, name: str, low: str, high: str, scaling: str) -> Range:
    """A range of numbers, from the texts of a request.

    Raises:
        InvalidInput: they are no numbers, the wrong way round, or not of the scale.
    """
    path = f"ParameterRanges.{name}"
    least, most = (_number(f"{path}.{end}", text, kind) for end, text in (
        ("MinValue", low), ("MaxValue", high),
    ))  # fmt: skip
    if least > most:
        raise InvalidInput(f"{path}.MinValue", low, f"at most MaxValue, {high}")
    scale = _scale(scaling, kind, least, most)
    if scale == "Logarithmic" and least <= 0:
        raise InvalidInput(f"{path}.MinValue", low, "more than 0 on a Logarithmic scale")
    if scale == "ReverseLogarithmic" and (kind == "integer" or least < 0 or most >= 1):
        raise InvalidInput(
            f"{path}.ScalingType", scaling, "of continuous values from 0 on and below 1"
        )
    return Range(name, kind, least, most, scale)


def _number(path: str, text: str, kind: Kind) -> float:
    try:
        number = float(int(text)) if kind == "integer" else float(text)
    except ValueError as error:
        allowed = "a whole number" if kind == "integer" else "a number"
        raise InvalidInput(path, text, allowed) from error
    if not math.isfinite(number) or abs(number) > 1e300:
        raise InvalidInput(path, text, "a finite number")
    return number


def _scale(scaling: str, kind: Kind, low: float, high: float) -> Scale:
    match scaling:
        case "Linear" | "Logarithmic" | "ReverseLogarithmic":
            return scaling
    return "Logarithmic" if low > 0 and high / low >= _LOG_FROM else "Linear"


_SCALES: Mapping[Scale, tuple[Callable[[float], float], Callable[[float], float]]] = {
    "Linear": (lambda x: x, lambda y: y),
    "Logarithmic": (math.log, math.exp),
    "ReverseLogarithmic": (lambda x: -math.log(1 - x), lambda y: 1 - math.exp(-y)),
}
