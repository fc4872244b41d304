"""A training job from its folder ``/opt/ml``: configuration and channels in, artifact out."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from torch import nn

from bakehouse import __version__
from bakehouse.algorithms.image_classification.announcement import (
    final_configuration,
    parameter_lines,
    read_given,
)
from bakehouse.algorithms.image_classification.artifact import (
    Metadata,
    write_artifact,
    write_params_of,
)
from bakehouse.algorithms.image_classification.bases import Base, read_base, shipped_base
from bakehouse.algorithms.image_classification.batches import crops
from bakehouse.algorithms.image_classification.calibration import Calibration
from bakehouse.algorithms.image_classification.channels import (
    MODEL_CHANNEL,
    LabelledImages,
    Wanted,
    check_channels,
    read_channel,
    read_document,
)
from bakehouse.algorithms.image_classification.checkpoints import Checkpoints
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.diagnosis import warnings_after, warnings_before
from bakehouse.algorithms.image_classification.distribution import World, join
from bakehouse.algorithms.image_classification.evaluation import centre, confusion, evaluate
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.fit import Outcome, Place, Task, fit
from bakehouse.algorithms.image_classification.graph import OPSET, to_onnx
from bakehouse.algorithms.image_classification.hyperparameters import (
    Configuration,
    read_hyperparameters,
)
from bakehouse.algorithms.image_classification.memory import check_memory
from bakehouse.algorithms.image_classification.networks import Architecture, build
from bakehouse.algorithms.image_classification.objectives import Objective, objective_for
from bakehouse.algorithms.image_classification.options import Options
from bakehouse.algorithms.image_classification.plan import Plan, Recipe, plan_for
from bakehouse.algorithms.image_classification.scores import Share
from bakehouse.algorithms.image_classification.weights import architecture_for, begin_with

SAMPLED = 1000
"""Training images that the stored network is tried on, to see whether it has learned them."""


def train(root: Path, options: Options, console: Console) -> Outcome:
    """Run a training job.

    Args:
        root: the folder that is ``/opt/ml`` in a container.
        options: seed, machine and whose defaults.
        console: where the log goes.

    Raises:
        CustomerError: the parameters or the data cannot be trained on.
    """
    given = read_given(root, console)
    configuration = read_hyperparameters(given)
    channels = read_document(root / "input/config/inputdataconfig.json")
    resources = read_document(root / "input/config/resourceconfig.json")
    check_channels(channels)
    tunes = MODEL_CHANNEL in channels or configuration["use_pretrained_model"] == 1
    plan = plan_for(
        configuration, options.machine, strict_defaults=options.strict_defaults, tunes=tunes
    )
    console.info(f"Final configuration: {final_configuration(plan, given)}")
    base = _base(root, configuration, channels, options)
    architecture = architecture_for(plan, base)
    data = _channels(root, configuration, channels, plan, console)
    world = join(resources, os.environ, configuration["kv_store"])
    try:
        job = _Job(
            root, configuration, channels, plan, base, architecture, options, world, console, *data
        )
        return job.run()
    finally:
        world.leave()


@dataclass(frozen=True, slots=True)
class _Job:
    """A job whose every decision is made and whose pictures are read."""

    root: Path
    configuration: Configuration
    channels: Mapping[str, Any]
    plan: Plan
    base: Base | None
    architecture: Architecture
    options: Options
    world: World
    console: Console
    train: LabelledImages
    validation: LabelledImages

    def run(self) -> Outcome:
        """Train, and leave the artifact behind."""
        self._check()
        threads = max(1, self.options.machine.cores // self.world.here)
        for line in parameter_lines(
            self.configuration,
            self.plan,
            self.architecture,
            self.base,
            self.options,
            self.world,
        ):
            self.console.info(line)
        self.console.info(f"Setting number of threads: {threads}")
        torch.set_num_threads(threads)
        torch.manual_seed(self.options.seed)
        objective = self._objective()
        model = self.root / "model"
        model.mkdir(parents=True, exist_ok=True)
        outcome = fit(
            self.plan,
            self._task(),
            objective,
            self._network(),
            self.train,
            self.validation,
            self._place(threads),
        )
        if self.world.rank == 0:
            self._diagnose(outcome, objective)
            self._write(outcome, model)
        return outcome

    # Before

    def _check(self) -> None:
        configuration, plan = self.configuration, self.plan
        declared, found = configuration["num_training_samples"], len(self.train.labels)
        if declared != found and self.world.size == 1:
            self.console.warning(
                f"num_training_samples is {declared}, but the train channel has {found} images;"
                f" an epoch is {declared} images, as it would be on AWS."
            )
        smallest = min(declared // self.world.size, found)
        if smallest < plan.batch_size and not _is_ours(plan):
            raise CustomerError(
                "The number of input images must be bigger or equal to the mini_batch_size."
                f" There are {found} images, num_training_samples is {declared},"
                f" mini_batch_size is {plan.batch_size}"
                + (f" on each of {self.world.size} instances." if self.world.size > 1 else ".")
            )
        for name in ("use_weighted_loss", "top_k"):
            if self._is_without_effect(name):
                self.console.warning(f"{name} has no effect with multi_label {self._multi_label}.")
        if not self._multi_label:
            classes = configuration["num_classes"]
            for sentence in warnings_before(self.train, self.validation, classes):
                self.console.warning(sentence)
        check_memory(
            plan,
            self.architecture,
            configuration["image_shape"],
            configuration["num_classes"],
            len(self.validation.labels),
        )

    def _is_without_effect(self, name: str) -> bool:
        wants_many = name == "use_weighted_loss"
        return bool(self.configuration[name]) and wants_many != bool(self._multi_label)

    @property
    def _multi_label(self) -> int:
        return int(self.configuration["multi_label"])

    def _task(self) -> Task:
        configuration = self.configuration
        return Task(
            configuration["image_shape"],
            configuration["num_classes"],
            configuration["num_training_samples"],
            None if self._multi_label else configuration["top_k"],
            configuration["checkpoint_frequency"],
            self.options.seed,
        )

    def _objective(self) -> Objective:
        objective = objective_for(
            self.configuration["num_classes"],
            torch.from_numpy(self.train.labels),
            multi_label=self._multi_label == 1,
            weighted=self.configuration["use_weighted_loss"] == 1,
        )
        return objective.to(_device())

    def _network(self) -> nn.Sequential:
        pixels = None if crops(self.plan) else torch.from_numpy(self.train.stacked())
        network = build(
            self.architecture,
            self.configuration["image_shape"],
            self.configuration["num_classes"],
            pixels,
        )
        if self.base is not None:
            begin_with(network, self.base, keep_head=MODEL_CHANNEL in self.channels)
        if self.world.size > 1:
            network.load_state_dict(self.world.agreed(network.state_dict()))
        return network

    def _place(self, threads: int) -> Place:
        about = {
            "plan": asdict(self.plan),
            "hyperparameters": dict(self.configuration.values),
            "architecture": asdict(self.architecture),
            "images": len(self.train.labels),
            "seed": self.options.seed,
            "version": __version__,
            "machines": [self.world.rank, self.world.size],
        }
        checkpoints = Checkpoints(
            self.root / "checkpoints", about, self.console, self.options.checkpoint_every_s
        )
        distribution = self.channels.get("train", {}).get("S3DistributionType")
        return Place(
            console=self.console,
            checkpoints=checkpoints,
            store=self._store,
            halted=self.options.halted,
            world=self.world,
            device=_device(),
            threads=threads,
            sharded=distribution == "ShardedByS3Key",
        )

    def _store(self, epoch: int, network: nn.Module) -> str:
        """Write the weights of an epoch; only the last stay unless the user wants all."""
        folder = self.root / "model"
        if self.configuration["checkpoint_frequency"] is None:
            for earlier in folder.glob("*.params"):
                earlier.unlink()
        state = {name: value.cpu().numpy() for name, value in network.state_dict().items()}
        auxiliary = {name for name, _ in network.named_buffers()}
        return str(write_params_of(folder, epoch, state, auxiliary))

    # After

    def _diagnose(self, outcome: Outcome, objective: Objective) -> None:
        if self._multi_label:
            return
        classes = self.configuration["num_classes"]
        table = confusion(torch.from_numpy(self.validation.labels), outcome.decided, classes)
        share = self._on_training_images(outcome.network, objective)
        held = outcome.trust.accuracy if outcome.trust else None
        for sentence in warnings_after(table, share, held, self.train.class_names):
            self.console.warning(sentence)

    def _on_training_images(self, network: nn.Module, objective: Objective) -> Share:
        """The stored network on some of the images that it has learned from, as they are."""
        chosen = np.linspace(
            0, len(self.train.labels) - 1, min(SAMPLED, len(self.train.labels))
        ).astype(int)
        rows, columns = self.configuration["image_shape"][1:]
        pictures = [centre(self.train.images[i], rows, columns) for i in chosen]
        pixels, labels = (
            torch.from_numpy(np.stack(pictures)),
            torch.from_numpy(self.train.labels[chosen]),
        )
        answers = evaluate(network, pixels, objective, torch.device("cpu"), mirror=False)
        return Share(int(objective.hits(answers, labels).sum()), len(labels))

    def _write(self, outcome: Outcome, folder: Path) -> None:
        calibration = outcome.trust.calibration if outcome.trust else None
        temperature = calibration.temperature if calibration else None
        graph = to_onnx(
            outcome.network,
            self.configuration["image_shape"],
            self.configuration["num_classes"],
            mirror=_is_ours(self.plan),
            temperature=temperature or 1.0,
            multi_label=self._multi_label == 1,
        )
        write_artifact(folder, graph, self._metadata(outcome, calibration))

    def _metadata(self, outcome: Outcome, calibration: Calibration | None) -> Metadata:
        configuration, plan = self.configuration, self.plan
        held = outcome.trust.accuracy if outcome.trust else None
        return Metadata(
            image_shape=configuration["image_shape"],
            num_classes=configuration["num_classes"],
            multi_label=self._multi_label == 1,
            labels=list(self.train.class_names) if self.train.class_names else None,
            hyperparameters={name: configuration[name] for name in sorted(configuration.given)},
            recipe={"kind": "bakehouse" if _is_ours(plan) else "aws", **asdict(plan)},
            network=asdict(self.architecture),
            base=None if self.base is None else {"origin": self.base.origin},
            temperature=calibration.temperature if calibration else None,
            calibration=asdict(calibration) if calibration else None,
            training={
                "seed": self.options.seed,
                "machine": str(self.options.machine),
                "instances": self.world.size,
                "epochs": outcome.epochs,
                "stored_epoch": outcome.stored_epoch,
                "seconds": round(outcome.seconds, 3),
                "stopped": outcome.halted,
                "train_accuracy": outcome.train.value,
                "validation_hits": outcome.validation.hits,
                "validation_images": outcome.validation.of,
                "held_out_hits": held.hits if held else None,
                "held_out_images": held.of if held else None,
            },
            versions={
                "bakehouse": __version__,
                "python": platform.python_version(),
                "torch": torch.__version__,
                "onnx": onnx.__version__,
                "onnx_opset": str(OPSET),
                "numpy": np.__version__,
            },
        )


def _base(
    root: Path, configuration: Configuration, channels: Mapping[str, Any], options: Options
) -> Base | None:
    """The weights to begin with, if any: those of the channel ``model`` before all others."""
    scratch = root / "tmp"
    if MODEL_CHANNEL in channels:
        return read_base(root / "input/data" / MODEL_CHANNEL, scratch)
    if not configuration["use_pretrained_model"]:
        return None
    if options.pretrained is not None:
        return read_base(options.pretrained, scratch)
    return shipped_base()


def _channels(
    root: Path,
    configuration: Configuration,
    channels: Mapping[str, Any],
    plan: Plan,
    console: Console,
) -> tuple[LabelledImages, LabelledImages]:
    scratch = root / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    read = []
    for channel in ("train", "validation"):
        wanted = Wanted(
            shape=configuration["image_shape"],
            resize=configuration["resize"],
            num_classes=configuration["num_classes"],
            multi_label=configuration["multi_label"] == 1,
            whole=channel == "train" and crops(plan),
        )
        images = read_channel(root / "input/data", channel, channels, wanted, scratch, console)
        console.info(f"Read {len(images.labels)} images of the {channel} channel.")
        read.append(images)
    return read[0], read[1]


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _is_ours(plan: Plan) -> bool:
    return isinstance(plan, Recipe)
