"""What AWS allows in a tag, in every service the same."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from bakehouse.faults import InvalidInput

_SIGNS = frozenset("_.:/=+-@")
_KEY_CHARACTERS, _VALUE_CHARACTERS = (1, 128), (0, 256)


def checked_tags(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The tags of a request: key → value.

    Args:
        pairs: the keys and values as they came.

    Raises:
        InvalidInput: a key or a value is not allowed, or a key comes twice.
    """
    tags: dict[str, str] = {}
    for place, (key, value) in enumerate(pairs, start=1):
        _check(f"tags.{place}.member.key", key, _KEY_CHARACTERS)
        _check(f"tags.{place}.member.value", value, _VALUE_CHARACTERS)
        if key.lower().startswith("aws:"):
            text = "aws: prefixed tag key names are not allowed for external use."
            raise InvalidInput("tags", key, "another prefix than aws:", text)
        if key in tags:
            text = f"Duplicate tag keys found. Key: {key}"
            raise InvalidInput("tags", key, "each key once", text)
        tags[key] = value
    return tags


def _check(path: str, text: str, bounds: tuple[int, int]) -> None:
    least, most = bounds
    if not least <= len(text) <= most or not all(map(_is_allowed, text)):
        allowed = f"{least} to {most} letters, digits, spaces and _ . : / = + - @"
        raise InvalidInput(path, text, allowed)


def _is_allowed(sign: str) -> bool:
    return sign in _SIGNS or unicodedata.category(sign)[0] in "LNZ"
