"""Making more of few pictures: random crops, mirror images, turns, colours.

Two ways: ours works on a whole batch of pictures of one size at once, AWS's follows the documented
``augmentation_type`` picture by picture.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from bakehouse.algorithms.image_classification.plan import Augmentation

HUE, LIGHTNESS, SATURATION = 36 / 180, 50 / 255, 50 / 255
"""Largest additions of ``crop_color``, in shares of OpenCV's ranges of the HLS colours."""
DEGREES, SHEAR, ASPECT = 10.0, 0.1, 0.25
"""Largest changes of ``crop_color_transform``."""
FILL = 255
"""The colour of the corners that a turned picture leaves open."""


def augment(images: Tensor, amounts: Augmentation, generator: torch.Generator) -> Tensor:
    """Change a batch of pictures at random, each in its own way.

    Args:
        images: floats from 0 to 255, batch x channels x rows x columns.
        amounts: how much.
        generator: where the randomness comes from; of the processor's kind.
    """
    matrices = _affine(len(images), amounts, generator).to(images.device)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(
        images, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )


def mix(images: Tensor, chance: float, generator: torch.Generator) -> tuple[Tensor, float]:
    """Paste a square out of each picture's partner into it, by chance.

    The partners are the same batch in reverse order; the square is the same for all, its area is
    drawn evenly from 0 to 1. Source: S. Yun et al., "CutMix" (2019).

    Args:
        images: batch x channels x rows x columns; left as it is.
        chance: how often it happens at all.
        generator: where the randomness comes from.

    Returns:
        The pictures, and how much of each is still its own, from 0 to 1.
    """
    if float(torch.rand(1, generator=generator)) >= chance:
        return images, 1.0
    share = math.sqrt(float(torch.rand(1, generator=generator)))
    rows, columns = images.shape[2:]
    height, width = int(rows * share), int(columns * share)
    top = int(torch.randint(0, rows + 1 - height, (1,), generator=generator))
    left = int(torch.randint(0, columns + 1 - width, (1,), generator=generator))
    mixed = images.clone()
    hole = slice(top, top + height), slice(left, left + width)
    mixed[:, :, *hole] = images.flip(0)[:, :, *hole]
    return mixed, 1 - height * width / (rows * columns)


def _affine(count: int, amounts: Augmentation, generator: torch.Generator) -> Tensor:
    """For each picture the 2 x 3 matrix from places in the answer to places in the picture."""
    angle = _spread(count, math.radians(amounts.degrees), generator)
    scale = torch.exp(_spread(count, math.log1p(amounts.scale), generator))
    aspect = torch.exp(_spread(count, math.log1p(amounts.aspect), generator))
    # Places run from -1 to 1, so that a shift by a share of the width is twice as much.
    x, y = (_spread(count, 2 * amounts.shift, generator) for _ in range(2))
    mirror = torch.randint(0, 2, (count,), generator=generator) * 2.0 - 1
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    first = torch.stack([mirror * cos * aspect, -sin, x], 1)
    second = torch.stack([mirror * sin, cos / aspect, y], 1)
    return torch.stack([first, second], 1)


def _spread(count: int, amount: float, generator: torch.Generator) -> Tensor:
    return (torch.rand(count, generator=generator) * 2 - 1) * amount


def crop_image(
    image: NDArray[np.uint8], size: tuple[int, int], kind: str, random: np.random.Generator
) -> NDArray[np.uint8]:
    """Cut a piece out of a picture at random and mirror it by chance, as AWS's algorithm does.

    Args:
        image: channels x rows x columns, at least as large as ``size``.
        size: rows and columns to cut out.
        kind: ``crop_color_transform`` turns, shears and stretches the picture before.
        random: where the randomness comes from.
    """
    if kind == "crop_color_transform":
        image = _turn(image, random)
    return _crop(image, size, random)


def _crop(
    image: NDArray[np.uint8], size: tuple[int, int], random: np.random.Generator
) -> NDArray[np.uint8]:
    top, left = (
        int(random.integers(0, have - want + 1))
        for have, want in zip(image.shape[1:], size, strict=True)
    )
    cut = image[:, top : top + size[0], left : left + size[1]]
    return cut[:, :, ::-1] if random.random() < 0.5 else cut


def _turn(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Rotate, shear and change the proportions about the middle, as MXNet's augmenter does."""
    angle = math.radians(random.uniform(-DEGREES, DEGREES))
    shear = random.uniform(-SHEAR, SHEAR)
    ratio = random.uniform(1 - ASPECT, 1 + ASPECT)
    tall = 2 / (1 + ratio)
    wide = ratio * tall
    cos, sin = math.cos(angle), math.sin(angle)
    forward = np.array(
        [
            [tall * cos - shear * sin * wide, tall * sin + shear * cos * wide],
            [-sin * wide, cos * wide],
        ]
    )
    back = np.linalg.inv(forward)
    middle = np.array([image.shape[2], image.shape[1]]) / 2
    offset = middle - back @ middle
    matrix = (*back[0], offset[0], *back[1], offset[1])
    planes = [
        Image.fromarray(plane).transform(
            (plane.shape[1], plane.shape[0]),
            Image.Transform.AFFINE,
            matrix,
            Image.Resampling.BILINEAR,
            fillcolor=FILL,
        )
        for plane in image
    ]
    return np.stack([np.asarray(plane) for plane in planes])


def recolour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Add to hue, lightness and saturation as ``crop_color`` does; each picture in its own way.

    Args:
        images: red, green and blue as floats from 0 to 255, batch x 3 x rows x columns.
        generator: where the randomness comes from; of the processor's kind.
    """
    hue, lightness, saturation = _to_hls(images / 255)
    count = len(images)
    more = [
        _spread(count, amount, generator).reshape(-1, 1, 1).to(images.device)
        for amount in (HUE, LIGHTNESS, SATURATION)
    ]
    return 255 * _from_hls(
        (hue + more[0]) % 1, (lightness + more[1]).clamp(0, 1), (saturation + more[2]).clamp(0, 1)
    )


def _to_hls(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    high, low = rgb.amax(1), rgb.amin(1)
    chroma, lightness = high - low, (high + low) / 2
    saturation = chroma / (1 - (2 * lightness - 1).abs()).clamp_min(1e-6)
    red, green, blue = rgb.unbind(1)
    safe = chroma.clamp_min(1e-6)
    sector = torch.where(
        high == red,
        (green - blue) / safe % 6,
        torch.where(high == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    return sector / 6, lightness, saturation.clamp(0, 1)


def _from_hls(hue: Tensor, lightness: Tensor, saturation: Tensor) -> Tensor:
    amplitude = saturation * torch.minimum(lightness, 1 - lightness)

    def channel(offset: int) -> Tensor:
        k = (offset + hue * 12) % 12
        return lightness - amplitude * torch.minimum(k - 3, 9 - k).clamp(-1, 1)

    return torch.stack([channel(0), channel(8), channel(4)], 1)
