from __future__ import annotations

import math

import pytest
import torch

from bakehouse.algorithms.image_classification.objectives import (
    ManyLabels,
    OneClass,
    objective_for,
)


def test_one_class_is_a_softmax_and_its_likeliest() -> None:
    """Probabilities sum to one; a hit is the largest."""
    answers = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    objective = OneClass()
    shares = objective.probabilities(answers)
    assert shares.sum(1).tolist() == pytest.approx([1, 1])
    assert objective.hits(shares, torch.tensor([0, 0])).tolist() == [1, 0]


def test_labels_are_decided_one_by_one_at_one_half() -> None:
    """Two pictures of three labels: three right decisions, then one."""
    answers = torch.tensor([[3.0, -3.0, 0.1], [3.0, -3.0, 0.1]])
    objective = ManyLabels(3)
    shares = objective.probabilities(answers)
    assert objective.hits(shares, torch.tensor([[1, 0, 1], [0, 0, 0]])).tolist() == [3, 1]
    assert float(shares[0].sum()) > 1


def test_a_rare_label_weighs_as_much_as_the_others_together() -> None:
    """One 1 among four pictures counts three times; a label that nobody has is bounded."""
    labels = torch.tensor([[1, 0], [0, 0], [0, 0], [0, 0]])
    objective = objective_for(2, labels, multi_label=True, weighted=True)
    assert isinstance(objective, ManyLabels)
    assert objective.weights is not None
    assert objective.weights.tolist() == [3.0, 4.0]
    plain = objective_for(2, labels, multi_label=True, weighted=False)
    nothing = torch.zeros(4, 2)
    assert float(plain.loss(nothing, labels)) == pytest.approx(math.log(2))
    # Seven zeros count once, the single 1 three times.
    assert float(objective.loss(nothing, labels)) == pytest.approx((7 + 3) / 8 * math.log(2))


def test_without_multi_label_there_is_one_class() -> None:
    """Class frequencies weigh in multi-label training only, as on AWS."""
    labels = torch.tensor([0, 1, 1])
    assert objective_for(2, labels, multi_label=False, weighted=True) == OneClass()
