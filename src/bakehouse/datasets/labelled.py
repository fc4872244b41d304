"""The shapes that all data sets pass as: labelled images, two splits, and where they are from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

SIDE = 32
"""Width and height of every image, in pixels."""

Images = NDArray[np.uint8]
"""Red, green and blue, 0 to 255, as (N, 32, 32, 3) or, for one image, (32, 32, 3)."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images with their labels, row by row.

    Args:
        images: (N, 32, 32, 3).
        labels: N class numbers, from 0, in the order of the data set's classes.
        names: N file names as the source has them; not necessarily unique.
        indices: N row numbers in the source.
    """

    images: Images
    labels: tuple[int, ...]
    names: tuple[str, ...]
    indices: tuple[int, ...]

    def __len__(self) -> int:
        """How many images there are."""
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Dataset:
    """A training and a test split of the same classes.

    Args:
        classes: the classes' names; an image's label is the place of its class here.
        train: the images to learn from.
        test: the images to judge by.
        source: where the images are from, as plain JSON: equal sources give equal images.
    """

    classes: tuple[str, ...]
    train: Labelled
    test: Labelled
    source: dict[str, Any]
