"""How to train: AWS's table where the user names anything about it, our own recipe otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.hardware import Machine
from bakehouse.algorithms.image_classification.hyperparameters import (
    CIFAR_LAYERS,
    IMAGENET_LAYERS,
    Configuration,
)

Precision = Literal["float32", "mixed"]
"""``mixed``: products in 16 bits, sums and weights in 32."""


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
    precision: Precision
    held_out: float
    """Share of the images kept back for the calibration, until ``joins`` of the steps are done."""
    joins: float


@dataclass(frozen=True, slots=True)
class AwsTable:
    """AWS's way: what the user named, AWS's defaults for the rest."""

    num_layers: int | None
    """``None`` where it is not named: then our small network, or the base's, is trained AWS's way.
    """
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
    precision: Precision


Plan = Recipe | AwsTable

WIDTHS = (24, 32, 64, 128)
"""Of the small network where AWS's table trains it."""
_WIDTHS_FROM: tuple[tuple[int, tuple[int, ...]], ...] = (
    (20_000, (32, 64, 192, 320)),
    (4_000, (32, 64, 128, 256)),
    (0, WIDTHS),
)
"""The more images there are, the more weights can be learned."""
_EPOCHS_AT_1000, _EPOCHS_FALL = {"float32": 50, "mixed": 70}, 0.3
"""As many as take less than a minute on two cores. A data set that is larger by a factor is seen
less often by that factor's power."""
EPOCHS = 8, 100


def plan_for(
    configuration: Configuration, machine: Machine, *, strict_defaults: bool, tunes: bool = False
) -> Plan:
    """Choose how to train.

    Args:
        configuration: the job's hyperparameters.
        machine: where it will run.
        strict_defaults: take AWS's defaults for everything that is not named, ``num_layers`` too.
        tunes: there are weights to begin with.

    Raises:
        CustomerError: ``num_layers`` does not fit the size of the pictures, or
            ``checkpoint_frequency`` is more than the epochs.
    """
    if strict_defaults or configuration.shapes_training:
        named = "num_layers" in configuration.given or (strict_defaults and not tunes)
        plan: Plan = _aws_table(configuration, _layers(configuration) if named else None)
    else:
        precision = _precision(configuration, machine)
        samples = configuration["num_training_samples"]
        plan = _fine_tuning(samples, precision) if tunes else _recipe(samples, precision)
    frequency = configuration["checkpoint_frequency"]
    if frequency is not None and frequency > plan.epochs:
        raise CustomerError(
            f"The value '{frequency}' is not valid for the 'checkpoint_frequency' hyperparameter"
            f" which expects a positive integer, at most the {plan.epochs} epochs"
        )
    return plan


def _precision(configuration: Configuration, machine: Machine) -> Precision:
    """What the user named, and otherwise what is faster here."""
    if "precision_dtype" in configuration.given:
        return "mixed" if configuration["precision_dtype"] == "float16" else "float32"
    return "mixed" if machine.bfloat16 or machine.gpu else "float32"


def _recipe(samples: int, precision: Precision) -> Recipe:
    least, most = EPOCHS
    widths = next(widths for least_images, widths in _WIDTHS_FROM if samples >= least_images)
    large = widths != WIDTHS
    at_1000 = _EPOCHS_AT_1000["float32" if large else precision]
    epochs = round(at_1000 * (1000 / samples) ** _EPOCHS_FALL)
    return Recipe(
        name="bakehouse large-1" if large else "bakehouse small-2",
        widths=widths,
        epochs=min(most, max(least, epochs)),
        batch_size=min(256 if large else 64, samples),
        learning_rate=0.2 if large else 0.05,
        warm_up=0.15,
        momentum=0.9,
        weight_decay=5e-4 if large else 5e-3,
        averaging=0.995 if large else 0.98,
        augmentation=Augmentation(
            shift=0.125,
            degrees=10 if large else 15,
            scale=0.15 if large else 0.25,
            aspect=0.1 if large else 0.15,
            mix=0.5,
        ),
        precision=precision,
        held_out=0.1,
        joins=0.8,
    )


def _fine_tuning(samples: int, precision: Precision) -> Recipe:
    return Recipe(
        name="bakehouse tune-1",
        widths=(),
        epochs=min(30, max(2, round(5_000 / samples))),
        batch_size=min(50, samples),
        learning_rate=0.03,
        warm_up=0.15,
        momentum=0.9,
        weight_decay=5e-4,
        averaging=0.9,
        augmentation=Augmentation(shift=0.125, degrees=10, scale=0.15, aspect=0.1, mix=0.0),
        precision=precision,
        held_out=0.1,
        joins=0.6,
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
        precision="mixed" if configuration["precision_dtype"] == "float16" else "float32",
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
