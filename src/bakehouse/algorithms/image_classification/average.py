"""The moving average of a network's weights, which is a better network than the last step's."""

from __future__ import annotations

import copy

import torch
from torch import nn

EVERY = 4
"""Steps between two updates."""


class Average:
    """Follows a network that is being trained.

    Args:
        network: what to follow; the average begins with its weights.
        decay: how much of itself the average keeps at an update, from 0 to 1.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network, self._decay = copy.deepcopy(network), decay

    def follow(self, moving: nn.Module, step: int) -> None:
        """Take in the weights after a step, counted from 1; only every fourth one counts."""
        if step % EVERY:
            return
        count = step // EVERY
        # The first averages forget fast: what the network was at its start is worth nothing.
        decay = min(self._decay, (1 + count) / (10 + count))
        kept, new = self.network.state_dict(), moving.state_dict()
        names = [name for name, value in kept.items() if value.is_floating_point()]
        torch._foreach_lerp_([kept[n] for n in names], [new[n] for n in names], 1 - decay)
