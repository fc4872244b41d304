"""Counting what the model got right, AWS's way and the honest way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Share:
    """So many hits of so many."""

    hits: int
    of: int

    @property
    def value(self) -> float:
        """The share as a number from 0 to 1; 0 of nothing is 0."""
        return self.hits / self.of if self.of else 0.0

    def wilson(self, z: float = 1.959964) -> tuple[float, float]:
        """Wilson's score interval, at 95 % unless told otherwise.

        Source: E. B. Wilson, Probable Inference, the Law of Succession, and Statistical Inference,
        JASA 22 (1927). Unlike the normal interval it stays inside 0 to 1 and works at the ends.
        """
        if not self.of:
            return 0.0, 1.0
        n, p = self.of, self.value
        centre = p + z * z / (2 * n)
        spread = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        scale = 1 + z * z / n
        return max(0.0, (centre - spread) / scale), min(1.0, (centre + spread) / scale)

    def __str__(self) -> str:
        low, high = self.wilson()
        return f"{self.value:.6f} ({self.hits}/{self.of}, 95% {low:.3f}-{high:.3f})"


class RollingValidation:
    """Validation accuracy over whole batches only, as AWS's log counts it.

    What does not fill a batch at the end of a pass is counted at the start of the next epoch's: 200
    images in batches of 32 give 192, 192, 192, 224 and again.

    Args:
        batch_size: images in a batch; at most the number of validation images.
        judged: decisions about one image, of which each is right or wrong.
        carried: images left over from an earlier epoch.
    """

    def __init__(self, batch_size: int, judged: int = 1, carried: int = 0) -> None:
        self.batch_size, self.judged, self.carried = batch_size, judged, carried

    def count(self, hits: Sequence[int]) -> Share:
        """Count one epoch's right decisions about each image, in the order of the list."""
        seen = [*hits[len(hits) - self.carried :], *hits]
        used = len(seen) // self.batch_size * self.batch_size
        self.carried = len(seen) - used
        return Share(sum(seen[:used]), used * self.judged)


class EarlyStopping:
    """AWS's rule: stop after so many epochs without a relative improvement.

    Args:
        min_epochs: epochs before the rule may stop the training.
        patience: epochs without an improvement that are waited for.
        tolerance: an improvement relative to the best that is below this is none.
    """

    def __init__(self, min_epochs: int, patience: int, tolerance: float) -> None:
        self.min_epochs, self.patience, self.tolerance = min_epochs, patience, tolerance
        self.best, self.waited = 0.0, 0

    def is_over(self, epoch: int, accuracy: float) -> bool:
        """Take the validation accuracy of an epoch, counted from 0, and say whether to stop."""
        gain = (accuracy - self.best) / self.best if self.best else accuracy
        if gain > 0 and gain >= self.tolerance:
            self.best, self.waited = accuracy, 0
        else:
            self.waited += 1
        return epoch + 1 >= self.min_epochs and self.waited >= self.patience
