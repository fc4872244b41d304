"""Which values to try next: at random, by a grid, or where earlier trials suggest.

Every search is a function of the seed, the trial's number and the trials before it, so that a
tuning job goes on after a restart as if nothing had happened. Places are numbers from 0 to 1 on
each range's own scale.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bakehouse.faults import InvalidInput
from bakehouse.tuning.ranges import Range

STARTS = 5
"""Trials at random before earlier ones suggest anything."""
LIBRARY = "optuna"

Values = dict[str, str]


@dataclass(frozen=True, slots=True)
class Tried:
    """An earlier trial: its values, and how good it was; None while it runs, or if it failed."""

    values: Mapping[str, str]
    merit: float | None
    """Larger is better."""


Search = Callable[[Sequence[Range], Sequence[Tried], int, int], Values]
"""(ranges, tried, seed, number from 1) → values."""


def search_for(strategy: str) -> Search:
    """The search of a strategy.

    Raises:
        InvalidInput: it needs a library that is not installed.
    """
    if strategy == "Bayesian":
        check_library()
    return _SEARCHES[strategy]


def grid_size(ranges: Sequence[Range]) -> int:
    """How many trials a grid has."""
    return math.prod(len(one.values) for one in ranges)


def check_library() -> None:
    """Find out whether Bayesian search can be carried out here.

    Raises:
        InvalidInput: says what to install.
    """
    # Heavy: a third of a second that a server without a tuning job must not pay.
    try:
        import optuna  # noqa: F401, PLC0415  # as above
    except ModuleNotFoundError as error:
        allowed = f"Random, Grid or Hyperband: {LIBRARY} is not installed"
        raise InvalidInput(
            "HyperParameterTuningJobConfig.Strategy",
            "Bayesian",
            f"{allowed} (pip install 'bakehouse[train]')",
        ) from error


def _at_random(ranges: Sequence[Range], tried: Sequence[Tried], seed: int, number: int) -> Values:
    draw = random.Random(f"{seed} {number}")  # noqa: S311  # nothing is kept secret by it
    return {one.name: one.value(draw.random()) for one in ranges}


def _by_grid(ranges: Sequence[Range], tried: Sequence[Tried], seed: int, number: int) -> Values:
    combinations = itertools.product(*(one.values for one in ranges))
    found = next(itertools.islice(combinations, number - 1, None))
    return {one.name: value for one, value in zip(ranges, found, strict=True)}


def _as_suggested(
    ranges: Sequence[Range], tried: Sequence[Tried], seed: int, number: int
) -> Values:
    """Tree-structured Parzen estimators: where good trials are dense and poor ones are not.

    Source: J. Bergstra et al., "Algorithms for Hyper-Parameter Optimization" (2011), by Optuna.
    """
    known = [one for one in tried if one.merit is not None]
    if len(known) < min(STARTS, 2 + 2 * len(ranges)):
        return _at_random(ranges, tried, seed, number)
    # Heavy, as above.
    import optuna  # noqa: PLC0415  # as above

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    choices: dict[str, optuna.distributions.BaseDistribution] = {
        one.name: optuna.distributions.CategoricalDistribution(one.values)
        if one.kind == "categorical"
        else optuna.distributions.FloatDistribution(0.0, 1.0)
        for one in ranges
    }
    sampler = optuna.samplers.TPESampler(
        seed=random.Random(f"{seed} {number}").randrange(2**32),  # noqa: S311  # as above
        n_startup_trials=0,
        constant_liar=True,  # what still runs is not tried twice
    )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for one in tried:
        if (places := _places(ranges, one.values)) is not None:
            study.add_trial(_trial(choices, places, one.merit))
    chosen = study.ask(choices).params
    return {
        one.name: str(chosen[one.name])
        if one.kind == "categorical"
        else one.value(float(chosen[one.name]))
        for one in ranges
    }


def _trial(choices: Mapping[str, Any], places: Mapping[str, object], merit: float | None) -> Any:
    import optuna  # noqa: PLC0415  # heavy, as above

    running = merit is None
    return optuna.trial.create_trial(
        state=optuna.trial.TrialState.RUNNING if running else optuna.trial.TrialState.COMPLETE,
        params=dict(places),
        distributions=dict(choices),
        value=merit,
    )


def _places(ranges: Sequence[Range], values: Mapping[str, str]) -> dict[str, object] | None:
    """An earlier trial's places; None where it is of other ranges."""
    places: dict[str, object] = {}
    for one in ranges:
        share = one.share(values[one.name]) if one.name in values else None
        if share is None:
            return None
        places[one.name] = values[one.name] if one.kind == "categorical" else share
    return places


_SEARCHES: dict[str, Search] = {
    "Random": _at_random,
    "Grid": _by_grid,
    "Bayesian": _as_suggested,
    "Hyperband": _at_random,
}
