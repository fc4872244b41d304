"""Training images that are kept back for a while, to see how far the confidences can be trusted.

They join the others for the last part of the training, so that no image is lost to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from bakehouse.algorithms.image_classification.calibration import (
    LEAST_IMAGES,
    Calibration,
    fit_temperature,
)
from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.evaluation import answers, probabilities
from bakehouse.algorithms.image_classification.objectives import Objective, OneClass
from bakehouse.algorithms.image_classification.plan import Plan, Recipe
from bakehouse.algorithms.image_classification.scores import Share

DRAWN = 2
"""A stream of randomness of its own; see ``batches``."""


@dataclass(frozen=True, slots=True)
class Trust:
    """What the images told before they joined: accuracy, and the temperature that it asks for."""

    accuracy: Share
    calibration: Calibration | None


def draw(
    members: NDArray[np.int64], plan: Plan, objective: Objective, seed: int
) -> NDArray[np.int64]:
    """The places of the images to keep back; none where they would be too few to tell anything."""
    share = plan.held_out if isinstance(plan, Recipe) else 0.0
    count = int(share * len(members))
    if count < LEAST_IMAGES or not isinstance(objective, OneClass):
        return members[:0]
    return np.sort(np.random.default_rng((seed, DRAWN)).permutation(members)[:count])


def measure(
    network: nn.Module,
    train: LabelledImages,
    held: NDArray[np.int64],
    objective: Objective,
    device: torch.device,
) -> Trust:
    """Try a network on the images that it has not learned from, as the stored graph would."""
    pixels = torch.from_numpy(np.stack([train.images[place] for place in held.tolist()]))
    labels = torch.from_numpy(train.labels[held])

    answered = answers(network, pixels, device, mirror=True)
    hits = objective.hits(probabilities(answered, objective), labels)
    calibration = fit_temperature(
        lambda temperature: probabilities(answered, objective, temperature), labels
    )
    return Trust(Share(int(hits.sum()), len(labels)), calibration)
