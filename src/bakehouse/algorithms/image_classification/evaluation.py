"""A network's answers to pictures that it does not learn from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.networks import as_float
from bakehouse.algorithms.image_classification.objectives import Objective

EVALUATE_TOGETHER, EVALUATE_PIXELS = 256, 256 * 224 * 224
"""Pictures in a batch of the evaluation, and pixels of all of them; a single one may have more."""


def evaluate(
    network: nn.Module,
    pixels: Tensor,
    objective: Objective,
    device: torch.device,
    *,
    mirror: bool,
    temperature: float = 1.0,
) -> Tensor:
    """The probabilities of the classes, a row for each picture.

    Args:
        network: in any mode; it is left in evaluation mode.
        pixels: 8 bits each, count x channels x rows x columns.
        objective: makes probabilities of answers.
        device: where the network is.
        mirror: the mean over each picture and its mirror image, as our stored graph takes it.
        temperature: divides the answers.
    """
    found = answers(network, pixels, device, mirror=mirror)
    return probabilities(found, objective, temperature)


def answers(
    network: nn.Module, pixels: Tensor, device: torch.device, *, mirror: bool
) -> list[Tensor]:
    """What a network says of pictures, a row for each, and then of their mirror images."""
    network.eval()
    rows: list[list[Tensor]] = [[], []] if mirror else [[]]
    together = evaluated_together(pixels.shape[1:])
    with torch.inference_mode():
        for start in range(0, len(pixels), together):
            x = as_float(pixels[start : start + together].to(device))
            for kept, seen in zip(rows, (x, x.flip(3)), strict=False):
                kept.append(network(seen).cpu())
    return [torch.cat(kept) for kept in rows]


def probabilities(
    answered: Sequence[Tensor], objective: Objective, temperature: float = 1.0
) -> Tensor:
    """The mean of the probabilities over all answers to the same pictures."""
    each = [objective.probabilities(one / temperature) for one in answered]
    return torch.stack(each).mean(0)


def evaluated_together(shape: Sequence[int]) -> int:
    """How many pictures of this shape, channels x rows x columns, are evaluated in one batch."""
    return max(1, min(EVALUATE_TOGETHER, EVALUATE_PIXELS // (shape[1] * shape[2])))


def centre(image: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.uint8]:
    """The middle of a picture, channels x rows x columns, that is at least that large."""
    top, left = (image.shape[1] - rows) // 2, (image.shape[2] - columns) // 2
    return image[:, top : top + rows, left : left + columns]


def confusion(labels: Tensor, decided: Tensor, num_classes: int) -> Tensor:
    """How many pictures of each class (rows) got each class as an answer (columns)."""
    places = labels * num_classes + decided
    return torch.bincount(places, minlength=num_classes**2).reshape(num_classes, num_classes)
