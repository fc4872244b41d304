"""Numbers as texts hold them: the digits 0 to 9, not all that Python would read as a number.

``1_0``, full-width digits, ``inf`` and ``nan`` are more likely slips than meant.
"""

from __future__ import annotations

import math
import re

_WHOLE = re.compile(r"[+-]?[0-9]+")
_DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def whole(text: str) -> int:
    """Read a whole number.

    Raises:
        ValueError: the text is something else.
    """
    if not _WHOLE.fullmatch(text.strip()):
        raise ValueError(text)
    return int(text)


def decimal(text: str) -> float:
    """Read a finite number, with or without a point and an exponent.

    Raises:
        ValueError: the text is something else.
    """
    if not _DECIMAL.fullmatch(text.strip()):
        raise ValueError(text)
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value
