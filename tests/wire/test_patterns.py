"""No constraint of a model can be made to take long."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

import pytest
from botocore.model import Shape

from bakehouse.wire.models import service_model
from bakehouse.wire.patterns import compiled_pattern
from support.offered import offered

PIECES = ("a", "-", "a-", "a/", ":", "arn:aws:", "s3://a", " ", "_a", "1.", "a,", "=")
LONGEST = 100_000


def shapes_within(shape: Shape | None, seen: set[str]) -> Iterator[Shape]:
    """A shape and all that it can hold."""
    if shape is None or shape.name in seen:
        return
    seen.add(shape.name)
    yield shape
    match shape.type_name:
        case "structure":
            for member in shape.members.values():
                yield from shapes_within(member, seen)
        case "list":
            yield from shapes_within(shape.member, seen)
        case "map":
            yield from shapes_within(shape.key, seen)
            yield from shapes_within(shape.value, seen)


def shapes_offered() -> Iterator[Shape]:
    """Every shape in the parameters of an operation that a server has."""
    for service, names in offered().items():
        seen: set[str] = set()
        model = service_model(service)
        for name in names:
            yield from shapes_within(model.operation_model(name).input_shape, seen)


def texts(longest: int) -> Iterator[str]:
    """Texts that a careless pattern would try in very many ways."""
    for piece in PIECES:
        text = (piece * longest)[:longest]
        yield text
        yield text[:-1] + "\x01"


def test_every_pattern_is_checked() -> None:
    """No constraint of an operation offered is left out for the form of its pattern."""
    unread = {
        pattern
        for shape in shapes_offered()
        if (pattern := shape.metadata.get("pattern")) and compiled_pattern(pattern) is None
    }
    assert unread == set()


@pytest.mark.slow
def test_no_pattern_takes_long() -> None:
    """Every pattern of every operation offered is done with a bad text within half a second."""
    slow: list[tuple[str, str]] = []
    for shape in shapes_offered():
        pattern = compiled_pattern(shape.metadata.get("pattern"))
        longest = min(shape.metadata.get("max", LONGEST), LONGEST)
        if pattern is not None and is_slow(pattern, longest):
            slow.append((shape.name, pattern.pattern))
    assert slow == []


def is_slow(pattern: re.Pattern[str], longest: int) -> bool:
    """Whether a pattern takes more than half a second over any of the texts, ever longer ones."""
    for length in (*range(10, 40, 2), 100, 1000, 10_000, 100_000):
        for text in texts(min(length, longest)):
            started = time.perf_counter()
            pattern.fullmatch(text)
            if time.perf_counter() - started > 0.5:
                return True
    return False
