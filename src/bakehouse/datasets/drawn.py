"""A data set that needs no download: bicycles and motorcycles drawn by code, 32 x 32 pixels.

Each picture is drawn eight times as large and scaled down. View, pose, colours, background, light,
sharpness and noise vary; both classes take them from the same ranges, so that only the vehicle's
shape tells them apart.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from bakehouse.datasets.backdrops import BACKDROPS, hide_some
from bakehouse.datasets.canvas import Canvas, Colour, Pose
from bakehouse.datasets.labelled import SIDE, Dataset, Images, Labelled
from bakehouse.datasets.vehicles import PAINTERS

CLASSES: tuple[str, ...] = tuple(PAINTERS)
"""What can be drawn."""

_EDITION = 1
"""Counted up when equal seeds give other images than before."""

_LARGE = 8 * SIDE
_SHARE_HIDDEN = 0.2
_GREYS: tuple[Colour, ...] = ((25, 25, 28), (70, 72, 76), (160, 162, 166), (232, 232, 228))


def draw_vehicles(
    seed: int = 0,
    *,
    classes: Sequence[str] = CLASSES,
    train: int = 500,
    test: int = 100,
    progress: Callable[[float], None] | None = None,
) -> Dataset:
    """Draw a data set; equal arguments give equal images.

    Args:
        seed: which drawings, from 0.
        classes: what to draw, of :data:`CLASSES`, in the order of the labels.
        train: images of each class to learn from.
        test: images of each class to judge by.
        progress: told the share that is drawn, from 0 to 1, now and then.
    """
    tell = progress or (lambda _share: None)
    share = train / max(train + test, 1)
    return Dataset(
        classes=tuple(classes),
        train=_draw_split((seed, 0), "train", classes, train, lambda done: tell(done * share)),
        test=_draw_split(
            (seed, 1), "test", classes, test, lambda done: tell(share + done * (1 - share))
        ),
        source=drawn_source(classes, seed),
    )


def drawn_source(classes: Sequence[str], seed: int) -> dict[str, Any]:
    """What ``source.json`` says of drawn images."""
    return {"data": "drawn", "classes": list(classes), "seed": seed, "edition": _EDITION}


def draw_vehicle(name: str, rng: np.random.Generator) -> Images:
    """One picture of a vehicle, (32, 32, 3); everything about it comes from the generator."""
    backdrop = BACKDROPS[int(rng.integers(len(BACKDROPS)))]
    image = Image.new("RGB", (_LARGE, _LARGE))
    ground = backdrop(image, rng)
    pose = _pose(rng, ground)
    _shadow(image, pose, rng)
    painters, shares = zip(*PAINTERS[name], strict=True)
    painter = painters[int(rng.choice(len(painters), p=shares))]
    painter(Canvas(image, pose), rng, _paint(rng))
    if rng.random() < _SHARE_HIDDEN:
        hide_some(image, rng)
    return _photograph(image, rng)


def _draw_split(
    key: tuple[int, int],
    split: str,
    classes: Sequence[str],
    count: int,
    progress: Callable[[float], None],
) -> Labelled:
    """The classes take turns, so that any slice of a split holds all of them."""
    total = count * len(classes)
    images = np.empty((total, SIDE, SIDE, 3), np.uint8)
    for index in range(total):
        images[index] = draw_vehicle(
            classes[index % len(classes)], np.random.default_rng((*key, index))
        )
        if index % 50 == 49 or index == total - 1:
            progress((index + 1) / total)
    labels = tuple(index % len(classes) for index in range(total))
    names = tuple(
        f"drawn_{classes[label]}_{split}_{index:06d}.png" for index, label in enumerate(labels)
    )
    return Labelled(images, labels, names, tuple(range(total)))


def _pose(rng: np.random.Generator, ground: float) -> Pose:
    """Seen from the side or askew, driving left or right, mostly filling the picture."""
    scale = _LARGE * rng.uniform(0.36, 0.62)
    along = rng.uniform(0.55, 1.0) * (1 if rng.random() < 0.5 else -1)
    return Pose(
        centre=(_LARGE * rng.uniform(0.45, 0.55), min(ground, _LARGE * 0.97)),
        scale=scale,
        along=along,
        tilt=rng.normal(0, 0.06),
        shear=rng.normal(0, 0.08),
    )


def _shadow(image: Image.Image, pose: Pose, rng: np.random.Generator) -> None:
    x, y = pose.centre
    reach = abs(pose.along) * pose.scale * rng.uniform(0.6, 0.9)
    shade = Image.new("L", image.size)
    ImageDraw.Draw(shade).ellipse((x - reach, y - 5, x + reach, y + 9), round(rng.uniform(40, 150)))
    image.paste((20, 20, 24), mask=shade.filter(ImageFilter.BoxBlur(4)))


def _paint(rng: np.random.Generator) -> Colour:
    if rng.random() < 0.3:
        return _GREYS[int(rng.integers(len(_GREYS)))]
    red, green, blue = colorsys.hsv_to_rgb(
        rng.random(), rng.uniform(0.55, 1.0), rng.uniform(0.4, 0.95)
    )
    return (round(red * 255), round(green * 255), round(blue * 255))


def _photograph(image: Image.Image, rng: np.random.Generator) -> Images:
    """Scale down, blur, and add the light and the noise of a small camera."""
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    blur = rng.uniform(-0.6, 1.0)
    if blur > 0:
        small = small.filter(ImageFilter.GaussianBlur(blur))
    light = np.asarray(small, np.float64)
    contrast, brightness = rng.uniform(0.55, 1.15), rng.uniform(-35, 30)
    cast = rng.normal(0, 6, 3)
    light = (light - 128) * contrast + 128 + brightness + cast
    light = light + rng.normal(0, rng.uniform(1, 14), light.shape)
    return light.clip(0, 255).astype(np.uint8)
