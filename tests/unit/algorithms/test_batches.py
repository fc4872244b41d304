from __future__ import annotations

import numpy as np
import pytest
import torch

from bakehouse.algorithms.image_classification.batches import Batches, Order
from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.hardware import Machine
from bakehouse.algorithms.image_classification.hyperparameters import read_hyperparameters
from bakehouse.algorithms.image_classification.plan import Plan, plan_for

REQUIRED = {"image_shape": "3,8,8", "num_classes": "2", "num_training_samples": "40"}
NOTHING = np.arange(0)


def plan(**given: str) -> Plan:
    """The plan for these hyperparameters beside the required ones."""
    return plan_for(read_hyperparameters(REQUIRED | given), Machine(2), strict_defaults=False)


def batches(
    chosen: Plan,
    *,
    side: int = 8,
    held: np.ndarray[tuple[int, ...], np.dtype[np.int64]] = NOTHING,
    joins: int = 0,
    threads: int = 2,
) -> Batches:
    """Forty pictures, each of one colour that is its own."""
    images = [np.full((3, side, side), 5 * i, np.uint8) for i in range(40)]
    return Batches(
        LabelledImages(images, np.arange(40) % 2),
        chosen,
        (3, 8, 8),
        members=np.arange(40),
        held=held,
        joins=joins,
        seed=(7, 0),
        threads=threads,
        device=torch.device("cpu"),
    )


def test_every_round_has_every_image_once_in_another_order() -> None:
    """Rounds are permutations, also where one is asked for across their border."""
    order = Order(np.arange(10), (1,))
    places = order.at(0, 30).reshape(3, 10)
    assert all(sorted(one.tolist()) == list(range(10)) for one in places)
    assert len({tuple(one.tolist()) for one in places}) == 3
    assert order.at(7, 6).tolist() == places.reshape(-1)[7:13].tolist()


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"epochs": "9", "mini_batch_size": "6"},
        {"augmentation_type": "crop_color_transform", "mini_batch_size": "6"},
    ],
    ids=["ours", "plain", "cropped"],
)
def test_a_step_has_the_same_batch_wherever_one_begins(given: dict[str, str]) -> None:
    """What is seen does not depend on the steps before, nor on the number of threads."""
    chosen = plan(**given)
    side = 12 if "augmentation_type" in given else 8
    whole = list(batches(chosen, side=side).from_step(0, 9))
    rest = list(batches(chosen, side=side, threads=1).from_step(5, 9))
    assert len(whole) == 9
    for a, b in zip(whole[5:], rest, strict=True):
        assert torch.equal(a.images, b.images)
        assert torch.equal(a.labels, b.labels)
        assert a.own == b.own
    assert not torch.equal(whole[0].images, whole[1].images)
    assert whole[0].images.shape == (len(whole[0].labels), 3, 8, 8)


def test_images_that_are_kept_back_come_only_after_they_have_joined() -> None:
    """Before the step they are in no batch, afterwards in all rounds."""
    held = np.array([0, 3, 39])
    made = batches(plan(epochs="9", mini_batch_size="8"), held=held, joins=10)
    colours = [
        {int(colour) for colour in batch.images[:, 0, 0, 0]} for batch in made.from_step(0, 20)
    ]
    kept_back = {0, 15, 195}
    assert not kept_back & set().union(*colours[:10])
    assert kept_back < set().union(*colours[10:15])


def test_labels_go_with_their_pictures() -> None:
    """A picture's colour tells its label."""
    (batch,) = batches(plan(epochs="1", mini_batch_size="16")).from_step(3, 4)
    assert batch.labels.tolist() == [
        int(colour) // 5 % 2 for colour in batch.images[:, 1, 2, 3].tolist()
    ]
