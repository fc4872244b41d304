"""At what x the items of ordered layers stand: near what they belong to, and straight below it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

from bakehouse.states.layers import Item, rounds

GAP_X = 26.0
"""The least distance between two items of a layer, in points."""

_ALIGNMENTS = 60
_STRAIGHTENINGS = 4


def align_layers(layers: Sequence[Sequence[Item]]) -> None:
    """Move each item towards its neighbours, as far as the order in its layer admits."""
    for layer in layers:
        x = 0.0
        for item in layer:
            item.x = x + item.width / 2
            x += item.width + GAP_X
        for item in layer:
            item.x -= (x - GAP_X) / 2
    for sweep in range(rounds(layers, _ALIGNMENTS)):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_wanted(item) for item in layer]
            gaps = [(left.width + right.width) / 2 + GAP_X for left, right in pairwise(layer)]
            weights = [sum(pull for _, pull in item.above + item.below) or 1.0 for item in layer]
            for item, x in zip(layer, spread(wanted, gaps, weights), strict=True):
                item.x = x
    _straighten(layers)


def _straighten(layers: Sequence[Sequence[Item]]) -> None:
    """Put what belongs under each other exactly under each other, as far as there is room."""
    rooms = {}
    for layer in layers:
        for place, item in enumerate(layer):
            rooms[id(item)] = (
                layer[place - 1] if place else None,
                layer[place + 1] if place + 1 < len(layer) else None,
            )
    columns = _columns(layers)
    for _ in range(_STRAIGHTENINGS):
        for column in columns:
            _straighten_column(column, rooms)
        columns.reverse()


def _straighten_column(
    column: Sequence[Item], rooms: Mapping[int, tuple[Item | None, Item | None]]
) -> None:
    """Put a column's items at one x; where the room for it ends, another one begins."""
    run: list[Item] = []
    low, high = -math.inf, math.inf
    for item in column:
        left, right = rooms[id(item)]
        least = left.x + (left.width + item.width) / 2 + GAP_X if left else -math.inf
        most = right.x - (right.width + item.width) / 2 - GAP_X if right else math.inf
        if run and max(low, least) > min(high, most):
            _put(run, low, high)
            run, low, high = [], -math.inf, math.inf
        run.append(item)
        low, high = max(low, least), min(high, most)
    _put(run, low, high)


def _put(run: Sequence[Item], low: float, high: float) -> None:
    mean = sum(item.x for item in run) / len(run)
    for item in run:
        item.x = min(max(mean, low), high)


def _columns(layers: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """Items that are each other's strongest neighbour, from top to bottom; heavy ones first."""
    columns: list[list[Item]] = []
    begun: set[int] = set()
    for layer in layers:
        for item in layer:
            if id(item) in begun:
                continue
            column, lower = [item], _strongest(item.below)
            while lower is not None and _strongest(lower.above) is column[-1]:
                column.append(lower)
                lower = _strongest(lower.below)
            begun.update(id(member) for member in column)
            columns.append(column)
    return sorted(columns, key=lambda column: -sum(item.is_box for item in column))


def _strongest(near: Sequence[tuple[Item, float]]) -> Item | None:
    """The neighbour whose pull is greater than any other's."""
    pulls = sorted((pull for _, pull in near), reverse=True)
    if not pulls or (len(pulls) > 1 and pulls[0] == pulls[1]):
        return None
    return next(item for item, pull in near if pull == pulls[0])


def _wanted(item: Item) -> float:
    near = item.above + item.below
    total = sum(pull for _, pull in near)
    return sum(other.x * pull for other, pull in near) / total if near else item.x


def spread(
    wanted: Sequence[float], gaps: Sequence[float], weights: Sequence[float] | None = None
) -> list[float]:
    """The places nearest to the wanted ones that keep their order and these gaps.

    Nearest by the sum of weighted squares, found by pooling neighbours that are too close.
    """
    offsets = [0.0]
    for gap in gaps:
        offsets.append(offsets[-1] + gap)
    pools: list[tuple[float, float, int]] = []
    for place, want in enumerate(wanted):
        mean, weight, count = want - offsets[place], weights[place] if weights else 1.0, 1
        while pools and pools[-1][0] > mean:
            before, heavy, many = pools.pop()
            mean = (mean * weight + before * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + many
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets, strict=True)]
