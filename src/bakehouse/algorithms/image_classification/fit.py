"""The training itself: from pixels and a plan to a network, with a log line for every event."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.augment import augment, crop_images, mix
from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.networks import as_float, resnet, small_network
from bakehouse.algorithms.image_classification.optimizers import learning_rate, optimizer_for
from bakehouse.algorithms.image_classification.plan import WIDTHS, AwsTable, Plan, Recipe
from bakehouse.algorithms.image_classification.scores import (
    EarlyStopping,
    RollingValidation,
    Share,
)

LINE_EVERY = 20
"""Batches between two ``Batch`` lines; the first comes after one more than that."""
AVERAGE_EVERY = 4
"""Steps between two updates of the averaged weights."""
EVALUATE_TOGETHER, EVALUATE_PIXELS = 256, 256 * 224 * 224
"""Pictures in a batch of the evaluation, and pixels of all of them; a single one may have more."""

Save = Callable[[nn.Module], str]
"""Stores a network as the job's model and returns the file's path."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned."""

    shape: tuple[int, int, int]
    num_classes: int
    num_training_samples: int
    """Decides how many batches make an epoch, whatever the number of pictures."""
    top_k: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a training."""

    epochs: int
    train: Share
    """Of the last epoch, on augmented pictures, while the weights moved."""
    validation: Share
    """Of the stored model, on every validation picture once."""
    stored_epoch: int
    seconds: float


def fit(
    plan: Plan,
    task: Task,
    train: LabelledImages,
    validation: LabelledImages,
    save: Save,
    console: Console,
) -> Outcome:
    """Train a network and store it.

    With our recipe the last, averaged network is stored. With AWS's table it is the one with the
    best logged validation accuracy, as AWS does; that figure then flatters the model.

    Args:
        plan: how to train.
        task: what to learn.
        train: pictures to learn from; all of the network's size unless the plan crops at random.
        validation: pictures to measure on, all of the network's size.
        save: called with the network in evaluation mode, whenever a better one is to be stored.
        console: where the log goes.
    """
    torch.manual_seed(task.seed)
    return _Training(plan, task, train, validation, save, console).run()


class _Training:
    """One run; what moves from step to step."""

    def __init__(
        self,
        plan: Plan,
        task: Task,
        train: LabelledImages,
        validation: LabelledImages,
        save: Save,
        console: Console,
    ) -> None:
        self.plan, self.task, self.save, self.console = plan, task, save, console
        self.random = torch.Generator().manual_seed(task.seed)
        self.train, self.labels = train, torch.from_numpy(train.labels)
        self.pixels = None if _crops(plan) else _stack(train)
        self.checks, self.check_labels = _stack(validation), torch.from_numpy(validation.labels)
        self.network = network_for(plan, task.shape, task.num_classes, self.pixels)
        self.decay = plan.averaging if isinstance(plan, Recipe) else 0.0
        self.average = copy.deepcopy(self.network) if self.decay else None
        self.optimizer = optimizer_for(self.network, plan)
        self.rolling = RollingValidation(min(plan.batch_size, len(validation.labels)))
        self.order = _endless(len(train.labels), self.random)
        self.batches = task.num_training_samples // plan.batch_size
        self.step = 0
        self.best = (0.0, Share(0, 0), -1)

    def run(self) -> Outcome:
        began = time.monotonic()
        stopping = isinstance(self.plan, AwsTable) and self.plan.early_stopping
        rule = EarlyStopping(*stopping) if stopping else None
        for epoch in range(self.plan.epochs):
            train = self._epoch(epoch)
            logged, everything = self._validate(epoch)
            self._keep(epoch, logged, everything)
            if rule is not None and rule.is_over(epoch, logged.value):
                self.console.info(f"Early stopping after epoch {epoch}: no improvement.")
                break
        _, share, stored = self.best
        return Outcome(epoch + 1, train, share, stored, time.monotonic() - began)

    def _epoch(self, epoch: int) -> Share:
        began = mark = time.monotonic()
        self.network.train()
        hits = top = seen = 0
        for batch in range(self.batches):
            answers, labels = self._learn()
            hits += int((answers.argmax(1) == labels).sum())
            top += _top_hits(answers, labels, self.task.top_k)
            seen += len(labels)
            if batch and batch % LINE_EVERY == 0:
                speed = LINE_EVERY * len(labels) / (time.monotonic() - mark)
                mark = time.monotonic()
                line = f"Epoch[{epoch}] Batch [{batch}]\tSpeed: {speed:.3f} samples/sec"
                self.console.info(f"{line}\taccuracy={hits / seen:.6f}{self._top('', top, seen)}")
        self.console.info(f"Epoch[{epoch}] Train-accuracy={hits / seen:.6f}")
        if self.task.top_k is not None:
            self.console.info(f"Epoch[{epoch}] Train-{self._top('', top, seen).strip()}")
        self.console.info(f"Epoch[{epoch}] Time cost={time.monotonic() - began:.3f}")
        return Share(hits, seen)

    def _top(self, before: str, hits: int, seen: int) -> str:
        k = self.task.top_k
        return "" if k is None else f"\t{before}top_k_accuracy_{k}={hits / seen:.6f}"

    def _learn(self) -> tuple[Tensor, Tensor]:
        """One step on one batch; the answers, from before the step, and the labels."""
        self._set_rate()
        chosen = torch.tensor([next(self.order) for _ in range(self.plan.batch_size)])
        labels = self.labels[chosen]
        images, own = self._inputs(chosen)
        answers = self.network(images)
        loss = own * F.cross_entropy(answers, labels)
        if own < 1:
            loss = loss + (1 - own) * F.cross_entropy(answers, labels.flip(0))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch leaves it without types
        self.optimizer.step()
        self.step += 1
        if self.average is not None and self.step % AVERAGE_EVERY == 0:
            self._move_average(self.average)
        return answers.detach(), labels

    def _move_average(self, average: nn.Module) -> None:
        count = self.step // AVERAGE_EVERY
        # The first averages forget fast: what the network was at its start is worth nothing.
        decay = min(self.decay, (1 + count) / (10 + count))
        moving = self.network.state_dict()
        for name, kept in average.state_dict().items():
            if kept.is_floating_point():
                kept.lerp_(moving[name], 1 - decay)

    def _inputs(self, chosen: Tensor) -> tuple[Tensor, float]:
        """Pictures as the network takes them, and how much of each is its own."""
        if self.pixels is None:
            whole = [self.train.images[i] for i in chosen.tolist()]
            kind = str(self.plan.augmentation)
            return _fast(crop_images(whole, self.task.shape[1:], kind, self.random)), 1.0
        images, own = self.pixels[chosen].float(), 1.0
        if isinstance(self.plan, Recipe):
            amounts = self.plan.augmentation
            images = augment(images, amounts, self.random)
            images, own = mix(images, amounts.mix, self.random)
        return _fast(images), own

    def _set_rate(self) -> None:
        rate = learning_rate(self.plan, self.step, self.batches)
        for group in self.optimizer.param_groups:
            group["lr"] = rate

    def _validate(self, epoch: int) -> tuple[Share, Share]:
        network = self.network if self.average is None else self.average
        # The mirror image doubles the work, so only the network that is stored pays for it.
        mirror = self.average is not None and epoch + 1 == self.plan.epochs
        answers = probabilities(network, self.checks, mirror=mirror)
        hits = (answers.argmax(1) == self.check_labels).tolist()
        logged, everything = self.rolling.count(hits), Share(sum(hits), len(hits))
        self.console.info(f"Epoch[{epoch}] Validation-accuracy={logged.value:.6f}")
        self.console.info(f"Epoch[{epoch}] Validation-accuracy-all={everything}")
        return logged, everything

    def _keep(self, epoch: int, logged: Share, everything: Share) -> None:
        if self.average is not None:
            if epoch + 1 < self.plan.epochs:
                return
            self.console.info("Storing the last model, averaged; none was chosen by its accuracy")
        elif logged.value <= self.best[0] and epoch > 0:
            return
        else:
            self.console.info(
                f"Storing the best model with validation accuracy: {logged.value:.6f}"
            )
        self.best = (logged.value, everything, epoch)
        stored = self.save((self.average or self.network).eval())
        self.console.info(f'Saved checkpoint to "{stored}"')


def probabilities(network: nn.Module, pixels: Tensor, *, mirror: bool) -> Tensor:
    """The probabilities of the classes, a row for each picture of a batch of 8-bit pixels.

    Args:
        network: in any mode; it is left in evaluation mode.
        pixels: batch x channels x rows x columns.
        mirror: the mean over each picture and its mirror image, as the stored graph takes it.
    """
    network.eval()
    answers = []
    together = evaluated_together(pixels.shape[1:])
    with torch.inference_mode():
        for start in range(0, len(pixels), together):
            x = as_float(pixels[start : start + together])
            answer = network(x).softmax(1)
            answers.append((answer + network(x.flip(3)).softmax(1)) / 2 if mirror else answer)
    return torch.cat(answers)


def evaluated_together(shape: Sequence[int]) -> int:
    """How many pictures of this shape, channels x rows x columns, are evaluated in one batch."""
    return max(1, min(EVALUATE_TOGETHER, EVALUATE_PIXELS // (shape[1] * shape[2])))


def network_for(
    plan: Plan, shape: tuple[int, int, int], num_classes: int, pixels: Tensor | None
) -> nn.Module:
    """Build the network that a plan trains.

    Args:
        plan: decides which.
        shape: channels, rows, columns.
        num_classes: the width of the output.
        pixels: the training pictures, whose mean and deviation our network holds; None for those of
            an even spread.
    """
    if isinstance(plan, AwsTable) and plan.num_layers is not None:
        network = resnet(plan.num_layers, shape, num_classes)
    else:
        mean, deviation = _statistics(pixels, shape[0])
        widths = plan.widths if isinstance(plan, Recipe) else WIDTHS
        network = small_network(shape, num_classes, widths, mean, deviation)
    # PyTorch's own types do not know that ``to`` takes a memory format.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _statistics(pixels: Tensor | None, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation per channel; those of an even spread where pictures differ in size."""
    if pixels is None:
        return torch.full((channels,), 127.5), torch.full((channels,), 64.0)
    deviation, mean = torch.std_mean(pixels.float(), dim=(0, 2, 3))
    return mean, deviation.clamp_min(1.0)


def _endless(count: int, random: torch.Generator) -> Iterator[int]:
    """The pictures in random order, again and again."""
    while True:
        yield from torch.randperm(count, generator=random).tolist()


def _crops(plan: Plan) -> bool:
    return isinstance(plan, AwsTable) and plan.augmentation is not None


def _stack(data: LabelledImages) -> Tensor:
    return torch.stack([torch.from_numpy(image) for image in data.images])


def _fast(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


def _top_hits(answers: Tensor, labels: Tensor, k: int | None) -> int:
    return 0 if k is None else int((answers.topk(k).indices == labels[:, None]).sum())
