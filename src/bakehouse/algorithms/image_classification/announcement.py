"""What a job's log says before the first epoch: where each value comes from, and all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bakehouse.algorithms.image_classification.bases import Base
from bakehouse.algorithms.image_classification.channels import read_document
from bakehouse.algorithms.image_classification.console import Console
from bakehouse.algorithms.image_classification.distribution import World
from bakehouse.algorithms.image_classification.hyperparameters import TABLE, Configuration
from bakehouse.algorithms.image_classification.networks import Architecture
from bakehouse.algorithms.image_classification.options import Options
from bakehouse.algorithms.image_classification.plan import AwsTable, Plan, Recipe

TABLE_FILE = "image_classification/hyperparameters.py"
"""Where the defaults stand, for the log."""


def read_given(root: Path, console: Console) -> dict[str, Any]:
    """What the user names, told in the log beside AWS's defaults."""
    path = root / "input/config/hyperparameters.json"
    console.info(f"Reading default configuration from {TABLE_FILE}: {_defaults()}")
    given = read_document(path)
    console.info(f"Merging with provided configuration from {path}: {given}")
    return given


def _defaults() -> dict[str, Any]:
    return {row.name: plain(row.default) for row in TABLE if row.default is not None}


def final_configuration(plan: Plan, given: dict[str, Any]) -> dict[str, Any]:
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


def plain(value: Any) -> Any:
    """A value as the log prints it: shapes as the text that they come in."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else value


def parameter_lines(
    configuration: Configuration,
    plan: Plan,
    architecture: Architecture,
    base: Base | None,
    options: Options,
    world: World,
) -> list[str]:
    """The block of parameters, in the order of AWS's container, with what we add."""
    weights = (
        "Performing random weight initialization"
        if base is None
        else "Using pretrained model for initializing weights and transfer learning."
    )
    optional = {
        "base": base.origin if base else None,
        "num_layers": architecture.num_layers,
        "image resize size": configuration["resize"],
        "top_k": configuration["top_k"],
    }
    several = "dist_sync" if world.size > 1 else "device"
    named = {
        "recipe": _recipe(plan, architecture),
        "machine": options.machine,
        "base": optional["base"],
        "num_layers": optional["num_layers"],
        "data type": f"<class 'numpy.{'float32' if plan.precision == 'float32' else 'float16'}'>",
        "epochs": plan.epochs,
        "image resize size": optional["image resize size"],
        "optimizer": plan.optimizer if isinstance(plan, AwsTable) else "nag",
        "momentum": plan.momentum,
        "weight_decay": plan.weight_decay,
        "learning_rate": plan.learning_rate,
        "num_training_samples": configuration["num_training_samples"],
        "mini_batch_size": plan.batch_size,
        "image_shape": plain(configuration["image_shape"]),
        "num_classes": configuration["num_classes"],
        "augmentation_type": plan.augmentation,
        "kv_store": configuration["kv_store"] or several,
        "seed": options.seed,
        "top_k": optional["top_k"],
    }
    return [
        f"use_pretrained_model: {configuration['use_pretrained_model']}",
        f"multi_label: {configuration['multi_label']}",
        weights,
        "---- Parameters ----",
        *(
            f"{name}: {value}"
            for name, value in named.items()
            if value is not None or name not in optional
        ),
        _stored(configuration, plan),
        "-" * 20,
    ]


def _stored(configuration: Configuration, plan: Plan) -> str:
    if (frequency := configuration["checkpoint_frequency"]) is not None:
        return f"checkpoint_frequency: {frequency}"
    stored = "the last, averaged model" if isinstance(plan, Recipe) else "the best model"
    return f"checkpoint_frequency not set, will store {stored}"


def _recipe(plan: Plan, architecture: Architecture) -> str:
    if isinstance(plan, Recipe):
        return f"{plan.name} (no hyperparameter that shapes the training was named)"
    layers = architecture.num_layers
    return f"AWS's table with {f'num_layers {layers}' if layers else 'the small network'}"
