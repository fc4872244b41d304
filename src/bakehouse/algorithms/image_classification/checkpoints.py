"""Going on after a kill: the state of a training, written now and then, read at its start.

A file ``state.pt`` in the folder ``checkpoints`` under the root holds tensors, numbers and texts
only; PyTorch reads it without running anything that it may contain.
"""

from __future__ import annotations

import hashlib
import json
import pickle
import time
from pathlib import Path
from typing import Any

import torch

from bakehouse.algorithms.image_classification.console import Console

FILE = "state.pt"
EVERY_S = 10.0
"""Seconds between two states; one that takes long to write is written less often."""
SHARE = 0.05
"""How much of the time may go into writing."""


class Checkpoints:
    """The state of one training in a folder. Without the folder nothing is kept.

    Args:
        folder: where the state lies; it is not made.
        about: what the training is, as JSON; a state of another training is left alone.
        console: where the log goes.
        every_s: seconds between two states.
    """

    def __init__(
        self, folder: Path, about: Any, console: Console, every_s: float = EVERY_S
    ) -> None:
        self._path, self._console, self._every_s = folder / FILE, console, every_s
        self._about = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self._written = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The state to go on from, if there is one of this training."""
        if not self._path.is_file():
            return None
        try:
            state = torch.load(self._path, map_location="cpu", weights_only=True)
        except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
            self._console.warning(
                f"The checkpoint {self._path} cannot be read ({error}); not used."
            )
            return None
        if not isinstance(state, dict) or state.get("about") != self._about:
            self._console.warning(
                f"The checkpoint {self._path} is of another training (other hyperparameters, data"
                " or seed); not used."
            )
            return None
        return state

    def is_due(self) -> bool:
        """Whether it is time for the next state."""
        return self._path.parent.is_dir() and time.monotonic() - self._written >= self._every_s

    def store(self, state: dict[str, Any]) -> None:
        """Write a state beside the last one, and take its place."""
        began = time.monotonic()
        partial = self._path.with_name(f"{FILE}.partial")
        torch.save(state | {"about": self._about}, partial)
        partial.replace(self._path)
        self._written = time.monotonic()
        self._every_s = max(self._every_s, (self._written - began) / SHARE)
