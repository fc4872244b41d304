"""The training batches of a job, in an order that the seed and the step alone decide.

Nothing here remembers where it was: any step can be asked for, so a training that goes on after it
was killed sees the very batches that it would have seen.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from bakehouse.algorithms.image_classification.augment import augment, crop_image, mix, recolour
from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.plan import AwsTable, Plan, Recipe

AHEAD = 3
"""Batches that are made while others are learned from, where pictures are changed one by one."""
ORDER, CHANGES = 1, 2
"""Streams of randomness, so that none repeats another's numbers."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Some pictures to learn from."""

    images: Tensor
    """Floats from 0 to 255, batch x channels x rows x columns."""
    labels: Tensor
    own: float = 1.0
    """How much of each picture is its own; the rest is of the picture at the other end."""


class Order:
    """Some of the images in random order, again and again.

    Args:
        members: their places in the data.
        seed: any whole numbers.
    """

    def __init__(self, members: NDArray[np.int64], seed: tuple[int, ...]) -> None:
        self._members, self._seed = members, seed
        self._round, self._shuffled = -1, members

    def at(self, first: int, count: int) -> NDArray[np.int64]:
        """The images from the ``first`` place on, counted over all rounds."""
        places = np.arange(first, first + count)
        rounds, inside = np.divmod(places, len(self._members))
        found = [self._in_round(int(r))[inside[rounds == r]] for r in np.unique(rounds)]
        return np.concatenate(found)

    def _in_round(self, number: int) -> NDArray[np.int64]:
        if number != self._round:
            random = np.random.default_rng((*self._seed, ORDER, number))
            self._round, self._shuffled = number, random.permutation(self._members)
        return self._shuffled


class Batches:
    """Makes the batch of any step.

    Args:
        data: the training images; all of the network's size unless the plan crops at random.
        plan: how large batches are and how they are changed.
        shape: channels, rows, columns of the network's input.
        members: places of the images that this machine learns from.
        held: those of them that are kept back in the steps before ``joins``.
        joins: the first step that learns from all images.
        seed: decides the order and all changes.
        threads: how many pictures are changed at once, where that is done one by one.
        device: where the batches are wanted.
    """

    def __init__(
        self,
        data: LabelledImages,
        plan: Plan,
        shape: tuple[int, int, int],
        *,
        members: NDArray[np.int64],
        held: NDArray[np.int64],
        joins: int,
        seed: tuple[int, ...],
        threads: int,
        device: torch.device,
    ) -> None:
        self._data, self._plan, self._size, self._device = data, plan, shape[1:], device
        self._early = Order(np.setdiff1d(members, held), (*seed, 0))
        self._late = Order(members, (*seed, 1))
        self._joins, self._seed, self._threads = joins, seed, threads
        self._labels = torch.from_numpy(data.labels).to(device)
        self._pixels = None if crops(plan) else torch.from_numpy(data.stacked()).to(device)

    def from_step(self, step: int, end: int) -> Generator[Batch]:
        """The batches of the steps from ``step`` to before ``end``."""
        if self._pixels is not None:
            yield from (self._from_pixels(self._pixels, one) for one in range(step, end))
            return
        with ThreadPoolExecutor(self._threads) as pool:
            waiting: deque[tuple[int, list[Future[NDArray[np.uint8]]]]] = deque()
            try:
                for one in range(step, end):
                    waiting.append((one, self._start(pool, one)))
                    if len(waiting) > AHEAD:
                        yield self._finish(*waiting.popleft())
                while waiting:
                    yield self._finish(*waiting.popleft())
            finally:
                pool.shutdown(cancel_futures=True)

    def _chosen(self, step: int) -> NDArray[np.int64]:
        size = self._plan.batch_size
        if step < self._joins:
            return self._early.at(step * size, size)
        return self._late.at((step - self._joins) * size, size)

    def _from_pixels(self, pixels: Tensor, step: int) -> Batch:
        chosen = torch.from_numpy(self._chosen(step)).to(self._device)
        images, labels = pixels[chosen].float(), self._labels[chosen]
        if not isinstance(self._plan, Recipe):
            return Batch(_fast(images), labels)
        random = torch.Generator().manual_seed(_number((*self._seed, CHANGES, step)))
        amounts = self._plan.augmentation
        images, own = mix(augment(images, amounts, random), amounts.mix, random)
        return Batch(_fast(images), labels, own)

    def _start(self, pool: ThreadPoolExecutor, step: int) -> list[Future[NDArray[np.uint8]]]:
        """Have each picture of a batch cropped and turned."""
        kind = str(self._plan.augmentation)
        return [
            pool.submit(
                crop_image, self._data.images[i], self._size, kind, self._random(step, place)
            )
            for place, i in enumerate(self._chosen(step).tolist())
        ]

    def _finish(self, step: int, pictures: list[Future[NDArray[np.uint8]]]) -> Batch:
        images = torch.from_numpy(np.stack([one.result() for one in pictures]))
        images = images.to(self._device).float()
        if self._plan.augmentation != "crop" and images.shape[1] == 3:
            random = torch.Generator().manual_seed(_number((*self._seed, CHANGES, step)))
            images = recolour(images, random)
        return Batch(_fast(images), self._labels[torch.from_numpy(self._chosen(step))])

    def _random(self, step: int, place: int) -> np.random.Generator:
        return np.random.default_rng((*self._seed, CHANGES, step, place))


def crops(plan: Plan) -> bool:
    """Whether a plan cuts its pictures at random places, so that they are kept whole."""
    return isinstance(plan, AwsTable) and plan.augmentation is not None


def _number(entropy: tuple[int, ...]) -> int:
    """One number of 63 bits out of several."""
    return int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> np.uint64(1))


def _fast(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)
