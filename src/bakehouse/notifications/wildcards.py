"""Wildcards: texts in which a star stands for anything, unless a backslash stands before it.

A text is looked through once for each piece between the stars, so no pattern takes long.
"""

from __future__ import annotations

from collections.abc import Callable


def compile_wildcard(pattern: str) -> Callable[[str], bool]:
    """What tells whether a text fits a pattern.

    Raises:
        ValueError: it has two stars in a row, or a backslash before something else.
    """
    first, *more = _pieces(pattern)
    if not more:
        return lambda text: text == first
    *between, last = more

    def test(text: str) -> bool:
        if len(text) < len(first) + len(last) or not text.startswith(first):
            return False
        position, end = len(first), len(text) - len(last)
        for piece in between:
            position = text.find(piece, position, end)
            if position < 0:
                return False
            position += len(piece)
        return text.endswith(last)

    return test


def _pieces(pattern: str) -> list[str]:
    """The texts between the stars of a wildcard."""
    pieces, rest = [""], iter(pattern)
    for letter in rest:
        if letter == "*":
            if pieces[-1] == "" and len(pieces) > 1:
                raise ValueError("Consecutive wildcard characters are not allowed")
            pieces.append("")
            continue
        if letter == "\\":
            letter = next(rest, "")  # the letter after a backslash is itself
            if letter not in ("*", "\\"):
                raise ValueError("Invalid escape character: only \\* and \\\\ are allowed")
        pieces[-1] += letter
    return pieces
