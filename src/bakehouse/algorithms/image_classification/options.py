"""What the environment says of a training beside the hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bakehouse.algorithms.image_classification.checkpoints import EVERY_S
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.hardware import Machine, this_machine

SHIPPED = "cifar98"
"""The weights that come with the package."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the environment says beside the hyperparameters."""

    seed: int
    strict_defaults: bool
    machine: Machine
    pretrained: Path | None = None
    """The artifact that ``use_pretrained_model`` begins with, instead of the shipped weights."""
    checkpoint_every_s: float = EVERY_S
    halted: Callable[[], bool] = bool
    """Somebody wants the training to end; its default says no."""


def options_from(environment: Mapping[str, str]) -> Options:
    """Read ``BAKEHOUSE_SEED`` (0), ``…_STRICT_DEFAULTS`` (off), ``…_PRETRAINED_MODEL`` (cifar98).

    Raises:
        CustomerError: the seed is not a whole number.
    """
    seed = environment.get("BAKEHOUSE_SEED", "0")
    if not (seed.isascii() and seed.isdecimal()) or len(seed) > 19 or int(seed) >= 2**63:
        raise CustomerError(f"BAKEHOUSE_SEED is {seed!r}; expected a whole number below 2^63.")
    strict = environment.get("BAKEHOUSE_STRICT_DEFAULTS", "").lower() in ("1", "true", "yes", "on")
    named = environment.get("BAKEHOUSE_PRETRAINED_MODEL", SHIPPED)
    pretrained = None if named == SHIPPED else Path(named).expanduser()
    return Options(int(seed), strict, this_machine(), pretrained)
