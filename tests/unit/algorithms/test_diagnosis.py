from __future__ import annotations

import numpy as np
import pytest
import torch

from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.diagnosis import warnings_after, warnings_before
from bakehouse.algorithms.image_classification.scores import Share


def images(numbers: list[int], labels: list[int]) -> LabelledImages:
    """Pictures of one colour each."""
    return LabelledImages(
        [np.full((1, 4, 4), number, np.uint8) for number in numbers], np.array(labels)
    )


def test_sound_channels_give_no_warning() -> None:
    """Different pictures, the same classes: nothing to say."""
    assert not list(warnings_before(images([1, 2], [0, 1]), images([3, 4], [0, 1]), 2))


def test_a_picture_in_both_channels_by_different_labels_is_named_a_mismatch() -> None:
    """Two lists that number the classes otherwise show before anything is trained."""
    (told,) = warnings_before(images([1, 2, 3], [0, 1, 1]), images([1, 2, 9], [1, 1, 0]), 2)
    assert told.startswith("1 images are in the train and in the validation channel with DIFFERENT")


def test_a_picture_in_both_channels_by_the_same_label_is_told() -> None:
    """It makes the accuracy look better."""
    (told,) = warnings_before(images([1, 2], [0, 1]), images([2, 3], [1, 0]), 2)
    assert "too good" in told


def test_classes_without_pictures_are_told() -> None:
    """Either channel may lack one."""
    told = list(warnings_before(images([1, 2], [0, 0]), images([3, 4], [0, 2]), 3))
    assert told[0].startswith("num_classes is 3, but 2 of these classes have no image")
    assert told[1].startswith("The validation channel has the classes 2,")


LEARNED = Share(950, 1000)


def test_swapped_classes_are_named_with_what_they_look_like() -> None:
    """A table that is right after a renaming says which."""
    swapped = torch.tensor([[6, 94], [93, 7]])
    (told,) = warnings_after(swapped, LEARNED, None, ["bicycle", "motorcycle"])
    assert "LABEL MISMATCH" in told
    assert "class 0 (bicycle) looks like class 1 (motorcycle) of the train channel" in told
    assert "the accuracy would be 0.935" in told


@pytest.mark.parametrize("held", [None, Share(90, 100)])
def test_labels_without_meaning_are_told(held: Share | None) -> None:
    """Near chance while the training images are known: the sentence names the lists."""
    (told,) = warnings_after(torch.tensor([[57, 43], [41, 59]]), LEARNED, held)
    assert "LABEL MISMATCH" in told
    assert "train_lst" in told
    assert ("by heart" in told) == (held is None)


@pytest.mark.parametrize(
    ("table", "train", "held"),
    [
        ([[92, 8], [7, 93]], LEARNED, Share(90, 100)),
        ([[80, 20], [15, 85]], Share(998, 1000), None),  # AWS's usual 0.83 after 0.99
        ([[55, 45], [45, 55]], Share(600, 1000), None),  # nothing was learned
        ([[0, 0], [0, 0]], LEARNED, None),
    ],
)
def test_ordinary_outcomes_are_no_reason_to_warn(
    table: list[list[int]], train: Share, held: Share | None
) -> None:
    """Good, overfitted and useless models are not called mislabelled."""
    assert not list(warnings_after(torch.tensor(table), train, held))
