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
from bakehouse.algorithms.image_classification.artifact import (
    MODEL_FILE,
    Metadata,
    sha256,
    write_metadata,
)
from bakehouse.algorithms.image_classification.channels import (
    Geometry,
    LabelledImages,
    check_channels,
    read_channel,
    read_document,
)
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.fit import Outcome, Task, fit
from bakehouse.algorithms.image_classification.graph import OPSET, to_onnx
from bakehouse.algorithms.image_classification.hyperparameters import (
    TABLE,
    Configuration,
    read_hyperparameters,
)
from bakehouse.algorithms.image_classification.memory import check_memory
from bakehouse.algorithms.image_classification.plan import AwsTable, Plan, Recipe, plan_for

TABLE_FILE = "image_classification/hyperparameters.py"
"""Where the defaults stand, for the log."""
LIMIT_PIXELS = 40_000_000
"""The largest picture that is decoded."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the environment says beside the hyperparameters."""

    seed: int
    strict_defaults: bool
    threads: int


def options_from(environment: Mapping[str, str]) -> Options:
    """Read ``BAKEHOUSE_SEED`` (0) and ``BAKEHOUSE_STRICT_DEFAULTS`` (off).

    Raises:
        CustomerError: the seed is not a whole number.
    """
    seed = environment.get("BAKEHOUSE_SEED", "0")
    if not (seed.isascii() and seed.isdecimal()) or len(seed) > 19 or int(seed) >= 2**63:
        raise CustomerError(f"BAKEHOUSE_SEED is {seed!r}; expected a whole number below 2^63.")
    strict = environment.get("BAKEHOUSE_STRICT_DEFAULTS", "").lower() in ("1", "true", "yes", "on")
    return Options(int(seed), strict, _cores())


def _cores() -> int:
    """The cores that this process may use; not every system tells more than what there is."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def train(root: Path, options: Options, console: Console) -> Outcome:
    """Run a training job.

    Args:
        root: the folder that is ``/opt/ml`` in a container.
        options: seed, threads and whose defaults.
        console: where the log goes.

    Raises:
        CustomerError: the parameters or the data cannot be trained on.
    """
    given = _read_given(root, console)
    configuration = read_hyperparameters(given)
    plan = plan_for(configuration, strict_defaults=options.strict_defaults)
    console.info(f"Final configuration: {_final(plan, given)}")
    check_channels(read_document(root / "input/config/inputdataconfig.json"))
    _check_hosts(read_document(root / "input/config/resourceconfig.json"))
    torch.set_num_threads(options.threads)
    learn, validate = _channels(root / "input/data", configuration, plan, console)
    _check_sizes(configuration, plan, learn, console)
    check_memory(plan, configuration["image_shape"], configuration["num_classes"], learn, validate)
    _print_parameters(configuration, plan, options, console)
    task = Task(
        configuration["image_shape"],
        configuration["num_classes"],
        configuration["num_training_samples"],
        configuration["top_k"],
        options.seed,
    )
    path = root / "model" / MODEL_FILE
    path.parent.mkdir(parents=True, exist_ok=True)

    def save(network: nn.Module) -> str:
        path.write_bytes(to_onnx(network, task.shape, task.num_classes, mirror=_is_ours(plan)))
        return str(path)

    outcome = fit(plan, task, learn, validate, save, console)
    write_metadata(path.parent, _metadata(path, configuration, plan, options, outcome))
    return outcome


def _read_given(root: Path, console: Console) -> dict[str, Any]:
    """What the user names, told in the log beside AWS's defaults."""
    path = root / "input/config/hyperparameters.json"
    console.info(f"Reading default configuration from {TABLE_FILE}: {_defaults()}")
    given = read_document(path)
    console.info(f"Merging with provided configuration from {path}: {given}")
    return given


def _defaults() -> dict[str, Any]:
    return {row.name: _plain(row.default) for row in TABLE if row.default is not None}


def _final(plan: Plan, given: dict[str, Any]) -> dict[str, Any]:
    """What the training really uses: AWS's defaults only where they count."""
    defaults = _defaults()
    if isinstance(plan, AwsTable):
        if plan.num_layers is None:
            del defaults["num_layers"]
        return defaults | given
    shaping = {row.name for row in TABLE if row.shapes_training}
    ours = {
        "recipe": plan.name,
        "epochs": plan.epochs,
        "mini_batch_size": plan.batch_size,
        "optimizer": "nag",
        "learning_rate": plan.learning_rate,
        "momentum": plan.momentum,
        "weight_decay": plan.weight_decay,
    }
    return {k: v for k, v in defaults.items() if k not in shaping} | ours | given


def _plain(value: Any) -> Any:
    """A value as the log prints it: shapes as the text that they come in."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def _check_hosts(resources: Mapping[str, Any]) -> None:
    hosts = resources.get("hosts") or ["algo-1"]
    if len(hosts) > 1:
        raise CustomerError(
            f"This job has {len(hosts)} instances; training on more than one is not implemented"
            " yet."
        )


def _channels(
    data: Path, configuration: Configuration, plan: Plan, console: Console
) -> tuple[LabelledImages, LabelledImages]:
    geometry = Geometry(configuration["image_shape"], configuration["resize"], LIMIT_PIXELS)
    whole = isinstance(plan, AwsTable) and plan.augmentation is not None
    read = []
    for channel, crop in (("train", not whole), ("validation", True)):
        console.info(f"Searching for .lst files in {data / f'{channel}_lst'}.")
        images = read_channel(data, channel, configuration["num_classes"], geometry, crop=crop)
        console.info(f"Read {len(images.labels)} images of the {channel} channel.")
        read.append(images)
    return read[0], read[1]


def _check_sizes(
    configuration: Configuration, plan: Plan, train: LabelledImages, console: Console
) -> None:
    declared, found = configuration["num_training_samples"], len(train.labels)
    if declared != found:
        console.warning(
            f"num_training_samples is {declared}, but the train channel has {found} images;"
            f" an epoch is {declared} images, as it would be on AWS."
        )
    seen = set(train.labels.tolist())
    if missing := configuration["num_classes"] - len(seen):
        console.warning(
            f"num_classes is {configuration['num_classes']}, but {missing} of these classes have"
            " no image in the train channel."
        )
    samples = min(declared, found)
    if samples < plan.batch_size and not _is_ours(plan):
        raise CustomerError(
            "The number of input images must be bigger or equal to the mini_batch_size."
            f" There are {len(train.labels)} images, num_training_samples is"
            f" {configuration['num_training_samples']}, mini_batch_size is {plan.batch_size}."
        )


def _print_parameters(
    configuration: Configuration, plan: Plan, options: Options, console: Console
) -> None:
    for line in _parameters(configuration, plan, options):
        console.info(line)


def _parameters(configuration: Configuration, plan: Plan, options: Options) -> list[str]:
    lines = [
        "use_pretrained_model: 0",
        "multi_label: 0",
        "Performing random weight initialization",
        "---- Parameters ----",
        f"recipe: {_recipe_line(plan)}",
        "data type: <class 'numpy.float32'>",
        f"epochs: {plan.epochs}",
    ]
    if configuration["resize"] is not None:
        lines.append(f"image resize size: {configuration['resize']}")
    lines += [
        f"optimizer: {plan.optimizer if isinstance(plan, AwsTable) else 'nag'}",
        f"momentum: {plan.momentum}",
        f"weight_decay: {plan.weight_decay}",
        f"learning_rate: {plan.learning_rate}",
        f"num_training_samples: {configuration['num_training_samples']}",
        f"mini_batch_size: {plan.batch_size}",
        f"image_shape: {_plain(configuration['image_shape'])}",
        f"num_classes: {configuration['num_classes']}",
        f"augmentation_type: {plan.augmentation}",
        f"kv_store: {configuration['kv_store'] or 'device'}",
        f"seed: {options.seed}",
    ]
    if configuration["top_k"] is not None:
        lines.append(f"top_k: {configuration['top_k']}")
    stored = "the last, averaged model" if _is_ours(plan) else "the best model"
    lines.append(f"checkpoint_frequency not set, will store {stored}")
    return [*lines, "-" * 20, f"Setting number of threads: {options.threads}"]


def _recipe_line(plan: Plan) -> str:
    if isinstance(plan, Recipe):
        return f"{plan.name} (no hyperparameter that shapes the training was named)"
    network = f"num_layers {plan.num_layers}" if plan.num_layers else "the small network"
    return f"AWS's table with {network}"


def _metadata(
    path: Path, configuration: Configuration, plan: Plan, options: Options, outcome: Outcome
) -> Metadata:
    return Metadata(
        image_shape=configuration["image_shape"],
        num_classes=configuration["num_classes"],
        model_sha256=sha256(path.read_bytes()),
        labels=None,
        hyperparameters={name: configuration[name] for name in sorted(configuration.given)},
        recipe={"kind": "bakehouse" if _is_ours(plan) else "aws", **asdict(plan)},
        training={
            "seed": options.seed,
            "threads": options.threads,
            "epochs": outcome.epochs,
            "stored_epoch": outcome.stored_epoch,
            "seconds": round(outcome.seconds, 3),
            "train_accuracy": outcome.train.value,
            "validation_hits": outcome.validation.hits,
            "validation_images": outcome.validation.of,
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


def _is_ours(plan: Plan) -> bool:
    return isinstance(plan, Recipe)
