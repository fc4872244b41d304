"""The drawn vehicles: equal for equal seeds, varied, and not told apart by their mean colour."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bakehouse.datasets.drawn import CLASSES, draw_vehicles
from bakehouse.datasets.labelled import Dataset, Images


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return draw_vehicles(7, train=150, test=100)


def test_equal_seeds_give_equal_images() -> None:
    """Two runs agree to the byte; another seed does not."""
    first, again = draw_vehicles(1, train=6, test=2), draw_vehicles(1, train=6, test=2)
    other = draw_vehicles(2, train=6, test=2)
    assert first.train.images.tobytes() == again.train.images.tobytes()
    assert first.train.images.tobytes() != other.train.images.tobytes()


def test_more_images_do_not_change_the_first_ones() -> None:
    """Each image depends on the seed, its split and its place only."""
    few, many = draw_vehicles(1, train=2, test=1), draw_vehicles(1, train=4, test=1)
    assert np.array_equal(few.train.images, many.train.images[:4])


def test_the_classes_are_balanced_and_follow_the_order_asked_for(dataset: Dataset) -> None:
    """Labels count each class equally; the first class asked for is label 0."""
    assert dataset.train.labels.count(0) == dataset.train.labels.count(1) == 150
    swapped = draw_vehicles(7, classes=tuple(reversed(CLASSES)), train=1, test=0)
    assert swapped.classes == ("motorcycle", "bicycle")
    assert swapped.train.names[0].startswith("drawn_motorcycle_train_")


def test_no_image_comes_twice_and_the_splits_share_none(dataset: Dataset) -> None:
    """All images of both splits differ, and so do their names."""
    both = [image.tobytes() for split in (dataset.train, dataset.test) for image in split.images]
    assert len(set(both)) == 500
    assert len({*dataset.train.names, *dataset.test.names}) == 500


def test_mean_colour_does_not_tell_the_classes_apart(dataset: Dataset) -> None:
    """A nearest-centroid classifier of mean colours is hardly better than a coin."""
    means, labels = dataset.train.images.mean((1, 2)), np.array(dataset.train.labels)
    centroids = np.stack([means[labels == label].mean(0) for label in (0, 1)])
    tested = dataset.test.images.mean((1, 2))
    guesses = ((tested[:, None] - centroids) ** 2).sum(2).argmin(1)
    assert (guesses == np.array(dataset.test.labels)).mean() < 0.65


def test_shape_tells_the_classes_apart(dataset: Dataset) -> None:
    """Motorcycles are solid between the wheels: the middle's contrast alone beats a coin well."""

    def solid(images: Images) -> NDArray[np.float64]:
        grey = images.astype(np.float64).mean(3)
        middle: NDArray[np.float64] = np.abs(
            grey[:, 12:24, 10:22] - grey.mean((1, 2))[:, None, None]
        ).mean((1, 2))
        sharp: NDArray[np.float64] = np.abs(np.diff(grey, axis=2)).mean((1, 2))
        ratio: NDArray[np.float64] = middle / sharp
        return ratio

    values, labels = solid(dataset.test.images), np.array(dataset.test.labels)
    pairs = values[labels == 1][:, None] > values[labels == 0][None, :]
    assert pairs.mean() > 0.6


def test_progress_ends_at_one() -> None:
    """The share told never falls and ends at 1."""
    told: list[float] = []
    draw_vehicles(0, train=60, test=30, progress=told.append)
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)
