"""Hypothesis strategies for botocore shapes: any value that a shape's type allows."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from botocore.model import Shape
from hypothesis import strategies as st

_SMALL = 3
_TEXT = st.text(
    st.characters(
        codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"
    ),
    min_size=1,
    max_size=12,
)
_HEADER_TEXT = st.text("abcXYZ019-_./=", min_size=1, max_size=12)
_MOMENTS = st.datetimes(
    min_value=datetime(1980, 1, 1),  # noqa: DTZ001  # Hypothesis wants it naive; UTC is added
    max_value=datetime(2100, 1, 1),  # noqa: DTZ001  # likewise
).map(lambda moment: moment.replace(microsecond=0, tzinfo=UTC))


def values(shape: Shape, depth: int = 0) -> st.SearchStrategy[Any]:
    """Any value of the shape. Nesting ends after some levels, with optional members left out."""
    match shape.type_name:
        case "structure":
            return _structures(shape, depth)
        case "list":
            return st.lists(values(shape.member, depth + 1), min_size=1, max_size=_SMALL)
        case "map":
            keys = values(shape.key, depth + 1)
            return st.dictionaries(keys, values(shape.value, depth + 1), min_size=1, max_size=2)
        case "timestamp":
            return _MOMENTS
        case "blob":
            return st.binary(min_size=1, max_size=20)
        case "integer":
            return st.integers(-(2**31), 2**31 - 1)
        case "long":
            return st.integers(-(2**53), 2**53)
        case "float" | "double":
            return st.floats(-1e6, 1e6, allow_nan=False, width=32)
        case "boolean":
            return st.booleans()
        case _:
            return _strings(shape)


def _strings(shape: Shape) -> st.SearchStrategy[str]:
    if "location" in shape.serialization:
        return _HEADER_TEXT
    return _TEXT


def _structures(shape: Shape, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    required = set(shape.required_members)
    located = {n: m for n, m in shape.members.items() if "location" in m.serialization}
    wanted = {n: _member(m, depth) for n, m in shape.members.items() if n in required}
    optional = {
        n: _member(m, depth)
        for n, m in shape.members.items()
        if n not in required and (depth < _SMALL or n in located)
    }
    return st.fixed_dictionaries(wanted, optional=optional)


def _member(member: Shape, depth: int) -> st.SearchStrategy[Any]:
    if member.serialization.get("location") == "headers":
        return st.dictionaries(st.sampled_from(["a", "b-c"]), _HEADER_TEXT, min_size=1)
    if member.serialization.get("location") == "statusCode":
        return st.just(200)
    if "location" in member.serialization and member.type_name == "list":
        return st.lists(_HEADER_TEXT, min_size=1, max_size=_SMALL)
    return values(member, depth + 1)
