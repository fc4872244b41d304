"""What is written in the boxes and beside the arrows of a picture, and how large that is."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from bakehouse.states.drawing import (
    HEXAGON_POINT,
    LEADING,
    NOT_VISITED,
    OUTCOMES,
    TYPES,
    Look,
    text_width,
)
from bakehouse.states.layers import Size
from bakehouse.states.outline import Edge, Node
from bakehouse.states.passage import Passage, Visit, duration

NAME, NOTE, LABEL = 9.5, 7.2, 7.2
"""Font sizes, in points, of states' names, of the notes below them, and of arrows' labels."""

_CIRCLE = (39.0, 39.0)
_SPACE_AROUND = 15.0
_LEAST_WIDTH = 84.0
_ARROW_WIDTH = 11.0
_SIDE_SPACE = {"Choice": 46.0, "Fail": 34.0, "Wait": 36.0, "Succeed": 36.0}
_OTHER_SIDE_SPACE = 24.0
"""What a shape needs beside its text: pointed ones more than square ones."""


@dataclass(frozen=True, slots=True)
class Caption:
    """A box with its text.

    Args:
        node: what it is.
        name: its name, in lines.
        notes: the small lines below; the last one tells the outcome, if an execution was here.
        look: its colours.
        size: width and height.
        reach: how far to either side of the middle its upper and lower edge are flat.
        slant: how far its sides recede from the middle to those edges.
        is_visited: whether the execution was here; True where none is shown.
    """

    node: Node
    name: tuple[str, ...]
    notes: tuple[str, ...]
    look: Look
    size: Size
    reach: float
    slant: float
    is_visited: bool


def caption(node: Node, passage: Passage | None, arrows: int = 1) -> Caption:
    """The text, look and size of a node; with a passage, also what happened there.

    ``arrows`` is how many of them have to find room at its upper or lower edge.
    """
    if node.kind in ("Start", "End"):
        ways = passage.ways if passage else set()
        was_here = passage is None or any(node.key in way[:2] for way in ways)
        return Caption(node, (node.kind,), (), NOT_VISITED, _CIRCLE, 0.0, 0.0, was_here)
    visit = passage.visits.get(node.key) if passage else None
    look = TYPES[node.kind]
    if passage is not None:
        look = OUTCOMES[visit.outcome] if visit else NOT_VISITED
    name, notes = wrapped(node.key, 26, 2), _notes(node, visit)
    wide = max(text_width(line, NAME, bold=True) for line in name)
    wide = max([wide, *(text_width(line, NOTE) for line in notes)])
    side = _SIDE_SPACE.get(node.kind, _OTHER_SIDE_SPACE)
    high = (len(name) * NAME + len(notes) * NOTE) * LEADING + _SPACE_AROUND
    size = (max(wide + side, _LEAST_WIDTH, arrows * _ARROW_WIDTH + side), high)
    is_visited = passage is None or visit is not None
    slant = min(high / 2, HEXAGON_POINT) if node.kind == "Choice" else 0.0
    return Caption(node, name, notes, look, size, (size[0] - side) / 2, slant, is_visited)


def _notes(node: Node, visit: Visit | None) -> tuple[str, ...]:
    # A Task shows what it calls; that it is a Task goes without saying.
    kind = () if node.kind == "Task" and node.notes else (node.kind,)
    notes = (*kind, *(shortened(note, 40) for note in node.notes[:3]))
    return notes if visit is None else (*notes, _told(visit, node.kind))


def _told(visit: Visit, kind: str) -> str:
    """What an execution did in a state: its mark, time, visits, failures."""
    mark = OUTCOMES[visit.outcome].mark
    parts = [f"{mark} {'running' if visit.outcome == 'running' else duration(visit.taken_ms)}"]
    if visit.times > 1:
        parts.append(f"{visit.times} times")
    if visit.outcome in ("failed", "caught"):
        parts.extend([shortened(visit.error, 28)] if visit.error and kind != "Fail" else [])
    elif visit.failures:
        parts.append(f"{visit.failures} failed before")
    return " · ".join(parts)


def label_lines(edge: Edge) -> tuple[str, ...]:
    """What stands beside an arrow; nothing where it is the only way."""
    if edge.kind == "catch":
        errors = (label.removeprefix("States.") for label in edge.labels)
        shown = ", ".join("any error" if error == "ALL" else error for error in errors)
        return wrapped(f"catch {shown}", 26, 3)
    lines = [line for label in edge.labels for line in wrapped(label, 30, 3)]
    return tuple(lines if len(lines) <= 5 else [*lines[:4], "…"])


def lines_size(lines: Sequence[str]) -> Size:
    """Width and height of a label with some space around it; (0, 0) of none."""
    if not lines:
        return (0.0, 0.0)
    wide = max(text_width(line, LABEL) for line in lines)
    return (wide + 5.0, len(lines) * LABEL * LEADING + 4.0)


def wrapped(text: str, width: int, most: int) -> tuple[str, ...]:
    """The text in at most so many lines of so many characters; more ends in an ellipsis."""
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    lines = textwrap.wrap(shown, width, max_lines=most, placeholder=" …")
    return tuple(shortened(line, width) for line in lines) or (" ",)


def shortened(text: str, most: int) -> str:
    """The text, or its beginning and an ellipsis."""
    return text if len(text) <= most else f"{text[: most - 1]}…"
