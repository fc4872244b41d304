"""What can be drawn, and how often in which make."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from bakehouse.datasets.bicycles import draw_bicycle, draw_penny_farthing
from bakehouse.datasets.canvas import Canvas, Colour
from bakehouse.datasets.motorcycles import draw_cruiser, draw_dirt_bike, draw_scooter, draw_sport

Painter = Callable[[Canvas, np.random.Generator, Colour], None]
"""Draws one vehicle in a main colour; what else varies comes from the generator."""

PAINTERS: dict[str, tuple[tuple[Painter, float], ...]] = {
    "bicycle": ((draw_bicycle, 0.88), (draw_penny_farthing, 0.12)),
    "motorcycle": (
        (draw_cruiser, 0.32),
        (draw_sport, 0.28),
        (draw_dirt_bike, 0.2),
        (draw_scooter, 0.2),
    ),
}
"""For each class how it can be drawn, and how often."""
