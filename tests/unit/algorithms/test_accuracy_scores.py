from __future__ import annotations

import pytest

from bakehouse.algorithms.image_classification.scores import (
    EarlyStopping,
    RollingValidation,
    Share,
)


@pytest.mark.parametrize(
    ("batch_size", "expected"),
    [(32, [192, 192, 192, 224, 192]), (64, [192] * 7 + [256, 192]), (200, [200, 200])],
)
def test_what_fills_no_batch_is_counted_in_the_next_epoch(
    batch_size: int, expected: list[int]
) -> None:
    """Two hundred images are counted in the portions that AWS's logs show."""
    rolling = RollingValidation(batch_size)
    assert [rolling.count([True] * 200).of for _ in expected] == expected


def test_carried_images_are_the_last_of_the_list() -> None:
    """Five images in batches of four: the second pass starts with the fifth."""
    rolling = RollingValidation(4)
    assert rolling.count([False, False, False, False, True]) == Share(0, 4)
    assert rolling.count([False, False, False, False, True]) == Share(1, 4)


def test_several_decisions_about_an_image_count_each() -> None:
    """Three images of four labels each, in batches of two: eight decisions, six of them right."""
    rolling = RollingValidation(2, judged=4)
    assert rolling.count([4, 2, 0]) == Share(6, 8)
    assert rolling.count([4, 2, 0]) == Share(0 + 4 + 2 + 0, 16)


def test_wilson_interval_matches_a_published_value() -> None:
    """81 of 263 gives 0.2553 to 0.3662 (Newcombe, Statistics in Medicine 17, 1998, table I)."""
    low, high = Share(81, 263).wilson()
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_wilson_interval_stays_inside_at_the_ends() -> None:
    """All hits and no hits give intervals that end at 1 and begin at 0."""
    assert 1 - 1e-12 < Share(10, 10).wilson()[1] <= 1
    assert 0 <= Share(0, 10).wilson()[0] < 1e-12
    assert Share(0, 0).wilson() == (0.0, 1.0)


def test_a_share_reads_as_value_counts_and_interval() -> None:
    """The log's form holds six digits, the counts and the interval."""
    assert str(Share(187, 200)) == "0.935000 (187/200, 95% 0.892-0.962)"


def test_early_stopping_waits_for_patience_after_the_least_epochs() -> None:
    """A flat accuracy stops after the patience, not before the least number of epochs."""
    rule = EarlyStopping(min_epochs=5, patience=2, tolerance=0.0)
    assert [rule.is_over(epoch, 0.8) for epoch in range(5)] == [False] * 4 + [True]


def test_an_improvement_below_the_tolerance_is_none() -> None:
    """From 0.50 to 0.51 is 2 percent: enough for a tolerance of 0.01, not of 0.05."""
    strict, lenient = (EarlyStopping(1, 1, tolerance) for tolerance in (0.05, 0.01))
    assert [strict.is_over(0, 0.50), strict.is_over(1, 0.51)] == [False, True]
    assert [lenient.is_over(0, 0.50), lenient.is_over(1, 0.51)] == [False, False]
