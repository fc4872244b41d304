"""How the weights move: the optimizers and the learning rate over the steps."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.plan import AwsTable, Plan, Recipe

LOWEST_RATE = 0.01
"""Where our recipe's learning rate ends, as a share of its peak."""


def learning_rate(plan: Plan, step: int, batches: int) -> float:
    """The learning rate of a step.

    Args:
        plan: how to train.
        step: counted from 0 over all epochs.
        batches: steps in an epoch.
    """
    if isinstance(plan, AwsTable):
        passed = sum(step >= epoch * batches for epoch in plan.lr_scheduler_step)
        return plan.learning_rate * plan.lr_scheduler_factor**passed
    progress = (step + 1) / (plan.epochs * batches)
    if progress < plan.warm_up:
        return plan.learning_rate * progress / plan.warm_up
    rest = (progress - plan.warm_up) / (1 - plan.warm_up)
    return plan.learning_rate * max(LOWEST_RATE, (1 + math.cos(math.pi * rest)) / 2)


def optimizer_for(network: nn.Module, plan: Plan) -> torch.optim.Optimizer:
    """The optimizer that a plan names, over a network's weights.

    Weight decay follows each side's habit: ours spares all vectors, MXNet's spares biases only, and
    by AWS's table ``adam`` and ``rmsprop`` ignore it, as they ignore ``momentum``.
    """
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    if isinstance(plan, Recipe):
        decayed, spared = _split(network, lambda name, weight: weight.ndim > 1)
        nesterov = True
    else:
        if plan.optimizer == "adam":
            return torch.optim.Adam(weights, plan.learning_rate, _betas(plan), plan.eps)
        if plan.optimizer == "rmsprop":
            return torch.optim.RMSprop(weights, plan.learning_rate, plan.gamma, plan.eps)
        decayed, spared = _split(network, lambda name, weight: not name.endswith("bias"))
        nesterov = plan.optimizer == "nag" and plan.momentum > 0
    groups = [
        {"params": decayed, "weight_decay": plan.weight_decay},
        {"params": spared, "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, plan.learning_rate, plan.momentum, nesterov=nesterov)


def _split(
    network: nn.Module, decays: Callable[[str, Tensor], bool]
) -> tuple[list[Tensor], list[Tensor]]:
    """The weights that decay, and the rest."""
    named = [(name, weight) for name, weight in network.named_parameters() if weight.requires_grad]
    return (
        [weight for name, weight in named if decays(name, weight)],
        [weight for name, weight in named if not decays(name, weight)],
    )


def _betas(plan: AwsTable) -> tuple[float, float]:
    """PyTorch refuses the 1.0 that the table allows."""
    return min(plan.beta_1, 1 - 1e-9), min(plan.beta_2, 1 - 1e-9)
