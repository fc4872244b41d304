"""The training itself: from pixels and a plan to a network, with a log line for every event."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.average import Average
from bakehouse.algorithms.image_classification.batches import Batch, Batches
from bakehouse.algorithms.image_classification.calibration import Calibration
from bakehouse.algorithms.image_classification.channels import LabelledImages
from bakehouse.algorithms.image_classification.checkpoints import Checkpoints
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.distribution import World
from bakehouse.algorithms.image_classification.evaluation import evaluate
from bakehouse.algorithms.image_classification.held_back import Trust, draw, measure
from bakehouse.algorithms.image_classification.objectives import Objective
from bakehouse.algorithms.image_classification.optimizers import learning_rate, optimizer_for
from bakehouse.algorithms.image_classification.plan import AwsTable, Plan, Recipe
from bakehouse.algorithms.image_classification.scores import (
    EarlyStopping,
    RollingValidation,
    Share,
)

SHARED = 3
"""A stream of randomness of its own; see ``batches``."""
LINE_EVERY = 20
"""Batches between two ``Batch`` lines; the first comes after one more than that."""

Store = Callable[[int, nn.Module], str]
"""Stores a network's weights, of an epoch counted from 1, and returns the file's path."""


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be learned."""

    shape: tuple[int, int, int]
    num_classes: int
    num_training_samples: int
    """Decides how many batches make an epoch, whatever the number of pictures."""
    top_k: int | None
    checkpoint_frequency: int | None
    seed: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a training runs and what it speaks to."""

    console: Console
    checkpoints: Checkpoints
    store: Store
    halted: Callable[[], bool]
    """Somebody wants the training to end."""
    world: World
    device: torch.device
    threads: int
    sharded: bool = False
    """Each machine has images of its own, instead of all of them."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a training."""

    network: nn.Module
    """The stored one, in evaluation mode, on the processor."""
    epochs: int
    train: Share
    """Of the last epoch, on augmented pictures, while the weights moved."""
    validation: Share
    """Of the stored network, on every validation picture once."""
    decided: Tensor
    """The class that the stored network gives each validation picture."""
    stored_epoch: int
    """Counted from 0."""
    seconds: float
    trust: Trust | None
    """Measured on training pictures that were kept back for a while; None where none were."""
    halted: bool


def fit(
    plan: Plan,
    task: Task,
    objective: Objective,
    network: nn.Module,
    train: LabelledImages,
    validation: LabelledImages,
    place: Place,
) -> Outcome:
    """Train a network.

    With our recipe the last, averaged network is stored. With AWS's table it is the one with the
    best logged validation accuracy, as AWS does; that figure then flatters the network. With
    ``checkpoint_frequency`` the weights of every so many epochs are stored, the last of them to
    serve with AWS's table.

    Args:
        plan: how to train.
        task: what to learn.
        objective: what a right answer is.
        network: its first weights; it is changed.
        train: pictures to learn from; all of the network's size unless the plan crops at random.
        validation: pictures to measure on, all of the network's size.
        place: where, and what it speaks to.
    """
    return _Training(plan, task, objective, network, train, validation, place).run()


@dataclass(slots=True)
class _Kept:
    """The network that is stored so far."""

    logged: float
    validation: Share
    decided: Tensor
    epoch: int
    state: dict[str, Tensor]


class _Training:
    """One run; what moves from step to step."""

    def __init__(
        self,
        plan: Plan,
        task: Task,
        objective: Objective,
        network: nn.Module,
        train: LabelledImages,
        validation: LabelledImages,
        place: Place,
    ) -> None:
        self.plan, self.task, self.objective, self.place = plan, task, objective, place
        self.console, self.world = place.console, place.world
        self.network = network.to(place.device)
        self.average = Average(self.network, plan.averaging) if isinstance(plan, Recipe) else None
        self.optimizer = optimizer_for(self.network, plan)
        self.scaler = torch.amp.GradScaler(
            place.device.type, enabled=_dtype(plan, place.device) == torch.float16
        )
        self.per_epoch = task.num_training_samples // plan.batch_size // self.world.size
        self.end = plan.epochs * self.per_epoch
        self.joins = int(plan.joins * self.end) if isinstance(plan, Recipe) else 0
        self.train = train
        members = self._members()
        self.held = draw(members, plan, objective, task.seed)
        self.batches = Batches(
            train,
            plan,
            task.shape,
            members=members,
            held=self.held,
            joins=self.joins,
            seed=(task.seed, self.world.rank),
            threads=place.threads,
            device=place.device,
        )
        self.checks = torch.from_numpy(validation.stacked())
        self.check_labels = torch.from_numpy(validation.labels)
        count = len(validation.labels)
        self.rolling = RollingValidation(min(plan.batch_size, count), objective.judged)
        stopping = isinstance(plan, AwsTable) and plan.early_stopping
        self.rule = EarlyStopping(*stopping) if stopping else None
        self.step = 0
        self.seconds = 0.0
        self.share = Share(0, 0)
        self.kept: _Kept | None = None
        self.trust: Trust | None = None

    # The run

    def run(self) -> Outcome:
        first, halted = self._resume(), False
        began = time.monotonic() - self.seconds
        epoch = first - 1
        with closing(self.batches.from_step(self.step, self.end)) as batches:
            for epoch in range(first, self.plan.epochs):
                halted = not self._epoch(epoch, batches)
                if halted:
                    self.console.info(f"Stopping in epoch {epoch}, as asked.")
                    break
                over = self._validate(epoch)
                self.seconds = time.monotonic() - began
                if over:
                    self.console.info(f"Early stopping after epoch {epoch}: no improvement.")
                    break
                if self.place.checkpoints.is_due() and epoch + 1 < self.plan.epochs:
                    self.place.checkpoints.store(self._state(epoch + 1))
        kept = self.kept or self._keep(max(epoch, 0), 0.0, *self._judge(mirror=self._is_ours())[:2])
        stored = copy.deepcopy(self.network).cpu().eval()
        stored.load_state_dict(kept.state)
        return Outcome(
            network=stored,
            epochs=epoch + 1,
            train=self.share,
            validation=kept.validation,
            decided=kept.decided,
            stored_epoch=kept.epoch,
            seconds=time.monotonic() - began,
            trust=self.trust,
            halted=halted,
        )

    def _epoch(self, epoch: int, batches: Iterator[Batch]) -> bool:
        """Learn from one epoch's batches; False if that was stopped."""
        began = mark = time.monotonic()
        self.network.train()
        hits = top = torch.zeros((), dtype=torch.long, device=self.place.device)
        seen = 0
        for number in range(self.per_epoch):
            if self.step == self.joins and len(self.held):
                self._calibrate()
            batch = next(batches)
            answers, halted = self._learn(batch)
            if halted:
                return False
            decided = self.objective.probabilities(answers)
            hits = hits + self.objective.hits(decided, batch.labels).sum()
            top = top + _top_hits(answers, batch.labels, self.task.top_k)
            seen += len(batch.labels)
            if number and number % LINE_EVERY == 0:
                speed = LINE_EVERY * len(batch.labels) / (time.monotonic() - mark)
                mark = time.monotonic()
                line = f"Epoch[{epoch}] Batch [{number}]\tSpeed: {speed:.3f} samples/sec"
                self.console.info(
                    f"{line}\taccuracy={self._share(hits, seen).value:.6f}{self._top(top, seen)}"
                )
        self.share = self._share(hits, seen)
        self.console.info(f"Epoch[{epoch}] Train-accuracy={self.share.value:.6f}")
        if self.task.top_k is not None:
            self.console.info(f"Epoch[{epoch}] Train-{self._top(top, seen).strip()}")
        self.console.info(f"Epoch[{epoch}] Time cost={time.monotonic() - began:.3f}")
        self.world.average_statistics(self.network)
        return True

    def _share(self, hits: Tensor, seen: int) -> Share:
        return Share(int(hits), seen * self.objective.judged)

    def _top(self, hits: Tensor, seen: int) -> str:
        k = self.task.top_k
        return "" if k is None else f"\ttop_k_accuracy_{k}={int(hits) / seen:.6f}"

    def _learn(self, batch: Batch) -> tuple[Tensor, bool]:
        """One step on one batch; the answers, from before the step, and whether to stop."""
        rate = learning_rate(self.plan, self.step, self.per_epoch)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        with self._precision():
            answers = self.network(batch.images)
        answers = answers.float()
        loss = batch.own * self.objective.loss(answers, batch.labels)
        if batch.own < 1:
            loss = loss + (1 - batch.own) * self.objective.loss(answers, batch.labels.flip(0))
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]  # PyTorch leaves it so
        halted = self.world.average_gradients(self.network, self.place.halted())
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.step += 1
        halted = self.world.average_weights(self.network, self.step, halted)
        if self.average is not None:
            self.average.follow(self.network, self.step)
        return answers.detach(), halted

    def _precision(self) -> AbstractContextManager[None]:
        """The products of a step in 16 bits, where the plan says so."""
        device = self.place.device
        dtype = _dtype(self.plan, device)
        enabled = dtype != torch.float32
        return torch.autocast(device.type, dtype if enabled else None, enabled)

    # Measuring

    def _validate(self, epoch: int) -> bool:
        """Measure after an epoch, keep what is to be kept; whether to stop early."""
        # The mirror image doubles the work, so only the network that is stored pays for it.
        last = epoch + 1 == self.plan.epochs
        everything, decided, hits = self._judge(mirror=self._is_ours() and last)
        logged = self.rolling.count(hits.tolist())
        self.console.info(f"Epoch[{epoch}] Validation-accuracy={logged.value:.6f}")
        self.console.info(f"Epoch[{epoch}] Validation-accuracy-all={everything}")
        value = self.world.agreed(logged.value)
        if self._is_kept(epoch, value):
            self._keep(epoch, value, everything, decided)
        elif self._is_checkpoint(epoch):
            self._write(epoch, self._stored())
        return self.rule is not None and self.rule.is_over(epoch, value)

    def _judge(self, *, mirror: bool) -> tuple[Share, Tensor, Tensor]:
        """The network on every validation picture: share, classes and right decisions of each."""
        answers = evaluate(
            self._stored(), self.checks, self.objective, self.place.device, mirror=mirror
        )
        hits = self.objective.hits(answers, self.check_labels)
        everything = Share(int(hits.sum()), len(hits) * self.objective.judged)
        return everything, answers.argmax(1), hits

    def _is_kept(self, epoch: int, logged: float) -> bool:
        """Whether the network of this epoch is the one to store, as things stand."""
        if self._is_ours():
            if epoch + 1 < self.plan.epochs:
                return False
            self.console.info("Storing the last model, averaged; none was chosen by its accuracy")
            return True
        if self.task.checkpoint_frequency is not None:
            return self._is_checkpoint(epoch)
        if self.kept is not None and logged <= self.kept.logged:
            return False
        self.console.info(f"Storing the best model with validation accuracy: {logged:.6f}")
        return True

    def _is_checkpoint(self, epoch: int) -> bool:
        every = self.task.checkpoint_frequency
        return every is not None and (epoch + 1) % every == 0

    def _keep(self, epoch: int, logged: float, share: Share, decided: Tensor) -> _Kept:
        network = self._stored()
        state = {name: value.detach().cpu().clone() for name, value in network.state_dict().items()}
        self.kept = _Kept(logged, share, decided, epoch, state)
        self._write(epoch, network)
        return self.kept

    def _write(self, epoch: int, network: nn.Module) -> None:
        if self.world.rank == 0:
            self.console.info(f'Saved checkpoint to "{self.place.store(epoch + 1, network)}"')

    def _is_ours(self) -> bool:
        return self.average is not None

    def _stored(self) -> nn.Module:
        """The network that would be stored now."""
        return self.network if self.average is None else self.average.network

    # Images kept back

    def _members(self) -> NDArray[np.int64]:
        """The places of the images that this machine learns from."""
        everything = np.arange(len(self.train.labels))
        if self.place.sharded or self.world.size == 1:
            return everything
        # Not every other image of the list: in some lists all of those are of one class.
        shuffled = np.random.default_rng((self.task.seed, SHARED)).permutation(everything)
        return np.sort(shuffled[self.world.rank :: self.world.size])

    def _calibrate(self) -> None:
        """Measure on the images that were kept back, which now join the others."""
        trust = measure(self._stored(), self.train, self.held, self.objective, self.place.device)
        self.network.train()
        self.trust = trust
        self.console.info(
            f"Held-out-accuracy={trust.accuracy}: training images that were kept back so far; they"
            " join the others now"
        )
        if (found := trust.calibration) is not None:
            self.console.info(
                f"Calibration: temperature {found.temperature:.3f}; their log loss"
                f" {found.log_loss_before:.4f} becomes {found.log_loss:.4f}"
            )

    # Going on after a kill

    def _state(self, epoch: int) -> dict[str, Any]:
        kept = self.kept
        return {
            "epoch": epoch,
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": None if self.average is None else self.average.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": self.scaler.state_dict(),
            "carried": self.rolling.carried,
            "rule": None if self.rule is None else [self.rule.best, self.rule.waited],
            "kept": None if kept is None else asdict(kept),
            "trust": None if self.trust is None else asdict(self.trust),
        }

    def _resume(self) -> int:
        """Take over the state of an earlier process; the epoch to begin with."""
        state = self.place.checkpoints.load()
        if state is None:
            return 0
        self.network.load_state_dict(state["network"])
        if self.average is not None:
            self.average.network.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scaler.load_state_dict(state["scaler"])
        self.step, self.seconds = state["step"], state["seconds"]
        self.rolling.carried = state["carried"]
        if self.rule is not None:
            self.rule.best, self.rule.waited = state["rule"]
        if kept := state["kept"]:
            self.kept = _Kept(**kept | {"validation": Share(**kept["validation"])})
            restored = copy.deepcopy(self.network)
            restored.load_state_dict(self.kept.state)
            self._write(self.kept.epoch, restored)
        if trust := state["trust"]:
            found = trust["calibration"]
            self.trust = Trust(
                Share(**trust["accuracy"]), None if found is None else Calibration(**found)
            )
        epoch = int(state["epoch"])
        self.console.info(f"Going on after epoch {epoch - 1} from a checkpoint of this job.")
        return epoch


def _dtype(plan: Plan, device: torch.device) -> torch.dtype:
    """What products are computed in."""
    if plan.precision == "float32":
        return torch.float32
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.float16
    return torch.bfloat16


def _top_hits(answers: Tensor, labels: Tensor, k: int | None) -> Tensor:
    if k is None:
        return labels.new_zeros(())
    return (answers.topk(k).indices == labels[:, None]).sum()
