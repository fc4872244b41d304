"""Motorcycles of several makes, seen from the side.

Units: the wheels stand about 1 apart at x = -0.5 and 0.5, the ground is y = 0, the front is to the
right.
"""

from __future__ import annotations

import math

import numpy as np

from bakehouse.datasets.canvas import Canvas, Colour, Point
from bakehouse.datasets.materials import CHROME, DARK, LAMP, RUBBER, STEEL, mix, some_leather


def _fat_wheel(
    canvas: Canvas, rng: np.random.Generator, hub: Point, radius: float, tyre: float
) -> None:
    inner = radius - tyre / 2
    if rng.random() < 0.5:
        canvas.disc(DARK, hub, inner)
        canvas.ring(STEEL, hub, inner - 0.03, 0.03)
    canvas.spokes(STEEL, 0.03, hub, inner, rng.uniform(0, math.pi), 3)
    canvas.ring(RUBBER, hub, radius - tyre / 2, tyre)
    canvas.disc(STEEL, hub, 0.07)


def _exhaust(canvas: Canvas, rng: np.random.Generator, start: Point, end: Point) -> None:
    middle = (start[0] - 0.05, end[1] + 0.02)
    canvas.line(CHROME, 0.04, start, middle, end)
    canvas.line(CHROME if rng.random() < 0.6 else DARK, 0.075, (end[0] + 0.25, end[1]), end)


def _engine(canvas: Canvas, rng: np.random.Generator) -> None:
    block = mix(DARK, STEEL, rng.uniform(0.2, 0.8))
    canvas.shape(block, (-0.24, 0.2), (0.16, 0.2), (0.2, 0.34), (0.12, 0.56), (-0.18, 0.56))
    for fin in (0.4, 0.46, 0.52):
        canvas.line(mix(block, CHROME, 0.5), 0.016, (-0.04, fin), (0.17, fin - 0.01))
    canvas.disc(mix(block, CHROME, 0.6), (-0.1, 0.29), 0.09)


def draw_cruiser(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """A motorcycle to sit back on: long fork, low seat, much chrome."""
    radius, tyre = rng.uniform(0.25, 0.29), rng.uniform(0.09, 0.13)
    rear, front = (-0.52, radius), (0.66, radius)
    for hub in (rear, front):
        _fat_wheel(canvas, rng, hub, radius, tyre)
    canvas.ring(colour, rear, radius + 0.03, 0.06, 0.5)
    canvas.ring(colour, front, radius + 0.02, 0.045, 0.45)
    canvas.line(DARK, 0.06, rear, (-0.2, 0.3), (0.2, 0.24), (0.3, 0.66))
    _engine(canvas, rng)
    _exhaust(canvas, rng, (0.14, 0.4), (-0.72, 0.2))
    head = (0.34, rng.uniform(0.78, 0.9))
    canvas.line(CHROME, 0.055, front, head)
    canvas.shape(
        colour, (-0.12, 0.56), (0.3, 0.6), (0.36, 0.72), (0.22, 0.8), (0.02, 0.74), (-0.14, 0.62)
    )
    canvas.shape(
        some_leather(rng), (-0.62, 0.66), (-0.5, 0.56), (-0.1, 0.56), (-0.1, 0.64), (-0.36, 0.66)
    )
    grip = (head[0] - rng.uniform(0.15, 0.28), head[1] + rng.uniform(0.08, 0.24))
    canvas.line(CHROME, 0.035, head, (head[0] - 0.02, grip[1]), grip)
    canvas.disc(CHROME, (head[0] + 0.08, head[1] - 0.06), 0.085)
    canvas.disc(LAMP, (head[0] + 0.11, head[1] - 0.06), 0.055)


def draw_sport(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """A motorcycle to lie forward on: fairing, screen, high tail."""
    radius, tyre = rng.uniform(0.26, 0.3), rng.uniform(0.1, 0.14)
    rear, front = (-0.52, radius), (0.52, radius)
    for hub in (rear, front):
        _fat_wheel(canvas, rng, hub, radius, tyre)
    second = mix(colour, (255, 255, 255) if rng.random() < 0.5 else DARK, 0.75)
    canvas.line(DARK, 0.08, rear, (-0.12, 0.34))
    _engine(canvas, rng)
    _exhaust(canvas, rng, (0.1, 0.24), (-0.62, 0.42))
    canvas.line(STEEL, 0.06, front, (0.34, 0.8))
    canvas.ring(colour, front, radius + 0.03, 0.05, 0.45)
    canvas.shape(
        colour, (-0.16, 0.22), (0.26, 0.2), (0.4, 0.46), (0.6, 0.66), (0.44, 0.86), (0.16, 0.68)
    )
    canvas.shape(second, (-0.02, 0.3), (0.24, 0.3), (0.36, 0.5), (0.1, 0.5))
    canvas.shape((176, 196, 208), (0.42, 0.84), (0.56, 0.7), (0.3, 1.0))
    canvas.shape(colour, (-0.16, 0.56), (0.3, 0.66), (0.24, 0.86), (-0.02, 0.82), (-0.14, 0.7))
    canvas.shape(DARK, (-0.44, 0.72), (-0.14, 0.6), (-0.06, 0.7), (-0.3, 0.8))
    canvas.shape(colour, (-0.34, 0.66), (-0.4, 0.78), (-0.76, 0.9), (-0.6, 0.76))
    canvas.disc(LAMP, (0.52, 0.66), 0.05)
    canvas.line(DARK, 0.045, (0.34, 0.86), (0.2, 0.92))


def draw_dirt_bike(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """A motorcycle for trails: tall, long-legged, mudguards far above the wheels."""
    radius, tyre = rng.uniform(0.28, 0.32), rng.uniform(0.08, 0.11)
    rear, front = (-0.54, radius), (0.58, radius + 0.01)
    for hub in (rear, front):
        _fat_wheel(canvas, rng, hub, radius, tyre)
    canvas.line(STEEL, 0.055, rear, (-0.1, 0.38))
    _engine(canvas, rng)
    canvas.line(colour, 0.05, (-0.14, 0.36), (0.06, 0.26), (0.28, 0.8), (-0.2, 0.66), (-0.14, 0.36))
    canvas.line(CHROME, 0.06, front, (0.32, 0.96))
    canvas.shape(colour, (0.28, 0.72), (0.5, 0.74), (0.86, 0.62), (0.52, 0.68))
    canvas.shape(colour, (-0.06, 0.66), (0.3, 0.56), (0.32, 0.88), (0.04, 0.84))
    canvas.shape(some_leather(rng), (-0.6, 0.86), (0.08, 0.78), (0.06, 0.86), (-0.58, 0.92))
    canvas.shape(colour, (-0.3, 0.84), (-0.52, 0.78), (-0.86, 0.94), (-0.5, 0.88))
    canvas.shape(mix(colour, (255, 255, 255), 0.8), (0.34, 0.76), (0.44, 0.8), (0.36, 0.96))
    canvas.line(CHROME, 0.05, (0.1, 0.42), (-0.1, 0.62), (-0.56, 0.72))
    canvas.line(DARK, 0.04, (0.4, 1.02), (0.31, 0.98), (0.2, 1.03))


def draw_scooter(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """A scooter: small wheels, a leg shield, a round tail under the seat."""
    radius, tyre = rng.uniform(0.18, 0.22), rng.uniform(0.08, 0.1)
    rear, front = (-0.46, radius), (0.5, radius)
    for hub in (rear, front):
        _fat_wheel(canvas, rng, hub, radius, tyre)
    shade = mix(colour, DARK, 0.25)
    canvas.line(STEEL, 0.06, front, (0.42, 0.5))
    canvas.shape(
        colour, (-0.78, 0.44), (-0.62, 0.26), (-0.2, 0.22), (-0.14, 0.6), (-0.5, 0.68), (-0.72, 0.6)
    )
    canvas.disc(shade, (-0.44, 0.4), 0.14, 0.8)
    canvas.line(shade, 0.09, (-0.2, 0.24), (0.22, 0.24))
    canvas.line(colour, 0.12, (0.2, 0.26), (0.3, 0.5), (0.26, 0.84))
    canvas.shape(colour, (0.24, 0.36), (0.44, 0.42), (0.64, 0.4), (0.56, 0.46), (0.34, 0.6))
    canvas.shape(some_leather(rng), (-0.72, 0.66), (-0.1, 0.62), (-0.12, 0.72), (-0.66, 0.76))
    canvas.line(DARK, 0.04, (0.24, 0.86), (0.1, 0.94))
    canvas.disc(LAMP, (0.34, 0.88), 0.07)
    if rng.random() < 0.4:
        canvas.line(STEEL, 0.02, (0.28, 0.9), (0.22, 1.16))
        canvas.disc(STEEL, (0.2, 1.2), 0.045)
