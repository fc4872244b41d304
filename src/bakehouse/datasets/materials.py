"""What vehicles are made of, as colours."""

from __future__ import annotations

import numpy as np

from bakehouse.datasets.canvas import Colour

RUBBER: Colour = (28, 28, 30)
DARK: Colour = (48, 46, 46)
STEEL: Colour = (150, 154, 160)
CHROME: Colour = (205, 208, 212)
_LEATHERS: tuple[Colour, ...] = ((30, 28, 28), (88, 52, 30), (60, 40, 32), (120, 84, 50))
LAMP: Colour = (250, 240, 190)


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """The colour at a share of the way from one to the other."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return (red, green, blue)


def some_leather(rng: np.random.Generator) -> Colour:
    """A colour for a saddle or a seat."""
    return _LEATHERS[int(rng.integers(len(_LEATHERS)))]
