"""The layout: nothing lies on anything else, arrows keep out of boxes, chains are straight."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bakehouse.states.alignment import spread
from bakehouse.states.layers import Box, Link
from bakehouse.states.layout import Layout, Point, Route, arrange

Frame = tuple[float, float, float, float]


def boxes(*keys: str, width: float = 100.0) -> dict[str, Box]:
    return {key: Box((width, 40.0), width / 2 - 12) for key in keys}


def frame(middle: Point, size: tuple[float, float], shrink: float = 0.0) -> Frame:
    wide, high = size[0] / 2 - shrink, size[1] / 2 - shrink
    return (middle[0] - wide, middle[1] - high, middle[0] + wide, middle[1] + high)


def overlap(one: Frame, other: Frame) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def along(route: Route) -> list[Point]:
    """Points on the line that is drawn, close to each other."""
    found: list[Point] = []
    for (x0, y0), (x1, y1) in pairwise(route.points):
        for step in range(41):
            t = step / 40
            bend = 3 * t * t - 2 * t * t * t  # a cubic whose middle points are x0 and x1
            lift = (y0 + y1) / 2
            y = (1 - t) ** 3 * y0 + 3 * t * (1 - t) * lift + t**3 * y1
            straight = (x0 + (x1 - x0) * t, y0 + (y1 - y0) * t)
            found.append(straight if route.is_loop else (x0 + (x1 - x0) * bend, y))
    return found


@st.composite
def graphs(draw: st.DrawFn) -> tuple[dict[str, Box], list[Link]]:
    keys = [f"s{number}" for number in range(draw(st.integers(1, 9)))]
    width = st.floats(40, 180)
    placed = {key: Box((draw(width), draw(st.floats(30, 70))), 12.0) for key in keys}
    pairs = draw(st.lists(st.tuples(st.sampled_from(keys), st.sampled_from(keys)), max_size=16))
    label = st.one_of(st.just((0.0, 0.0)), st.tuples(st.floats(20, 120), st.floats(12, 40)))
    return placed, [Link(one, other, draw(label)) for one, other in dict.fromkeys(pairs)]


@settings(max_examples=80, deadline=None)
@given(graphs())
def test_nothing_lies_on_anything_else(graph: tuple[dict[str, Box], list[Link]]) -> None:
    """In any graph boxes and labels are apart, arrows avoid boxes, and all is on the page."""
    placed, links = graph
    layout = arrange(placed, links)
    inner = {key: frame(layout.boxes[key], placed[key].size, 0.1) for key in placed}
    labels = [
        frame(route.label, link.label, 0.1)
        for link, route in zip(links, layout.routes, strict=True)
        if link.label[0] and not route.is_loop
    ]
    for one, other in combinations([*inner.values(), *labels], 2):
        assert not overlap(one, other)
    for route in layout.routes:
        for x, y in along(route):
            assert not any(f[0] < x < f[2] and f[1] < y < f[3] for f in inner.values())
            assert -0.1 <= x <= layout.size[0] + 0.1
            assert -20 <= y <= layout.size[1] + 20


@given(graphs())
@settings(max_examples=20, deadline=None)
def test_equal_graphs_have_equal_layouts(graph: tuple[dict[str, Box], list[Link]]) -> None:
    """A layout depends on its input only."""
    assert arrange(*graph) == arrange(*graph)


def test_arrows_meet_their_boxes() -> None:
    """An arrow begins on the lower edge of its source and ends on the upper edge of its target."""
    layout = arrange(boxes("a", "b"), [Link("a", "b")])
    (route,) = layout.routes
    assert route.points[0] == (layout.boxes["a"][0], layout.boxes["a"][1] + 20)
    assert route.points[-1] == (layout.boxes["b"][0], layout.boxes["b"][1] - 20)


def straight(route: Route) -> bool:
    return len({round(x, 6) for x, _ in route.points}) == 1


def test_a_chain_is_straight_beside_its_side_ways() -> None:
    """What pulls most is drawn straight, though other arrows leave and pass."""
    links = [
        Link("a", "b", pull=4),
        Link("b", "c", pull=4),
        Link("c", "d", pull=4),
        Link("a", "fail", (80.0, 12.0)),
        Link("b", "fail", (80.0, 12.0)),
        Link("c", "fail", (80.0, 12.0)),
    ]
    layout = arrange(boxes("a", "b", "c", "d", "fail"), links)
    assert all(straight(route) for route in layout.routes[:3])


def test_branches_of_a_choice_stand_beside_each_other() -> None:
    """Four ways share a layer in their order, and meet again below."""
    links = [Link("q", key) for key in "1234"] + [Link(key, "end") for key in "1234"]
    layout = arrange(boxes("q", "1", "2", "3", "4", "end"), links)
    assert len({layout.boxes[key][1] for key in "1234"}) == 1
    xs = [layout.boxes[key][0] for key in "1234"]
    assert xs == sorted(xs)
    assert layout.boxes["q"][0] == pytest.approx(sum(xs) / 4)


def crossing(layout: Layout) -> bool:
    lines = [along(route) for route in layout.routes]
    return any(
        min(abs(x - u) + abs(y - v) for x, y in one[20:-20] for u, v in other[20:-20]) < 1
        for one, other in combinations(lines, 2)
    )


def test_ways_that_need_not_cross_do_not() -> None:
    """The order of a layer follows what its boxes lead to, not the order of the definition."""
    links = [Link("a", "b"), Link("a", "c"), Link("b", "y"), Link("c", "x")]
    layout = arrange(boxes("a", "b", "c", "x", "y"), links)
    assert not crossing(layout)


def test_loops_go_up_at_the_side() -> None:
    """An arrow back turns in a lane to the right of all boxes; longer ones lie further out."""
    links = [Link("a", "b"), Link("b", "c"), Link("c", "b"), Link("c", "a"), Link("b", "b")]
    layout = arrange(boxes("a", "b", "c"), links)
    assert [route.is_loop for route in layout.routes] == [False, False, True, True, True]
    lanes = [max(x for x, _ in route.points) for route in layout.routes[2:]]
    assert lanes[2] < lanes[0] < lanes[1]
    assert min(lanes) > max(x for x, _ in layout.boxes.values()) + 50


def test_spread_keeps_gaps_and_stays_near() -> None:
    """Places that are too close move apart around their mean; others stay."""
    assert spread([0.0, 0.0, 100.0], [10.0, 10.0]) == [-5.0, 5.0, 100.0]
    assert spread([0.0, 0.0], [10.0], [3.0, 1.0]) == [-2.5, 7.5]


def test_a_wide_and_deep_machine_is_laid_out_in_time() -> None:
    """Two hundred states with side ways take seconds at most."""
    keys = [str(number) for number in range(200)]
    links = [Link(one, other, pull=4) for one, other in pairwise(keys)]
    links += [Link(keys[n], keys[min(n + 7, 199)], (60.0, 12.0)) for n in range(0, 199, 3)]
    assert len(arrange(boxes(*keys), links).boxes) == 200
