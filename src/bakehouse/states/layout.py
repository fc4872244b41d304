"""Where the boxes and arrows of a directed graph go, so that it reads from top to bottom.

The classical layered method: take out the arrows that close a loop, put each box below all that
lead to it, let every arrow that passes a layer take a place of its own in it, order the layers so
that few arrows cross, and then move everything as straight under what leads to it as the order
admits. Layers alternate: boxes, labels, boxes, …; so no label can hide a box or another label. The
loops' arrows go up in lanes at the right-hand side.

All lengths are in points; y grows downwards. Equal graphs get equal layouts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bakehouse.states.alignment import align_layers, spread
from bakehouse.states.layers import (
    Box,
    Item,
    Link,
    Size,
    fill_layers,
    find_depths,
    find_loops,
    make_chain,
    order_layers,
)

Point = tuple[float, float]

_GAP_Y = 17.0
_PORT_GAP = 13.0
_LANE_GAP = 16.0
_SLOT_GAP = 12.0
_SLOPE = 14.0


@dataclass(frozen=True, slots=True)
class Route:
    """Where an arrow goes.

    Args:
        points: its way. Between two points straight down where x is equal, else in a bend that
            leaves and arrives vertically; a loop's arrow turns at each point instead.
        label: the middle of its label.
        is_loop: whether it leads back up, at the side.
    """

    points: tuple[Point, ...]
    label: Point
    is_loop: bool


@dataclass(frozen=True, slots=True)
class Layout:
    """The whole picture: the middle of each box, and the links' routes in the order given."""

    size: Size
    boxes: dict[str, Point]
    routes: tuple[Route, ...]


def arrange(boxes: Mapping[str, Box], links: Sequence[Link]) -> Layout:
    """Lay out a graph.

    Args:
        boxes: what to place, by key; the first is where the graph is read from.
        links: the arrows between them.
    """
    loops = find_loops(boxes, links)
    depths = find_depths(boxes, links, loops)
    items = {key: Item(2 * depths[key], *boxes[key].size, is_box=True) for key in boxes}
    chains = [
        [] if number in loops else make_chain(items[link.source], items[link.target], link)
        for number, link in enumerate(links)
    ]
    layers = fill_layers(items, chains)
    order_layers(layers)
    align_layers(layers)
    return _drawn(boxes, items, layers, links, chains, loops)


@dataclass(frozen=True, slots=True)
class _Band:
    """The y from which and to which a layer reaches."""

    top: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def _drawn(
    boxes: Mapping[str, Box],
    items: Mapping[str, Item],
    layers: Sequence[Sequence[Item]],
    links: Sequence[Link],
    chains: Sequence[Sequence[Item]],
    loops: set[int],
) -> Layout:
    left = min(item.x - item.width / 2 for layer in layers for item in layer)
    for layer in layers:
        for item in layer:
            item.x -= left
    bands = _bands(layers)
    leaving = _ports(boxes, items, links, chains, loops, is_leaving=True)
    arriving = _ports(boxes, items, links, chains, loops, is_leaving=False)
    routes: dict[int, Route] = {}
    for number, link in enumerate(links):
        if number not in loops:
            source, target = items[link.source], items[link.target]
            start = (leaving[number], bands[source.layer].middle + source.height / 2)
            end = (arriving[number], bands[target.layer].middle - target.height / 2)
            routes[number] = _route_down(start, chains[number], end, bands)
    right = max(item.x + item.width / 2 for layer in layers for item in layer)
    right = _route_loops(boxes, items, layers, bands, links, loops, right, routes)
    return Layout(
        size=(right, bands[-1].bottom),
        boxes={key: (item.x, bands[item.layer].middle) for key, item in items.items()},
        routes=tuple(routes[number] for number in range(len(links))),
    )


def _bands(layers: Sequence[Sequence[Item]]) -> list[_Band]:
    bands: list[_Band] = []
    y = 0.0
    for layer in layers:
        height = max(item.height for item in layer)
        bands.append(_Band(y, y + height))
        # An arrow that goes far to the side needs height to do so.
        aside = max((abs(item.x - low.x) for item in layer for low, _ in item.below), default=0.0)
        y += height + _GAP_Y + min(aside / _SLOPE, _GAP_Y)
    return bands


def _ports(
    boxes: Mapping[str, Box],
    items: Mapping[str, Item],
    links: Sequence[Link],
    chains: Sequence[Sequence[Item]],
    loops: set[int],
    *,
    is_leaving: bool,
) -> dict[int, float]:
    """The x at which each link leaves, or arrives at, its box: straight where the box is wide."""
    found: dict[int, float] = {}
    for key, item in items.items():
        wanted = sorted(
            (chains[number][0 if is_leaving else -1].x, number)
            for number, link in enumerate(links)
            if number not in loops and key == (link.source if is_leaving else link.target)
        )
        reach = boxes[key].reach
        gap = min(_PORT_GAP, 2 * reach / max(len(wanted) - 1, 1))
        near = [min(max(x, item.x - reach), item.x + reach) for x, _ in wanted]
        places = spread(near, [gap] * (len(near) - 1)) if near else []
        for (_, number), x in zip(wanted, places, strict=True):
            found[number] = min(max(x, item.x - reach), item.x + reach)
    return found


def _route_down(start: Point, chain: Sequence[Item], end: Point, bands: Sequence[_Band]) -> Route:
    points = [start]
    for item in chain:
        band = bands[item.layer]
        if band.bottom > band.top:
            points.extend([(item.x, band.top), (item.x, band.bottom)])
    points.append(end)
    return Route(tuple(points), (chain[0].x, bands[chain[0].layer].middle), is_loop=False)


def _route_loops(
    boxes: Mapping[str, Box],
    items: Mapping[str, Item],
    layers: Sequence[Sequence[Item]],
    bands: Sequence[_Band],
    links: Sequence[Link],
    loops: set[int],
    right: float,
    routes: dict[int, Route],
) -> float:
    """Give each loop a lane of its own, the shortest innermost; answers the new right edge."""
    by_length = sorted(
        loops, key=lambda n: (items[links[n].source].layer - items[links[n].target].layer, n)
    )
    slots = _slots(items, links, by_length)
    for number in by_length:
        link = links[number]
        out, back = (
            _side(boxes[key], items[key], layers, bands, slots[number, is_leaving], is_leaving)
            for key, is_leaving in ((link.source, True), (link.target, False))
        )
        lane = right + _LANE_GAP
        points = (*out, (lane, out[-1][1]), (lane, back[0][1]), *back)
        middle = (out[-1][1] + back[0][1]) / 2
        routes[number] = Route(points, (lane + link.label[0] / 2 + 5, middle), is_loop=True)
        right = lane + (link.label[0] + 6 if link.label[0] else 0)
    return right


def _slots(
    items: Mapping[str, Item], links: Sequence[Link], by_length: Sequence[int]
) -> dict[tuple[int, bool], float]:
    """How far below its box's middle each loop arrives (False) and leaves (True).

    What comes from further out arrives higher and leaves lower, so that loops do not cross.
    """
    found: dict[tuple[int, bool], float] = {}
    for key, item in items.items():
        arriving = [(n, False) for n in reversed(by_length) if links[n].target == key]
        leaving = [(n, True) for n in by_length if links[n].source == key]
        slots = arriving + leaving
        gap = min(_SLOT_GAP, (item.height - _SLOT_GAP) / max(len(slots) - 1, 1))
        for place, slot in enumerate(slots):
            found[slot] = (place - (len(slots) - 1) / 2) * gap
    return found


def _side(
    box: Box,
    item: Item,
    layers: Sequence[Sequence[Item]],
    bands: Sequence[_Band],
    slot: float,
    is_leaving: bool,
) -> list[Point]:
    """From a box towards the lanes: by its side where that is free, else by the gap beside it."""
    band, layer = bands[item.layer], layers[item.layer]
    if not any(other.is_box for other in layer[layer.index(item) + 1 :]):
        edge = item.width / 2 - box.slant * abs(slot) / (item.height / 2)
        return [(item.x + edge, band.middle + slot)]
    x = item.x + box.reach
    if is_leaving:
        return [(x, band.middle + item.height / 2), (x, band.bottom + _GAP_Y / 2)]
    return [(x, band.top - _GAP_Y / 2), (x, band.middle - item.height / 2)]
