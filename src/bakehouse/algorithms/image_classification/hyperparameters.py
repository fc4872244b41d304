"""The hyperparameters of image classification: one table of names, values and defaults.

Source: "Image Classification Hyperparameters" in the Amazon SageMaker developer guide. Values come
as strings. Each given value is honoured exactly or refused with a reason; none is ignored.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.images import SIDE
from bakehouse.algorithms.image_classification.numerals import decimal, whole
from bakehouse.faults import shorten

Parse = Callable[[str], Any]
"""From a hyperparameter's text to its value; raises ``ValueError`` for what is not allowed."""

IMAGENET_LAYERS = (18, 34, 50, 101, 152, 200)
CIFAR_LAYERS = (20, 32, 44, 56, 110)
SMALLEST_SIDE = 4
"""Rows and columns that a network needs at least."""


@dataclass(frozen=True, slots=True)
class Hyperparameter:
    """A row of the table."""

    name: str
    parse: Parse
    allowed: str
    """What the values may be, as the end of a sentence that starts with "expects"."""
    default: Any = None
    """AWS's default; ``None`` where there is none."""
    required: bool = False
    shapes_training: bool = True
    """Whether naming it makes the recipe AWS's, whose table then fills in what is not named."""


def _integer(low: int, high: float = math.inf) -> Parse:
    def parse(text: str) -> int:
        value = whole(text)
        if not low <= value <= high:
            raise ValueError(text)
        return value

    return parse


def _fraction(text: str) -> float:
    value = decimal(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value


def _choice(*values: Any) -> Parse:
    by_text = {str(value): value for value in values}

    def parse(text: str) -> Any:
        if text not in by_text:
            raise ValueError(text)
        return by_text[text]

    return parse


def _image_shape(text: str) -> tuple[int, int, int]:
    if not re.fullmatch(r"\s*[13]\s*,\s*[1-9][0-9]{0,3}\s*,\s*[1-9][0-9]{0,3}\s*", text):
        raise ValueError(text)
    channels, rows, columns = (int(side) for side in text.split(","))
    if min(rows, columns) < SMALLEST_SIDE:
        raise ValueError(text)
    return channels, rows, columns


def _epoch_list(text: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\s*[1-9][0-9]*\s*(,\s*[1-9][0-9]*\s*)*", text):
        raise ValueError(text)
    return tuple(sorted(int(epoch) for epoch in text.split(",")))


def _listed(values: tuple[int, ...]) -> str:
    return ", ".join(map(str, values))


MOST_CLASSES = 10_000
"""More than any public data set of pictures has; a slip of the hand stops here."""

_COUNT = _integer(1)
_POSITIVE = "a positive integer"
_FRACTION = "a number from 0.0 to 1.0"
_SWITCH = _choice(0, 1)

TABLE: tuple[Hyperparameter, ...] = (
    Hyperparameter(
        "num_classes",
        _integer(2, MOST_CLASSES),
        f"an integer from 2 to {MOST_CLASSES}",
        required=True,
        shapes_training=False,
    ),
    Hyperparameter("num_training_samples", _COUNT, _POSITIVE, required=True, shapes_training=False),
    Hyperparameter(
        "image_shape",
        _image_shape,
        "a string 'channels,rows,columns' with 1 or 3 channels and 4 to 9999 rows and columns",
        (3, 224, 224),
        shapes_training=False,
    ),
    Hyperparameter(
        "resize",
        _integer(1, SIDE),
        f"an integer to {SIDE}, larger than the rows and columns of image_shape",
        shapes_training=False,
    ),
    Hyperparameter("top_k", _integer(2), "an integer of at least 2", shapes_training=False),
    Hyperparameter(
        "kv_store",
        _choice("dist_sync", "dist_async"),
        "one of dist_sync, dist_async",
        shapes_training=False,
    ),
    Hyperparameter(
        "num_layers",
        _choice(*IMAGENET_LAYERS, *CIFAR_LAYERS),
        f"one of {_listed(IMAGENET_LAYERS)} or, for images of at most 28 rows, one of"
        f" {_listed(CIFAR_LAYERS)}",
        152,
    ),
    Hyperparameter("epochs", _COUNT, _POSITIVE, 30),
    Hyperparameter("mini_batch_size", _COUNT, _POSITIVE, 32),
    Hyperparameter(
        "augmentation_type",
        _choice("crop", "crop_color", "crop_color_transform"),
        "one of crop, crop_color, crop_color_transform",
    ),
    Hyperparameter(
        "optimizer",
        _choice("sgd", "adam", "rmsprop", "nag"),
        "one of sgd, adam, rmsprop, nag",
        "sgd",
    ),
    Hyperparameter("learning_rate", _fraction, _FRACTION, 0.1),
    Hyperparameter("lr_scheduler_factor", _fraction, _FRACTION, 0.1),
    Hyperparameter("lr_scheduler_step", _epoch_list, "epochs separated by commas, such as '10,20'"),
    Hyperparameter("momentum", _fraction, _FRACTION, 0.9),
    Hyperparameter("weight_decay", _fraction, _FRACTION, 0.0001),
    Hyperparameter("beta_1", _fraction, _FRACTION, 0.9),
    Hyperparameter("beta_2", _fraction, _FRACTION, 0.999),
    Hyperparameter("eps", _fraction, _FRACTION, 1e-8),
    Hyperparameter("gamma", _fraction, _FRACTION, 0.9),
    Hyperparameter("early_stopping", _choice(True, False), "one of True, False", False),
    Hyperparameter("early_stopping_min_epochs", _COUNT, _POSITIVE, 10),
    Hyperparameter("early_stopping_patience", _COUNT, _POSITIVE, 5),
    Hyperparameter("early_stopping_tolerance", _fraction, _FRACTION, 0.0),
    Hyperparameter(
        "checkpoint_frequency",
        _COUNT,
        "a positive integer, at most epochs",
        shapes_training=False,
    ),
    Hyperparameter("use_pretrained_model", _SWITCH, "one of 0, 1", 0, shapes_training=False),
    Hyperparameter("multi_label", _SWITCH, "one of 0, 1", 0, shapes_training=False),
    Hyperparameter("use_weighted_loss", _SWITCH, "one of 0, 1", 0, shapes_training=False),
    Hyperparameter(
        "precision_dtype",
        _choice("float32", "float16"),
        "one of float32, float16",
        "float32",
        shapes_training=False,
    ),
)

BY_NAME: dict[str, Hyperparameter] = {row.name: row for row in TABLE}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The hyperparameters of one job: every name of the table, AWS's defaults filled in."""

    values: Mapping[str, Any]
    given: frozenset[str]
    """The names that the user gave."""

    def __getitem__(self, name: str) -> Any:
        return self.values[name]

    @property
    def shapes_training(self) -> bool:
        """Whether the user named anything that decides how to train."""
        return any(BY_NAME[name].shapes_training for name in self.given)


def read_hyperparameters(given: Mapping[str, str]) -> Configuration:
    """Check the values that came and fill in AWS's defaults.

    Raises:
        CustomerError: a name is unknown or missing, or a value is not allowed; with AWS's text as
            far as it is known.
    """
    _check_names(given)
    values = {row.name: row.default for row in TABLE}
    values |= {name: _value(BY_NAME[name], text) for name, text in given.items()}
    configuration = Configuration(values, frozenset(given))
    _check_together(configuration)
    return configuration


def _check_names(given: Mapping[str, str]) -> None:
    for name in given:
        if name not in BY_NAME:
            near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.0)[0]
            raise CustomerError(
                f"Additional hyperparameters are not allowed ({shorten(name)!r} was unexpected;"
                f" the nearest valid name is {near!r}) (caused by ValidationError)"
            )
    missing = [row.name for row in TABLE if row.required and row.name not in given]
    if missing:
        raise CustomerError(
            f"No value(s) were specified for {', '.join(map(repr, missing))} which are required"
            " hyperparameter(s) (caused by ValidationError)"
        )


def _value(row: Hyperparameter, text: str) -> Any:
    try:
        value = row.parse(str(text))
    except ValueError as error:
        raise CustomerError(
            f"The value {shorten(str(text))!r} is not valid for the {row.name!r} hyperparameter"
            f" which expects {row.allowed} (caused by ValidationError)"
        ) from error
    return value


def _check_together(configuration: Configuration) -> None:
    rows, columns = configuration["image_shape"][1:]
    resize = configuration["resize"]
    if resize is not None and resize <= max(rows, columns):
        raise CustomerError(
            f"The value '{resize}' is not valid for the 'resize' hyperparameter which expects an"
            f" integer larger than the {rows} rows and {columns} columns of image_shape"
        )
    top_k = configuration["top_k"]
    if top_k is not None and top_k > configuration["num_classes"]:
        raise CustomerError(
            f"The value '{top_k}' is not valid for the 'top_k' hyperparameter which expects at most"
            f" the {configuration['num_classes']} classes"
        )
    layers = configuration["num_layers"]
    if configuration["use_pretrained_model"] and layers in CIFAR_LAYERS:
        raise CustomerError(
            f"The value '{layers}' is not valid for the 'num_layers' hyperparameter which expects"
            f" one of {_listed(IMAGENET_LAYERS)} where use_pretrained_model is 1"
        )
