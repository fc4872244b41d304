"""Ending a trial early, by what it has reached against what the others had reached by then."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

REDUCTION = 3
"""Of the trials that reach a rung a third goes on."""
LEAST_COMPLETED = 3
"""Trials that must have ended before the median of them says anything."""


def is_below_median(reached: Sequence[float], others: Sequence[Sequence[float]]) -> bool:
    """SageMaker's rule for ``Auto``: worse than the median of the running averages of the others.

    Source: "Stop Training Jobs Early" in the developer guide; D. Golovin et al., "Google Vizier"
    (2017), the median stopping rule.

    Args:
        reached: a trial's merits, one for each epoch so far; larger is better.
        others: the same of every trial that has completed.
    """
    epochs = len(reached)
    comparable = [one for one in others if len(one) >= epochs]
    if epochs == 0 or len(comparable) < LEAST_COMPLETED:
        return False
    averages = [statistics.fmean(one[:epochs]) for one in comparable]
    return max(reached) < statistics.median(averages)


def rungs(least: int, most: int, bracket: int) -> list[int]:
    """The epochs after which a bracket's trials are compared; the last epoch is none.

    Source: L. Li et al., "Hyperband" (2018) and "A System for Massively Parallel Hyperparameter
    Tuning" (2020), whose asynchronous form this is.
    """
    found = []
    epoch = least * REDUCTION**bracket
    while epoch < most:
        found.append(epoch)
        epoch *= REDUCTION
    return found


def brackets(least: int, most: int) -> int:
    """How many brackets there are, from the boldest, which compares earliest, to none at all."""
    return len(rungs(least, most, 0)) + 1


def is_cut(
    reached: Sequence[float],
    before: int,
    others: Sequence[Sequence[float]],
    stops: Sequence[int],
) -> bool:
    """Whether a trial has come to a rung below the third that goes on.

    Args:
        reached: its merits, one for each epoch so far; larger is better.
        before: epochs that it had at the last look; rungs up to there are passed.
        others: the merits of all other trials of its bracket, running ones too.
        stops: the bracket's rungs.
    """
    return any(
        _is_below_third(max(reached[:rung]), [max(o[:rung]) for o in others if len(o) >= rung])
        for rung in stops
        if before < rung <= len(reached)
    )


def _is_below_third(mine: float, there: Sequence[float]) -> bool:
    count = len(there) + 1
    return count >= REDUCTION and sum(one >= mine for one in there) >= count // REDUCTION
