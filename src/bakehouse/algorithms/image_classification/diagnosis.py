"""What looks wrong with the data, from what was read and from how the training went.

A job whose train and validation lists mean different things by the same number ends "Completed" on
AWS, with a high accuracy on one and a poor one on the other. These are the sentences that say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.scores import Share

GAP = 0.1
"""Accuracies that are less apart are no reason to warn."""
LEARNED = 0.9
"""The accuracy on its own pictures from which a network has learned its classes."""
_SWAPS_SHOWN = 3


def warnings_before(
    train: LabelledImages, validation: LabelledImages, num_classes: int
) -> Iterator[str]:
    """What can be seen without training. Class labels only."""
    seen, checked = (set(data.labels.tolist()) for data in (train, validation))
    if missing := num_classes - len(seen):
        yield (
            f"num_classes is {num_classes}, but {missing} of these classes have"
            " no image in the train channel."
        )
    if strange := sorted(checked - seen):
        yield (
            f"The validation channel has the classes {_listed(strange)}, of which the train channel"
            " has no image: they cannot be told right."
        )
    twice, otherwise = _shared(train, validation)
    if otherwise:
        yield (
            f"{otherwise} images are in the train and in the validation channel with DIFFERENT"
            " labels: the two lists do not number the classes alike. Compare train_lst and"
            " validation_lst."
        )
    elif twice:
        yield (
            f"{twice} images are in the train and in the validation channel: the validation"
            " accuracy is too good by them."
        )


def _shared(train: LabelledImages, validation: LabelledImages) -> tuple[int, int]:
    """How many validation images are training images too, and how many by another label."""
    known = {_print(image): int(label) for image, label in _pairs(train)}
    found = [(known.get(_print(image)), int(label)) for image, label in _pairs(validation)]
    both = [(theirs, label) for theirs, label in found if theirs is not None]
    return len(both), sum(theirs != label for theirs, label in both)


def _pairs(data: LabelledImages) -> Iterator[tuple[NDArray[np.uint8], int]]:
    return zip(data.images, data.labels, strict=True)


def _print(image: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(image.tobytes(), digest_size=16).digest()


def warnings_after(
    confusion: Tensor, train: Share, held: Share | None, names: Sequence[str] | None = None
) -> Iterator[str]:
    """What the stored model's answers say about the labels.

    Args:
        confusion: of the validation images, how many of each class (rows) got which (columns).
        train: of the stored model, on training images as they are.
        held: the same on training images that it had not learned from, if there were any.
        names: of the classes, where they are known.
    """
    right = Share(int(confusion.diag().sum()), int(confusion.sum()))
    wanted = held if held is not None else train
    if not _far_below(right, wanted, held is not None, len(confusion)):
        return
    told = f"The validation accuracy is {right}, but on training images "
    told += f"{'kept back from the training ' if held is not None else ''}it is {wanted}. "
    renamed = confusion.argmax(1)
    explained = Share(int(confusion.gather(1, renamed[:, None]).sum()), right.of)
    is_renaming = len(set(renamed.tolist())) == len(confusion)
    if (
        is_renaming
        and explained.value >= right.value + GAP
        and explained.value >= LEARNED * wanted.value
    ):
        swaps = [
            f"{_class(i, names)} looks like {_class(int(j), names)} of the train channel"
            for i, j in enumerate(renamed.tolist())
            if i != j
        ]
        more = f" and {len(swaps) - _SWAPS_SHOWN} more" if len(swaps) > _SWAPS_SHOWN else ""
        yield (
            f"{told}LABEL MISMATCH: the validation channel numbers the classes otherwise than the"
            f" train channel: {', '.join(swaps[:_SWAPS_SHOWN])}{more}. With that renaming the"
            f" accuracy would be {explained.value:.3f}. Compare train_lst and validation_lst."
        )
    elif held is not None:
        yield (
            f"{told}LABEL MISMATCH: the labels of the validation channel do not mean what those of"
            " the train channel do, or its images are of another kind. Compare train_lst and"
            " validation_lst, line by line, with the images."
        )
    else:
        yield (
            f"{told}Either the labels of the validation channel do not mean what those of the train"
            " channel do (LABEL MISMATCH: compare train_lst and validation_lst with the images), or"
            " the network has learned its images by heart (try augmentation_type, fewer epochs, or"
            " no hyperparameters beside the required ones)."
        )


def _far_below(right: Share, wanted: Share, comparable: bool, classes: int) -> bool:
    """Whether the validation accuracy is so low that it is no accident.

    Images of the training that the network has learned from are always told better than others:
    against them only an accuracy nearer to chance than to theirs counts.
    """
    if not right.of:
        return False
    highest = right.wilson()[1]
    if comparable:
        return highest < wanted.wilson()[0] and right.value < wanted.value - GAP
    chance = 1 / classes
    return wanted.value >= LEARNED and highest < (wanted.value + chance) / 2


def _class(number: int, names: Sequence[str] | None) -> str:
    return f"class {number}" if names is None else f"class {number} ({names[number]})"


def _listed(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10]))
    return shown if len(numbers) <= 10 else f"{shown} and {len(numbers) - 10} more"
