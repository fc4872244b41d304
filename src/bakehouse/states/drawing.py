"""What a picture of a state machine is made of: a page, text, arrows, and a shape for each type.

All lengths are in points and y grows downwards, as in :mod:`bakehouse.states.layout`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import Circle, FancyBboxPatch, PathPatch, Polygon, Rectangle
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

from bakehouse.states.layers import Size
from bakehouse.states.layout import Point, Route

INK, SOFT, PALE, PAPER = "#1f2933", "#5b6772", "#b8c0c8", "#ffffff"

LEADING = 1.28
"""The distance of two lines of text, in font sizes."""

HEXAGON_POINT = 20.0
"""How far a hexagon's corners at the sides stand out, if it is high enough."""

_ROUND = 8.0
_FONT = "DejaVu Sans"  # it comes with matplotlib: the same everywhere


@dataclass(frozen=True, slots=True)
class Look:
    """The colours of a box, and the mark that says the same without them."""

    line: str
    fill: str
    mark: str = ""


# The accents are Okabe and Ito's, which people with any colour vision can tell apart.
TYPES: dict[str, Look] = {
    "Task": Look("#0072b2", "#eaf4fb"),
    "Pass": Look("#6b7785", "#f4f6f8"),
    "Choice": Look("#8a5a9e", "#f7f0fa"),
    "Wait": Look("#6b7785", "#f4f6f8"),
    "Succeed": Look("#00795a", "#e8f6f1"),
    "Fail": Look("#c04a00", "#fdf0e8"),
    "Parallel": Look("#0072b2", "#eaf4fb"),
    "Map": Look("#0072b2", "#eaf4fb"),
}
"""How each type of state looks where no execution is shown."""

OUTCOMES: dict[str, Look] = {
    "succeeded": Look("#00795a", "#d9f2e8", "✓"),
    "failed": Look("#c04a00", "#fbdccb", "✗"),
    "caught": Look("#b97a00", "#fdeec6", "!"),
    "running": Look("#0072b2", "#d7ebf8", "…"),
}
"""How a state looks by how an execution left it."""

NOT_VISITED = Look("#c3cad1", "#fafbfc")


def new_page(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure whose axes are its whole area, in points."""
    figure = Figure(figsize=(width / 72, height / 72), facecolor=PAPER)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    return figure, axes


def text_width(text: str, size: float, *, bold: bool = False) -> float:
    """How wide a line of text is."""
    font = FontProperties(family=_FONT, size=size, weight="bold" if bold else "normal")
    width, _, _ = text_to_path.get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def write(
    axes: Axes,
    where: Point,
    text: str,
    size: float,
    colour: str,
    *,
    bold: bool = False,
    side: str = "center",
) -> None:
    """Write a line of text around a middle, or with ``side="left"`` from its left."""
    axes.text(
        *where,
        text,
        fontsize=size,
        color=colour,
        ha=side,
        va="center",
        family=_FONT,
        weight="bold" if bold else "normal",
        parse_math=False,
        zorder=5,
    )


def write_lines(axes: Axes, where: Point, lines: Sequence[tuple[str, float, str, bool]]) -> None:
    """Lines of text around a middle; each with its size, colour and boldness."""
    y = where[1] - sum(size for _, size, _, _ in lines) * LEADING / 2
    for text, size, colour, bold in lines:
        write(axes, (where[0], y + size * LEADING / 2), text, size, colour, bold=bold)
        y += size * LEADING


def paint_arrow(axes: Axes, route: Route, colour: str, width: float, *, is_dashed: bool) -> None:
    """Draw a route's line and its head."""
    path = _turning(route.points) if route.is_loop else _flowing(route.points)
    style: Any = (0, (4, 2.5)) if is_dashed else "solid"
    axes.add_patch(
        PathPatch(path, fill=False, edgecolor=colour, linewidth=width, linestyle=style, zorder=1)
    )
    _paint_head(axes, route, colour, width)


def _paint_head(axes: Axes, route: Route, colour: str, width: float) -> None:
    (x0, y0), (x, y) = route.points[-2], route.points[-1]
    is_sideways = route.is_loop and abs(y - y0) < abs(x - x0)
    long, half = 5.5 + width, 2.6 + width / 2
    back = math.copysign(long, x0 - x) if is_sideways else math.copysign(long, y0 - y)
    corners = (
        [(x, y), (x + back, y - half), (x + back, y + half)]
        if is_sideways
        else [(x, y), (x - half, y + back), (x + half, y + back)]
    )
    axes.add_patch(Polygon(corners, facecolor=colour, edgecolor="none", zorder=2))


def _flowing(points: Sequence[Point]) -> Path:
    """Straight down where x stays, else a bend that begins and ends vertically."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for (x0, y0), (x1, y1) in pairwise(points):
        if abs(x1 - x0) < 0.5:
            vertices.append((x1, y1))
            codes.append(Path.LINETO)
        else:
            middle = (y0 + y1) / 2
            vertices.extend([(x0, middle), (x1, middle), (x1, y1)])
            codes.extend([Path.CURVE4] * 3)
    return Path(vertices, codes)


def _turning(points: Sequence[Point]) -> Path:
    """Straight lines with rounded corners."""
    vertices, codes = [points[0]], [Path.MOVETO]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        vertices.extend([_towards(corner, before), corner, _towards(corner, after)])
        codes.extend([Path.LINETO, Path.CURVE3, Path.CURVE3])
    vertices.append(points[-1])
    codes.append(Path.LINETO)
    return Path(vertices, codes)


def _towards(corner: Point, other: Point) -> Point:
    """The point from which a corner begins to turn, at most half-way to the other end."""
    distance = math.dist(corner, other)
    share = min(_ROUND, distance / 2) / distance if distance else 0.0
    return (
        corner[0] + (other[0] - corner[0]) * share,
        corner[1] + (other[1] - corner[1]) * share,
    )


def paint_patch(axes: Axes, where: Point, size: Size) -> None:
    """Cover what lies under a text."""
    corner = (where[0] - size[0] / 2, where[1] - size[1] / 2)
    axes.add_patch(Rectangle(corner, *size, facecolor=PAPER, edgecolor="none", zorder=3))


def paint_circle(axes: Axes, where: Point, radius: float, colour: str, *, is_start: bool) -> None:
    """The circle at which a machine starts, full, or ends, with a ring in it."""
    fill = colour if is_start else PAPER
    axes.add_patch(Circle(where, radius, facecolor=fill, edgecolor=colour, lw=1.4, zorder=2))
    if not is_start:
        axes.add_patch(Circle(where, radius - 3, fill=False, edgecolor=colour, lw=0.8, zorder=2))


def paint_swatch(axes: Axes, left: Point, look: Look) -> None:
    """A small box of a legend, from its left middle."""
    _bounded(axes, (left[0] + 6, left[1]), (12.0, 9.0), look, 2.0)


Shape = Callable[[Axes, Point, Size, Look], None]
"""Draws a box around a middle."""


def _outlined(axes: Axes, look: Look, corners: Sequence[Point]) -> None:
    axes.add_patch(Polygon(corners, facecolor=look.fill, edgecolor=look.line, lw=1.3, zorder=2))


def _bounded(axes: Axes, where: Point, size: Size, look: Look, radius: float) -> None:
    wide, high = size
    axes.add_patch(
        FancyBboxPatch(
            (where[0] - wide / 2, where[1] - high / 2),
            wide,
            high,
            boxstyle=f"round,pad=0,rounding_size={min(radius, high / 2)}",
            facecolor=look.fill,
            edgecolor=look.line,
            lw=1.3,
            zorder=2,
        )
    )


def _rounded(axes: Axes, where: Point, size: Size, look: Look) -> None:
    _bounded(axes, where, size, look, 6.0)


def _square(axes: Axes, where: Point, size: Size, look: Look) -> None:
    _bounded(axes, where, size, look, 0.01)


def _pill(axes: Axes, where: Point, size: Size, look: Look) -> None:
    _bounded(axes, where, size, look, 99.0)


def _double_pill(axes: Axes, where: Point, size: Size, look: Look) -> None:
    _bounded(axes, where, size, look, 99.0)
    _bounded(axes, where, (size[0] - 5.2, size[1] - 5.2), look, 99.0)


def _hexagon(axes: Axes, where: Point, size: Size, look: Look) -> None:
    (x, y), (wide, high) = where, (size[0] / 2, size[1] / 2)
    point = min(high, HEXAGON_POINT)
    across = [(wide, 0.0), (wide - point, high), (point - wide, high)]
    across.extend([(-wide, 0.0), (point - wide, -high), (wide - point, -high)])
    _outlined(axes, look, [(x + dx, y + dy) for dx, dy in across])


def _octagon(axes: Axes, where: Point, size: Size, look: Look) -> None:
    (x, y), (wide, high) = where, (size[0] / 2, size[1] / 2)
    cut = min(high * 0.6, 12.0)
    corner = [(wide, high - cut), (wide - cut, high)]
    around = [
        *corner,
        *((-dx, dy) for dx, dy in reversed(corner)),
        *((-dx, -dy) for dx, dy in corner),
        *((dx, -dy) for dx, dy in reversed(corner)),
    ]
    _outlined(axes, look, [(x + dx, y + dy) for dx, dy in around])


def _stack(axes: Axes, where: Point, size: Size, look: Look) -> None:
    for back in (5.0, 2.5, 0.0):
        _bounded(axes, (where[0] + back, where[1] + back), size, look, 4.0)


SHAPES: dict[str, Shape] = {
    "Task": _rounded,
    "Pass": _square,
    "Choice": _hexagon,
    "Wait": _pill,
    "Succeed": _double_pill,
    "Fail": _octagon,
    "Parallel": _stack,
    "Map": _stack,
}
"""The shape of each type of state."""
