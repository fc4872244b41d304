"""A state machine drawn for a document: from its definition, and coloured by an execution.

Every type of state has a shape of its own, and every outcome a mark besides its colour, so that
the picture can be read in grey and by everybody. Equal input gives equal files.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bakehouse.faults import InvalidInput, StorageFailed
from bakehouse.states.captions import (
    LABEL,
    NAME,
    NOTE,
    Caption,
    caption,
    label_lines,
    lines_size,
    wrapped,
)
from bakehouse.states.drawing import (
    INK,
    NOT_VISITED,
    OUTCOMES,
    PALE,
    PAPER,
    SHAPES,
    SOFT,
    TYPES,
    Look,
    new_page,
    paint_arrow,
    paint_circle,
    paint_patch,
    paint_swatch,
    text_width,
    write,
    write_lines,
)
from bakehouse.states.layers import Box, Link
from bakehouse.states.layout import Point, Route, arrange
from bakehouse.states.outline import Edge, outline
from bakehouse.states.passage import Passage, follow

_MARGIN = 22.0
_TITLE, _TITLE_LINE = 11.0, 15.0
_LEGEND_HEIGHT = 26.0
_PIXELS_PER_INCH = 200

_PULLS = {"next": 4.0, "choice": 2.0, "catch": 1.0}
_LEGEND = {
    "succeeded": "succeeded",
    "caught": "failed, caught",
    "failed": "failed",
    "running": "running",
}


class Picture:
    """A drawn state machine."""

    def __init__(self, figure: Figure) -> None:
        self.figure = figure
        """For those who want to show it elsewhere, such as in a notebook."""

    def save(self, path: Path) -> None:
        """Write an SVG or PNG file, by the path's ending.

        Raises:
            InvalidInput: it has another ending.
            StorageFailed: its folder is not there, or the disk refused.
        """
        kind = path.suffix.lower().removeprefix(".")
        if kind not in ("svg", "png"):
            raise InvalidInput("output", str(path), "a file name that ends in .svg or .png")
        if not path.parent.is_dir():
            raise StorageFailed(f"There is no folder {path.parent} for {path.name}; make it first.")
        # Without a date and with a fixed salt for its ids, a file depends on the picture only.
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        try:
            with mpl.rc_context({"svg.hashsalt": "bakehouse"}), _any_script():
                self.figure.savefig(path, format=kind, dpi=_PIXELS_PER_INCH, metadata=metadata)
        except OSError as error:
            why = error.strerror or str(error)
            raise StorageFailed(
                f"{path} cannot be written: {why}. Name a place that can be written to."
            ) from error


@contextmanager
def _any_script() -> Iterator[None]:
    """Letters that the font lacks are drawn as boxes, without a warning for each."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        yield


def draw(
    definition: object,
    *,
    events: Iterable[Mapping[str, Any]] | None = None,
    title: str | None = None,
) -> Picture:
    """Draw a state machine.

    Args:
        definition: in the Amazon States Language, as JSON reads it.
        events: an execution's history, as boto3's ``get_execution_history`` has it; it colours the
            way that the execution took and adds times.
        title: a line above the picture.

    Raises:
        InvalidInput: the definition has no graph that could be drawn.
    """
    graph = outline(definition)
    names = {node.key for node in graph.nodes}
    passage = None if events is None else follow(events, names)
    with _any_script():
        arrows = Counter(edge.target for edge in graph.edges)
        captions = {node.key: caption(node, passage, arrows[node.key]) for node in graph.nodes}
        labels = [label_lines(edge) for edge in graph.edges]
        boxes = {key: Box(each.size, each.reach, each.slant) for key, each in captions.items()}
        links = [
            Link(edge.source, edge.target, lines_size(lines), _PULLS[edge.kind])
            for edge, lines in zip(graph.edges, labels, strict=True)
        ]
        layout = arrange(boxes, links)
        figure, axes, shift = _page(layout.size, title, _legend(passage))
        for edge, route, lines in zip(graph.edges, layout.routes, labels, strict=True):
            _paint_edge(axes, edge, _moved(route, shift), lines, passage)
        for key, (x, y) in layout.boxes.items():
            _paint_box(axes, captions[key], (x + shift[0], y + shift[1]), passage)
    return Picture(figure)


def _page(
    size: tuple[float, float], title: str | None, legend: Sequence[tuple[Look, str]]
) -> tuple[Figure, Axes, Point]:
    """A figure with its title and legend, and where in it the graph's corner goes."""
    lines = wrapped(title, 60, 2) if title else ()
    legend_width = sum(text_width(text, LABEL) + 30 for _, text in legend)
    wide = [text_width(line, _TITLE, bold=True) for line in lines]
    width = max([size[0], legend_width, *wide]) + 2 * _MARGIN
    top = _MARGIN + (len(lines) * _TITLE_LINE + 8.0 if lines else 0.0)
    height = top + size[1] + _MARGIN + (_LEGEND_HEIGHT if legend else 0.0)
    figure, axes = new_page(width, height)
    for number, line in enumerate(lines):
        where = (width / 2, _MARGIN + _TITLE_LINE * number)
        write(axes, where, line, _TITLE, INK, bold=True)
    _paint_legend(axes, legend, ((width - legend_width) / 2, height - _MARGIN))
    return figure, axes, ((width - size[0]) / 2, top)


def _moved(route: Route, shift: Point) -> Route:
    points = tuple((x + shift[0], y + shift[1]) for x, y in route.points)
    return Route(points, (route.label[0] + shift[0], route.label[1] + shift[1]), route.is_loop)


def _paint_edge(
    axes: Axes, edge: Edge, route: Route, lines: Sequence[str], passage: Passage | None
) -> None:
    is_catch = edge.kind == "catch"
    line, ink, width = TYPES["Fail"].line if is_catch else SOFT, INK, 1.1
    if passage is not None and (edge.source, edge.target, is_catch) in passage.ways:
        line, width = OUTCOMES["caught"].line if is_catch else INK, 2.0
    elif passage is not None:
        line, ink, width = PALE, SOFT, 0.9
    paint_arrow(axes, route, line, width, is_dashed=is_catch)
    if lines:
        paint_patch(axes, route.label, lines_size(lines))
        write_lines(axes, route.label, [(text, LABEL, ink, False) for text in lines])


def _paint_box(axes: Axes, box: Caption, where: Point, passage: Passage | None) -> None:
    if box.node.kind in ("Start", "End"):
        is_start, colour = box.node.kind == "Start", INK if box.is_visited else PALE
        paint_circle(axes, where, box.size[0] / 2, colour, is_start=is_start)
        write(axes, where, box.node.kind, NOTE, PAPER if is_start else colour, bold=True)
        return
    SHAPES[box.node.kind](axes, where, box.size, box.look)
    ink, soft = (INK, SOFT) if box.is_visited else ("#7b858f", "#87919b")
    lines = [(line, NAME, ink, True) for line in box.name]
    lines.extend((line, NOTE, soft, False) for line in box.notes)
    if passage is not None and box.is_visited:
        lines[-1] = (box.notes[-1], NOTE, INK, True)
    write_lines(axes, where, lines)


def _legend(passage: Passage | None) -> list[tuple[Look, str]]:
    """The outcomes that occur, and what was not visited."""
    if passage is None:
        return []
    seen = {visit.outcome for visit in passage.visits.values()}
    entries = [
        (OUTCOMES[name], f"{OUTCOMES[name].mark} {text}")
        for name, text in _LEGEND.items()
        if name in seen
    ]
    return [*entries, (NOT_VISITED, "not visited")]


def _paint_legend(axes: Axes, entries: Sequence[tuple[Look, str]], left: Point) -> None:
    x, y = left
    for look, text in entries:
        paint_swatch(axes, (x, y), look)
        write(axes, (x + 16, y), text, LABEL, SOFT, side="left")
        x += text_width(text, LABEL) + 30
