"""How far a model's confidences can be trusted, and the temperature that mends them.

Source: C. Guo et al., "On Calibration of Modern Neural Networks" (2017). The temperature divides
the answers before the softmax; it changes confidences, never which class is the likeliest.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

LEAST_IMAGES = 50
"""Fewer tell too little about a confidence."""
RANGE = 1 / 4, 4.0
"""Temperatures that are looked at."""
BINS = 10
_STEPS = 40
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Calibration:
    """A temperature, and what it did on the images it was fitted on."""

    temperature: float
    images: int
    log_loss_before: float
    log_loss: float
    calibration_error_before: float
    calibration_error: float


def fit_temperature(
    probabilities_at: Callable[[float], Tensor], labels: Tensor
) -> Calibration | None:
    """Find the temperature of the least log loss by golden-section search.

    Args:
        probabilities_at: the probabilities, images x classes, at a temperature.
        labels: the classes of these images, which the network has not learned from.

    Returns:
        None where there are too few images.
    """
    if len(labels) < LEAST_IMAGES:
        return None

    def loss(logarithm: float) -> float:
        return log_loss(probabilities_at(math.exp(logarithm)), labels)

    low, high = map(math.log, RANGE)
    for _ in range(_STEPS):
        inner, outer = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
        low, high = (low, outer) if loss(inner) < loss(outer) else (inner, high)
    best = math.exp((low + high) / 2)
    before, after = probabilities_at(1.0), probabilities_at(best)
    return Calibration(
        best,
        len(labels),
        log_loss(before, labels),
        log_loss(after, labels),
        calibration_error(before, labels),
        calibration_error(after, labels),
    )


def log_loss(probabilities: Tensor, labels: Tensor) -> float:
    """The mean negative logarithm of the probability of the true class."""
    own = probabilities.gather(1, labels[:, None]).clamp_min(1e-12)
    return float(-own.log().mean())


def calibration_error(probabilities: Tensor, labels: Tensor) -> float:
    """The expected calibration error: how far confidence and accuracy are apart, 0 to 1.

    The mean over ten bins of confidence, weighted by their images.
    """
    confidence, decided = probabilities.max(1)
    right = (decided == labels).float()
    bins = (confidence * BINS).long().clamp_max(BINS - 1)
    gaps = torch.zeros(BINS).index_add_(0, bins, confidence - right)
    return float(gaps.abs().sum() / len(labels))
