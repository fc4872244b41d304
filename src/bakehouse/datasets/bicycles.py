"""Bicycles of several makes, seen from the side.

Units: the wheels stand about 1 apart at x = -0.5 and 0.5, the ground is y = 0, the front is to the
right.
"""

from __future__ import annotations

import math

import numpy as np

from bakehouse.datasets.canvas import Canvas, Colour, Point
from bakehouse.datasets.materials import CHROME, DARK, RUBBER, STEEL, some_leather


def _thin_wheel(canvas: Canvas, rng: np.random.Generator, hub: Point, radius: float) -> None:
    canvas.spokes(STEEL, 0.008, hub, radius, rng.uniform(0, math.pi), 6)
    canvas.ring(CHROME, hub, radius - 0.03, 0.015)
    canvas.ring(RUBBER, hub, radius, rng.uniform(0.035, 0.06))
    canvas.disc(DARK, hub, 0.03)


def draw_bicycle(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """A bicycle with a diamond frame, or a low one to step through."""
    radius = rng.uniform(0.31, 0.36)
    rear, front = (-0.5, radius), (0.5, radius)
    crank = (-0.07 + rng.uniform(-0.03, 0.03), radius - 0.03)
    seat = (-0.2, radius + rng.uniform(0.3, 0.4))
    head = (0.34, radius + rng.uniform(0.32, 0.4))
    neck = (0.37, head[1] - 0.12)
    tube = rng.uniform(0.035, 0.055)
    is_low = rng.random() < 0.3
    for hub in (rear, front):
        _thin_wheel(canvas, rng, hub, radius)
    if rng.random() < 0.35:
        for hub in (rear, front):
            canvas.ring(colour, hub, radius + 0.045, 0.03, 0.5)
    canvas.line(colour, tube * 0.7, rear, crank)
    canvas.line(colour, tube * 0.7, rear, seat)
    canvas.line(colour, tube, crank, seat)
    canvas.line(colour, tube, crank, neck)
    if is_low:
        canvas.line(colour, tube, (-0.12, crank[1] + 0.14), (0.1, crank[1] + 0.14), head)
    else:
        canvas.line(colour, tube, seat, head)
    canvas.line(colour, tube, head, neck, (0.44, radius + 0.12), front)
    _cranks(canvas, rng, crank)
    _saddle(canvas, rng, seat)
    _bars(canvas, rng, head)
    if rng.random() < 0.2:
        _basket(canvas, head)


def _cranks(canvas: Canvas, rng: np.random.Generator, crank: Point) -> None:
    canvas.line(DARK, 0.015, (-0.5, crank[1] + 0.06), (crank[0], crank[1] + 0.09))
    canvas.disc(STEEL, crank, 0.085)
    canvas.disc(DARK, crank, 0.05)
    angle = rng.uniform(0, math.pi)
    reach = (0.16 * math.cos(angle), 0.16 * math.sin(angle))
    for side in (-1, 1):
        end = (crank[0] + side * reach[0], crank[1] + side * reach[1])
        canvas.line(STEEL, 0.025, crank, end)
        canvas.line(DARK, 0.035, (end[0] - 0.05, end[1]), (end[0] + 0.05, end[1]))


def _saddle(canvas: Canvas, rng: np.random.Generator, seat: Point) -> None:
    top = (seat[0] - 0.035, seat[1] + rng.uniform(0.07, 0.16))
    canvas.line(CHROME, 0.03, seat, top)
    canvas.shape(
        some_leather(rng),
        (top[0] - 0.14, top[1] + 0.05),
        (top[0] + 0.17, top[1] + 0.03),
        (top[0] + 0.16, top[1]),
        (top[0] - 0.1, top[1] - 0.035),
    )


def _bars(canvas: Canvas, rng: np.random.Generator, head: Point) -> None:
    stem = (head[0] - 0.02, head[1] + rng.uniform(0.07, 0.14))
    canvas.line(CHROME, 0.03, head, stem)
    kind = rng.integers(3)
    if kind == 0:
        hook = ((0.13, 0.0), (0.17, -0.06), (0.13, -0.13), (0.06, -0.13))
    elif kind == 1:
        hook = ((0.06, 0.03), (-0.04, 0.05), (-0.16, 0.02), (-0.2, -0.01))
    else:
        hook = ((0.05, 0.02), (0.09, 0.03), (0.05, 0.04), (-0.05, 0.05))
    bent = [(stem[0] + x, stem[1] + y) for x, y in hook]
    canvas.line(DARK, 0.032, stem, *bent)


def _basket(canvas: Canvas, head: Point) -> None:
    left, right, top = head[0] + 0.08, head[0] + 0.33, head[1] + 0.12
    straw = (176, 134, 84)
    canvas.shape(
        straw, (left, top), (right, top), (right - 0.04, top - 0.2), (left + 0.03, top - 0.2)
    )
    canvas.line((120, 88, 50), 0.015, (left, top - 0.08), (right - 0.02, top - 0.08))


def draw_penny_farthing(canvas: Canvas, rng: np.random.Generator, colour: Colour) -> None:
    """An ordinary, as it was called: one huge wheel, one tiny one."""
    big, small = rng.uniform(0.5, 0.56), rng.uniform(0.15, 0.2)
    front, rear = (0.22, big), (-0.56, small)
    _thin_wheel(canvas, rng, front, big)
    _thin_wheel(canvas, rng, rear, small)
    top = (0.16, 2 * big + 0.1)
    canvas.line(colour, 0.04, front, top)
    canvas.line(colour, 0.04, top, (-0.12, 2 * big - 0.04), (-0.36, big + 0.1), rear)
    canvas.line(DARK, 0.035, (top[0] + 0.12, top[1] - 0.02), top, (top[0] - 0.04, top[1] - 0.03))
    canvas.line(some_leather(rng), 0.06, (-0.14, 2 * big + 0.04), (0.06, 2 * big + 0.06))
    canvas.line(STEEL, 0.025, front, (front[0] + 0.08, front[1] - 0.12))
