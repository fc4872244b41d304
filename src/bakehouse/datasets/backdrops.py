"""What is behind a vehicle: a studio, a street, a field, a wall, an evening sky, a room."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from bakehouse.datasets.canvas import Colour

Backdrop = Callable[[Image.Image, np.random.Generator], float]
"""Fills a picture and answers the y, in pixels, on which a vehicle stands."""


def _some(rng: np.random.Generator, low: Colour, high: Colour) -> Colour:
    """A colour between two, each channel moved by about the same share."""
    share = rng.random()
    red, green, blue = (
        int(np.clip(a + (b - a) * share + rng.normal(0, 8), 0, 255))
        for a, b in zip(low, high, strict=True)
    )
    return (red, green, blue)


def _fade(image: Image.Image, top: Colour, bottom: Colour, start: float, stop: float) -> None:
    """Fill the rows from ``start`` to ``stop`` with colours that go from one to the other."""
    height = max(1, round(stop - start))
    rows = np.linspace(top, bottom, height).astype(np.uint8)[:, None, :]
    band = Image.fromarray(np.repeat(rows, image.width, axis=1))
    image.paste(band, (0, round(start)))


def _stand(image: Image.Image, rng: np.random.Generator) -> float:
    return image.height * float(rng.uniform(0.76, 0.9))


def studio(image: Image.Image, rng: np.random.Generator) -> float:
    """Plain paper, white to grey or tinted, as in a catalogue."""
    paper = _some(rng, (150, 150, 155), (255, 255, 255))
    _fade(image, paper, _some(rng, (140, 140, 140), (250, 250, 250)), 0, image.height)
    return _stand(image, rng)


def street(image: Image.Image, rng: np.random.Generator) -> float:
    """A road under the sky, with houses or without."""
    horizon = image.height * rng.uniform(0.4, 0.7)
    _fade(
        image,
        _some(rng, (90, 140, 200), (220, 230, 240)),
        _some(rng, (190, 205, 220), (245, 245, 245)),
        0,
        horizon,
    )
    draw = ImageDraw.Draw(image)
    x = 0.0
    while x < image.width and rng.random() < 0.9:
        wide = rng.uniform(0.1, 0.35) * image.width
        top = horizon - rng.uniform(0.05, 0.4) * image.height
        draw.rectangle((x, top, x + wide, horizon), _some(rng, (70, 55, 50), (215, 195, 170)))
        x += wide + rng.uniform(0, 0.2) * image.width
    _fade(
        image,
        _some(rng, (80, 80, 82), (170, 168, 162)),
        _some(rng, (60, 60, 62), (160, 158, 152)),
        horizon,
        image.height,
    )
    if rng.random() < 0.5:
        y = image.height * 0.94
        draw.line((0, y, image.width, y), (225, 222, 205), 5)
    return _stand(image, rng)


def field(image: Image.Image, rng: np.random.Generator) -> float:
    """Grass or sand, bushes behind it."""
    horizon = image.height * rng.uniform(0.3, 0.65)
    sky = _some(rng, (110, 165, 220), (235, 240, 245))
    _fade(image, sky, _some(rng, (180, 205, 225), (245, 245, 240)), 0, horizon)
    is_sand = rng.random() < 0.35
    low, high = ((140, 115, 75), (215, 195, 150)) if is_sand else ((45, 85, 30), (140, 170, 85))
    _fade(image, _some(rng, low, high), _some(rng, low, high), horizon, image.height)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 9))):
        x, reach = rng.uniform(0, image.width), rng.uniform(0.04, 0.16) * image.width
        leaf = _some(rng, (25, 55, 22), (95, 130, 60))
        draw.ellipse((x - reach, horizon - reach * 1.3, x + reach, horizon + reach * 0.4), leaf)
    return _stand(image, rng)


def wall(image: Image.Image, rng: np.random.Generator) -> float:
    """Bricks or boards, and a pavement."""
    foot = image.height * rng.uniform(0.65, 0.85)
    colour = _some(rng, (110, 60, 45), (225, 205, 185))
    _fade(image, colour, colour, 0, foot)
    joint = _some(rng, (90, 80, 75), (235, 228, 215))
    draw = ImageDraw.Draw(image)
    step = rng.uniform(0.06, 0.14) * image.height
    is_upright = rng.random() < 0.4
    for at in np.arange(0, image.width, step):
        where = (at, 0, at, foot) if is_upright else (0, min(at, foot), image.width, min(at, foot))
        draw.line(where, joint, 3)
    floor = _some(rng, (90, 88, 85), (200, 195, 188))
    _fade(image, floor, _some(rng, (80, 78, 75), (190, 186, 180)), foot, image.height)
    return _stand(image, rng)


def evening(image: Image.Image, rng: np.random.Generator) -> float:
    """A low sun over dark ground."""
    horizon = image.height * rng.uniform(0.5, 0.75)
    _fade(
        image,
        _some(rng, (50, 50, 100), (140, 110, 150)),
        _some(rng, (225, 120, 60), (250, 205, 130)),
        0,
        horizon,
    )
    x, reach = rng.uniform(0, image.width), rng.uniform(0.05, 0.1) * image.width
    ImageDraw.Draw(image).ellipse(
        (x - reach, horizon - 2 * reach, x + reach, horizon), (255, 225, 150)
    )
    _fade(
        image,
        _some(rng, (70, 58, 58), (120, 96, 84)),
        _some(rng, (50, 44, 46), (105, 88, 78)),
        horizon,
        image.height,
    )
    return _stand(image, rng)


def room(image: Image.Image, rng: np.random.Generator) -> float:
    """A wall with a window or a picture on it, and a wooden floor."""
    foot = image.height * rng.uniform(0.6, 0.8)
    paper = _some(rng, (130, 150, 150), (235, 225, 205))
    _fade(image, paper, paper, 0, foot)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(0, 3))):
        x, y = rng.uniform(0, 0.8) * image.width, rng.uniform(0, 0.25) * image.height
        wide, high = rng.uniform(0.12, 0.3) * image.width, rng.uniform(0.15, 0.3) * image.height
        draw.rectangle(
            (x, y, x + wide, y + high), _some(rng, (60, 90, 130), (230, 235, 240)), (90, 70, 55), 6
        )
    plank = _some(rng, (110, 75, 45), (200, 165, 120))
    _fade(image, plank, _some(rng, (100, 68, 40), (185, 150, 105)), foot, image.height)
    return _stand(image, rng)


def hide_some(image: Image.Image, rng: np.random.Generator) -> None:
    """Put a post, a bush or a low fence in front, as a passer-by's picture has them."""
    draw = ImageDraw.Draw(image)
    side, kind = image.width, rng.integers(3)
    x = rng.uniform(0.15, 0.85) * side
    if kind == 0:
        wide = rng.uniform(0.03, 0.08) * side
        draw.rectangle((x, 0, x + wide, side), _some(rng, (60, 55, 50), (190, 185, 180)))
    elif kind == 1:
        reach = rng.uniform(0.1, 0.22) * side
        leaf = _some(rng, (30, 62, 26), (100, 135, 62))
        draw.ellipse((x - reach, side - 1.4 * reach, x + reach, side + reach), leaf)
    else:
        colour = _some(rng, (80, 60, 45), (215, 205, 190))
        for rail in (0.78, 0.9):
            draw.line((0, rail * side, side, rail * side), colour, 8)
        for post in np.arange(rng.uniform(0, 0.2), 1, 0.3):
            draw.line((post * side, 0.72 * side, post * side, side), colour, 10)


BACKDROPS: tuple[Backdrop, ...] = (
    studio,
    studio,
    street,
    street,
    field,
    field,
    wall,
    evening,
    room,
)
"""All of them; one that is here twice is taken twice as often."""
