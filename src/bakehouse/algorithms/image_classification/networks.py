"""The networks: our small one for short runs, and the ResNets that ``num_layers`` names.

Both are built from a handful of plain modules, so that ``graph.py`` can write each as ONNX. Pixels
come as floats from 0 to 255; each network normalises them itself.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bakehouse.algorithms.image_classification.hyperparameters import CIFAR_LAYERS

BN_EPS, BN_MOMENTUM = 2e-5, 0.1
"""Of the ResNets, as MXNet's example sets them (its momentum 0.9 is PyTorch's 0.1)."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """Which network: the ResNet of that many layers, or the small one of those widths."""

    num_layers: int | None = None
    widths: tuple[int, ...] = ()


class Normalise(nn.Module):
    """Subtracts a mean and divides by a deviation, per channel; both are fixed."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: Tensor, deviation: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean.reshape(1, -1, 1, 1))
        self.register_buffer("deviation", deviation.reshape(1, -1, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise a batch."""
        return (x - self.mean) / self.deviation


class Residual(nn.Module):
    """A pre-activation unit: ``body(h) + shortcut``, where ``h`` is the activated input.

    The shortcut is the input itself, or a projection of ``h`` where the shape changes ("Identity
    Mappings in Deep Residual Networks", He et al., 2016).
    """

    def __init__(
        self, before: nn.Sequential, body: nn.Sequential, project: nn.Module | None
    ) -> None:
        super().__init__()
        self.before, self.body, self.project = before, body, project

    def forward(self, x: Tensor) -> Tensor:
        """Apply the unit."""
        h = self.before(x)
        shortcut = x if self.project is None else self.project(h)
        return self.body(h) + shortcut  # type: ignore[no-any-return]  # modules return Any


def build(
    architecture: Architecture,
    shape: tuple[int, int, int],
    num_classes: int,
    pixels: Tensor | None = None,
) -> nn.Sequential:
    """A network with random weights, laid out for fast convolutions.

    Args:
        architecture: decides which.
        shape: channels, rows, columns.
        num_classes: the width of the output.
        pixels: training pictures, whose mean and deviation the small network holds; None for those
            of an even spread.
    """
    if architecture.num_layers is not None:
        network = resnet(architecture.num_layers, shape, num_classes)
    else:
        mean, deviation = _statistics(pixels, shape[0])
        network = small_network(shape, num_classes, architecture.widths, mean, deviation)
    # PyTorch's own types do not know that ``to`` takes a memory format.
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _statistics(pixels: Tensor | None, channels: int) -> tuple[Tensor, Tensor]:
    """Mean and deviation per channel."""
    if pixels is None:
        return torch.full((channels,), 127.5), torch.full((channels,), 64.0)
    deviation, mean = torch.std_mean(pixels.float(), dim=(0, 2, 3))
    return mean, deviation.clamp_min(1.0)


def resnet(num_layers: int, shape: tuple[int, int, int], num_classes: int) -> nn.Sequential:
    """The pre-activation ResNet of AWS's algorithm.

    Three stages of basic units for images of at most 28 rows, four stages otherwise, of bottleneck
    units from 50 layers on; a small stem without pooling for images of at most 32 rows.

    Args:
        num_layers: a depth that fits the rows, see ``hyperparameters``.
        shape: channels, rows, columns.
        num_classes: the width of the output.
    """
    channels, rows, _ = shape
    units, widths, bottleneck = _stages(num_layers)
    data = _norm(channels)
    # The container fixes this layer's scale at 1: it only normalises what comes in.
    data.weight.requires_grad_(False)
    layers: list[nn.Module] = [data, *_stem(channels, widths[0], rows)]
    width = widths[0]
    for stage, (count, out) in enumerate(zip(units, widths[1:], strict=True)):
        for unit in range(count):
            stride = 2 if stage > 0 and unit == 0 else 1
            layers.append(_unit(width, out, stride, bottleneck=bottleneck, change=unit == 0))
            width = out
    layers += [_norm(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    network = nn.Sequential(*layers, nn.Linear(width, num_classes))
    network.apply(_xavier)
    return network


_DEEP = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 24, 36, 3),
}


def _stages(num_layers: int) -> tuple[tuple[int, ...], tuple[int, ...], bool]:
    if num_layers in CIFAR_LAYERS:
        return ((num_layers - 2) // 6,) * 3, (16, 16, 32, 64), False
    if num_layers < 50:
        return _DEEP[num_layers], (64, 64, 128, 256, 512), False
    return _DEEP[num_layers], (64, 256, 512, 1024, 2048), True


def _stem(channels: int, width: int, rows: int) -> list[nn.Module]:
    if rows <= 32:
        return [_conv(channels, width, 3)]
    return [
        _conv(channels, width, 7, stride=2),
        _norm(width),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]


def _unit(width: int, out: int, stride: int, *, bottleneck: bool, change: bool) -> Residual:
    before = nn.Sequential(_norm(width), nn.ReLU())
    if bottleneck:
        inner = out // 4
        body = nn.Sequential(
            _conv(width, inner, 1),
            _norm(inner),
            nn.ReLU(),
            _conv(inner, inner, 3, stride=stride),
            _norm(inner),
            nn.ReLU(),
            _conv(inner, out, 1),
        )
    else:
        body = nn.Sequential(
            _conv(width, out, 3, stride=stride), _norm(out), nn.ReLU(), _conv(out, out, 3)
        )
    return Residual(before, body, _conv(width, out, 1, stride=stride) if change else None)


def _conv(width: int, out: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(width, out, kernel, stride, padding=kernel // 2, bias=False)


def _norm(width: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(width, eps=BN_EPS, momentum=BN_MOMENTUM)


def _xavier(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        fan_in = module.weight[0].numel()
        nn.init.normal_(module.weight, std=math.sqrt(2 / fan_in))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def small_network(
    shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int],
    mean: Tensor,
    deviation: Tensor,
) -> nn.Sequential:
    """Our own network for short runs.

    A small convolution on the raw pixels, then a block for each width, which halves the picture
    (larger pictures are first halved by the stem until at most 63 pixels are left on the shorter
    side); global maximum and a linear layer. About the shape of the networks in K. Jordan, "94% on
    CIFAR-10 in 3.29 Seconds" (2024).

    Args:
        shape: channels, rows, columns; at least 4 rows and columns.
        num_classes: the width of the output.
        widths: channels of the stem, then of each block.
        mean: of the training pixels, per channel.
        deviation: of the training pixels, per channel.
    """
    channels, rows, columns = shape
    side = min(rows, columns)
    stride = 2 ** max(0, int(math.log2(side / 32)))
    # A picture of few pixels cannot be halved for every width.
    widths = widths[: 1 + min(len(widths) - 1, int(math.log2(side - 1)))]
    kernel = 2 * stride if stride > 1 else 2
    stem = nn.Conv2d(channels, widths[0], kernel, stride)
    layers: list[nn.Module] = [Normalise(mean, deviation), stem, nn.GELU()]
    for width, out in itertools.pairwise(widths):
        layers += [
            nn.Conv2d(width, out, 3, padding=1, bias=False),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(out),
            nn.GELU(),
            nn.Conv2d(out, out, 3, padding=1, bias=False),
            nn.BatchNorm2d(out),
            nn.GELU(),
        ]
    return nn.Sequential(
        *layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(widths[-1], num_classes)
    )


def as_float(pixels: Tensor) -> Tensor:
    """8-bit pixels as the floats that a network takes, laid out for fast convolutions."""
    return pixels.float().contiguous(memory_format=torch.channels_last)
