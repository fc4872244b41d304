"""Drawing in a vehicle's own coordinates, seen from some side, distance and angle."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image, ImageDraw

Point = tuple[float, float]
Colour = tuple[int, int, int]

_RING_STEPS = 32


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a vehicle stands in the picture and how it is seen.

    Args:
        centre: where the vehicle's (0, 0) falls, in pixels.
        scale: pixels of one unit, which is about the distance of the two wheels.
        along: how much of its length is seen: 1 from the side, less from askew; negative where it
            drives to the left.
        tilt: radians by which it leans forward.
        shear: how far what is higher moves along, as a lean towards the viewer looks.
    """

    centre: Point
    scale: float
    along: float
    tilt: float
    shear: float

    def place(self, point: Point) -> Point:
        """A point of the vehicle (y goes up) as a pixel of the picture (y goes down)."""
        x = point[0] + self.shear * point[1]
        turned_x = x * math.cos(self.tilt) + point[1] * math.sin(self.tilt)
        turned_y = point[1] * math.cos(self.tilt) - x * math.sin(self.tilt)
        return (
            self.centre[0] + self.scale * self.along * turned_x,
            self.centre[1] - self.scale * turned_y,
        )


class Canvas:
    """Lines and shapes of a vehicle on a picture; all lengths are in the vehicle's units."""

    def __init__(self, image: Image.Image, pose: Pose) -> None:
        self._draw = ImageDraw.Draw(image)
        self._pose = pose

    def line(self, colour: Colour, width: float, *points: Point) -> None:
        """A bent line with round joints."""
        placed = [self._pose.place(point) for point in points]
        self._draw.line(placed, colour, self._pixels(width), joint="curve")

    def shape(self, colour: Colour, *points: Point) -> None:
        """A filled polygon."""
        self._draw.polygon([self._pose.place(point) for point in points], colour)

    def disc(self, colour: Colour, centre: Point, radius: float, height: float = 1.0) -> None:
        """A filled circle, or with another ``height`` a flattened one."""
        self.shape(colour, *_around(centre, radius, height))

    def ring(
        self, colour: Colour, centre: Point, radius: float, width: float, part: float = 1.0
    ) -> None:
        """A circle's outline, or the ``part`` of it that starts at the front and goes up."""
        steps = list(_around(centre, radius, 1.0, part))
        placed = [self._pose.place(point) for point in steps]
        self._draw.line(placed, colour, self._pixels(width))

    def spokes(
        self, colour: Colour, width: float, hub: Point, radius: float, turn: float, count: int
    ) -> None:
        """So many lines through a hub, evenly turned; the first by ``turn`` radians."""
        for spoke in range(count):
            angle = turn + spoke * math.pi / count
            x, y = radius * math.cos(angle), radius * math.sin(angle)
            self.line(colour, width, (hub[0] - x, hub[1] - y), (hub[0] + x, hub[1] + y))

    def _pixels(self, width: float) -> int:
        return max(1, round(width * self._pose.scale))


def _around(centre: Point, radius: float, height: float, part: float = 1.0) -> Iterable[Point]:
    for step in range(_RING_STEPS + 1):
        angle = math.tau * part * step / _RING_STEPS
        yield (
            centre[0] + radius * math.cos(angle),
            centre[1] + height * radius * math.sin(angle),
        )
