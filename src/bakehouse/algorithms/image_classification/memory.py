"""How much memory a training would need, known before most of it is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from math import prod

from torch import nn

from bakehouse.algorithms.image_classification.evaluation import evaluated_together
from bakehouse.algorithms.image_classification.failures import CustomerError
from bakehouse.algorithms.image_classification.networks import Architecture, Residual, build
from bakehouse.algorithms.image_classification.plan import Plan

Shape = tuple[int, int, int]
"""Channels, rows, columns."""

_FLOAT_BYTES = 4
_COPIES_OF_WEIGHTS = 6
"""Weights, gradients, two states of the optimizer, the average, and the graph as it is written."""
_LAYERS_AT_ONCE = 3
"""Outputs of the largest layer that an evaluation holds at the same time."""


def check_memory(
    plan: Plan,
    architecture: Architecture,
    shape: Shape,
    num_classes: int,
    evaluated: int,
) -> None:
    """Refuse a training that this machine has not the memory for.

    The pictures are left out: they lie in a file that is mapped. The arguments are those of
    :func:`needed_bytes`.

    Raises:
        CustomerError: says how much would be needed and what could be made smaller.
    """
    needed = needed_bytes(plan, architecture, shape, num_classes, evaluated)
    there = machine_bytes()
    if needed > there:
        raise CustomerError(
            f"Training with image_shape {','.join(map(str, shape))}, mini_batch_size"
            f" {plan.batch_size} and {num_classes} classes would need about {needed / 1e9:.0f} GB"
            f" of memory; this machine has {there / 1e9:.0f} GB. Take a smaller image_shape or"
            " mini_batch_size, or fewer layers."
        )


def needed_bytes(
    plan: Plan, architecture: Architecture, shape: Shape, num_classes: int, evaluated: int
) -> int:
    """About what the network and its steps need, the stored pictures left out.

    A training step keeps every layer's output for the way back; an evaluation only the latest.

    Args:
        plan: decides the batch.
        architecture: the network.
        shape: of the pictures.
        num_classes: the width of the network's output.
        evaluated: pictures in the validation channel.
    """
    network = build(architecture, shape, num_classes)
    outputs = [_FLOAT_BYTES * prod(output) for output in _outputs(network, shape)]
    weights = _FLOAT_BYTES * sum(weight.numel() for weight in network.parameters())
    step = plan.batch_size * sum(outputs)
    evaluation = min(evaluated, evaluated_together(shape)) * _LAYERS_AT_ONCE * max(outputs)
    return _COPIES_OF_WEIGHTS * weights + max(step, evaluation)


def machine_bytes() -> int:
    """The memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _outputs(module: nn.Module, shape: Shape) -> Iterator[Shape]:
    """The shapes of what the layers of one of our networks put out for one picture, in order."""
    match module:
        case nn.Sequential():
            for child in module:
                for shape in _outputs(child, shape):  # noqa: B020  # the latest goes on
                    yield shape
        case Residual():
            if module.project is not None:
                yield from _outputs(module.project, shape)
            yield from _outputs(nn.Sequential(module.before, module.body), shape)
        case nn.Conv2d():
            rows, columns = (_steps(side, module, i) for i, side in enumerate(shape[1:]))
            yield module.out_channels, rows, columns
        case nn.MaxPool2d():
            rows, columns = (_steps(side, module, i) for i, side in enumerate(shape[1:]))
            yield shape[0], rows, columns
        case nn.AdaptiveAvgPool2d() | nn.AdaptiveMaxPool2d():
            yield shape[0], 1, 1
        case nn.Linear():
            yield module.out_features, 1, 1
        case _:
            yield shape


def _steps(side: int, window: nn.Conv2d | nn.MaxPool2d, axis: int) -> int:
    """How often a window fits into a side."""
    kernel, stride, padding = (
        value[axis] if isinstance(value, tuple) else value
        for value in (window.kernel_size, window.stride, window.padding)
    )
    return (side + 2 * int(padding) - int(kernel)) // int(stride) + 1
