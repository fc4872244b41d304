from __future__ import annotations

import math
import statistics

import pytest

from bakehouse.tuning.halving import brackets, is_below_median, is_cut, rungs
from bakehouse.tuning.ranges import Range, number_range
from bakehouse.tuning.search import Tried, grid_size, search_for

RANGES = (
    number_range("continuous", "learning_rate", "0.00001", "0.5", "Logarithmic"),
    number_range("integer", "mini_batch_size", "8", "256", "Linear"),
    Range("optimizer", "categorical", values=("sgd", "adam", "rmsprop")),
)


def merit(values: dict[str, str]) -> float:
    """Best at a rate of 0.01 and a batch of 64, with adam."""
    rate = (math.log10(float(values["learning_rate"])) + 2) ** 2
    batch = ((int(values["mini_batch_size"]) - 64) / 64) ** 2
    return -rate - 0.3 * batch - (0 if values["optimizer"] == "adam" else 0.5)


def best_after(strategy: str, count: int, seed: int) -> float:
    """The best of so many trials, one after the other."""
    search, tried = search_for(strategy), list[Tried]()
    for number in range(1, count + 1):
        values = search(RANGES, tried, seed, number)
        tried.append(Tried(values, merit(values)))
    return max(one.merit for one in tried if one.merit is not None)


def test_suggestions_beat_chance() -> None:
    """Over five seeds of 25 trials the suggested best is better than the random best."""
    suggested, drawn = (
        [best_after(strategy, 25, seed) for seed in range(5)] for strategy in ("Bayesian", "Random")
    )
    assert statistics.mean(suggested) > statistics.mean(drawn)
    assert statistics.median(suggested) > statistics.median(drawn)


@pytest.mark.parametrize("strategy", ["Bayesian", "Random", "Hyperband"])
def test_a_search_is_the_same_after_a_restart(strategy: str) -> None:
    """The seed, the number and the trials so far decide; another seed decides otherwise."""
    search = search_for(strategy)
    tried = [
        Tried(values, merit(values))
        for values in (search_for("Random")(RANGES, [], 1, n) for n in range(1, 12))
    ]
    tried.append(Tried(tried[0].values, None))  # one that still runs
    again = [search(RANGES, tried, 7, 13) for _ in range(2)]
    assert again[0] == again[1]
    assert again[0] != search(RANGES, tried, 8, 13)
    for one in RANGES:
        assert one.share(again[0][one.name]) is not None


def test_a_grid_has_every_combination_once() -> None:
    """Numbers from 1 on walk through all of it."""
    ranges = (
        Range("a", "categorical", values=("1", "2")),
        Range("b", "categorical", values=("x", "y", "z")),
    )
    grid = [search_for("Grid")(ranges, [], 0, n) for n in range(1, grid_size(ranges) + 1)]
    assert len({tuple(one.items()) for one in grid}) == 6


def test_a_trial_below_the_median_is_hopeless() -> None:
    """Its best so far against the running averages of at least three that are over."""
    others = [[0.5, 0.6, 0.7], [0.6, 0.7, 0.8], [0.4, 0.5, 0.6]]
    assert is_below_median([0.3, 0.5], others)
    assert not is_below_median([0.3, 0.6], others)
    assert not is_below_median([0.3, 0.5], others[:2])
    assert not is_below_median([], others)


def test_rungs_and_brackets_of_hyperband() -> None:
    """From 1 to 27 epochs by thirds: three rungs in the boldest bracket, none in the last."""
    assert [rungs(1, 27, bracket) for bracket in range(brackets(1, 27))] == [
        [1, 3, 9],
        [3, 9],
        [9],
        [],
    ]


def test_two_thirds_are_cut_at_a_rung() -> None:
    """Only the best third of those that reached it goes on, and rungs are judged once."""
    others = [[0.5], [0.6, 0.7], [0.7, 0.8, 0.9]]
    assert is_cut([0.6], 0, others, [1, 3])
    assert not is_cut([0.8], 0, others, [1, 3])
    assert not is_cut([0.6, 0.6], 1, others, [1, 3])
    assert not is_cut([0.1], 0, others[:1], [1, 3])
    assert is_cut([0.1, 0.2, 0.3], 0, others, [1, 3])
