"""What an expression in a state can see, and how a thing that went wrong in it is said."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bakehouse.faults import StatesError


@dataclass(frozen=True, slots=True)
class Scope:
    """The values within reach of one expression."""

    data: Any
    """``$``: the state's input, or the result that a selector picks from."""
    context: Callable[[], Mapping[str, Any]]
    """Makes ``$$``, the context object, when an expression asks for it."""
    chance: random.Random
    """Where ``States.UUID``, ``States.MathRandom`` and jitter draw from."""


Evaluate = Callable[[Scope], Any]
"""A compiled expression: from a scope to a JSON value; raises ``StatesError``."""


def runtime_error(cause: str) -> StatesError:
    """AWS's ``States.Runtime``: it ends the execution and cannot be caught."""
    return StatesError("States.Runtime", cause)
