"""The layers of a graph: which one each box lies in, and in what order.

Layers alternate between boxes and labels. An arrow takes a place of its own in every layer that it
passes, so that nothing else can stand in its way.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

Size = tuple[float, float]

_LINE_WIDTH = 6.0
_SWEEPS = 12
_ITEMS_IN_FULL = 10_000
"""With more items than this, order and alignment get fewer rounds, so that time stays bounded."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box to place.

    Args:
        size: its width and height.
        reach: how far to either side of its middle arrows may meet it.
        slant: how far its sides recede from the middle to the upper and lower edge.
    """

    size: Size
    reach: float
    slant: float = 0.0


@dataclass(frozen=True, slots=True)
class Link:
    """An arrow to lay out.

    Args:
        source: the key of the box that it leaves.
        target: the key of the box that it leads to.
        label: width and height of its label; (0, 0) without one.
        pull: how much it wants to be straight, against others.
    """

    source: str
    target: str
    label: Size = (0.0, 0.0)
    pull: float = 1.0


@dataclass(slots=True, eq=False)
class Item:
    """A place in a layer: a box, a label, or where an arrow passes.

    ``above`` and ``below`` are its neighbours with the pull of the arrow between them.
    """

    layer: int
    width: float
    height: float
    is_box: bool
    x: float = 0.0
    above: list[tuple[Item, float]] = field(default_factory=list)
    below: list[tuple[Item, float]] = field(default_factory=list)


def find_loops(boxes: Mapping[str, Box], links: Sequence[Link]) -> set[int]:
    """The links that lead back to a box that they come from, found depth first."""
    leaving: dict[str, list[int]] = {key: [] for key in boxes}
    for number, link in enumerate(links):
        leaving[link.source].append(number)
    found: set[int] = set()
    done: set[str] = set()
    for root in boxes:
        if root in done:
            continue
        path, waiting = {root}, [(root, iter(leaving[root]))]
        while waiting:
            key, rest = waiting[-1]
            number = next(rest, -1)
            if number < 0:
                waiting.pop()
                path.discard(key)
                done.add(key)
            elif links[number].target in path:
                found.add(number)
            elif links[number].target not in done:
                path.add(links[number].target)
                waiting.append((links[number].target, iter(leaving[links[number].target])))
    return found


def find_depths(boxes: Mapping[str, Box], links: Sequence[Link], loops: set[int]) -> dict[str, int]:
    """How many boxes lie above each: the longest way to it."""
    arriving = dict.fromkeys(boxes, 0)
    leaving: dict[str, list[str]] = {key: [] for key in boxes}
    for number, link in enumerate(links):
        if number not in loops:
            arriving[link.target] += 1
            leaving[link.source].append(link.target)
    depths = dict.fromkeys(boxes, 0)
    ready = [key for key in boxes if arriving[key] == 0]
    for key in ready:
        for target in leaving[key]:
            depths[target] = max(depths[target], depths[key] + 1)
            arriving[target] -= 1
            if arriving[target] == 0:
                ready.append(target)
    return depths


def make_chain(source: Item, target: Item, link: Link) -> list[Item]:
    """The places that a link takes between its boxes; the first one holds its label."""
    places = [
        Item(
            layer,
            max(link.label[0], _LINE_WIDTH) if layer == source.layer + 1 else _LINE_WIDTH,
            link.label[1] if layer == source.layer + 1 else 0.0,
            is_box=False,
        )
        for layer in range(source.layer + 1, target.layer)
    ]
    whole = [source, *places, target]
    for upper, lower in pairwise(whole):
        # What passes wants to be straight more than what begins or ends.
        pull = link.pull * (1 if upper.is_box else 2) * (1 if lower.is_box else 2)
        upper.below.append((lower, pull))
        lower.above.append((upper, pull))
    return places


def fill_layers(items: Mapping[str, Item], chains: Sequence[Sequence[Item]]) -> list[list[Item]]:
    """All items by layer, in the order in which a walk from the first box meets them."""
    every = [*items.values(), *(item for chain in chains for item in chain)]
    layers: list[list[Item]] = [[] for _ in range(max(item.layer for item in every) + 1)]
    seen: set[int] = set()
    for root in every:
        waiting = [root]
        while waiting:
            item = waiting.pop()
            if id(item) not in seen:
                seen.add(id(item))
                layers[item.layer].append(item)
                waiting.extend(lower for lower, _ in reversed(item.below))
    return layers


def order_layers(layers: list[list[Item]]) -> None:
    """Sort each layer by the middle of its neighbours, down and up, and keep the best order."""
    best = [list(layer) for layer in layers]
    fewest = _crossings(layers)
    for sweep in range(rounds(layers, _SWEEPS)):
        if fewest == 0:
            break
        is_down = sweep % 2 == 0
        for layer in layers[1:] if is_down else reversed(layers[:-1]):
            _sort_by_neighbours(layers, layer, is_down)
        crossings = _crossings(layers)
        if crossings < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    layers[:] = best


def rounds(layers: Sequence[Sequence[Item]], most: int) -> int:
    """How often to go over the layers: so often, or less where there is much in them."""
    items = sum(len(layer) for layer in layers)
    return max(2, min(most, most * _ITEMS_IN_FULL // items))


def _sort_by_neighbours(layers: list[list[Item]], layer: list[Item], is_down: bool) -> None:
    beside = layers[layer[0].layer + (-1 if is_down else 1)]
    places = {id(item): place for place, item in enumerate(beside)}
    wanted = {}
    for place, item in enumerate(layer):
        near = [places[id(other)] for other, _ in (item.above if is_down else item.below)]
        wanted[id(item)] = sum(near) / len(near) if near else float(place)
    layer.sort(key=lambda item: wanted[id(item)])


def _crossings(layers: Sequence[Sequence[Item]]) -> int:
    """How many pairs of arrows cross: the inversions between neighbouring layers."""
    total = 0
    for upper, lower in pairwise(layers):
        places = {id(item): place for place, item in enumerate(lower)}
        passed: list[int] = []
        for item in upper:
            targets = sorted(places[id(other)] for other, _ in item.below)
            total += sum(len(passed) - bisect_left(passed, place + 1) for place in targets)
            for place in targets:
                insort(passed, place)
    return total
