"""How to train: AWS's table where the user names anything about it, our own recipe otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.hyperparameters import (
    CIFAR_LAYERS,
    IMAGENET_LAYERS,
    Configuration,
)


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How far each training picture is moved, turned and scaled, at random.

    Each amount is the largest; 0 leaves that out. Half of the pictures are mirrored as well.
    """

    shift: float
    """Of the picture's width and height."""
    degrees: float
    scale: float
    """0.2 goes from 1/1.2 to 1.2."""
    aspect: float
    mix: float
    """How often a batch gets a rectangle of other pictures pasted in, labels in proportion."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Our own way of training a small network in short time. See ``docs/decisions/0003``."""

    name: str
    widths: tuple[int, ...]
    """Channels of the network's stem and blocks."""
    epochs: int
    batch_size: int
    learning_rate: float
    """The peak; it rises to it over ``warm_up`` of the steps and falls to 0 along a cosine."""
    warm_up: float
    momentum: float
    weight_decay: float
    averaging: float
    """Decay of the moving average of the weights, once every fourth step."""
    augmentation: Augmentation


@dataclass(frozen=True, slots=True)
class AwsTable:
    """AWS's way: what the user named, AWS's defaults for the rest."""

    num_layers: int | None
    """``None`` where it is not named: then our small network is trained AWS's way."""
    epochs: int
    batch_size: int
    optimizer: Literal["sgd", "nag", "adam", "rmsprop"]
    learning_rate: float
    lr_scheduler_factor: float
    lr_scheduler_step: tuple[int, ...]
    """Epochs after which the factor is applied."""
    momentum: float
    weight_decay: float
    beta_1: float
    beta_2: float
    eps: float
    gamma: float
    augmentation: Literal["crop", "crop_color", "crop_color_transform"] | None
    early_stopping: tuple[int, int, float] | None
    """Least epochs, patience, tolerance; ``None`` to train all epochs."""


Plan = Recipe | AwsTable

WIDTHS = (24, 32, 64, 128)
SAMPLES_SEEN = 50_000
EPOCHS = 8, 100


def plan_for(configuration: Configuration, *, strict_defaults: bool) -> Plan:
    """Choose how to train.

    Args:
        configuration: the job's hyperparameters.
        strict_defaults: take AWS's defaults for everything that is not named, ``num_layers`` too.

    Raises:
        CustomerError: ``num_layers`` does not fit the size of the pictures.
    """
    if not (strict_defaults or configuration.shapes_training):
        return _recipe(configuration["num_training_samples"])
    named = strict_defaults or "num_layers" in configuration.given
    return _aws_table(configuration, _layers(configuration) if named else None)


def _recipe(samples: int) -> Recipe:
    least, most = EPOCHS
    return Recipe(
        name="bakehouse small-1",
        widths=WIDTHS,
        epochs=min(most, max(least, round(SAMPLES_SEEN / samples))),
        batch_size=min(64, samples),
        learning_rate=0.05,
        warm_up=0.15,
        momentum=0.9,
        weight_decay=5e-3,
        averaging=0.98,
        augmentation=Augmentation(shift=0.125, degrees=15, scale=0.25, aspect=0.15, mix=0.5),
    )


def _aws_table(configuration: Configuration, num_layers: int | None) -> AwsTable:
    stopping = tuple(
        configuration[f"early_stopping_{name}"] for name in ("min_epochs", "patience", "tolerance")
    )
    return AwsTable(
        num_layers=num_layers,
        epochs=configuration["epochs"],
        batch_size=configuration["mini_batch_size"],
        optimizer=configuration["optimizer"],
        learning_rate=configuration["learning_rate"],
        lr_scheduler_factor=configuration["lr_scheduler_factor"],
        lr_scheduler_step=configuration["lr_scheduler_step"] or (),
        momentum=configuration["momentum"],
        weight_decay=configuration["weight_decay"],
        beta_1=configuration["beta_1"],
        beta_2=configuration["beta_2"],
        eps=configuration["eps"],
        gamma=configuration["gamma"],
        augmentation=configuration["augmentation_type"],
        early_stopping=stopping if configuration["early_stopping"] else None,
    )


def _layers(configuration: Configuration) -> int:
    layers: int = configuration["num_layers"]
    rows = configuration["image_shape"][1]
    if (layers in CIFAR_LAYERS) != (rows <= 28):
        fitting = CIFAR_LAYERS if rows <= 28 else IMAGENET_LAYERS
        raise CustomerError(
            f"no experiments done on num_layers {layers} with images of {rows} rows; choose one of"
            f" {', '.join(map(str, fitting))}"
        )
    return layers
