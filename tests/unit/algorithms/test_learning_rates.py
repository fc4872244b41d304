from __future__ import annotations

import pytest
from torch import nn

from bakehouse.algorithms.image_classification.hardware import Machine
from bakehouse.algorithms.image_classification.hyperparameters import read_hyperparameters
from bakehouse.algorithms.image_classification.optimizers import learning_rate, optimizer_for
from bakehouse.algorithms.image_classification.plan import Plan, plan_for

REQUIRED = {"image_shape": "3,32,32", "num_classes": "2", "num_training_samples": "1000"}


def plan(**given: str) -> Plan:
    """The plan for these hyperparameters beside the required ones."""
    return plan_for(read_hyperparameters(REQUIRED | given), Machine(2), strict_defaults=False)


def test_awss_rate_falls_by_the_factor_after_the_named_epochs() -> None:
    """Epochs before the first step keep the rate; each step multiplies it."""
    chosen = plan(learning_rate="0.1", lr_scheduler_factor="0.5", lr_scheduler_step="2,3")
    rates = [learning_rate(chosen, epoch * 31 + 30, 31) for epoch in range(5)]
    assert rates == pytest.approx([0.1, 0.1, 0.05, 0.025, 0.025])
    assert learning_rate(chosen, 2 * 31, 31) == pytest.approx(0.05)


def test_our_rate_rises_to_its_peak_and_falls() -> None:
    """One peak, at the end of the warm-up, and an end near nothing."""
    chosen = plan()
    rates = [learning_rate(chosen, step, 15) for step in range(chosen.epochs * 15)]
    peak = rates.index(max(rates))
    assert rates == sorted(rates[: peak + 1]) + sorted(rates[peak + 1 :], reverse=True)
    assert max(rates) == pytest.approx(chosen.learning_rate, rel=0.01)
    assert 0 < rates[0] < 0.05 * max(rates)
    assert rates[-1] == pytest.approx(0.01 * chosen.learning_rate)


@pytest.mark.parametrize(("given", "decayed"), [({}, 1), ({"epochs": "1"}, 2)])
def test_weight_decay_spares_vectors_or_biases(given: dict[str, str], decayed: int) -> None:
    """Ours decays the matrix only, AWS's the scale of a norm as well."""
    network = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    optimizer = optimizer_for(network, plan(**given))
    counts = {group["weight_decay"] > 0: len(group["params"]) for group in optimizer.param_groups}
    assert counts == {True: decayed, False: 4 - decayed}
