"""What is learned: the one class of a picture, or any number of labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

HEAVIEST = 100.0
"""The largest weight of a rare label."""


class Objective(Protocol):
    """How answers are turned into a loss, into probabilities and into hits.

    Answers are batch x classes, before any softmax or sigmoid.
    """

    @property
    def judged(self) -> int:
        """How many right or wrong decisions there are about one picture."""
        ...

    def to(self, device: torch.device) -> Objective:
        """The same where the answers are."""
        ...

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """The mean loss of a batch."""
        ...

    def probabilities(self, answers: Tensor) -> Tensor:
        """What the served model answers, batch x classes."""
        ...

    def hits(self, probabilities: Tensor, labels: Tensor) -> Tensor:
        """How many decisions about each picture are right."""
        ...


@dataclass(frozen=True, slots=True)
class OneClass:
    """Labels are class numbers, one for each picture; the likeliest class is the decision."""

    judged = 1

    def to(self, device: torch.device) -> OneClass:
        """Nothing of it is anywhere."""
        return self

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """Cross entropy."""
        return F.cross_entropy(answers, labels)

    def probabilities(self, answers: Tensor) -> Tensor:
        """Softmax: they sum to 1."""
        return answers.softmax(1)

    def hits(self, probabilities: Tensor, labels: Tensor) -> Tensor:
        """1 where the likeliest class is the label, else 0."""
        return (probabilities.argmax(1) == labels).long()


@dataclass(frozen=True, slots=True, eq=False)
class ManyLabels:
    """Labels are rows of 0 and 1; each class is a decision of its own.

    ``weights`` has a factor for each class by which a 1 counts more than a 0, or is None.
    """

    judged: int
    weights: Tensor | None = None

    def to(self, device: torch.device) -> ManyLabels:
        """With its weights on a device."""
        return replace(self, weights=None if self.weights is None else self.weights.to(device))

    def loss(self, answers: Tensor, labels: Tensor) -> Tensor:
        """Binary cross entropy, the mean over pictures and classes."""
        return F.binary_cross_entropy_with_logits(
            answers, labels.to(answers.dtype), pos_weight=self.weights
        )

    def probabilities(self, answers: Tensor) -> Tensor:
        """Sigmoids: each class is independent of the others."""
        return answers.sigmoid()

    def hits(self, probabilities: Tensor, labels: Tensor) -> Tensor:
        """How many classes of each picture are decided rightly, at a probability of one half.

        A mean over all pictures and classes is AWS's mean accuracy per class.
        """
        return ((probabilities > 0.5) == (labels > 0)).sum(1)


def objective_for(
    num_classes: int, labels: Tensor, *, multi_label: bool, weighted: bool
) -> Objective:
    """What a job learns.

    Args:
        num_classes: the width of the answers.
        labels: of all training pictures.
        multi_label: any number of labels instead of one class.
        weighted: let a 1 of a rare class count more, by the ratio of its zeros to its ones.
    """
    if not multi_label:
        return OneClass()
    if not weighted:
        return ManyLabels(num_classes)
    ones = labels.sum(0).double()
    ratio = (len(labels) - ones) / ones.clamp_min(1)
    return ManyLabels(num_classes, ratio.clamp(1 / HEAVIEST, HEAVIEST).to(torch.float32))
